"""The policy's one query against a slow reading of the rules (`oracle`), over policies, outages and orders made by chance.

ORACLE_EXAMPLES=5000 makes it a long run.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, given, settings

from tests.claims.chance import cases, policies
from tests.claims.world import Case, by_the_oracle, previewed_by_the_oracle

__all__ = ["policies"]
EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "0"))


def differences(case: Case, found: dict, wanted: dict) -> str:
    """The orders that the two judge differently: what each says, and the order."""
    return "\n".join(
        f"query  {found.get(name)}\noracle {wanted.get(name)}\nof {code}'s {order}\n"
        for code, order in case.orders
        if found.get(name := f"{order.id}/{order.leg}") != wanted.get(name)
    )


def by_chance(examples: int):
    """So many examples; by ORACLE_EXAMPLES as many as that, other ones each time, and the smallest that fails."""
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],  # shrinking takes minutes
    )


def test_the_query_says_what_the_rules_say(world):
    @by_chance(100)
    @given(cases())
    def agree(case):
        found, wanted = world.judge(case), by_the_oracle(case)
        if found != wanted:
            raise AssertionError(differences(case, found, wanted))

    agree()


def test_a_preview_counts_what_the_rules_say_of_claimed_and_unclaimed_orders(world):
    @by_chance(30)
    @given(cases())
    def agree(case):
        assert world.preview(case) == previewed_by_the_oracle(case)

    agree()
