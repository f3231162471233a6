"""Dates as HTTP's fields say them (RFC 9110 section 5.6.7)."""

from __future__ import annotations

from time import gmtime

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LAST_YEAR = 9999
"""What four digits can say."""


def http_date(seconds: float) -> str | None:
    """A time, in seconds since 1970, as a field says it (IMF-fixdate, RFC 9110 section 5.6.7).

    None for a year that is none of the common era or has more than four digits: file systems hold
    such times. Python's own is in `email.utils`, whose import takes longer than all else about a
    file.
    """
    try:
        at = gmtime(seconds)
    except (OSError, OverflowError):  # beyond what the C library can say
        return None
    if not 0 < at.tm_year <= LAST_YEAR:
        return None
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    date = f"{at.tm_mday:02} {MONTHS[at.tm_mon - 1]} {at.tm_year:04}"
    return f"{DAYS[at.tm_wday]}, {date} {clock} GMT"
