"""What the handlers of authentication share: the refused request, its copy, its body, its reply."""

from __future__ import annotations

import io
import urllib.request
from copy import deepcopy

import pytest
from support.servers import ScriptedServer

from mini_http import BaseHandler, HTTPError, HTTPHandler, Request, Timeout, build_opener
from mini_http.base import errors
from mini_http.codec.challenges import parse_challenges
from mini_http.codec.credentials import basic_credentials
from mini_http.exchange.request_body import watched
from mini_http.opener.handlers.authentication import (
    MOST_ANSWERS,
    answer,
    answer_as,
    body_pieces,
    is_answered_by_another,
    is_of_program,
    prepared,
    refuse_unsupported,
    send_again,
    try_offer,
    was_refused,
)

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
REFUSED = (
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Word realm=a\r\n"
    b"Content-Length: 7\r\n\r\nrefused"
)
BODY = b"the body"


class WordHandler(BaseHandler):
    """Answers with the words that it is given, one after the other: a scheme of three lines."""

    auth_header = "Authorization"
    auth_scheme = "word"

    def __init__(self, *words):
        self.words = list(words)
        self.requests = []
        self.replies = []

    def http_error_auth_reqed(self, field, host, req, headers):
        if not self.words:
            return None
        word = self.words.pop(0)
        try_offer(self, req, word)
        return send_again(self, req, f"Word {word}")

    def http_error_401(self, req, fp, code, msg, headers):
        self.requests.append(req)
        self.replies.append(fp)
        return answer(self, "www-authenticate", req.full_url, req, fp, headers)


class NotingDeadlines(BaseHandler):
    """Keeps the deadline that each reply came within."""

    def __init__(self):
        self.deadlines = []

    def http_response(self, request, response):
        self.deadlines.append(request.deadline)
        return response


def opener_with(pool, *handlers):
    return build_opener(HTTPHandler(pool=pool), *handlers)


def fields_of(raw):
    lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


# --- the request


def test_the_answer_goes_over_the_connection_that_the_refused_reply_came_over(pool):
    word = WordHandler("a", "b")
    with ScriptedServer([[REFUSED, REFUSED, HELLO]]) as server:
        assert opener_with(pool, word).open(server.url).read() == b"hello"
    assert [fields_of(raw).get("authorization") for raw in server.requests] == [
        None,
        "Word a",
        "Word b",
    ]
    assert pool.opened == 1
    assert [reply.closed for reply in word.replies] == [True, True]


def test_the_callers_request_keeps_no_credentials(pool):
    request = Request("http://replaced/")
    with ScriptedServer([[REFUSED, HELLO, HELLO]]) as server:
        request.full_url = server.url
        opener = opener_with(pool, WordHandler("a"))
        opener.open(request).close()
        assert not request.has_header("Authorization")
        opener.open(request).close()
    assert "authorization" not in fields_of(server.requests[2])


def test_what_is_sent_again_is_what_the_request_is(pool):
    class Putting(Request):
        """A subclass, as programs have them."""

        def get_method(self):
            return "PUT"

    with ScriptedServer([[REFUSED, HELLO]]) as server:
        request = Putting(server.url + "a?b#c", BODY, {"X-Own": "1", "AUTHORIZATION": "mine"})
        request.add_unredirected_header("X-Once", "2")
        reply = opener_with(pool, WordHandler("a")).open(request)
        assert reply.read() == b"hello"
        assert reply.url == server.url + "a?b#c"
    for raw in server.requests:
        assert raw.startswith(b"PUT /a?b HTTP/1.1\r\n")
        assert raw.endswith(b"\r\n\r\n" + BODY)
    first, second = map(fields_of, server.requests)
    assert first["x-once"] == "2"
    assert (first["authorization"], second["authorization"]) == ("mine", "Word a")
    assert first | {"authorization": "Word a"} == second


def test_credentials_are_not_sent_to_where_the_answer_redirects(pool):
    with ScriptedServer([HELLO]) as elsewhere:
        moved = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
        with ScriptedServer([[REFUSED, moved % elsewhere.url.encode()]]) as server:
            opener_with(pool, WordHandler("a")).open(server.url).close()
    assert "authorization" in fields_of(server.requests[1])
    assert "authorization" not in fields_of(elsewhere.requests[0])


def test_the_time_limit_of_the_first_request_is_that_of_the_next(pool):
    noting = NotingDeadlines()
    with ScriptedServer([[REFUSED, HELLO, HELLO]]) as server:
        opener = opener_with(pool, WordHandler("a"), noting)
        opener.open(server.url, timeout=Timeout(total=60)).close()
        opener.open(Request(server.url), timeout=Timeout(total=60)).close()
    first, second, of_another = noting.deadlines
    assert first is second
    assert first is not of_another


def test_the_time_limit_holds_for_answers_of_urllibs_handlers_too(pool):
    stock = urllib.request.HTTPBasicAuthHandler(urllib.request.HTTPPasswordMgrWithDefaultRealm())
    asks = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\n\r\n'
    with ScriptedServer([[asks, HELLO, HELLO]]) as server:
        stock.add_password(None, server.url, "user", "password")
        noting = NotingDeadlines()
        opener = opener_with(pool, stock, noting)
        request = Request(server.url)
        opener.open(request, timeout=Timeout(total=60)).close()
        opener.open(request, timeout=Timeout(total=60)).close()
    first, second, of_another = noting.deadlines
    assert first is second
    assert first is not of_another
    assert ["authorization" in fields_of(raw) for raw in server.requests] == [False, True, False]


def test_a_coded_reply_to_the_answer_is_decoded(pool):
    import gzip

    packed = gzip.compress(b"hello")
    coded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
    with ScriptedServer([[REFUSED, coded % (len(packed), packed)]]) as server:
        reply = opener_with(pool, WordHandler("a")).open(server.url)
        assert reply.read() == b"hello"


# --- the body

BODIES = {
    "bytes": lambda: BODY,
    "file": lambda: io.BytesIO(BODY),
    "list": lambda: [BODY[:3], BODY[3:]],
}


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES)
def test_a_body_is_sent_again_from_its_beginning(pool, make):
    with ScriptedServer([[REFUSED, REFUSED, HELLO]]) as server:
        opener_with(pool, WordHandler("a", "b")).open(server.url, make()).close()
    bodies = [raw.partition(b"\r\n\r\n")[2] for raw in server.requests]
    assert bodies[0] == bodies[1] == bodies[2]
    assert b"the" in bodies[0]


def test_a_file_is_sent_again_from_where_it_stood(pool):
    file = io.BytesIO(b"before" + BODY)
    file.seek(6)
    with ScriptedServer([[REFUSED, HELLO]]) as server:
        opener_with(pool, WordHandler("a")).open(server.url, file).close()
    assert [raw.partition(b"\r\n\r\n")[2] for raw in server.requests] == [BODY, BODY]


def test_a_body_that_can_be_read_only_once_is_an_error(pool):
    word = WordHandler("a")
    with ScriptedServer([REFUSED]) as server, pytest.raises(errors.BodyNotReplayable):
        opener_with(pool, word).open(server.url, iter([BODY]))
    assert len(server.requests) == 1
    assert word.replies[0].closed


@pytest.mark.parametrize("data", [io.BytesIO(BODY), iter([BODY])])
def test_a_body_of_which_nobody_noted_the_beginning_is_an_error(data):
    word = WordHandler("a")
    request = urllib.request.Request("http://a/", data)
    with pytest.raises(errors.BodyNotReplayable, match="did not note"):
        send_again(word, prepared(request), "Word a")


# --- the reply


def test_the_refusal_is_what_the_caller_gets_where_there_is_no_answer(pool):
    with ScriptedServer([REFUSED]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, WordHandler()).open(server.url)
        assert caught.value.read() == b"refused"


def test_the_last_refusal_is_what_the_caller_gets_where_no_answer_is_good(pool):
    again = REFUSED.replace(b"refused", b"again..")
    with ScriptedServer([[REFUSED, again]]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, WordHandler("a")).open(server.url)
        assert caught.value.read() == b"again.."
    assert pool.opened == 1


def test_a_fault_while_answering_closes_the_refused_reply(pool):
    class Failing(WordHandler):
        def http_error_auth_reqed(self, field, host, req, headers):
            raise KeyError(field, host, headers["www-authenticate"])

    failing = Failing()
    with ScriptedServer([[REFUSED, HELLO]]) as server:
        opener = opener_with(pool, failing)
        with pytest.raises(KeyError) as caught:
            opener.open(server.url)
        assert caught.value.args == ("www-authenticate", server.url, "Word realm=a")
        assert failing.replies[0].closed
        assert opener.open(server.url).read() == b"hello"
    assert pool.opened == 1


# --- what was tried


def test_credentials_are_offered_once_unless_they_are_right(pool):
    word = WordHandler("a")
    with ScriptedServer([[REFUSED, HELLO]]) as server:
        opener_with(pool, word).open(server.url).close()
        [request] = word.requests
    assert try_offer(word, request, "a")
    assert not was_refused(word, request)


class Opener:
    """Takes what handlers open again."""

    def __init__(self, *handlers):
        self.handlers = handlers
        self.opened = []
        for handler in handlers:
            handler.parent = self

    def open(self, request, timeout):
        self.opened.append(request)
        return timeout


def test_each_handler_counts_for_itself_what_it_tried():
    one, other = WordHandler(), WordHandler()
    opener = Opener(one, other)
    request = Request("http://a/")
    request.timeout = 5
    for number in range(MOST_ANSWERS):
        request = prepared(request)
        assert try_offer(one, request, number)
        assert send_again(one, request, "Word") == 5
        request = opener.opened[-1]
        assert not try_offer(one, request, number)
        assert try_offer(one, request, number, again=True) is (number < MOST_ANSWERS - 1)
    assert not try_offer(one, request, "new")
    assert was_refused(one, request)
    assert try_offer(other, request, 0)
    assert not was_refused(other, request)


def test_a_request_is_prepared_once():
    request = Request("http://a/")
    copy = prepared(request)
    assert copy is not request
    assert prepared(copy) is copy
    copy.add_unredirected_header("Authorization", "x")
    assert not request.has_header("Authorization")


def test_credentials_are_in_no_repr_and_a_request_can_be_copied_with_them():
    word = WordHandler()
    request = prepared(Request("http://a/"))
    try_offer(word, request, "a secret")
    assert "a secret" not in repr(request)
    assert "a secret" not in repr(request.refusal)
    assert deepcopy(request).refusal.offered == "a secret"


# --- schemes that nobody answers


def test_a_scheme_that_no_handler_answers_is_an_error():
    word = WordHandler()
    Opener(word)
    with pytest.raises(errors.InvalidRequest, match=r"WordHandler does not support .* 'NTLM'"):
        refuse_unsupported(word, parse_challenges(["NTLM, Negotiate"]))


def test_there_is_no_error_without_a_challenge():
    word = WordHandler()
    refuse_unsupported(word, [])
    assert not is_answered_by_another(word, [])


@pytest.mark.parametrize(
    ("scheme", "field", "is_answered"),
    [
        ("Word", "Authorization", True),
        ("WORD", "authorization", True),
        ("Other", "Authorization", False),
        ("Word", "Proxy-Authorization", False),
    ],
)
def test_a_scheme_that_another_handler_answers_is_left_to_it(scheme, field, is_answered):
    asking, other = WordHandler(), WordHandler()
    other.auth_header = field
    asking.auth_scheme = "own"
    Opener(asking, other, BaseHandler())
    assert is_answered_by_another(asking, [scheme]) is is_answered


def test_a_handler_may_answer_several_schemes():
    asking, other = WordHandler(), WordHandler()
    other.auth_schemes = ("digest", "basic")
    Opener(asking, other)
    assert is_answered_by_another(asking, ["Basic"])
    assert not is_answered_by_another(asking, ["word"])


def test_a_handler_does_not_leave_its_own_scheme_to_itself():
    word = WordHandler()
    Opener(word)
    assert not is_answered_by_another(word, ["word"])
    assert not is_answered_by_another(WordHandler(), ["word"])


# --- as one user


class UserHandler(BaseHandler):
    """Answers as one user whatever is asked."""

    def __init__(self, unasked=None):
        self.unasked = unasked

    def http_request(self, req):
        if self.unasked and not req.has_header("Authorization"):
            req.add_unredirected_header("Authorization", self.unasked)
        return req

    def http_error_401(self, req, fp, code, msg, headers):
        who = "user", "password"
        return answer_as(self, who, "Authorization", req, fp, headers, unasked=self.unasked)


def asking(*challenges):
    fields = b"".join(b"WWW-Authenticate: %b\r\n" % one.encode() for one in challenges)
    return b"HTTP/1.1 401 Asks\r\n%bContent-Length: 7\r\n\r\nrefused" % fields


BASIC = basic_credentials("user", "password")
DIGEST = 'Digest realm="r", nonce="n", qop="{}"'


def sent(server):
    return [fields_of(raw).get("authorization") for raw in server.requests]


@pytest.mark.parametrize(
    ("challenges", "begins"),
    [
        (["Basic realm=a"], BASIC),
        (["Basic realm=a", DIGEST.format("auth")], "Digest "),
        ([f"Negotiate, {DIGEST.format('auth')}, Basic realm=a"], "Digest "),
    ],
)
def test_a_user_answers_the_strongest_challenge(pool, challenges, begins):
    with ScriptedServer([[asking(*challenges), HELLO]]) as server:
        assert opener_with(pool, UserHandler()).open(server.url).read() == b"hello"
    assert sent(server)[0] is None
    assert sent(server)[1].startswith(begins)


def test_a_user_who_was_refused_answers_no_more_unless_only_a_nonce_was_too_old(pool):
    stale = f"{DIGEST.format('auth')}, stale=true"
    with ScriptedServer([[asking("Basic"), asking("Basic")]]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, UserHandler()).open(server.url)
        assert caught.value.read() == b"refused"
    assert sent(server) == [None, BASIC]
    with ScriptedServer([[asking(stale), asking(stale), HELLO]]) as server:
        assert opener_with(pool, UserHandler()).open(server.url).read() == b"hello"
    assert len(server.requests) == 3


@pytest.mark.parametrize("field", ["Own", BASIC])
def test_a_field_that_the_program_gave_is_not_replaced(pool, field):
    with ScriptedServer([asking("Basic")]) as server:
        request = Request(server.url, headers={"Authorization": field})
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, UserHandler()).open(request)
        assert caught.value.read() == b"refused"
    assert sent(server) == [field]


class ProxysToo(UserHandler):
    """Answers the proxy as the same user."""

    handler_order = 100

    def http_open(self, req):
        req.set_proxy(self.proxy, "http")

    def http_error_407(self, req, fp, code, msg, headers):
        return answer_as(self, ("user", "password"), "Proxy-Authorization", req, fp, headers)


@pytest.mark.parametrize("own", ["Own", None])
def test_an_answer_to_a_proxy_is_none_to_the_origin(pool, own):
    proxys = asking("Basic").replace(b"401", b"407").replace(b"WWW-", b"Proxy-")
    with ScriptedServer([[proxys, asking("Basic"), asking("Basic")]]) as server:
        user = ProxysToo()
        user.proxy = server.authority
        request = Request("http://origin.example/", headers={"Authorization": own} if own else {})
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, user).open(request)
        caught.value.close()
    assert sent(server) == ([own, own] if own else [None, None, BASIC])


@pytest.mark.parametrize(
    ("challenge", "answers"), [("Basic", []), (DIGEST.format("auth"), ["Digest "])]
)
def test_what_was_sent_unasked_is_not_sent_again_but_may_be_proved_otherwise(
    pool, challenge, answers
):
    with ScriptedServer([[asking(challenge), asking("Basic")]]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, UserHandler(unasked=BASIC)).open(server.url)
        caught.value.close()
    assert sent(server)[0] == BASIC
    assert [one[:7] for one in sent(server)[1:]] == answers


def test_a_fault_while_answering_as_a_user_closes_the_refused_reply(pool):
    with ScriptedServer([[asking(DIGEST.format("auth-int")), HELLO]]) as server:
        opener = opener_with(pool, UserHandler())
        with pytest.raises(errors.BodyNotReplayable):
            opener.open(server.url, iter([BODY]))
        assert opener.open(server.url).read() == b"hello"
    assert pool.opened == 1


def test_a_body_is_read_from_its_beginning_and_is_ready_after_that():
    file, told = io.BytesIO(b"before" + BODY), []
    file.seek(6)
    request = Request("http://a/", watched(file, lambda now, total: told.append(now)))
    for _ in range(2):
        assert b"".join(body_pieces(request)) == BODY
    assert file.read() == BODY
    assert told == []
    assert [*body_pieces(urllib.request.Request("http://a/"))] == []


def test_a_redirect_from_elsewhere_is_told_from_one_within_the_origin():
    class Reply:
        def __init__(self, url):
            self.url = url

    request = Request("http://user@a/b")
    assert is_of_program(request)
    request.history = (Reply("http://a:80/"), Reply("http://a/c"))
    assert is_of_program(request)
    for elsewhere in ("https://a/", "http://a:81/", "http://b/"):
        request.history = (Reply("http://a/"), Reply(elsewhere))
        assert not is_of_program(request)
    assert is_of_program(urllib.request.Request("http://a/"))
