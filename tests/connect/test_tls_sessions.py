"""SessionCache: what is kept, what is handed out, and that servers take it."""

import ssl
import time

import pytest
from support.servers import ScriptedServer
from support.tls_handshakes import shake_hands

from mini_http.base import errors
from mini_http.connect.tls_sessions import MOST_SESSIONS, SessionCache
from mini_http.connect.tls_settings import TLSSettings

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

VERSIONS = ["TLSv1.2", "TLSv1.3"]


@pytest.fixture
def greeting(certificates):
    """A server that says hello, so that there is something to read."""
    context = certificates.good.server_context()
    return ScriptedServer(handler=lambda connection: connection.send(b"hello"), tls=context)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_resumed_once(greeting, trusting, version):
    sessions, settings = SessionCache(), trusting.replace(maximum_version=version)
    reused = []
    with greeting as server:
        for _ in range(3):
            with shake_hands(server, settings, sessions=sessions) as sock:
                assert len(sessions) == 0
                reused.append(sock.session_reused)
                assert sock.recv(5) == b"hello"
                assert sessions.keep(sock)
    assert reused == [False, True, True]


@pytest.mark.parametrize("version", VERSIONS)
def test_in_tls_1_3_there_is_no_session_before_something_was_read(greeting, trusting, version):
    sessions, settings = SessionCache(), trusting.replace(maximum_version=version)
    with greeting as server, shake_hands(server, settings) as sock:
        assert sessions.keep(sock) == (version == "TLSv1.2")
        assert len(sessions) == (version == "TLSv1.2")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pin_counts_also_for_a_resumed_session(greeting, certificates, trusting, version):
    pinned = trusting.replace(maximum_version=version, pins=certificates.good.key_pin)
    sessions, reused = SessionCache(), []
    with greeting as server:
        for _ in range(2):
            with shake_hands(server, pinned, sessions=sessions) as sock:
                assert sock.recv(5) == b"hello"
                sessions.keep(sock)
                reused.append(sock.session_reused)
    assert reused == [False, True]


def test_a_context_that_may_verify_for_itself_resumes_nothing(greeting, certificates):
    class Own(ssl.SSLContext):
        pass

    from mini_http.connect.tls import TLSSettings

    own = Own(ssl.PROTOCOL_TLS_CLIENT)
    own.load_verify_locations(certificates.ca_file)
    sessions = SessionCache()
    with greeting as server:
        for _ in range(2):
            with shake_hands(server, TLSSettings(context=own), sessions=sessions) as sock:
                assert sock.recv(5) == b"hello"
                assert not sock.session_reused
                sessions.keep(sock)


class Session:
    """What ssl.SSLSession tells."""

    def __init__(self, id=b"id", has_ticket=True, age=0.0):
        self.id, self.has_ticket = id, has_ticket
        self.time, self.timeout = time.time() - age, 300


class Stream:
    """A stream with a session."""

    def __init__(self, session, context=None, version="TLSv1.2"):
        self.session, self.context, self.version = session, context, lambda: version


def test_a_session_goes_with_its_own_context_only():
    one, other = object(), object()
    sessions = SessionCache()
    sessions.keep(Stream(Session(), one))
    assert sessions.take(other) is None
    assert len(sessions) == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_of_a_context_that_was_changed_is_not_resumed(greeting, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
    settings, sessions = TLSSettings(context=context), SessionCache()
    with greeting as server:
        with shake_hands(server, settings, sessions=sessions) as sock:
            assert sock.recv(5) == b"hello"
            assert sessions.keep(sock)
        context.verify_mode = ssl.CERT_REQUIRED
        with pytest.raises(errors.TLSFailed, match="unknown issuer"):
            shake_hands(server, settings, sessions=sessions)


def test_a_session_that_is_too_old_is_left():
    sessions, session = SessionCache(), Session()
    sessions.keep(Stream(session))
    sessions.keep(Stream(Session(age=301)))
    assert sessions.take(None) is session
    assert sessions.take(None) is None


def test_no_more_sessions_are_kept_than_may_be():
    sessions, made = SessionCache(), [Session() for _ in range(MOST_SESSIONS + 3)]
    for session in made:
        assert sessions.keep(Stream(session))
    taken = [sessions.take(None) for _ in range(MOST_SESSIONS)]
    assert taken == made[:2:-1]
    assert sessions.take(None) is None


@pytest.mark.parametrize(
    "stream",
    [
        object(),
        Stream(None),
        Stream(Session(b"", has_ticket=False)),
        Stream(Session(has_ticket=False), version="TLSv1.3"),
    ],
)
def test_what_can_not_be_resumed_is_not_kept(stream):
    sessions = SessionCache()
    assert not sessions.keep(stream)
    assert len(sessions) == 0
