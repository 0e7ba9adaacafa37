"""Clerks for the tests of the books: processes of their own, on the test's database."""

from collections.abc import Callable, Iterator

import pytest

from tests.ledger.clerks import Clerk


@pytest.fixture
def hire(command_env: dict[str, str]) -> Iterator[Callable[..., Clerk]]:
    """`hire("same", 1, 300)`: a clerk who starts up meanwhile; wait for them with `.ready()`. Nobody stays after the test."""
    hired: list[Clerk] = []

    def start(errand: str, *arguments: object) -> Clerk:
        hired.append(Clerk(command_env, errand, *arguments))
        return hired[-1]

    yield start
    for clerk in hired:
        clerk.process.kill()
        clerk.process.communicate()
