"""Timeout and Deadline, with a clock that only the tests move."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mini_http.base import errors
from mini_http.base.timeouts import DEFAULT_SECONDS, LONGEST_WAIT, NO_TIMEOUT, Deadline, Timeout


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


# --- Timeout


def test_by_default_each_wait_is_bounded_and_the_whole_is_not():
    assert Timeout() == Timeout(connect=DEFAULT_SECONDS, read=DEFAULT_SECONDS, total=None)
    assert DEFAULT_SECONDS == 60.0


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (2.5, Timeout(2.5, 2.5, None)),
        (3, Timeout(3, 3, None)),
        (None, NO_TIMEOUT),
        (Timeout(total=9), Timeout(total=9)),
    ],
)
def test_a_timeout_is_made_of_a_number_none_or_another(given_value, expected):
    assert Timeout.of(given_value) == expected


def test_no_timeout_bounds_nothing():
    assert (NO_TIMEOUT.connect, NO_TIMEOUT.read, NO_TIMEOUT.total) == (None, None, None)


NO_SECONDS = [0, 0.0, -1, -0.5, float("inf"), float("-inf"), float("nan")]
NO_NUMBERS = ["5", True, False, (1, 2), b"1", 1j]


@pytest.mark.parametrize("value", NO_SECONDS)
def test_a_number_that_is_no_time_limit_is_a_value_error_that_names_it(value):
    with pytest.raises(ValueError, match=r"^timeout must be a finite number of seconds above 0"):
        Timeout.of(value)


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_a_type_error_that_names_it(value):
    with pytest.raises(TypeError, match=r"^timeout must be a number of seconds or None"):
        Timeout.of(value)


@pytest.mark.parametrize("name", ["connect", "read", "total"])
def test_each_part_is_checked_under_its_own_name(name):
    with pytest.raises(ValueError, match=rf"^Timeout\({name}=\) must be a finite"):
        Timeout(**{name: 0})
    with pytest.raises(TypeError, match=rf"^Timeout\({name}=\) must be a number"):
        Timeout(**{name: "1"})
    assert getattr(Timeout(**{name: None}), name) is None


# --- Deadline


def test_a_deadline_without_a_limit_never_ends(clock):
    deadline = Deadline(None, clock)
    clock.now += 1e9
    assert deadline.expires is None
    assert deadline.remaining() is None
    assert deadline.check("resolving") is None


def test_the_remaining_time_shrinks_and_stops_at_zero(clock):
    deadline = Deadline(10, clock)
    assert deadline.remaining() == 10
    clock.now += 4
    assert deadline.remaining() == 6
    clock.now += 100
    assert deadline.remaining() == 0


def test_check_gives_the_seconds_left_until_there_are_none(clock):
    deadline = Deadline(10, clock)
    clock.now += 9.5
    assert deadline.check("connecting") == 0.5
    clock.now += 0.5
    with pytest.raises(errors.ConnectTimedOut, match=r"^timed out connecting to host$"):
        deadline.check("connecting to host")


@pytest.mark.parametrize(
    ("whole", "phase", "expected"),
    [(10, 3, 3), (3, 10, 3), (None, 4, 4), (4, None, 4), (None, None, None), (5, 5, 5)],
)
def test_a_phase_ends_at_its_own_limit_or_with_the_whole(clock, whole, phase, expected):
    assert Deadline(whole, clock).within(phase).remaining() == expected


def test_a_phase_begins_when_it_is_asked_for(clock):
    whole = Deadline(10, clock)
    clock.now += 8
    assert whole.within(5).remaining() == 2
    assert whole.within(1).remaining() == 1


def test_a_phase_runs_on_the_clock_of_the_whole(clock):
    phase = Deadline(10, clock).within(5)
    clock.now += 3
    assert phase.remaining() == 2


def test_asking_for_a_phase_leaves_the_whole_alone(clock):
    whole = Deadline(10, clock)
    whole.within(3)
    assert whole.remaining() == 10


def test_without_a_clock_of_the_caller_time_is_monotonic():
    before = time.monotonic()
    expires = Deadline(60).expires
    assert before + 60 <= expires <= time.monotonic() + 60


seconds = st.none() | st.floats(0.001, 1e6)


@settings(deadline=None)
@given(whole=seconds, first=seconds, second=seconds, passed=st.floats(0, 2e6))
def test_no_phase_ever_outlives_any_deadline_it_was_made_from(whole, first, second, passed):
    clock = Clock()
    deadlines = [Deadline(whole, clock)]
    deadlines.append(deadlines[-1].within(first))
    deadlines.append(deadlines[-1].within(second))
    clock.now += passed
    left = [float("inf") if d.remaining() is None else d.remaining() for d in deadlines]
    assert left == sorted(left, reverse=True)
    assert min(left) >= 0


def test_no_more_is_left_than_systems_can_wait(clock):
    deadline = Deadline(1e300, clock)
    assert deadline.remaining() == LONGEST_WAIT
    assert deadline.within(1e10).remaining() == LONGEST_WAIT
