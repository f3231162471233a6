"""loaded_class: a class of a module only where the program has loaded that module."""

import sys
from types import ModuleType

from mini_http.base.likeness import loaded_class


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
