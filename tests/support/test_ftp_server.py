"""The FTP server of the tests, as ftplib's own client sees it."""

from __future__ import annotations

import ftplib
import socket
from typing import TYPE_CHECKING

import pytest

from support.ftp_server import FILES, HANG_UP, FTPServer
from support.ipv6 import needs_ipv6
from support.waits import PATIENCE

if TYPE_CHECKING:
    from support.certificates import Certificates


def connected(server: FTPServer) -> ftplib.FTP:
    client = ftplib.FTP(timeout=PATIENCE)
    client.connect(*server.address)
    return client


def retrieved(client: ftplib.FTP, name: str, rest: int | None = None) -> bytes:
    pieces: list[bytes] = []
    client.retrbinary(f"RETR {name}", pieces.append, rest=rest)
    return b"".join(pieces)


def test_it_serves_files() -> None:
    with FTPServer() as server, connected(server) as client:
        client.login()
        for name, content in FILES.items():
            assert retrieved(client, name) == content


def test_a_transfer_may_begin_in_the_middle() -> None:
    with FTPServer({"/x": b"0123456789"}) as server, connected(server) as client:
        client.login()
        assert retrieved(client, "x", rest=6) == b"6789"


def test_it_has_directories() -> None:
    lines: list[str] = []
    with FTPServer() as server, connected(server) as client:
        client.login()
        client.cwd("pub")
        client.retrlines("LIST", lines.append)
        with pytest.raises(ftplib.error_perm, match="550"):
            client.cwd("nowhere")
    assert [line.split()[-1] for line in lines] == ["deep", "empty", "page.html"]


def test_it_knows_passwords_and_records_commands() -> None:
    with FTPServer(passwords={"joe": "secret"}) as server, connected(server) as client:
        with pytest.raises(ftplib.error_perm, match="530"):
            client.login("joe", "wrong")
        client.login("joe", "secret")
    assert server.commands == ["USER joe", "PASS wrong", "USER joe", "PASS secret", "QUIT"]
    assert server.sent("PASS") == ["PASS wrong", "PASS secret"]
    assert server.logins == 2


def test_its_address_in_a_pasv_answer_is_a_lie() -> None:
    with FTPServer() as server, connected(server) as client:
        client.login()
        assert ftplib.parse227(client.sendcmd("PASV"))[0] == "192.0.2.1"


def test_it_says_what_it_is_told_to_say() -> None:
    answers = {"220": "220 Hm.", "SIZE a": "213 77", "NOOP": "299 No?", "PWD": HANG_UP}
    with FTPServer(answers=answers) as server, connected(server) as client:
        assert client.welcome == "220 Hm."
        assert client.size("a") == 77
        assert client.sendcmd("NOOP") == "299 No?"
        with pytest.raises(ftplib.error_perm, match="502"):
            client.sendcmd("SITE x")
        with pytest.raises(EOFError):
            client.pwd()


def test_it_may_hang_up_before_the_data() -> None:
    with FTPServer(answers={"150": HANG_UP}) as server, connected(server) as client:
        client.login()
        with pytest.raises(EOFError):
            retrieved(client, "hello.txt")
        server.connections[0].drain()  # a data connection left open would be a ResourceWarning


@pytest.mark.parametrize("at", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_it_listens_where_it_is_told_to(at: str) -> None:
    with FTPServer(at=at) as server, connected(server) as client:
        client.login()
        assert client.af == (socket.AF_INET6 if ":" in at else socket.AF_INET)
        assert retrieved(client, "hello.txt") == FILES["/hello.txt"]


def test_it_cuts_files() -> None:
    with FTPServer(cut=5) as server, connected(server) as client:
        client.login()
        assert retrieved(client, "hello.txt") == b"Hello"


def test_it_speaks_tls(certificates: Certificates) -> None:
    tls = certificates.good.server_context()
    client = ftplib.FTP_TLS(context=certificates.client_context(), timeout=PATIENCE)
    with FTPServer(tls=tls) as server:
        client.connect("localhost", server.port)
        with client:
            client.login()
            client.prot_p()
            assert retrieved(client, "hello.txt") == FILES["/hello.txt"]
    assert server.commands[0] == "AUTH TLS"
    assert server.resumed == [False]  # ftplib does not


def test_over_tls_only_means_that(certificates: Certificates) -> None:
    with (
        FTPServer(tls=certificates.good.server_context()) as server,
        connected(server) as client,
        pytest.raises(ftplib.error_perm, match="530"),
    ):
        client.login()
    with (
        FTPServer() as server,
        connected(server) as client,
        pytest.raises(ftplib.error_perm, match="502"),
    ):
        client.sendcmd("AUTH TLS")
