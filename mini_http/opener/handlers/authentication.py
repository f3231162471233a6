"""What the handlers of authentication share: how a refused request is answered for.

A reply of 401 or 407 asks for credentials. The request that brings them is a copy of the refused
one, so the caller's Request never keeps them, and can be opened for another origin without them. It
is opened by the same opener, within the same time limits. Before that the refused reply is closed,
which frees its connection for the answer, and the body is rewound.

A handler that takes part has `auth_header`, the name of the field that it answers in,
`auth_scheme`, the one scheme that it answers, in lower case, and `http_error_auth_reqed(field,
host, request, headers)`, as those of urllib.request have it. `answer_as` is for handlers that know
one user and password and answer whatever scheme is the strongest; those have `auth_schemes`.
"""

from __future__ import annotations

from mini_http import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Protocol

    from mini_http.codec.challenges import Challenge

    class Authenticator(Protocol):
        """What makes a handler one of authentication."""

        parent: Any
        auth_header: str
        auth_scheme: str

        def http_error_auth_reqed(self, field: str, host: str, req: Any, headers: Any, /) -> Any:
            """The reply to the handler's answer; None if it has none."""


MOST_ANSWERS = 5
"""Answers of one handler in one field while one request is opened: for password managers that ask a
person, and for servers whose nonces age quickly."""


class Refusal:
    """Why a request is sent again: `request.refusal` of such a one. It has no `repr` of its own,
    since it holds passwords.
    """

    def __init__(self, reply: Any, answers: tuple[tuple[int, str, object], ...] = ()) -> None:
        self.reply = reply
        """The reply that asks for credentials; None where nobody told or it is closed."""
        self.answers = answers
        """Which handler, by its id, sent in which field which credentials since the caller's
        request; all were refused."""
        self.offered: object = None
        """The credentials that come next."""


def answer(
    handler: Authenticator, field: str, host: str, req: Any, reply: Any, headers: Any
) -> Any:
    """Has a handler answer the challenges that a reply has in `field`; returns what came of it.

    That is the next reply, or None, and then `reply` is as it was. `host` is the URL or authority
    that the credentials are for. Raises what `http_error_auth_reqed` and opening raise.
    """
    try:
        return handler.http_error_auth_reqed(field, host, _copied(req, reply), headers)
    except base.errors.HTTPError:
        raise  # which is a reply: this one, or the next
    except BaseException:
        reply.close()
        raise


def prepared(req: Any) -> Any:
    """The copy of a refused request that will be sent again: `req` itself where it is one."""
    return _copied(req, None) if getattr(req, "refusal", None) is None else req


def _copied(req: Any, reply: Any) -> Any:
    from copy import copy

    again = copy(req)
    again.unredirected_hdrs = dict(req.unredirected_hdrs)
    before = getattr(req, "refusal", None)
    again.refusal = Refusal(reply, () if before is None else before.answers)
    return again


def was_refused(handler: object, req: Any, field: str | None = None) -> bool:
    """Whether an answer of this handler to this request was refused, in `field`, which is the
    handler's `auth_header` unless given."""
    return bool(_answers_before(handler, req, field))


def try_offer(
    handler: object, req: Any, credentials: object, again: bool = False, field: str | None = None
) -> bool:
    """Notes credentials as what the next answer holds; returns False where they may not be sent.

    They may be at most MOST_ANSWERS times, and none that were refused, unless it is `again` though
    they were right. They are for `field`, which is the handler's `auth_header` unless given.
    """
    before = _answers_before(handler, req, field)
    if len(before) >= MOST_ANSWERS or (credentials in before and not again):
        return False
    if getattr(req, "refusal", None) is not None:
        req.refusal.offered = credentials
    return True


def _answers_before(handler: Any, req: Any, field: str | None) -> list[object]:
    refusal = getattr(req, "refusal", None)
    if refusal is None:
        return []
    asked = id(handler), field or handler.auth_header
    return [sent for who, where, sent in refusal.answers if (who, where) == asked]


def send_again(handler: Any, req: Any, value: str, field: str | None = None) -> Any:
    """Opens a request that was `prepared`, with `value` in `field`, which is the handler's
    `auth_header` unless given; returns the reply.

    Raises BodyNotReplayable, and what opening raises.
    """
    _rewind(req)
    field = field or handler.auth_header
    refusal = req.refusal
    if refusal.reply is not None:
        refusal.reply.close()
    req.refusal = Refusal(None, (*refusal.answers, (id(handler), field, refusal.offered)))
    req.add_unredirected_header(field, value)
    return handler.parent.open(req, timeout=req.timeout)


def _rewind(req: Any) -> None:
    """Makes the body of a request ready to be sent again. Raises BodyNotReplayable."""
    sent = getattr(req, "body", None)
    if sent is not None:
        sent.rewind()
    elif hasattr(req.data, "read") or hasattr(req.data, "__next__"):
        raise base.errors.BodyNotReplayable(
            "the request must be sent again, but who sent it did not note where its body began;"
            " pass bytes"
        )


def body_pieces(req: Any) -> Iterator[memoryview]:
    """The body of a request from its beginning, to be looked at; it is ready to be sent after that.

    Raises BodyNotReplayable for one that can be read only once.
    """
    from mini_http.exchange.request_body import BodyWrapper, request_body

    body = getattr(req, "body", None) or request_body(req.data)
    while isinstance(body, BodyWrapper):  # whose watcher is told of what is sent, not of this
        body = body.body
    body.rewind()
    yield from body.pieces()
    body.rewind()


def refuse_unsupported(handler: Authenticator, challenges: Iterable[Challenge]) -> None:
    """Raises InvalidRequest, a ValueError, for challenges that nobody can answer.

    That is so if there are any, and the opener has no handler for the scheme of one of them.
    """
    schemes = [challenge.scheme for challenge in challenges]
    if schemes and not is_answered_by_another(handler, schemes):
        raise base.errors.InvalidRequest(
            f"{type(handler).__name__} does not support the scheme {schemes[0]!r}"
        )


def is_answered_by_another(handler: Authenticator, schemes: Iterable[str]) -> bool:
    """Whether the opener has another handler that answers one of the schemes, in the same field."""
    wanted = {(scheme.lower(), handler.auth_header.lower()) for scheme in schemes}
    opener = getattr(handler, "parent", None)
    return any(
        (scheme, getattr(other, "auth_header", "").lower()) in wanted
        for other in getattr(opener, "handlers", ())
        if other is not handler
        for scheme in getattr(other, "auth_schemes", (getattr(other, "auth_scheme", ""),))
    )


# --- one user and password, whatever the scheme


def answer_as(
    handler: object,
    who: tuple[str, str],
    field: str,
    req: Any,
    reply: Any,
    headers: Any,
    *,
    unasked: str | None = None,
) -> Any:
    """Answers the strongest challenge in `reply` as `who`, user and password; returns the reply to
    that.

    `field` is where the answer goes, Authorization or Proxy-Authorization; `unasked` is what was
    sent in it for the same user before anybody asked. None, and then `reply` is as it was, if there
    is no challenge that can be answered, if the user was refused, or if the field is one that the
    program gave. Raises InvalidRequest for what Basic can't express, BodyNotReplayable, and what
    opening raises.
    """
    given = req.get_header(field.capitalize())
    if given not in (None, unasked) and not was_refused(handler, req, field):
        return None
    again = _copied(req, reply)
    try:
        value = _strongest(handler, who, field, again, headers)
        return None if value in (None, unasked) else send_again(handler, again, value, field)
    except base.errors.HTTPError:
        raise  # which is a reply, the next one
    except BaseException:
        reply.close()
        raise


def _strongest(
    handler: object, who: tuple[str, str], field: str, req: Any, headers: Any
) -> str | None:
    """The answer that may be sent, noted as what comes next; or None."""
    from mini_http.codec.challenges import parse_challenges
    from mini_http.codec.credentials import digests_by_strength, strongest_answer

    asked = "www-authenticate" if field == "Authorization" else "proxy-authenticate"
    challenges = headers.get_all(asked) or ()
    is_stale = any(
        digest.is_stale for digest, _ in digests_by_strength(parse_challenges(challenges))
    )
    if not try_offer(handler, req, who, is_stale, field):
        return None
    return strongest_answer(challenges, *who, req.get_method(), req.selector, body_pieces(req))


def is_of_program(req: Any) -> bool:
    """Whether all that led to a request was of its origin: no redirect came from another one.

    Else what is known of the place that it is for may have been chosen by that other origin.
    """
    from mini_http.base.url import URL

    origin = URL.parse(req.full_url).origin
    return all(URL.parse(reply.url).origin == origin for reply in getattr(req, "history", ()))


# --- what handlers know


def proxy_password(
    opener: Any, place: str, fields: Iterable[str]
) -> tuple[str, str] | tuple[None, None]:
    """User and password that a handler for proxies knows for the proxy at `place`, for the realm of
    one of the challenges in `fields`; or two Nones.
    """
    from mini_http.codec.challenges import parse_challenges

    realms = [challenge.get("realm") for challenge in parse_challenges(fields)]
    for handler in getattr(opener, "handlers", ()):
        if getattr(handler, "auth_header", "").lower() == "proxy-authorization":
            for realm in realms:
                user, password = handler.passwd.find_user_password(realm, place)
                if user is not None and password is not None:
                    return user, password
    return None, None
