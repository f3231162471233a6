"""OpenerDirector: which handlers are asked, in which order, and with what."""

import contextlib
import socket
import sys
import threading
import urllib.error
import urllib.request

import pytest

from mini_http import BaseHandler, OpenerDirector, Request, __version__, build_opener
from mini_http.base import errors
from mini_http.base.timeouts import Deadline

STOCK = urllib.request.OpenerDirector


class Log(list):
    """What the handlers of a test were asked, in order."""

    def handler(self, name, order=500, base=BaseHandler, **hooks):
        """A handler that notes each call. `hooks` are its methods, by what they return."""

        def noting(hook, result):
            def method(_, *arguments):
                self.append(f"{name}.{hook}")
                return result(*arguments) if callable(result) else result

            return method

        methods = {hook: noting(hook, result) for hook, result in hooks.items()}
        return type(name, (base,), {"handler_order": order, **methods})()


@pytest.fixture
def log():
    return Log()


def opener_with(*handlers, kind=OpenerDirector):
    opener = kind()
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def same(request, *_):
    """What a request hook usually returns."""
    return request


def reply(request, response):
    """What a response hook usually returns."""
    return response


BOTH = pytest.mark.parametrize(
    ("kind", "base"),
    [(OpenerDirector, BaseHandler), (STOCK, urllib.request.BaseHandler)],
    ids=["ours", "urllib's"],
)
"""For what our opener and urllib's do alike."""


# --- stages


@BOTH
def test_a_request_goes_through_the_stages_of_its_scheme(log, kind, base):
    hooks = {
        f"{scheme}_{stage}": result
        for scheme in ("x", "y")
        for stage, result in (("request", same), ("open", "reply"), ("response", reply))
    }
    opener = opener_with(log.handler("a", base=base, **hooks), kind=kind)
    assert opener.open("x://host/") == "reply"
    assert log == ["a.x_request", "a.x_open", "a.x_response"]


@BOTH
def test_handlers_are_asked_by_their_order_and_then_as_they_were_added(log, kind, base):
    hooks = {"x_request": same, "x_open": None, "x_response": reply}
    opener = opener_with(
        log.handler("late", 900, base, **hooks),
        log.handler("first", 500, base, **hooks),
        log.handler("second", 500, base, **hooks),
        log.handler("early", 100, base, **hooks),
        kind=kind,
    )
    assert opener.open("x://host/") is None
    assert [type(handler).__name__ for handler in opener.handlers] == [
        *("early", "first", "second", "late")
    ]
    assert log == [
        f"{name}.{stage}"
        for stage in ("x_request", "x_open", "x_response")
        for name in ("early", "first", "second", "late")
    ]


@BOTH
def test_the_first_reply_is_the_reply(log, kind, base):
    opener = opener_with(
        log.handler("a", base=base, x_open=None),
        log.handler("b", base=base, x_open="b's"),
        log.handler("c", base=base, x_open="c's"),
        kind=kind,
    )
    assert opener.open("x://host/") == "b's"
    assert log == ["a.x_open", "b.x_open"]


@BOTH
def test_default_open_comes_before_the_schemes_and_unknown_open_after(log, kind, base):
    opener = opener_with(
        log.handler("a", 300, base, unknown_open="unknown"),
        log.handler("b", 200, base, x_open=None),
        log.handler("c", 900, base, default_open=None),
        kind=kind,
    )
    assert opener.open("x://host/") == "unknown"
    assert log == ["c.default_open", "b.x_open", "a.unknown_open"]


@BOTH
def test_hooks_hand_on_what_they_return(log, kind, base):
    other = Request("x://other/")
    opener = opener_with(
        log.handler("a", base=base, x_request=lambda request: other),
        log.handler("b", base=base, x_request=lambda request: request),
        log.handler("c", base=base, x_open=lambda request: [request]),
        log.handler("d", base=base, x_response=lambda request, response: [request, *response]),
        log.handler("e", base=base, x_response=lambda request, response: tuple(response)),
        kind=kind,
    )
    assert opener.open("x://host/") == (other, other)


@BOTH
def test_methods_that_only_look_like_hooks_are_none(log, kind, base):
    handler = log.handler("a", base=base, redirect_request=1, do_open=2, proxy_open=3)
    opener = opener_with(handler, kind=kind)
    assert (opener.handlers, opener.handle_open) == ([], {})
    assert not hasattr(handler, "parent")


@BOTH
def test_a_handler_without_hooks_is_not_added(log, kind, base):
    handler = log.handler("a", base=base, http_requests=1, close=2, request_http=3)
    opener = opener_with(handler, kind=kind)
    assert (opener.handlers, opener.handle_open, opener.process_request) == ([], {}, {})


@BOTH
def test_a_handler_knows_its_opener(log, kind, base):
    handler = log.handler("a", base=base, x_open="reply")
    opener = opener_with(handler, kind=kind)
    assert handler.parent is opener


@BOTH
@pytest.mark.parametrize("wrong", [object(), "HTTPHandler", None])
def test_what_is_no_handler_is_a_type_error(kind, base, wrong):
    with pytest.raises(TypeError, match="expected BaseHandler instance"):
        kind().add_handler(wrong)


def test_anything_with_add_parent_is_a_handler():
    class Own:
        def add_parent(self, parent):
            self.parent = parent

        def x_open(self, request):
            return "reply"

    class Later(BaseHandler):
        def y_open(self, request):
            return "late"

    own = Own()
    opener = opener_with(own, Later())
    assert own.parent is opener
    assert opener.open("x://host/") == "reply"


def test_a_handler_that_is_added_later_takes_effect_at_once(log):
    opener = opener_with(log.handler("a", x_open="a's"))
    assert opener.open("x://host/") == "a's"
    opener.add_handler(log.handler("b", 100, x_open="b's", x_request=same))
    assert opener.open("x://host/") == "b's"
    assert log == ["a.x_open", "b.x_request", "b.x_open"]


def test_without_any_handler_there_is_no_reply():
    assert OpenerDirector().open("x://host/") is None


# --- what may be opened, and with what


@BOTH
def test_a_string_becomes_a_request_with_the_data(log, kind, base):
    opener = opener_with(log.handler("a", base=base, x_open=lambda request: request), kind=kind)
    request = opener.open("x://host/", b"data", 5)
    assert (request.full_url, request.data, request.get_method()) == ("x://host/", b"data", "POST")
    assert request.timeout == 5


@pytest.mark.parametrize("theirs", [False, True])
def test_a_request_is_opened_as_it_is_whichever_its_class(log, theirs):
    kind = urllib.request.Request if theirs else Request
    opener = opener_with(log.handler("a", x_open=lambda request: request))
    opened = opener.open(kind("x://host/", headers={"X-One": "1"}, method="PATCH"))
    assert isinstance(opened, Request)
    assert (opened.full_url, opened.get_method()) == ("x://host/", "PATCH")
    assert opened.headers == {"X-one": "1"}


@BOTH
def test_data_is_set_on_a_request_that_is_given(log, kind, base):
    opener = opener_with(log.handler("a", base=base, x_open=lambda request: request), kind=kind)
    request = Request("x://host/", headers={"Content-Length": "5"})
    assert opener.open(request, b"data") is request
    assert (request.data, request.header_items()) == (b"data", [])
    assert opener.open(request).data == b"data"


def test_a_request_is_the_same_object_all_the_way(log):
    opener = opener_with(log.handler("a", x_open=lambda request: request))
    request = Request("x://host/")
    assert opener.open(request) is request


def test_the_timeout_is_the_default_where_none_is_given(log):
    opener = opener_with(log.handler("a", x_open=lambda request: request.timeout))
    assert opener.open("x://host/") is socket._GLOBAL_DEFAULT_TIMEOUT
    assert opener.open("x://host/", timeout=None) is None


@pytest.mark.parametrize("wrong", [None, 5, b"x://host/", object()])
def test_what_is_neither_url_nor_request_is_a_type_error(wrong):
    with pytest.raises(TypeError, match="expected a URL or a Request"):
        OpenerDirector().open(wrong)


def test_a_url_that_is_none_is_an_error_of_ours():
    with pytest.raises(errors.InvalidURL, match="unknown url type"):
        OpenerDirector().open("bogus url")


def test_each_opening_of_a_request_has_a_deadline_of_its_own(log):
    opener = opener_with(log.handler("a", x_open=lambda request: [request.deadline]))
    request = Request("x://host/")
    request.deadline = Deadline(0)  # long past, from an earlier opening
    assert opener.open(request) == [None]


def test_a_request_that_follows_a_redirect_keeps_its_deadline(log):
    opener = opener_with(log.handler("a", x_open=lambda request: [request.deadline]))
    request = Request("x://host/")
    request.deadline, request.opened_by = Deadline(5), threading.get_ident()
    assert opener.open(request) == [request.deadline]


@pytest.mark.parametrize("given", ["x://host/", Request("x://host/")])
def test_a_handler_may_open_a_request_once_more_within_its_deadline(log, given):
    def twice(request):
        if request.deadline is not None:
            return request
        request.deadline = Deadline(5)
        request.add_unredirected_header("Authorization", "answer")
        return opener.open(request)

    opener = opener_with(log.handler("a", x_open=twice))
    request = opener.open(given)
    assert request.deadline is not None
    assert request.header_items() == [("Authorization", "answer")]
    assert request.opened_by is None


@pytest.mark.parametrize("fails", [False, True])
def test_what_handlers_add_to_a_request_is_not_there_when_it_is_opened_again(log, fails):
    def seen_by(request):
        seen.append(request.header_items())
        request.add_unredirected_header("Cookie", "a=b")
        if fails:
            raise errors.ConnectFailed("refused")

    seen = []
    opener = opener_with(log.handler("a", x_open=seen_by))
    request = Request("x://host/", headers={"X": "1"})
    for _ in range(2):
        with contextlib.suppress(errors.ConnectFailed):
            opener.open(request)
    assert seen == [[("X", "1")], [("X", "1")]]
    assert request.opened_by is None


def test_a_request_that_can_not_be_opened_is_not_being_opened():
    request = Request("x://host/")
    request.headers[5] = "a name that is none"
    with pytest.raises(AttributeError):
        OpenerDirector().open(request)
    assert request.opened_by is None


def test_threads_may_open_the_same_request_at_once(log):
    def as_another_thread_does_too(request):
        opened.append(request)
        if len(opened) == 1:
            request.add_unredirected_header("Cookie", "a=b")
            thread = threading.Thread(target=opener.open, args=(request,))
            thread.start()
            thread.join()
        return request

    opened = []
    opener = opener_with(log.handler("a", x_open=as_another_thread_does_too))
    request = Request("x://host/")
    assert opener.open(request) is request
    assert opened[0] is request
    assert opened[1] is not request
    assert [each.header_items() for each in opened] == [[("Cookie", "a=b")], []]
    assert [each.opened_by for each in opened] == [None, None]


@BOTH
@pytest.mark.parametrize("hook", ["x_request", "x_open", "x_response"])
def test_a_method_put_in_the_place_of_a_hook_is_called(log, kind, base, hook, monkeypatch):
    handler = log.handler("a", base=base, x_request=same, x_open="reply", x_response=reply)
    opener = opener_with(handler, kind=kind)
    opener.open("x://host/")
    monkeypatch.setattr(type(handler), hook, lambda *given: log.append("other") or given[-1])
    opener.open("x://host/")
    assert log.count("other") == 1


# --- errors


@BOTH
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_error_is_handed_to_those_who_know_its_code(log, kind, base, scheme):
    opener = opener_with(
        log.handler("late", 900, base, http_error_404="late"),
        log.handler("other", 100, base, http_error_403="other", http_error_default="default"),
        log.handler("early", 300, base, http_error_404=None),
        kind=kind,
    )
    assert opener.error(scheme, "request", "reply", 404, "Not Found", {}) == "late"
    assert log == ["early.http_error_404", "late.http_error_404"]


@BOTH
def test_an_error_that_nobody_takes_goes_to_the_default(log, kind, base):
    opener = opener_with(
        log.handler("a", base=base, http_error_404=None, http_error_default=None),
        log.handler("b", base=base, http_error_default=lambda *arguments: arguments),
        log.handler("c", base=base, http_error_default="too late"),
        kind=kind,
    )
    given = ("request", "reply", 404, "Not Found", {})
    assert opener.error("http", *given) == given
    assert log == ["a.http_error_404", "a.http_error_default", "b.http_error_default"]


@BOTH
def test_an_error_that_nobody_knows_gives_nothing(log, kind, base):
    opener = opener_with(log.handler("a", base=base, http_error_404=None), kind=kind)
    assert opener.error("http", "request", "reply", 404, "Not Found", {}) is None
    assert opener.error("http", "request", "reply", 500, "Oh", {}) is None


def test_an_opener_without_error_handlers_has_nothing_to_say():
    assert OpenerDirector().error("http", "request", "reply", 404, "Not Found", {}) is None
    assert OpenerDirector().error("gopher", "anything") is None


def test_errors_of_other_schemes_have_hooks_too(log):
    opener = opener_with(
        log.handler("a", gopher_error=None),
        log.handler("b", gopher_error=lambda *arguments: arguments),
        log.handler("c", http_error_default="not asked"),
    )
    assert opener.error("gopher", "request", "anything") == ("request", "anything")
    assert log == ["a.gopher_error", "b.gopher_error"]
    assert opener.error("finger", "request") is None


@BOTH
def test_handlers_are_found_under_the_code_as_a_number(log, kind, base):
    handler = log.handler("a", base=base, http_error_404=1, http_error_auth_reqed=2)
    opener = opener_with(handler, kind=kind)
    assert opener.handle_error == {"http": {404: [handler], "auth_reqed": [handler]}}


# --- handlers of urllib.request


def test_a_handler_of_urllibs_takes_part(log):
    opener = opener_with(
        log.handler(
            "theirs",
            base=urllib.request.BaseHandler,
            http_request=same,
            http_open="a reply",
            http_response=lambda request, response: response.upper(),
            http_error_404="instead",
        ),
    )
    assert opener.open("http://host/") == "A REPLY"
    assert opener.error("http", "request", "reply", 404, "Not Found", {}) == "instead"
    assert log == [f"theirs.http_{hook}" for hook in ("request", "open", "response", "error_404")]


def test_a_handler_of_ours_takes_part_in_an_opener_of_urllibs(log):
    opener = opener_with(
        log.handler("ours", 100, x_request=same, x_open="reply", x_response=reply), kind=STOCK
    )
    assert opener.open("x://host/") == "reply"
    assert log == ["ours.x_request", "ours.x_open", "ours.x_response"]


def test_handlers_of_both_sort_together(log):
    stock = urllib.request.BaseHandler
    opener = opener_with(
        log.handler("d", 600, stock, x_open=None),
        log.handler("b", 500, x_open=None),
        log.handler("c", 500, stock, x_open=None),
        log.handler("a", 400, x_open=None),
    )
    assert opener.open("x://host/") is None
    assert log == ["a.x_open", "b.x_open", "c.x_open", "d.x_open"]


# --- the rest


def test_an_opener_introduces_itself():
    assert OpenerDirector().addheaders == [("User-agent", f"mini_http/{__version__}")]


def test_openers_do_not_share_the_fields_they_add():
    OpenerDirector().addheaders.append(("X-Own", "1"))
    assert len(OpenerDirector().addheaders) == 1


def test_the_table_of_an_opener_shows_each_stage_in_order(log):
    opener = opener_with(
        log.handler("Late", 900, http_request=1, http_open=1, http_error_404=1),
        log.handler("Early", 10, http_request=1, x_response=1, http_error_default=1),
    )
    assert [line.split() for line in opener.describe().splitlines()] == [
        ["request", "http", "10", "Early"],
        ["request", "http", "900", "Late"],
        ["open", "http", "900", "Late"],
        ["response", "x", "10", "Early"],
        ["error", "404", "http", "900", "Late"],
        ["error", "default", "http", "10", "Early"],
    ]


def test_the_table_of_the_usual_opener_names_all_its_handlers():
    opener = build_opener()
    table = opener.describe()
    assert all(type(handler).__name__ in table for handler in opener.handlers)


def test_an_empty_opener_has_an_empty_table():
    assert OpenerDirector().describe() == ""


def test_closing_an_opener_closes_its_handlers(log):
    opener = opener_with(
        log.handler("b", 900, x_open=1, close=None), log.handler("a", 100, x_open=1, close=None)
    )
    opener.close()
    assert log == ["a.close", "b.close"]
    assert opener.open("x://host/") == 1


def test_an_error_in_a_hook_is_the_callers_to_see(log):
    def fail(*_):
        raise urllib.error.URLError("out of order")

    opener = opener_with(log.handler("a", x_request=fail, x_open=1))
    with pytest.raises(errors.URLError, match="out of order"):
        opener.open("x://host/")
    assert log == ["a.x_request"]


def test_an_audit_hook_is_told_of_each_request(log):
    told = []
    listening = [True]  # a hook can't be taken out again

    def hook(event, given):
        if event == "urllib.Request" and listening:
            told.append(given)

    sys.addaudithook(hook)
    opener = opener_with(log.handler("a", x_open="reply"))
    opener.open(Request("x://host/path", b"data", {"A": "b"}, method="PUT"))
    listening.clear()
    assert told == [("x://host/path", b"data", {"A": "b"}, "PUT")]
