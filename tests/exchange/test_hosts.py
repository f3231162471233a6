"""Hosts and ports as callers give them, as they are dialed, and as the Host field has them."""

from __future__ import annotations

import pytest

from mini_http.base.errors import InvalidURL
from mini_http.exchange.hosts import dialed, host_of_target, in_host_field, split_port

# --- what callers give


@pytest.mark.parametrize(
    ("given", "port", "host_and_port"),
    [
        ("localhost", None, ("localhost", 80)),
        ("localhost:8080", None, ("localhost", 8080)),
        ("localhost:0", None, ("localhost", 0)),
        ("localhost:00080", None, ("localhost", 80)),
        ("localhost:65535", None, ("localhost", 65535)),
        ("localhost:", None, ("localhost", 80)),
        ("", None, ("", 80)),
        ("localhost", 8080, ("localhost", 8080)),
        ("localhost", 0, ("localhost", 0)),
        ("localhost", "8080", ("localhost", 8080)),
        ("[::1]", None, ("::1", 80)),
        ("[::1]", 8080, ("::1", 8080)),
        ("[::1]:", None, ("::1", 80)),
        ("[::1]:8080", None, ("::1", 8080)),
        ("::1", None, ("::1", 80)),
        ("::1", 8080, ("::1", 8080)),
        ("[fe80::1%eth0]:8080", None, ("fe80::1%eth0", 8080)),
        ("fe80::1%eth0", None, ("fe80::1%eth0", 80)),
        ("bücher.example:8080", None, ("bücher.example", 8080)),
        # Where a port is given, the host is not looked into.
        ("localhost:8080", 80, ("localhost:8080", 80)),
        ("localhost:x", 80, ("localhost:x", 80)),
    ],
)
def test_a_host_is_split_from_its_port(given, port, host_and_port):
    assert split_port(given, port, 80) == host_and_port


@pytest.mark.parametrize("port", ["x", "", "-1", "+1", " 80", "8_0", "80\n", "٨٠", "000080"])
def test_a_port_that_is_no_number_is_refused(port):
    with pytest.raises(InvalidURL, match="nonnumeric port"):
        split_port("localhost", port, 80)


@pytest.mark.parametrize("host", ["localhost:x", "localhost:-1", "[::1]:x", "[::1]:8 0"])
def test_a_port_in_a_host_that_is_no_number_is_refused(host):
    with pytest.raises(InvalidURL, match="nonnumeric port"):
        split_port(host, None, 80)


@pytest.mark.parametrize("port", [-1, 65536, "65536", 1 << 200])
def test_a_port_that_no_host_has_is_refused(port):
    with pytest.raises(InvalidURL, match="port must be 0 to 65535, not"):
        split_port("localhost", port, 80)


@pytest.mark.parametrize("port", [10**100, "9" * 100])
def test_a_long_port_is_shown_in_part(port):
    with pytest.raises(InvalidURL) as caught:
        split_port("localhost", port, 80)
    assert len(str(caught.value)) < 120


USERS = ["u:secret@h", "u:secret@h:80", "u:secret@[::1]", "[u:secret@h]", "secret@h", "ü:secret@h"]
"""What stands before a host in a URL, but is no part of it."""


@pytest.mark.parametrize("host", USERS)
@pytest.mark.parametrize(
    "read",
    [
        lambda host: split_port(host, None, 80),
        lambda host: split_port(host, 80, 80),
        lambda host: in_host_field(host, 80),
    ],
)
def test_user_and_password_are_no_part_of_a_host_and_not_shown(host, read):
    with pytest.raises(InvalidURL, match="user or password") as caught:
        read(host)
    assert "secret" not in str(caught.value)


def test_a_password_is_not_looked_up_nor_shown():
    with pytest.raises(InvalidURL, match="user or password") as caught:
        dialed("ü:secret@h")
    assert "secret" not in str(caught.value)


# --- what is looked up


@pytest.mark.parametrize(
    ("host", "looked_up"),
    [
        ("localhost", "localhost"),
        ("LocalHost", "LocalHost"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("not a host", "not a host"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
    ],
)
def test_a_name_beyond_ascii_is_looked_up_in_a_labels(host, looked_up):
    assert dialed(host) == looked_up


@pytest.mark.parametrize("host", ["ü" * 300, "bücher example", "ü..example\0"])
def test_a_name_beyond_ascii_that_has_no_a_labels_is_refused(host):
    with pytest.raises(InvalidURL):
        dialed(host)


@pytest.mark.parametrize("host", ["bücher:80", "bücher:", "ü:x", "::ü", "fe80::1%ü"])
def test_a_name_beyond_ascii_has_no_colon(host):
    with pytest.raises(InvalidURL, match=r"host can't contain ':'"):
        dialed(host)


# --- what the Host field has


@pytest.mark.parametrize(
    ("host", "port", "default", "field"),
    [
        ("localhost", 80, 80, "localhost"),
        ("localhost", 8080, 80, "localhost:8080"),
        ("localhost", 80, None, "localhost:80"),
        ("localhost", 80, 443, "localhost:80"),
        ("LocalHost", 80, 80, "localhost"),
        ("127.0.0.1", 80, 80, "127.0.0.1"),
        ("bücher.example", 8080, 80, "xn--bcher-kva.example:8080"),
        ("::1", 80, 80, "[::1]"),
        ("::1", 8080, 80, "[::1]:8080"),
        ("fe80::1%eth0", 80, 80, "[fe80::1]"),
        ("fe80::1%eth0", 8080, 80, "[fe80::1]:8080"),
    ],
)
def test_the_host_field_has_the_host_and_a_port_that_is_not_the_default(host, port, default, field):
    assert in_host_field(host, port, default) == field


def test_without_a_default_the_host_field_always_has_the_port():
    assert in_host_field("localhost", 80) == "localhost:80"


@pytest.mark.parametrize(
    "host",
    ["", "a b", "a\r\nX: y", "a/b", "user@a", "a:b", "a:80", "[::1]", "::x", "::1]", "%eth0::"],
)
def test_what_is_no_host_never_gets_into_the_host_field(host):
    with pytest.raises(InvalidURL):
        in_host_field(host, 80, 80)


# --- what a request target says of Host


@pytest.mark.parametrize(
    ("method", "target", "host"),
    [
        ("GET", "http://a.example/", "a.example"),
        ("GET", "http://a.example", "a.example"),
        ("GET", "http://a.example:80/", "a.example"),
        ("GET", "http://a.example:8080/?q", "a.example:8080"),
        ("GET", "https://a.example:443/", "a.example"),
        ("GET", "http://user:secret@a.example/", "a.example"),
        ("OPTIONS", "http://[::1]:8080/", "[::1]:8080"),
        ("CONNECT", "a.example:443", "a.example:443"),
        ("CONNECT", "[::1]:443", "[::1]:443"),
    ],
)
def test_a_target_for_a_proxy_says_what_host_must_say(method, target, host):
    assert host_of_target(method, target) == host


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "/http://a.example/"),
        ("GET", "a.example:443"),
        ("GET", ""),
        ("GET", "http:"),
        ("GET", "http://"),
        ("GET", "http://a b/"),
        ("GET", "httpd"),
        ("OPTIONS", "*"),
        ("CONNECT", ""),
        ("CONNECT", "a.example:x"),
        ("CONNECT", "/"),
    ],
)
def test_a_target_that_names_no_host_says_nothing_of_it(method, target):
    assert host_of_target(method, target) is None
