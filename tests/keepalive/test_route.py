"""Route: what must be equal for two requests to share a connection."""

import ssl

import pytest

from mini_http.connect.dial import DialOptions
from mini_http.connect.proxy import Proxy
from mini_http.connect.tls import TLSSettings
from mini_http.keepalive.route import Route

HTTP = Route("http", "example.org", 80)
HTTPS = Route("https", "example.org", 443, TLSSettings())


def test_equal_routes_are_one_key():
    assert Route("https", "example.org", 443, TLSSettings()) == HTTPS
    assert len({HTTP, Route("http", "example.org", 80), HTTP.replace()}) == 1


@pytest.mark.parametrize(
    "other",
    [
        HTTPS.replace(scheme="http"),
        HTTPS.replace(host="www.example.org"),
        HTTPS.replace(port=8443),
        HTTPS.replace(tls=None),
        HTTPS.replace(tls=TLSSettings(verify=False)),
        HTTPS.replace(tls=TLSSettings(ca_file="other.pem")),
        HTTPS.replace(tls=TLSSettings(cert_file="me.pem")),
        HTTPS.replace(tls=TLSSettings(server_name="example.com")),
        HTTPS.replace(tls=TLSSettings(minimum_version="TLSv1.3")),
        HTTPS.replace(tls=TLSSettings(context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))),
        HTTPS.replace(options=DialOptions(source_address=("127.0.0.2", 0))),
        HTTPS.replace(options=DialOptions(resolver=lambda *_: [])),
        HTTPS.replace(options=DialOptions(socket_options=())),
        HTTPS.replace(proxy=Proxy("proxy", 3128)),
    ],
    ids=repr,
)
def test_whatever_makes_a_connection_another_one_makes_another_key(other):
    assert other != HTTPS
    assert len({other, HTTPS}) == 2


def test_the_zone_of_an_address_is_a_part_of_the_key():
    assert Route("http", "fe80::1%eth0", 80) != Route("http", "fe80::1%eth1", 80)


def test_a_route_can_not_be_changed():
    with pytest.raises(AttributeError, match="frozen"):
        HTTP.host = "example.com"


def test_who_we_are_to_a_proxy_is_a_part_of_the_key():
    tunnels = [
        HTTPS.replace(proxy=Proxy("proxy", 3128, authorization))
        for authorization in (None, "Basic eDp5", "Basic eDp6")
    ]
    assert len(set(tunnels)) == 3


def test_its_representation_hides_who_we_are_to_a_proxy():
    assert "eDp5" not in repr(HTTPS.replace(proxy=Proxy("proxy", 3128, "Basic eDp5")))


def test_the_table_of_routes_has_each_combination_once():
    lines = [line.split(maxsplit=3) for line in Route.__doc__.splitlines()]
    rows = [tuple(line[:3]) for line in lines if len(line) == 4 and line[1] in ("None", "set")]
    assert rows == [
        ("http", "None", "None"),
        ("https", "set", "None"),
        ("http", "None", "set"),
        ("https", "set", "set"),
        ("http+unix", "None", "None"),
    ]
