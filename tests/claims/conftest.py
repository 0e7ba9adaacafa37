"""Two judges of one case: the oracle, and the policy's query."""

from __future__ import annotations

from typing import Any

import pytest

from tests.claims.world import World, by_the_oracle


@pytest.fixture
def world(db: None) -> World:
    return World()


@pytest.fixture(params=["the oracle", "the query"])
def judge(request: pytest.FixtureRequest, db: None) -> Any:
    """Both must give the answers that were worked out on paper."""
    return by_the_oracle if request.param == "the oracle" else World().judge
