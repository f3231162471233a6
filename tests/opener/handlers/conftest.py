"""What the tests of the handlers share: a pool of their own, and a look for what was left open."""

from __future__ import annotations

import pytest
from support.descriptors import can_list_descriptors, open_descriptors

from mini_http import HTTPHandler, Pool, build_opener


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_open():
    """Asked once a module, since it takes 30 ms."""
    before = open_descriptors() if can_list_descriptors() else {}
    yield
    assert not before or len(open_descriptors()) <= len(before)


@pytest.fixture
def pool():
    """Connections that no other test uses."""
    with Pool() as made:
        yield made


@pytest.fixture
def opener(pool):
    """The usual opener, over them."""
    return build_opener(HTTPHandler(pool=pool))
