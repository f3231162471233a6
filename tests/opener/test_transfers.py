"""TransferFile: whole files or errors, over a Transfer that has a script."""

import gc
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base import errors
from mini_http.opener.transfers import Transfer, TransferFile


class Scripted(Transfer):
    """Gives these pieces, raises those that are errors, and then ends."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.released = 0

    def receive(self, target):
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        count = min(len(piece), len(target))
        target[:count] = piece[:count]
        if count < len(piece):
            self.pieces.insert(0, piece[count:])
        return count

    def release(self):
        self.released += 1


def filled(readinto):
    target = bytearray(3)
    while count := readinto(target):
        yield bytes(target[:count])


READS = {
    "read": lambda file: file.read(),
    "read(n)": lambda file: b"".join(iter(lambda: file.read(3), b"")),
    "read1": lambda file: b"".join(iter(lambda: file.read1(3), b"")),
    "readline": lambda file: b"".join(iter(file.readline, b"")),
    "readlines": lambda file: b"".join(file.readlines()),
    "iteration": lambda file: b"".join(file),
    "readinto": lambda file: b"".join(filled(file.readinto)),
    "readinto1": lambda file: b"".join(filled(file.readinto1)),
    "peek": lambda file: b"".join(iter(lambda: file.peek() and file.read1(3), b"")),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_it_is_read_like_any_file(read):
    transfer = Scripted(b"one\ntw", b"o", b"\nthree")
    with TransferFile(transfer) as file:
        assert read(file) == b"one\ntwo\nthree"
        assert transfer.released == 1


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("error", [errors.IncompleteRead(b"", 5), errors.ReadTimedOut()])
def test_it_is_never_silently_cut_and_what_failed_fails_again(read, error):
    transfer = Scripted(b"one\ntw", error, b"never")
    file = TransferFile(transfer)
    for _ in range(2):
        with pytest.raises(type(error)):
            read(file)
    assert transfer.released == 1


def test_it_can_be_read_as_text():
    with io.TextIOWrapper(TransferFile(Scripted(b"one\ntw", b"o\n"))) as file:
        assert list(file) == ["one\n", "two\n"]
    cut = TransferFile(Scripted(b"one", errors.ReadTimedOut()))
    with io.TextIOWrapper(cut) as file, pytest.raises(errors.ReadTimedOut):
        file.read()


@given(st.integers(1, 12))
def test_what_came_is_told_or_was_given_before(size):
    with TransferFile(Scripted(b"one\ntw", b"o", errors.IncompleteRead(b"", 5))) as file:
        given = []
        with pytest.raises(errors.IncompleteRead) as caught:
            while True:
                given.append(file.read(size))
    assert b"".join(given) + caught.value.partial == b"one\ntwo"
    assert caught.value.expected == 5


def test_readinto_tells_what_came_too():
    with (
        TransferFile(Scripted(b"on", errors.IncompleteRead(b"", 5))) as file,
        pytest.raises(errors.IncompleteRead) as caught,
    ):
        file.readinto(bytearray(8))
    assert caught.value.partial == b"on"


def test_the_connection_is_released_once_by_whoever_is_first():
    transfer = Scripted(b"one")
    file = TransferFile(transfer)
    file.close()
    file.close()
    assert transfer.released == 1
    with pytest.raises(ValueError, match="closed file"):
        file.read()


def test_one_that_nobody_closes_is_released():
    transfer = Scripted(b"one")
    file = TransferFile(transfer)
    assert file.read(1) == b"o"
    del file
    gc.collect()
    assert transfer.released == 1


def test_a_transfer_says_how_it_is_received():
    with Transfer() as transfer, pytest.raises(NotImplementedError):
        transfer.receive(bytearray(1))
