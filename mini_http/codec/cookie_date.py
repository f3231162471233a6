"""Cookie dates: what Expires says (RFC 6265bis section 5.1.1), which is hardly ever what it should.

The draft's algorithm takes a date apart into tokens and lets each be what it looks like, in any
order. `parse_cookie_date` is that algorithm, after a look for the one form that nearly all servers
send; it is linear, raises nothing, and knows no clock.
"""

from __future__ import annotations

import re

from mini_http.base.dates import MONTHS

# Nearly every date that is sent: IMF-fixdate (RFC 9110 section 5.6.7), or with hyphens, as Netscape
# had it.
_USUAL = (
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2})[ \-]([A-Z][a-z]{2})[ \-]([1-9][0-9]{3}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
# date-token = 1*non-delimiter
_TOKEN = r"[^\t\x20-/;-@\[-`{-~]++"
# time = hms-time [ non-digit *OCTET ]
_TIME = r"(?s)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])"
# day-of-month = 1*2DIGIT [ non-digit *OCTET ]
_DAY = r"([0-9]{1,2})(?![0-9])"
# year = 2*4DIGIT [ non-digit *OCTET ]
_YEAR = r"([0-9]{2,4})(?![0-9])"

_NUMBER_OF_MONTH = {name.lower(): number for number, name in enumerate(MONTHS, start=1)}
FIRST_YEAR = 1601


def parse_cookie_date(text: str) -> int | None:
    """The time that a cookie date means, in seconds since 1970; None if it is none."""
    usual = re.fullmatch(_USUAL, text)
    if usual is None:
        return _parse_any(text)
    day, name, year, *clock = usual.groups()
    month = _NUMBER_OF_MONTH.get(name.lower())
    return _seconds(int(year), month, int(day), *map(int, clock))


def _parse_any(text: str) -> int | None:
    """The draft's algorithm, which gives the same for the usual form."""
    clock: re.Match[str] | None = None
    day = month = year = None
    for token in re.findall(_TOKEN, text):
        if clock is None and (found := re.match(_TIME, token)):
            clock = found
        elif day is None and (found := re.match(_DAY, token)):
            day = int(found[1])
        elif month is None and (number := _NUMBER_OF_MONTH.get(token[:3].lower())):
            month = number
        elif year is None and (found := re.match(_YEAR, token)):
            year = int(found[1])
    if clock is None or day is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    return _seconds(year, month, day, *map(int, clock.groups()))


def _seconds(
    year: int, month: int | None, day: int, hour: int, minute: int, second: int
) -> int | None:
    """Seconds since 1970, if there is such a moment; there are no leap seconds in cookie dates."""
    if month is None or year < FIRST_YEAR:
        return None
    from datetime import UTC, datetime

    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        return None
