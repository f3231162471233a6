"""Cookie dates: the draft's algorithm written down once more and plainly, and the dates that the
working group behind RFC 6265 collected (tests/data/http_state_cookies.json; source and licence are
in its `_meta`).
"""

from __future__ import annotations

import calendar
import json
import re
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mini_http.base.dates import MONTHS
from mini_http.codec.cookie_date import parse_cookie_date

DATA = json.loads((Path(__file__).parents[1] / "data" / "http_state_cookies.json").read_text())

NOON = 1_700_049_600
"""Wed, 15 Nov 2023 12:00:00 GMT."""


# --- dates that others collected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(case["test"], case["expected"], id=f"{group}-{number}")
        for group, cases in DATA["dates"].items()
        for number, case in enumerate(cases)
    ],
)
def test_a_collected_date_means_what_its_collectors_say(text, expected):
    moment = None if expected is None else int(parsedate_to_datetime(expected).timestamp())

    assert parse_cookie_date(text) == moment


# --- the rows of the algorithm


@pytest.mark.parametrize(
    "text",
    [
        "Wed, 15 Nov 2023 12:00:00 GMT",
        "Wed, 15-Nov-2023 12:00:00 GMT",
        "Wed, 15 Nov 2023 12:00:00",
        "Wednesday, 15-Nov-23 12:00:00 GMT",
        "Wed Nov 15 12:00:00 2023",
        "Nov 15 2023 12:00:00",
        "12:00:00 2023 15 november",
        "15/NOVEMBER/23@12:0:0",
        "Wed, 15 Nov 2023 12:00:00 PST",
        "Wed, 15 Nov 2023 12:00:00 +0500",
        "15 Nov 2023 12:00:00 16 Dec 2024 13:00:00",
        "15th Nov 2023y 12:00:00am",
        "15 Nov 2023 12:00:00.5",
        "\t 15~Nov[2023]12:00:00;",
        "15 \xe9t\xe9 Nov 2023 12:00:00",
    ],
)
def test_the_same_moment_is_written_in_many_ways(text):
    assert parse_cookie_date(text) == NOON


@pytest.mark.parametrize(
    ("year", "meant"),
    [
        ("70", 1970),
        ("99", 1999),
        ("00", 2000),
        ("69", 2069),
        ("100", None),
        ("0099", 1999),
        ("0069", 2069),
        ("0100", None),
        ("1600", None),
        ("1601", 1601),
        ("9999", 9999),
        ("10000", None),
        ("2", None),
    ],
)
@pytest.mark.parametrize("form", ["Wed, 31 Jan {} 00:00:00 GMT", "31 Jan {} 00:00:00"])
def test_a_year_has_two_to_four_digits_and_two_of_them_mean_1970_to_2069(form, year, meant):
    moment = None if meant is None else calendar.timegm((meant, 1, 31, 0, 0, 0))

    assert parse_cookie_date(form.format(year)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Wed",
        "0",
        "15 Nov 2023",
        "Nov 2023 12:00:00",
        "15 2023 12:00:00",
        "15 Nov 12:00:00",
        "15 Nov 2023 12:00",
        "15 Nov 2023 12:00:000",
        "15 Nov 2023 012:00:00",
        "0 Nov 2023 12:00:00",
        "Wed, 00 Nov 2023 12:00:00 GMT",
        "31 Nov 2023 12:00:00",
        "Fri, 31 Nov 2023 12:00:00 GMT",
        "32 Nov 2023 12:00:00",
        "29 Feb 2023 12:00:00",
        "15 Nov 2023 24:00:00",
        "15 Nov 2023 12:60:00",
        "15 Nov 2023 23:59:60",
        "Wed, 15 Nov 2023 23:59:60 GMT",
        "Wed, 15 Nvo 2023 12:00:00 GMT",
        "15 N\xf6v 2023 12:00:00",
        "1:2:3:4 15 Nov",
        "\u0661\u0665 Nov \u0662\u0660\u0662\u0663 12:00:00",
    ],
)
def test_what_lacks_a_part_or_never_was_is_no_date(text):
    assert parse_cookie_date(text) is None


def test_a_leap_day_is_a_day():
    assert parse_cookie_date("29 Feb 2024 12:00:00") == calendar.timegm((2024, 2, 29, 12, 0, 0))


def test_a_weekday_that_is_a_months_name_elsewhere_is_taken_for_the_month():
    """ "Mar" is Tuesday in Spanish; the algorithm does not know weekdays."""
    moment = calendar.timegm((2023, 3, 15, 12, 0, 0))

    assert parse_cookie_date("Mar, 15 Nov 2023 12:00:00 GMT") == moment


# --- against the algorithm written plainly


MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, start=1)}


def plainly(text: str) -> int | None:
    """Section 5.1.1, step by step."""
    found: dict[str, tuple[int, ...]] = {}
    delimiters = [9, *range(0x20, 0x30), *range(0x3B, 0x41), *range(0x5B, 0x61), *range(0x7B, 0x7F)]
    for token in re.split(f"[{re.escape(''.join(map(chr, delimiters)))}]", text):
        time = re.match("([0-9][0-9]?):([0-9][0-9]?):([0-9][0-9]?)(?:[^0-9]|$)", token)
        day = re.match("([0-9][0-9]?)(?:[^0-9]|$)", token)
        month = MONTH_NUMBERS.get(token[:3].lower())
        year = re.match("([0-9][0-9][0-9]?[0-9]?)(?:[^0-9]|$)", token)
        if "time" not in found and time:
            found["time"] = tuple(map(int, time.groups()))
        elif "day" not in found and day:
            found["day"] = (int(day[1]),)
        elif "month" not in found and month:
            found["month"] = (month,)
        elif "year" not in found and year:
            found["year"] = (int(year[1]),)
    if len(found) < 4:
        return None
    (day_number,), (month,), (year_number,) = found["day"], found["month"], found["year"]
    if 70 <= year_number <= 99:
        year_number += 1900
    elif year_number <= 69:
        year_number += 2000
    hour, minute, second = found["time"]
    if year_number < 1601 or hour > 23 or minute > 59 or second > 59:
        return None
    if not 1 <= day_number <= calendar.monthrange(year_number, month)[1]:
        return None
    return calendar.timegm((year_number, month, day_number, hour, minute, second))


NUMBERS = st.integers(0, 10_000).map(str) | st.integers(0, 99).map("{:02}".format)
PIECES = st.sampled_from([*MONTHS, "Mon", "Wed", "GMT", "march", "x"]) | NUMBERS
CLOCKS = st.lists(st.integers(0, 61).map("{:02}".format), min_size=2, max_size=4).map(":".join)
USUAL = st.builds(
    "{}, {}{}{}{}{} {} GMT".format,
    st.sampled_from(["Mon", "Mar", "Foo"]),
    st.integers(0, 32).map("{:02}".format),
    st.sampled_from(" -"),
    st.sampled_from([*MONTHS, "JAN", "Mai"]),
    st.sampled_from(" -"),
    st.integers(0, 9999).map("{:04}".format),
    st.sampled_from(["00:00:00", "23:59:59", "24:00:00", "12:60:00", "12:00:60"]),
)
SENT = st.lists(PIECES | CLOCKS | st.sampled_from([" ", "-", ", ", ":", "\t"]), max_size=12)


@given(USUAL)
@example("Mon, 01 Jan 0070 00:00:00 GMT")
@example("Jan, 01 Feb 2024 00:00:00 GMT")
def test_the_usual_form_means_what_the_algorithm_says(text):
    assert parse_cookie_date(text) == plainly(text)


@given(SENT.map(" ".join) | SENT.map("".join))
def test_tokens_in_any_order_mean_what_the_algorithm_says(text):
    assert parse_cookie_date(text) == plainly(text)


@given(st.binary(max_size=60).map(lambda sent: sent.decode("latin-1")))
def test_any_bytes_mean_what_the_algorithm_says(text):
    assert parse_cookie_date(text) == plainly(text)
