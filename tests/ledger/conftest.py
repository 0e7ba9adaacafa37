"""Clerks for the tests of the books: processes of their own, on the test's database."""

from collections.abc import Callable, Iterator

import pytest

from tests.ledger.clerks import Clerk, hiring


@pytest.fixture
def hire(command_env: dict[str, str]) -> Iterator[Callable[..., Clerk]]:
    """`hire("same", 1, 300)`, see tests/ledger/clerks.py."""
    with hiring(command_env) as start:
        yield start
