"""What a policy would come to, before it is published: figures that the assessment then confirms, and nothing left behind."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from claims import tasks, workflow
from claims.gate import Refused
from claims.models import Assessment, Policy, ReferencePrice, Verdict
from claims.terms import PRESETS
from jobs import queue
from jobs.models import Job
from ledger.journal import CASH, SEED_CAPITAL, Draft, Move
from ledger.posting import post
from tests import factories as f
from tests.factories import NOW, S1, at
from tests.together import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


@pytest.fixture
def day():
    """S1 drafted, not published. Carla and Chen claim; Dora has orders, too, and has not claimed."""
    incident = f.incident(policy=None)
    f.quotes("BTCUSDT", ("14:34:20", "16571", "16571.1"), ("14:54:10", "16411", "16411.1"))
    f.order("1")  # C1: 0.5 · (16571 − 16500) = 35.50
    f.order("2", exit_price="17000")  # E4
    f.order("3", closed_at=at("18:00"), close_reason="user")  # C3, needs evidence
    f.order("4", "chen", quantity="2")  # C1: 142.00, but not in touch
    f.order("5", "dora", quantity="4")  # C1: 284.00
    f.order("6", "dora", closed_at=at("13:30"), exit_price="17000")  # E1, E4 and E6
    f.claim(incident)
    f.claim(incident, "chen", contacted=at("09:00", 20))
    return incident


def drafted(incident, *changes: tuple[str, str], reason: str = "") -> Policy:
    text = S1
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return workflow.draft_policy(incident, text, reason=reason, now=NOW)


def previewed(policy: Policy, mia) -> dict:
    preview = workflow.request_preview(policy, by=mia, now=NOW)
    tasks.preview(Job.objects.get(key=preview.job_key).pk)
    preview.refresh_from_db()
    return preview.result


def only(rows: list[dict], *names: str) -> list[tuple]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_preview_says_per_clause_and_in_total_what_a_policy_comes_to(day, mia):
    found = previewed(drafted(day), mia)
    assert only(found["crowd"], "claimed", "orders", "customers") == [(True, 4, 2), (False, 2, 1)]
    assert only(found["outcomes"], "outcome", "claimed", "orders", "customers", "amount") == [
        ("excluded", True, 2, 2, "0"),
        ("excluded", False, 1, 1, "0"),
        ("needs_evidence", True, 1, 1, "0"),
        ("pay", True, 1, 1, "35.5"),
        ("pay", False, 1, 1, "284"),
    ]
    assert only(found["clauses"], "clause", "asset", "orders", "paying", "waiting", "claimed", "unclaimed") == [
        ("C1", "USDT", 2, 2, 0, "35.5", "284"),
        ("C3", "USDT", 1, 0, 1, "0", "0"),
    ]
    assert only(found["exclusions"], "code", "orders", "customers", "alone") == [
        ("E1", 1, 1, 0), ("E4", 2, 2, 1), ("E5", 1, 1, 1), ("E6", 1, 1, 0),
    ]  # fmt: skip
    assert only(found["largest"], "order", "customer", "symbol", "clause", "amount", "claimed") == [
        ("5/1", "dora", "BTCUSDT", "C1", "284", False),
        ("1/1", "carla", "BTCUSDT", "C1", "35.5", True),
    ]
    assert found["against"] is None


def test_a_preview_leaves_no_run_no_price_and_no_verdict(day, mia):
    previewed(drafted(day), mia)
    assert not Assessment.objects.exists()
    assert not ReferencePrice.objects.exists()
    assert not Verdict.objects.exists()
    assert Job.objects.get().state == "done"
    assert set(day.claims.values_list("status", flat=True)) == {"submitted"}


def test_the_assessment_then_says_the_same_of_the_claims(day, mia):
    policy = drafted(day)
    found = previewed(policy, mia)
    workflow.publish_policy(policy, now=NOW)
    run = workflow.assess_now(day, now=NOW)
    ours = {row["outcome"]: row["orders"] for row in found["outcomes"] if row["claimed"]}
    assert ours == {outcome: n for outcome, n in run.outcomes.items() if n}
    paid = sum(Decimal(row["amount"]) for row in found["outcomes"] if row["claimed"] and row["outcome"] == "pay")
    assert paid == Decimal(run.totals["USDT"])


def test_a_correction_is_held_against_the_version_in_force(day, mia):
    workflow.publish_policy(drafted(day), now=NOW)
    found = previewed(
        drafted(day, ('closed_to = "end+24h"\nevidence = true', 'closed_to = "end+24h"'), reason="kinder"), mia
    )
    assert found["against"]["version"] == 1
    assert only(
        found["against"]["moves"],
        "was_outcome",
        "was_clause",
        "outcome",
        "clause",
        "asset",
        "orders",
        "was_amount",
        "amount",
    ) == [("needs_evidence", "C3", "pay", "C3", "USDT", 1, "0", "35.5")]


def test_a_correction_of_the_prices_is_held_against_the_old_ones(day, mia):
    workflow.publish_policy(drafted(day), now=NOW)
    before = ('reference = "best_in_window"', 'reference = "last_before"')
    f.quotes("BTCUSDT", ("14:07", "16600", "16600.1"))
    found = previewed(drafted(day, before, reason="the last price before"), mia)
    assert only(found["against"]["moves"], "was_clause", "clause", "orders", "was_amount", "amount") == [
        ("C1", "C1", 2, "319.5", "450"),  # 4.5 · (16571 − 16500), 4.5 · (16600 − 16500)
    ]


def test_the_fund_is_told_what_it_lacks_for_those_who_claim_and_if_everybody_did(day, mia):
    seed = Draft("seed", "seed_capital", NOW.date(), "The seed", (Move(CASH, SEED_CAPITAL, Decimal("100.00"), "USDT"),))
    post([seed], by=mia, now=NOW)
    [usdt] = previewed(drafted(day), mia)["fund"]
    assert usdt == {
        "asset": "USDT",
        "available": "100",
        "committed": "0",
        "bonuses": "40",  # Carla and Chen got in touch: S1 names no deadline for the bonus
        "claimed": "75.5",
        "dearest": "75.5",
        "everybody": "379.5",  # and Dora: 284 and her bonus
        "shortfall": "0",
        "shortfall_of_everybody": "279.5",
    }


def test_a_choice_of_remedies_is_told_at_its_dearest(mia):
    incident = f.incident(policy=None)
    f.quotes("BTCUSDT", ("14:34:20", "16571", "16571.1"))
    f.order("1")  # best price 35.50; restored: the loss of 225.00 and the fee
    f.order("2", liquidation_fee="4.125")
    f.claim(incident)
    s2 = workflow.draft_policy(incident, PRESETS["s2-kvb"].read_text(), now=NOW)
    [usdt] = previewed(s2, mia)["fund"]
    assert (usdt["claimed"], usdt["dearest"], usdt["everybody"]) == ("71", "454.13", "71")


def test_what_was_paid_and_granted_already_is_not_needed_again(day, mia):
    workflow.publish_policy(drafted(day), now=NOW)
    workflow.assess_now(day, now=NOW)
    workflow.approve_all(day, by=mia, now=NOW)
    workflow.grant_bonuses(day, by=mia, now=NOW)
    [usdt] = previewed(drafted(day, ('percentage = "100"', 'percentage = "50"'), reason="less"), mia)["fund"]
    assert (usdt["committed"], usdt["claimed"], usdt["bonuses"]) == ("75.5", "0", "0")


def test_while_the_outage_lasts_everything_waits(mia):
    incident = f.incident(policy=None, windows=(("14:09", None),))
    f.order("1")
    found = previewed(drafted(incident), mia)
    assert only(found["outcomes"], "outcome", "claimed", "orders", "amount") == [("hold", False, 1, "0")]


def test_an_incident_without_an_order_comes_to_nothing(mia):
    found = previewed(drafted(f.incident(policy=None)), mia)
    assert (found["crowd"], found["outcomes"], found["clauses"], found["largest"], found["fund"]) == (
        [],
        [],
        [],
        [],
        [],
    )


def test_a_preview_that_is_under_way_is_not_asked_for_twice(day, mia):
    policy = drafted(day)
    first = workflow.request_preview(policy, by=mia, now=NOW)
    assert workflow.request_preview(policy, by=mia, now=NOW) == first
    tasks.preview(Job.objects.get().pk)
    assert workflow.request_preview(policy, by=mia, now=NOW) != first


def test_a_preview_has_its_time_and_nobody_takes_it_over_before(day, mia):
    preview = workflow.request_preview(drafted(day), by=mia, now=NOW)
    assert OrmQ.objects.get().task["timeout"] == 840
    job = queue.take(Job.objects.get().pk, now=NOW)
    assert queue.sweep(now=NOW + timedelta(minutes=13)) == 0
    assert queue.sweep(now=NOW + timedelta(minutes=15)) == 1
    assert OrmQ.objects.last().task["timeout"] == 840
    assert (job.argument["preview"], preview.finished_at) == (preview.pk, None)


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_carries_a_preview_out_and_leaves_nothing_else(day, mia, worker):
    preview = workflow.request_preview(drafted(day), by=mia, now=timezone.now())
    worker()
    wait_until(lambda: Job.objects.filter(state="done").exists(), "the worker previews")
    preview.refresh_from_db()
    assert sum(row["orders"] for row in preview.result["outcomes"]) == 6
    assert not Assessment.objects.exists()
    assert not ReferencePrice.objects.exists()


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_only_a_manager_previews(day, role):
    with pytest.raises(Refused):
        workflow.request_preview(drafted(day), by=f.staff("ana", role), now=NOW)


def test_without_a_window_there_is_nothing_to_preview(mia):
    incident = f.incident(policy=None, windows=())
    with pytest.raises(Refused, match="has no outage window"):
        workflow.request_preview(drafted(incident), by=mia, now=NOW)
