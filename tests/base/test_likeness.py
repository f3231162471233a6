"""A class of a module only where the program has loaded that module; a real Message."""

import http.client
import sys
from types import ModuleType

from mini_http.base.likeness import loaded_class, message_of, names_of


class Otherwise:
    pass


class There:
    pass


def test_a_class_of_a_module_that_is_not_loaded_is_no_answer():
    assert loaded_class(("not_loaded", "There"), otherwise=Otherwise) is Otherwise
    assert "not_loaded" not in sys.modules


def test_the_first_module_that_has_the_class_gives_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "half_loaded", ModuleType("half_loaded"))
    whole = ModuleType("whole")
    whole.There = There
    monkeypatch.setitem(sys.modules, "whole", whole)
    places = (("not_loaded", "There"), ("half_loaded", "There"), ("whole", "There"))
    assert loaded_class(*places, otherwise=Otherwise) is There


def test_the_names_of_an_instance_are_those_of_its_true_class_and_its_own():
    class Stand(Otherwise):
        @property
        def __class__(self):
            return There

        def method(self):
            pass

    stand = Stand()
    stand.own = 1
    assert isinstance(stand, There)
    assert {"own", "method", "__init__"} <= set(names_of(stand))
    assert names_of(stand) == sorted(names_of(stand))


def test_a_message_has_the_fields_in_order_and_no_body():
    message = message_of([("B", "1"), ("a", "caf\xe9"), ("b", "2")])
    assert type(message) is http.client.HTTPMessage
    assert message.items() == [("B", "1"), ("a", "caf\xe9"), ("b", "2")]
    assert message.get_payload() == ""
