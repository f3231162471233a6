"""Fixtures for pytest. They load only where they are asked for: no entry point hands them out.

In a test module or a conftest.py:

    from mini_http.tools.pytest_plugin import mocked_urlopen

or, for a whole run, in the conftest.py at its root:

    pytest_plugins = ["mini_http.tools.pytest_plugin"]
"""

from __future__ import annotations

import pytest

from mini_http.tools.responses_handler import mocked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from responses import RequestsMock


@pytest.fixture
def mocked_urlopen() -> Iterator[RequestsMock]:
    """A RequestsMock of `responses` that answers urlopen and every opener while the test runs.

    The test fails if a reply that it has registered was not asked for.
    """
    with mocked() as responses:
        yield responses
