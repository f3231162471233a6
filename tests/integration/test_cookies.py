"""A login at a web application made with Flask, whose sessions are cookies.

The same jar is used by our opener, by urllib's and by requests; curl reads its file, and we curl's.
"""

import contextlib
import re
import shutil
import socket
import subprocess
import threading
import urllib.parse
import urllib.request

import pytest

import mini_http
from mini_http import (
    CookieJar,
    DialOptions,
    HTTPCookieProcessor,
    HTTPError,
    HTTPHandler,
    HTTPSHandler,
    MozillaCookieJar,
    Pool,
    Request,
    build_opener,
)

pytestmark = [
    pytest.mark.integration,
    # What these libraries warn of is theirs to mend.
    pytest.mark.filterwarnings("default"),
]

ADA = {"name": "Ada", "password": "lovelace"}
WRONG = {"name": "Ada", "password": "byron"}


def application(**settings):
    """Pages that need a login: /login asks for one, /account is behind it, /logout ends it."""
    flask = pytest.importorskip("flask")
    app = flask.Flask("accounts")
    app.secret_key = "known to the server alone"
    app.config.update(settings)

    @app.get("/account")
    def account():
        if "name" not in flask.session:
            return flask.redirect("/login", 302)
        return f"account of {flask.session['name']}"

    @app.get("/login")
    def ask():
        return "who are you?"

    @app.post("/login")
    def login():
        if flask.request.form["password"] != ADA["password"]:
            flask.session["attempts"] = flask.session.get("attempts", 0) + 1
            return f"no, {flask.session['attempts']} times", 401
        flask.session.clear()
        flask.session["name"] = flask.request.form["name"]
        flask.session.permanent = app.config["REMEMBER"]
        return flask.redirect("/account", 303)

    @app.get("/logout")
    def logout():
        flask.session.clear()
        return flask.redirect("/login", 303)

    return app


class Site:
    """A running application, `url` its root without the last slash, and what was asked of it."""

    def __init__(self, server, asked):
        self.port = server.server_port
        scheme = "http" if server.ssl_context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.asked = asked
        """Method, path and Cookie field of each request."""


@contextlib.contextmanager
def running(tls=None, remember=False, **settings):
    """The application, served by werkzeug in threads."""
    serving = pytest.importorskip("werkzeug.serving")
    app = application(REMEMBER=remember, **settings)
    asked = []

    class Handler(serving.WSGIRequestHandler):
        def log_request(self, *_):
            asked.append((self.command, self.path, self.headers["Cookie"]))

    server = serving.make_server(
        "127.0.0.1", 0, app, threaded=True, request_handler=Handler, ssl_context=tls
    )
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield Site(server, asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site():
    with running() as site:
        yield site


@pytest.fixture
def pool():
    with Pool() as pool:
        yield pool


@pytest.fixture
def jar():
    return CookieJar()


@pytest.fixture
def opener(jar, pool):
    return build_opener(HTTPHandler(pool=pool), HTTPCookieProcessor(jar))


def page(opener, url, form=None):
    """The URL that was arrived at, the status and the text of a page."""
    with opener.open(Request(url, form=form)) as reply:
        return reply.url, reply.status, reply.text


def login(opener, site):
    """Logs in with urllib's or our opener, in words of both; returns the page that follows."""
    form = urllib.parse.urlencode(ADA).encode()
    with opener.open(f"{site.url}/login", form) as reply:
        return reply.read()


def test_a_login_is_kept_through_its_redirect_and_for_what_follows(opener, site, jar):
    assert page(opener, f"{site.url}/account") == (f"{site.url}/login", 200, "who are you?")
    assert len(jar) == 0
    arrived = page(opener, f"{site.url}/login", form=ADA)
    assert arrived == (f"{site.url}/account", 200, "account of Ada")
    assert page(opener, f"{site.url}/account") == arrived
    (cookie,) = jar
    assert (cookie.name, cookie.domain, cookie.path) == ("session", "127.0.0.1", "/")
    assert cookie.http_only
    assert cookie.host_only
    field = f"session={cookie.value}"
    assert site.asked == [
        ("GET", "/account", None),
        ("GET", "/login", None),
        ("POST", "/login", None),
        ("GET", "/account", field),
        ("GET", "/account", field),
    ]


def test_what_a_refused_login_sets_is_kept(opener, site, jar):
    for attempt in 1, 2:
        with pytest.raises(HTTPError) as caught:
            page(opener, f"{site.url}/login", form=WRONG)
        with caught.value as refusal:
            assert (refusal.code, refusal.read()) == (401, b"no, %d times" % attempt)
    assert page(opener, f"{site.url}/account")[2] == "who are you?"
    assert page(opener, f"{site.url}/login", form=ADA)[2] == "account of Ada"
    assert len(jar) == 1


def test_a_logout_drops_the_cookie(opener, site, jar):
    page(opener, f"{site.url}/login", form=ADA)
    assert len(jar) == 1
    assert page(opener, f"{site.url}/logout") == (f"{site.url}/login", 200, "who are you?")
    assert len(jar) == 0
    assert site.asked[-1] == ("GET", "/login", None)
    assert page(opener, f"{site.url}/account")[2] == "who are you?"


def test_two_users_on_the_same_connections_have_jars_of_their_own(pool, site):
    jars = CookieJar(), CookieJar()
    ada, blaise = (build_opener(HTTPHandler(pool=pool), HTTPCookieProcessor(jar)) for jar in jars)
    page(ada, f"{site.url}/login", form=ADA)
    page(blaise, f"{site.url}/login", form=ADA | {"name": "Blaise"})
    assert page(ada, f"{site.url}/account")[2] == "account of Ada"
    assert page(blaise, f"{site.url}/account")[2] == "account of Blaise"
    assert jars[0]["session"] != jars[1]["session"]


def test_urllibs_opener_logs_in_with_our_jar(site, jar):
    stock = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    assert login(stock, site) == b"account of Ada"
    assert jar["session"] == site.asked[-1][2].removeprefix("session=")


def test_our_opener_logs_in_with_a_jar_of_http_cookiejar(site, pool):
    cookiejar = pytest.importorskip("http.cookiejar")
    theirs = cookiejar.CookieJar()
    opener = build_opener(HTTPHandler(pool=pool), HTTPCookieProcessor(theirs))
    assert login(opener, site) == b"account of Ada"
    assert [type(cookie) for cookie in theirs] == [cookiejar.Cookie]


# --- Secure, and names


NAMED = "accounts.example"


def to_loopback(host, port):
    """Finds the application by its name, which no resolver but this one knows."""
    assert host == NAMED
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]


def test_a_secure_session_goes_over_tls_alone(certificates, ca, pool, jar):
    tls = ca.issue_cert(NAMED)
    context = certificates.good.server_context()
    tls.configure_cert(context)
    options = DialOptions(resolver=to_loopback)
    opener = build_opener(
        HTTPHandler(pool=pool, options=options),
        HTTPSHandler(context=certificates.client_context(), pool=pool, options=options),
        HTTPCookieProcessor(jar),
    )
    secured = running(
        tls=context,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_NAME="__Host-session",
        SESSION_COOKIE_SAMESITE="Strict",
    )
    with secured as site, running() as plain:
        url = f"https://{NAMED}:{site.port}"
        assert page(opener, f"{url}/login", form=ADA) == (f"{url}/account", 200, "account of Ada")
        (cookie,) = jar
        assert (cookie.name, cookie.secure, cookie.same_site) == ("__Host-session", True, "Strict")
        elsewhere = page(opener, f"http://{NAMED}:{plain.port}/account")
        assert elsewhere[2] == "who are you?"
        assert {field for _, _, field in plain.asked} == {None}
        assert page(opener, f"{url}/account")[2] == "account of Ada"


def test_a_secure_session_is_not_kept_from_a_plain_connection(pool, jar):
    options = DialOptions(resolver=to_loopback)
    opener = build_opener(HTTPHandler(pool=pool, options=options), HTTPCookieProcessor(jar))
    with running(SESSION_COOKIE_SECURE=True) as site:
        arrived = page(opener, f"http://{NAMED}:{site.port}/login", form=ADA)
    assert arrived[2] == "who are you?"
    assert len(jar) == 0


def test_a_session_for_a_domain_goes_to_all_its_hosts(pool, jar):
    def resolve(host, port):
        return to_loopback(NAMED, port)

    options = DialOptions(resolver=resolve)
    opener = build_opener(HTTPHandler(pool=pool, options=options), HTTPCookieProcessor(jar))
    with running(SESSION_COOKIE_DOMAIN=NAMED) as site:
        page(opener, f"http://login.{NAMED}:{site.port}/login", form=ADA)
        assert page(opener, f"http://{NAMED}:{site.port}/account")[2] == "account of Ada"
        assert page(opener, f"http://www.{NAMED}:{site.port}/account")[2] == "account of Ada"
        asked = len(site.asked)
        page(opener, f"http://not{NAMED}:{site.port}/account")
    assert {field for _, _, field in site.asked[asked:]} == {None}


# --- curl


def curl(*arguments):
    """What curl prints."""
    program = shutil.which("curl") or pytest.skip("curl is not installed")
    command = [program, "--silent", "--show-error", "--location", "--noproxy", "*", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.parametrize("remember", [False, True], ids=["for now", "for a month"])
def test_curl_is_logged_in_by_the_file_that_our_jar_saved(tmp_path, pool, remember):
    path = str(tmp_path / "cookies.txt")
    jar = MozillaCookieJar(path)
    opener = build_opener(HTTPHandler(pool=pool), HTTPCookieProcessor(jar))
    with running(remember=remember) as site:
        page(opener, f"{site.url}/login", form=ADA)
        jar.save(ignore_discard=True)
        assert curl("--cookie", path, f"{site.url}/account") == "account of Ada"
        assert site.asked[-1] == ("GET", "/account", f"session={jar['session']}")
        # What curl writes from it says the same.
        written = str(tmp_path / "written.txt")
        curl("--cookie", path, "--cookie-jar", written, f"{site.url}/login")
    again = MozillaCookieJar(written)
    again.load(ignore_discard=True)
    assert [facts(cookie) for cookie in again] == [facts(cookie) for cookie in jar]


def facts(cookie):
    """What a file of curl's says of a cookie."""
    return (
        *(cookie.name, cookie.value, cookie.domain, cookie.path, cookie.secure, cookie.expires),
        *(cookie.discard, cookie.host_only, cookie.http_only),
    )


@pytest.mark.parametrize("remember", [False, True], ids=["for now", "for a month"])
def test_the_file_that_curl_saved_logs_our_opener_in(tmp_path, pool, remember):
    path = str(tmp_path / "cookies.txt")
    jar = MozillaCookieJar(path)
    opener = build_opener(HTTPHandler(pool=pool), HTTPCookieProcessor(jar))
    form = ["--data", urllib.parse.urlencode(ADA)]
    with running(remember=remember) as site:
        said = curl("--cookie-jar", path, *form, f"{site.url}/login")
        assert said == "account of Ada"
        jar.load(ignore_discard=True)
        (cookie,) = jar
        assert (cookie.http_only, cookie.host_only, cookie.domain) == (True, True, "127.0.0.1")
        assert cookie.discard is not remember
        assert page(opener, f"{site.url}/account")[2] == "account of Ada"


def test_curl_keeps_to_the_hosts_that_our_file_names(tmp_path, pool):
    """The domain with and without subdomains, and Secure, mean to curl what they mean to us."""
    path = str(tmp_path / "cookies.txt")
    jar = MozillaCookieJar(path)
    jar.set("everywhere", "1", domain=f".{NAMED}")
    jar.set("here", "2", domain=NAMED)
    jar.set("safe", "3", domain=NAMED, secure=True)
    jar.save(ignore_discard=True)
    with running() as site:
        for host in NAMED, f"www.{NAMED}", f"not{NAMED}":
            url = f"http://{host}:{site.port}/login"
            curl("--resolve", f"{host}:{site.port}:127.0.0.1", "--cookie", path, url)
            pairs = [f"{cookie.name}={cookie.value}" for cookie in jar.cookies_for(url)]
            sent = site.asked[-1][2] or ""
            assert sorted(re.findall(r"[^; ]+", sent)) == sorted(pairs)
    assert [len(re.findall("=", field or "")) for _, _, field in site.asked] == [2, 1, 0]


# --- requests


@pytest.fixture(params=["requests alone", "over our adapter"])
def session(request):
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        session.trust_env = False
        if request.param != "requests alone":
            session.mount("http://", mini_http.RequestsAdapter())
        yield session


def test_a_session_of_requests_uses_our_jar(session, site, jar):
    session.cookies = jar
    response = session.post(f"{site.url}/login", data=ADA)
    assert (response.url, response.text) == (f"{site.url}/account", "account of Ada")
    assert session.cookies is jar
    assert site.asked[-1][2] == f"session={jar['session']}"
    assert session.get(f"{site.url}/account").text == "account of Ada"
    session.get(f"{site.url}/logout")
    assert len(jar) == 0


def test_a_login_of_ours_is_used_by_requests_and_back(session, site, jar, opener):
    page(opener, f"{site.url}/login", form=ADA)
    session.cookies = jar
    assert session.get(f"{site.url}/account").text == "account of Ada"
    assert session.get(f"{site.url}/logout").text == "who are you?"
    assert page(opener, f"{site.url}/account")[2] == "who are you?"


def test_requests_joins_cookies_of_a_call_with_our_jar(session, site, jar):
    session.cookies = jar
    session.post(f"{site.url}/login", data=ADA)
    response = session.get(f"{site.url}/account", cookies={"theme": "dark"})
    assert response.text == "account of Ada"
    sent = site.asked[-1][2].split("; ")
    assert sorted(sent) == [f"session={jar['session']}", "theme=dark"]
    assert [cookie.name for cookie in jar] == ["session"]


def test_requests_sends_by_the_rules_of_http_cookiejar(session, site, jar):
    """As docs/cookies.md says of it. Our opener would send the other two as well."""
    session.cookies = jar
    jar.set("plain", "1", domain="127.0.0.1")
    jar.set("safe", "2", domain="127.0.0.1", secure=True)
    jar.set("near", "3", domain="localhost")
    session.get(f"{site.url}/login")
    session.get(f"http://localhost:{site.port}/login")
    assert [field for _, _, field in site.asked] == ["plain=1", None]
    assert jar.as_dict(f"{site.url}/") == {"plain": "1", "safe": "2"}
    assert jar.as_dict("http://localhost/") == {"near": "3"}
