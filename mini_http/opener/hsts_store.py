"""HSTSStore: the hosts that are to be asked over TLS only, and the file that they are kept in.

The file is curl's (`curl --hsts FILE`), so that both programs can share one:

    # any comment
    example.org "20301231 23:59:59"
    .example.com "unlimited"

A dot before the name means: its subdomains, too. The time, in UTC, is when the entry ends.
"""

from __future__ import annotations

import re
import time
from _thread import allocate_lock  # importing threading takes a millisecond

from mini_http.base.value import Value
from mini_http.opener.cookies.public_suffix import is_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable

MOST_HOSTS = 10_000
"""So many are kept; beyond, those that end first are dropped: a server can name many."""
LONGEST_AGE = 100 * 365 * 24 * 3600
"""Seconds; more counts as no more than this."""
WORTH_SAVING = 24 * 3600
"""Seconds that an entry's end must have moved for its file to be written: each reply moves it."""

# A host, the time that its entry ends in quotes, and blanks around them.
_LINE = re.compile(r'[ \t]*+(\.?+)([^\s".#][^\s"#]*+)[ \t]++"([0-9: ]++|unlimited)"[ \t]*+')
_NO_ENTRY = re.compile(r"[ \t]*+(?:#.*+)?+")
_TIME = "%Y%m%d %H:%M:%S"


class KnownHost(Value):
    """What is known of a host."""

    expires: float
    """Seconds since 1970; infinite if it never ends."""
    include_subdomains: bool

    def counts_for(self, itself: bool, now: float) -> bool:
        """Whether it counts for the host itself, or for one below it."""
        return self.expires > now and (itself or self.include_subdomains)


class HSTSStore:
    """The known hosts, loaded from `filename` if it is there, and saved to it as they change.

    `clock` gives seconds since 1970. Threads may share a store; so may processes the file: what one
    has not changed is taken from there when it is saved. Raises OSError, and ValueError for a file
    of another form, which is never overwritten.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._filename = None if filename is None else str(filename)
        self._changed: dict[str, KnownHost | None] = {}
        self._saving = allocate_lock()
        self._changing = allocate_lock()
        """Held for moments only, not while a file is written."""
        self._hosts = self._read()

    def remember(self, host: str, max_age: float, include_subdomains: bool = False) -> None:
        """Notes a host for `max_age` seconds from now; forgets it if they are none.

        IP addresses are never noted (RFC 6797 section 8.1.1).
        """
        host = _canonical(host)
        if not host or is_address(host):
            return
        known = None
        if max_age > 0:
            known = KnownHost(self._clock() + min(max_age, LONGEST_AGE), include_subdomains)
        with self._changing:
            before = self._hosts.get(host)
            if known is None:
                self._hosts.pop(host, None)
            else:
                self._hosts[host] = known
                self._drop_some(self._hosts)
            self._changed[host] = known
        if _is_news(before, known):
            self.save()

    def is_known(self, host: str) -> bool:
        """Whether a host, or one above it with its subdomains, is known (RFC 6797 section 8.2)."""
        if not self._hosts:
            return False
        host = name = _canonical(host)
        if is_address(host):
            return False
        now = self._clock()
        while name:
            known = self._hosts.get(name)
            if known is not None and known.counts_for(name == host, now):
                return True
            name = name.partition(".")[2]
        return False

    def save(self) -> None:
        """Writes the file, if there is one and something changed. Raises OSError."""
        if self._filename is None or not self._changed:
            return
        from mini_http.opener.whole_file import write_whole

        with self._saving:
            with self._changing:
                changed, self._changed = self._changed, {}
            try:
                hosts = self._read()
                for host, known in changed.items():
                    hosts.pop(host, None)
                    if known is not None:
                        hosts[host] = known
                self._drop_some(hosts)
                now = self._clock()
                lines = [
                    _written(host, known) for host, known in hosts.items() if known.expires > now
                ]
                text = "".join([_HEADER, *lines])
                write_whole(self._filename, text.encode())
            except BaseException:
                with self._changing:
                    self._changed = changed | self._changed
                raise

    def _read(self) -> dict[str, KnownHost]:
        hosts: dict[str, KnownHost] = {}
        if self._filename is None:
            return hosts
        try:
            with open(self._filename, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    try:
                        entry = _read_line(line.rstrip("\n"))
                    except ValueError as error:
                        where = f"{self._filename!r}, line {number}"
                        raise ValueError(f"this is no HSTS file: {where}: {error}") from None
                    if entry is not None:
                        hosts[entry[0]] = entry[1]
        except FileNotFoundError:
            pass
        return hosts

    @staticmethod
    def _drop_some(hosts: dict[str, KnownHost]) -> None:
        too_many = len(hosts) - MOST_HOSTS
        if too_many > 0:
            ends = sorted((known.expires, host) for host, known in list(hosts.items()))
            for _, host in ends[:too_many]:
                hosts.pop(host, None)

    def __len__(self) -> int:
        return len(self._hosts)


def _canonical(host: str) -> str:
    return host.lower().removesuffix(".")


def _is_news(before: KnownHost | None, known: KnownHost | None) -> bool:
    if before is None or known is None:
        return before is not known
    moved = abs(known.expires - before.expires)
    return moved > WORTH_SAVING or known.include_subdomains != before.include_subdomains


# --- the file

_HEADER = "# Hosts that are asked over TLS only (RFC 6797), in the form of curl --hsts.\n"


def _read_line(line: str) -> tuple[str, KnownHost] | None:
    if _NO_ENTRY.fullmatch(line):
        return None
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError('it is not: host "YYYYMMDD HH:MM:SS"')
    dot, host, ends = found.groups()
    expires = float("inf")
    if ends != "unlimited":
        from calendar import timegm

        expires = timegm(time.strptime(ends, _TIME))
    return _canonical(host), KnownHost(expires, bool(dot))


def _written(host: str, known: KnownHost) -> str:
    ends = "unlimited"
    if known.expires != float("inf"):
        ends = time.strftime(_TIME, time.gmtime(known.expires))
    return f'{"." if known.include_subdomains else ""}{host} "{ends}"\n'
