"""Libraries that are given what requests got, over our adapter."""

import pytest
import requests
from support.servers import ScriptedServer

from mini_http.tools.requests_adapter import RequestsAdapter

pytestmark = pytest.mark.integration

TABLE = b"a,b\n1,2\n3,4\n"


def test_pandas_reads_a_reply_as_a_file():
    pandas = pytest.importorskip("pandas")
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(TABLE) + TABLE
    with ScriptedServer([reply]) as server, requests.Session() as session:
        session.trust_env = False
        session.mount("http://", RequestsAdapter())
        table = pandas.read_csv(session.get(server.url, stream=True).raw)
    assert table.to_dict("list") == {"a": [1, 3], "b": [2, 4]}
