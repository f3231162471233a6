"""What must not leak, and what must not be trusted: rules learned from published advisories.

Each test is a case in which some client of this field failed, played by real servers against
urlopen's own opener. The rules for proxies, cookies and authentication stand with their handlers.
"""

import contextlib
import importlib
import io
import json
import pkgutil
import re
import re._constants as op
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import certifi
import pytest
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import Drain, Send

import mini_http
from mini_http import (
    URL,
    Headers,
    HTTPClient,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    Pool,
    Request,
    Route,
    SimpleClient,
    TLSSettings,
    build_opener,
)
from mini_http.base import errors
from mini_http.codec.heads import write_request_head
from mini_http.connect.tls import context_for

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

ROOT = Path(mini_http.__file__).parent.parent
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HIDDEN = "hunter2"
"""What no message and no other origin may show."""


@pytest.fixture
def pool():
    with Pool() as made:
        yield made


@pytest.fixture
def opener(pool):
    return build_opener(HTTPHandler(pool=pool))


def verifying(pool, **settings):
    """An opener whose https trusts by these settings."""
    https = HTTPSHandler(tls=TLSSettings(**settings), pool=pool)
    return build_opener(HTTPHandler(pool=pool), https)


def redirect(location, status=302):
    head = b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
    return head % (status, location.encode())


# --- redirects
# CVE-2018-20060, 2023-43804, 2024-37891, 2026-44431; curl's 2022-27774 and 2022-27776

SECRETS = {
    "Authorization": f"Basic {HIDDEN}",
    "authorization": f"Bearer {HIDDEN}",
    "COOKIE": f"session={HIDDEN}",
    "Proxy-Authorization": f"Basic {HIDDEN}",
    "X-Api-Key": HIDDEN,
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_stays_with_the_origin_it_was_given_for(opener, name, status):
    with (
        ScriptedServer([HELLO]) as elsewhere,
        ScriptedServer([[redirect("/here", status), redirect(elsewhere.url, status)]]) as server,
    ):
        request = Request(server.url, headers={name: SECRETS[name]})
        request.mark_secret("x-api-key")
        assert opener.open(request).read() == b"hello"
    is_for_an_origin = name != "Proxy-Authorization"
    assert [HIDDEN.encode() in sent for sent in server.requests] == [is_for_an_origin] * 2
    assert [HIDDEN.encode() in sent for sent in elsewhere.requests] == [False]


def test_a_password_in_the_url_does_not_go_elsewhere(opener):
    with (
        ScriptedServer([HELLO]) as elsewhere,
        ScriptedServer([redirect(elsewhere.url)]) as server,
        opener.open(f"http://user:{HIDDEN}@{server.authority}/") as reply,
    ):
        assert HIDDEN not in reply.url
    assert HIDDEN.encode() not in b"".join(elsewhere.requests + server.requests)


def test_a_secret_does_not_go_from_https_to_http(pool, certificates):
    opener = verifying(pool, ca_file=certificates.ca_file)
    context = certificates.good.server_context()
    with (
        ScriptedServer() as plain,
        ScriptedServer([redirect(plain.url)], tls=context) as server,
    ):
        with pytest.raises(errors.RedirectRefused, match="it leaves https") as caught:
            opener.open(Request(server.url, headers={"Authorization": HIDDEN}))
        caught.value.close()
        pool.close()
    assert plain.connections == []


# CVE-2023-45803
@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_body_goes_no_further_than_its_method(opener, status):
    fields = {"Content-Type": "text/x-own", "Content-Own": "1", "Trailer": "X"}
    with ScriptedServer([[redirect("/new", status), HELLO]]) as server:
        opener.open(Request(server.url, HIDDEN.encode(), fields)).close()
    first, second = server.requests
    assert first.endswith(HIDDEN.encode())
    assert second.startswith(b"GET /new ")
    for gone in (HIDDEN.encode(), b"content-", b"trailer", b"transfer-encoding"):
        assert gone not in second.lower()


# CVE-2019-9948
@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "local_file:///etc/passwd", "LOCAL-FILE:///etc/passwd", "url:file:///x"],
)
def test_a_redirect_opens_no_file(opener, location):
    with (
        ScriptedServer([redirect(location)]) as server,
        pytest.raises(errors.RedirectRefused, match="is not allowed") as caught,
    ):
        opener.open(server.url)
    caught.value.close()


# CVE-2024-47081, curl's 2024-11053: what the user keeps in ~/.netrc is sent where it is asked for
def test_a_netrc_is_not_read_unasked(opener, echo_server, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login user password {HIDDEN}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with opener.open(echo_server.url) as reply:
        names = {name.lower() for name, _ in json.loads(reply.read())["headers"]}
    assert "authorization" not in names


# --- connections
# CVE-2024-35195


@pytest.mark.filterwarnings("ignore::mini_http.UnverifiedTLSWarning")
def test_a_connection_made_without_verification_is_not_used_with_it(pool, certificates):
    careless = verifying(pool, verify=False)
    careful = verifying(pool, verify=True)
    with EchoServer(tls=certificates.self_signed.server_context()) as server:
        with careless.open(server.url) as reply:
            assert json.loads(reply.read())["connection"] == 0
        assert pool.idle_count() == 1
        with pytest.raises(errors.TLSFailed):
            careful.open(server.url)
        with careless.open(server.url) as reply:
            assert json.loads(reply.read())["connection"] == 0
        pool.close()
    assert [seen["connection"] for seen in server.requests] == [0, 0]


def test_the_same_holds_for_contexts(pool, certificates):
    careless = context_for(TLSSettings(verify=False))
    with EchoServer(tls=certificates.good.server_context()) as server:
        seen = []
        for context in (careless, certificates.client_context(), careless):
            opener = build_opener(HTTPSHandler(context=context, pool=pool))
            with opener.open(server.url) as reply:
                seen.append(json.loads(reply.read())["connection"])
        pool.close()
    assert seen == [0, 1, 0]


DIFFERENT = {
    "scheme": Route("https", "host", 443),
    "port": Route("http", "host", 81),
    "verification": Route("http", "host", 80, TLSSettings(verify=False)),
    "authorities": Route("http", "host", 80, TLSSettings(ca_file="own.pem")),
    "name to check": Route("http", "host", 80, TLSSettings(server_name="other")),
    "own certificate": Route("http", "host", 80, TLSSettings(cert_file="own.pem")),
    "zone": Route("http", "fe80::1%eth1", 80),
}


@pytest.mark.parametrize("other", DIFFERENT.values(), ids=DIFFERENT)
def test_connections_that_differ_in_what_can_be_trusted_are_kept_apart(other):
    assert other != Route("http", "host", 80, TLSSettings())
    assert other != Route("http", "fe80::1%eth0", 80)


# CVE-2023-40217


def test_bytes_before_tls_are_not_taken_for_bytes_within(certificates):
    script = [Send(b"220 ready\r\n250 you are logged in\r\n"), Drain()]
    with ScriptedServer([script]) as server, SimpleClient(*server.address) as client:
        assert client.readline() == b"220 ready"
        with pytest.raises(errors.TLSFailed, match="in the clear before TLS"):
            client.starttls("localhost", TLSSettings(ca_file=certificates.ca_file))
        assert client.closed


@pytest.mark.parametrize("ending", [[], [Drain()]], ids=["closed", "open"])
def test_a_reply_in_the_clear_is_no_reply_to_https(pool, certificates, ending):
    opener = verifying(pool, ca_file=certificates.ca_file)
    with ScriptedServer([[Send(HELLO), *ending]]) as server, pytest.raises(errors.TLSFailed):
        opener.open(server.url.replace("http:", "https:"))
    assert pool.opened == 0


# --- authorities
# CVE-2019-11324


def test_the_authorities_that_are_given_are_the_only_ones(pool, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    stranger = certificates.self_signed.chain
    with (
        ScriptedServer([[]], tls=certificates.good.server_context()) as server,
        pytest.raises(errors.TLSFailed, match="unknown issuer"),
    ):
        verifying(pool, ca_file=stranger).open(server.url)
    assert len(context_for(TLSSettings(ca_file=stranger)).get_ca_certs()) == 1


# CVE-2026-25645


def test_the_bundle_of_authorities_is_never_written_to_a_file(tmp_path, certificates):
    archive = tmp_path / "site.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in Path(certifi.where()).parent.glob("*.p*"):
            packed.write(path, f"certifi/{path.name}")
    empty = tmp_path / "tmp"
    empty.mkdir()
    program = """
        import sys
        sys.path.insert(0, sys.argv[1])
        from mini_http import TLSFailed, urlopen
        try:
            urlopen(sys.argv[2])
        except TLSFailed as error:
            print(error, sys.modules["certifi"].__file__)
    """
    with ScriptedServer([[]], tls=certificates.good.server_context()) as server:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), archive, server.url],
            cwd=ROOT,
            env={"TMPDIR": str(empty)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert "unknown issuer" in done.stdout
    assert str(archive) in done.stdout
    assert list(empty.iterdir()) == []


# --- what a server can make expensive
# CVE-2020-10735

DIGITS = "9" * 60_000
"""Far more than Python's int() takes (4,300), in a line that is not too long."""

NUMBERS = {
    "Content-Length": f"HTTP/1.1 200 OK\r\nContent-Length: {DIGITS}\r\n\r\n",
    "a chunk's size": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{DIGITS}\r\n",
    "status": f"HTTP/1.1 {DIGITS} OK\r\n\r\n",
    "version": f"HTTP/1.{DIGITS} 200 OK\r\n\r\n",
    "a port": f"HTTP/1.1 302 x\r\nLocation: http://h:{DIGITS}/\r\nContent-Length: 0\r\n\r\n",
    "an address": f"HTTP/1.1 302 x\r\nLocation: http://[::{DIGITS}]/\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize(
    "reply",
    NUMBERS.values(),
    ids=NUMBERS,
)
def test_digits_without_end_are_an_error_of_ours_with_a_short_text(opener, reply):
    with (
        ScriptedServer([reply.encode()]) as server,
        pytest.raises(errors.MiniHTTPError) as caught,
    ):
        opener.open(server.url).read()
    assert len(str(caught.value)) < 300


# CVE-2020-8492, 2021-3733, 2021-33503


def patterns(monkeypatch):
    """Those of all modules, and those that are compiled when URLs and redirects are taken apart."""
    found = {}
    for module in pkgutil.walk_packages(mini_http.__path__, "mini_http."):
        if not module.name.endswith("__main__"):
            names = vars(importlib.import_module(module.name)).values()
            found |= {one.pattern: one.flags for one in names if isinstance(one, re.Pattern)}

    def noting(pattern, flags=0):
        found[pattern] = flags
        return compile_pattern(pattern, flags)

    compile_pattern = re._compiler.compile
    monkeypatch.setattr(re._compiler, "compile", noting)
    re.purge()
    for text in ("http://user:x@[fe80::1%25eth1]:80/a b/../%7e?c d#e f", "http://\u00fc:81\u00e9/"):
        with contextlib.suppress(errors.InvalidURL):
            URL.parse(text).normalized().join("../x y?z")
    redirects = type("Unfollowed", (HTTPRedirectHandler,), {"redirect_request": lambda *_: None})()
    for location in ("a_b:c", "/\xe9", "http://[x"):
        with contextlib.suppress(errors.URLError):
            given = Request("http://a/"), io.BytesIO(), 302, "", {"location": location}
            redirects.http_error_302(*given)
    Headers([("Content-Type", "a/b; charset=c; d*0*=utf-8''e; f=\"g\"")]).get_params()
    return found


def is_nested(tree, repeated=False):
    """Whether a repetition that can be backtracked into stands within another one."""
    for kind, value in tree:
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            least, most, inner = value
            gives_back = kind is not op.POSSESSIVE_REPEAT and least != most and most > 1
            found = (repeated and gives_back) or is_nested(inner, repeated or most > 1)
        elif kind is op.BRANCH:
            found = any(is_nested(one, repeated) for one in value[1])
        elif kind is op.ATOMIC_GROUP:
            found = is_nested(value, repeated)
        elif kind in (op.SUBPATTERN, op.ASSERT, op.ASSERT_NOT):
            found = is_nested(value[-1], repeated)
        else:
            found = False
        if found:
            return True
    return False


@pytest.mark.parametrize(
    ("pattern", "nested"),
    [("(a+)+", True), ("(?:a|b*c)*?", True), ("(?=(a*)+)b", True), ("(?>(a+)+)", True),
     ("(a++)+", False), ("(?:a{2})*", False), ("a+b+", False), ("(?:a?b)*", False)],
)  # fmt: skip
def test_nested_repetitions_are_told_from_harmless_ones(pattern, nested):
    assert is_nested(re._parser.parse(pattern)) == nested


def test_no_pattern_has_nested_repetitions(monkeypatch):
    found = patterns(monkeypatch)
    assert len(found) > 30
    assert [one for one, flags in found.items() if is_nested(re._parser.parse(one, flags))] == []


# --- what is shown


def shown():
    """What a log or a debugger shows of things that hold a secret."""
    url = f"http://user:{HIDDEN}@127.0.0.1/"
    fields = [("Authorization", HIDDEN), ("Cookie", HIDDEN), ("Set-Cookie", HIDDEN)]
    fields += [("Proxy-Authorization", HIDDEN), ("X-Other", "shown")]
    request = Request(url, HIDDEN.encode(), dict(fields))
    return {
        "URL": URL.parse(url),
        "Headers": Headers(fields),
        "Request": request,
        "TLSSettings": TLSSettings(cert_file="c", key_password=HIDDEN, ca_data=HIDDEN),
        "Route": Route("https", "h", 443, TLSSettings(cert_file="c", key_password=HIDDEN)),
    }


@pytest.mark.parametrize("name", shown())
def test_a_secret_is_masked_where_its_holder_is_shown(name):
    assert HIDDEN not in repr(shown()[name])


def test_a_reply_shows_no_password_of_its_url(opener):
    with (
        ScriptedServer([HELLO]) as server,
        opener.open(f"http://user:{HIDDEN}@{server.authority}/") as reply,
    ):
        assert HIDDEN not in repr(reply)


NOT_SENT = {
    "no URL": lambda: Request(f"//user:{HIDDEN}@host/"),
    "a bad host": lambda: Request(f"http://user:{HIDDEN}@[::1/"),
    "a control character": lambda: Request(f"http://user:{HIDDEN}@host/\x00"),
    "a bad port": lambda: Request(f"http://user:{HIDDEN}@host:port/"),
    "an unknown scheme": lambda: build_opener().open(f"foo://user:{HIDDEN}@host/"),
    "nobody there": lambda: build_opener().open(f"http://user:{HIDDEN}@127.0.0.1:1/"),
    "a wrong key": lambda: context_for(TLSSettings(cert_file="missing", key_password=HIDDEN)),
    "a wrong address": lambda: HTTPClient(f"user:{HIDDEN}@host"),
    "no cookie": lambda: write_request_head("GET", "/", [("Cookie", f"{HIDDEN}\n")]),
    "no authorization": lambda: write_request_head(
        "GET", "/", [("Authorization", f"{HIDDEN}\u20ac")]
    ),
}


@pytest.mark.parametrize(
    "fail",
    NOT_SENT.values(),
    ids=NOT_SENT,
)
def test_an_error_says_no_secret(fail):
    with pytest.raises(errors.URLError) as caught:
        fail()
    assert HIDDEN not in str(caught.value)
    assert HIDDEN not in repr(caught.value)


def test_an_error_status_says_no_password(opener):
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([missing]) as server, pytest.raises(errors.HTTPError) as caught:
        opener.open(f"http://user:{HIDDEN}@{server.authority}/")
    assert HIDDEN not in str(caught.value) + repr(caught.value)
    caught.value.close()
