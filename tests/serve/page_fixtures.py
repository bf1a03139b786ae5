"""A page with nothing open, for the tests that want one."""

from collections.abc import Iterator

import pytest
from served import Served, serving


@pytest.fixture
def served() -> Iterator[Served]:
    """A page with small limits, with nothing open."""
    with serving() as page:
        yield page
