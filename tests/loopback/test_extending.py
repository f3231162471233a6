"""docs/extending.md as a whole; its protocols are tested in test_line_protocols and test_webdav."""

from support.documents import example_under, examples
from support.python_server import EchoServer

from mini_http.keepalive.pool import shared_pool

DOCUMENT = "docs/extending.md"


def test_every_example_has_a_test():
    tested = ["Daytime", "Echo", "Gopher", "Quote of the day", "WebDAV", "A handler"]
    assert [example.heading for example in examples(DOCUMENT)] == tested


def test_a_handler_changes_every_request(no_leaked_descriptors):
    opener = example_under(DOCUMENT, "A handler").run()["opener"]
    with EchoServer() as server:
        for number in ("1", "2"):
            opener.open(server.url).read()
            headers = {name.lower(): value for name, value in server.requests[-1]["headers"]}
            assert headers["x-request-number"] == number
    assert "NumberingHandler" in opener.describe()
    shared_pool().close()
