"""DecodingReader: a body that has a content coding, read decoded.

It stands over the reader of the coded bytes, and is read like any other. How a coding is taken off
is in `codec.content_coding`. A body without a coding needs none of this.
"""

from __future__ import annotations

from mini_http.exchange.body import RECEIVE_BYTES, BodyReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mini_http.codec.content_coding import Decoder


class DecodingReader(BodyReader):
    """The decoded bytes of a body that has a content coding, over the reader of its coded bytes."""

    left = None

    def __init__(self, coded: BodyReader, decoder: Decoder) -> None:
        self._coded = coded
        self._decoder = decoder
        self.ended = False

    def read_some(self, limit: int) -> bytes:
        decoder, source = self._decoder, self._coded
        while not self.ended:
            coded = source.read_some(RECEIVE_BYTES) if decoder.needs_input else b""
            if not coded and decoder.needs_input:
                decoder.finish()
                self._end()
                break
            data = decoder.decode(coded, limit)
            if data:
                # Asked now, it saves who reads all of it another look, and joining it with nothing:
                # 4 us of 64 KB.
                if source.ended and decoder.is_complete:
                    self._end()
                return data
        return b""

    def _end(self) -> None:
        self.ended = True
        self.trailers = self._coded.trailers
