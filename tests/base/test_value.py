"""Values: constructor, equality, hash, repr, replace; frozen; inherited."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from mini_http.base.timeouts import Timeout
from mini_http.base.value import MOST_LOOPS, Value


class Nothing(Value):
    pass


class Point(Value):
    x: int
    y: int = 0


class OtherPoint(Value):
    x: int
    y: int = 0


class Point3(Point):
    z: int = 0


class FlatPoint3(Point3):
    y: int = 7


class Even(Value):
    number: int

    def __post_init__(self):
        if self.number % 2:
            raise ValueError("odd")


class EvenAndMore(Even):
    more: str = ""


def test_fields_are_given_by_position_or_by_name():
    assert (Point(1, 2).x, Point(1, 2).y) == (1, 2)
    assert Point(y=2, x=1) == Point(1, 2)


def test_a_field_with_a_default_may_be_left_out():
    assert Point(1).y == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Point(),
        lambda: Point(1, 2, 3),
        lambda: Point(1, x=1),
        lambda: Point(1, z=3),
        lambda: Nothing(1),
    ],
    ids=["missing", "too many", "twice", "unknown", "none expected"],
)
def test_wrong_fields_are_a_type_error(make):
    with pytest.raises(TypeError):
        make()


def test_the_constructor_is_named_after_its_class_in_errors():
    with pytest.raises(TypeError, match=r"^Point\.__init__\(\)"):
        Point()


def test_values_of_one_class_with_equal_fields_are_equal_and_hash_alike():
    assert Point(1, 2) == Point(1, 2)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2
    assert Nothing() == Nothing()


def test_values_of_different_classes_or_fields_differ():
    assert Point(1, 2) != Point(2, 1)
    assert Point(1, 2) != OtherPoint(1, 2)
    assert Point(1, 2) != (1, 2)
    assert Point(1, 2) != Point3(1, 2, 0)


def test_the_hash_is_worked_out_once():
    class Counted:
        hashed = 0

        def __hash__(self):
            Counted.hashed += 1
            return 1

    point = Point(Counted())
    assert hash(point) == hash(point)
    assert Counted.hashed == 1


def test_a_value_with_an_unhashable_field_has_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point([]))


def test_attributes_can_not_be_set_or_deleted_and_the_error_says_what_to_do():
    point = Point(1, 2)
    with pytest.raises(AttributeError, match=r"Point is frozen: use replace\(x=\.\.\.\)"):
        point.x = 5
    with pytest.raises(AttributeError, match="Point is frozen"):
        del point.x
    with pytest.raises(AttributeError):
        point.other = 5
    assert point == Point(1, 2)


def test_values_have_no_dictionary():
    assert not hasattr(Point(1), "__dict__")
    assert not hasattr(Point3(1), "__dict__")


def test_repr_can_be_read_as_the_call_that_makes_the_value():
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"
    assert repr(Nothing()) == "Nothing()"


def test_replace_gives_a_changed_copy_and_refuses_unknown_names():
    point = Point(1, 2)
    assert point.replace(y=5) == Point(1, 5)
    assert point.replace() == point
    assert point == Point(1, 2)
    with pytest.raises(TypeError):
        point.replace(z=1)


def test_a_subclass_has_the_fields_of_its_parent_first():
    assert repr(Point3(1, 2, 3)) == "Point3(x=1, y=2, z=3)"
    assert Point3(1).replace(z=4) == Point3(1, 0, 4)
    assert isinstance(Point3(1), Point)


def test_a_subclass_may_give_a_field_another_default():
    assert repr(FlatPoint3(1)) == "FlatPoint3(x=1, y=7, z=0)"
    assert FlatPoint3(1, 2, 3).y == 2
    assert Point3(1).y == 0


def test_post_init_checks_the_fields_at_construction_and_at_replace():
    assert Even(2).number == 2
    with pytest.raises(ValueError, match="odd"):
        Even(3)
    with pytest.raises(ValueError, match="odd"):
        Even(2).replace(number=3)


def test_post_init_of_the_parent_checks_a_subclass_too():
    assert EvenAndMore(2, "x").more == "x"
    with pytest.raises(ValueError, match="odd"):
        EvenAndMore(3)


def test_values_can_be_matched_by_position():
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_values_survive_pickling_without_their_hash(protocol):
    timeout = Timeout(1.5, None, 3)
    hash(timeout)
    revived = pickle.loads(pickle.dumps(timeout, protocol))
    assert revived == timeout
    assert not hasattr(revived, "_hash")


def test_values_can_be_copied():
    point = Point(1, [2])
    assert copy.copy(point) == point
    assert copy.deepcopy(point) == point
    assert copy.deepcopy(point).y is not point.y


# --- constructors, before and after they are written out


def made_often(kind, *values):
    for _ in range(MOST_LOOPS + 1):
        made = kind(*values)
    return made


class Checked(Value):
    first: int
    second: int = 2

    def __post_init__(self) -> None:
        if self.first < 0:
            raise ValueError("below 0")


@pytest.mark.parametrize("make", [lambda kind, *values: kind(*values), made_often])
def test_values_are_the_same_however_often_some_were_made(make):
    class Pair(Checked):
        third: str = "3"

    assert make(Pair, 1) == Pair(first=1)
    assert make(Pair, 1, 5) == Pair(1, second=5)
    assert make(Pair, 1, 5, "x") == Pair(third="x", second=5, first=1)
    with pytest.raises(ValueError, match="below 0"):
        make(Pair, -1)


@pytest.mark.parametrize("values", [(), (1, 2, 3)])
def test_too_few_or_too_many_fields_are_an_error_each_time(values):
    class Fresh(Checked):
        pass

    for _ in range(2):
        with pytest.raises(TypeError, match=r"Fresh\.__init__\(\)"):
            Fresh(*values)
    assert Fresh(1).second == 2


def test_help_shows_the_fields():
    assert str(inspect.signature(Checked)) == "(first, second=2)"
