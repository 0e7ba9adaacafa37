"""A window, a price, an order or the policy is corrected: what changed is told, what was paid is topped up, never clawed back."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from django.db import IntegrityError
from django.urls import reverse

from claims import changes, workflow
from claims.exports import write_changes
from claims.gate import Refused
from claims.models import Claim, Compensation, Verdict
from claims.reports import unposted_or_mismatched
from incidents.models import AbnormalRange
from ledger.models import JournalEntry
from tests import factories as make
from tests.claims.desk import signed_in, text_of
from tests.factories import NOW, S1, at


@pytest.fixture
def desk(db):
    class Desk:
        incident = make.incident()
        ana, aude = make.staff("ana", "agent"), make.staff("aude", "auditor")
        mia, max = make.staff("mia", "manager"), make.staff("max", "manager")

    make.quotes("BTCUSDT", ("14:10", "16530", "16531"), ("14:34", "16571", "16572"), ("15:35", "16600", "16601"))
    return Desk


def again(row):
    return type(row).objects.get(pk=row.pk)


def approved(desk, order_id="1", **facts) -> Claim:
    """Carla's long of 0.5, liquidated at 16,500, is worth 16,571: 35.50 USDT, approved by Max."""
    make.order(order_id, **facts)
    claim = make.claim(desk.incident)
    workflow.assess_now(desk.incident, now=NOW)
    workflow.approve(again(claim), by=desk.max, now=NOW)
    return again(claim)


def lengthen(desk, ends="15:40") -> None:
    """The window is corrected: the quote of 15:35, 16,600, was in it too."""
    desk.incident.windows.update(ends_at=at(ends))


def granted(order_id="1") -> list[Decimal]:
    parts = Compensation.objects.filter(order__order_id=order_id).order_by("number")
    return list(parts.values_list("amount", flat=True))


def test_a_longer_window_tops_up_what_was_paid(desk):
    """0.5 × (16,600 − 16,500) = 50.00, of which 35.50 was granted: 14.50 on top, in an entry of its own."""
    claim = approved(desk)
    lengthen(desk)
    workflow.assess_now(desk.incident, now=NOW)
    claim = again(claim)
    assert claim.status == Claim.Status.ASSESSED
    assert [(row.amount, row.had, row.owed) for row in claim.verdicts.owing()] == [
        (50, Decimal("35.5"), Decimal("14.5"))
    ]
    assert workflow.approve(claim, by=desk.max, now=NOW) == {"USDT": Decimal("14.5")}
    assert granted() == [Decimal("35.5"), Decimal("14.5")]
    posted = JournalEntry.objects.filter(category="outage_compensation").order_by("reference")
    assert unposted_or_mismatched() == []
    assert [entry.reference for entry in posted] == [f"{claim}/award-1/USDT", f"{claim}/award-2/USDT"]
    assert again(claim).status == Claim.Status.APPROVED


def test_what_was_paid_is_never_clawed_back(desk):
    claim = approved(desk)
    lengthen(desk, "14:20")  # a shorter window: 16,571 is out of it, 15.00 would have been right
    workflow.assess_now(desk.incident, now=NOW)
    claim = again(claim)
    assert claim.status == Claim.Status.APPROVED
    assert claim.verdicts.in_force().get().amount == Decimal("15.00")
    with pytest.raises(Refused):
        workflow.approve(claim, by=desk.max, now=NOW)
    assert granted() == [Decimal("35.5")]


def test_a_run_that_says_the_same_again_owes_nothing(desk):
    claim = approved(desk)
    workflow.assess_now(desk.incident, now=NOW)
    assert again(claim).status == Claim.Status.APPROVED
    assert not Verdict.objects.owing().exists()


def test_what_an_approved_claim_still_lacked_holds_up_nobody_else(desk):
    """Chen was paid for one order and denied the other for want of evidence; Carla and Cyrus, around him, are open."""
    make.order("1")
    first = make.claim(desk.incident)
    make.order("2", "chen")
    make.order("3", "chen", closed_at=at("18:00"), close_reason="user")
    between = make.claim(desk.incident, "chen")
    make.order("4", "cyrus")
    last = make.claim(desk.incident, "cyrus")
    workflow.assess_now(desk.incident, now=NOW)
    workflow.approve(again(between), by=desk.max, now=NOW)
    workflow.deny(again(between), by=desk.max, reason="no screenshot came", now=NOW)
    run = workflow.assess_now(desk.incident, now=NOW)
    assert [again(claim).assessment for claim in (first, between, last)] == [run] * 3
    assert [again(claim).status for claim in (first, between, last)] == ["assessed", "approved", "assessed"]


def test_a_corrected_order_is_topped_up(desk):
    claim = approved(desk)
    desk.order = claim.customer.orders.get()
    desk.order.quantity = Decimal("0.6")
    desk.order.save()
    workflow.assess_now(desk.incident, now=NOW)
    assert workflow.approve(again(claim), by=desk.max, now=NOW) == {"USDT": Decimal("7.10")}


def test_a_price_found_abnormal_moves_only_what_is_open(desk):
    paid = approved(desk)
    make.order("2", "chen")
    open_claim = make.claim(desk.incident, "chen")
    make.instrument()
    AbnormalRange.objects.create(
        instrument=make.instrument(), starts_at=at("14:30"), ends_at=at("14:40"), reason="a runaway feed", marked_at=NOW
    )
    workflow.assess_now(desk.incident, now=NOW)
    assert (again(paid).status, again(open_claim).status) == (Claim.Status.APPROVED, Claim.Status.ASSESSED)
    assert [row.owed for row in Verdict.objects.owing()] == [Decimal("15.00")]  # Chen at 16,530
    assert granted() == [Decimal("35.5")]


def test_a_new_version_of_the_policy_pays_the_difference(desk):
    claim = approved(desk)
    text = S1.replace('percentage = "100"\nrefund', 'percentage = "100"\ncap_per_order = { USDT = "20" }\nrefund')
    less = workflow.draft_policy(desk.incident, text, reason="a cap, published too late", now=NOW)
    workflow.publish_policy(less, now=NOW)
    workflow.assess_now(desk.incident, now=NOW)
    assert (again(claim).status, granted()) == (Claim.Status.APPROVED, [Decimal("35.5")])
    text = S1.replace("refund_liquidation_fee = false", "refund_liquidation_fee = true")
    claim.customer.orders.update(liquidation_fee=Decimal("1.25"))
    more = workflow.draft_policy(desk.incident, text, reason="the fee is refunded too", now=NOW)
    workflow.publish_policy(more, now=NOW)
    workflow.assess_now(desk.incident, now=NOW)
    assert workflow.approve(again(claim), by=desk.max, now=NOW) == {"USDT": Decimal("1.25")}


def test_an_overlapping_incident_never_adds_to_what_another_paid(desk):
    approved(desk)
    other = make.incident("INC-2022-002", windows=(("14:00", "16:00"),))
    claim = make.claim(other)
    workflow.assess_now(other, now=NOW)
    claim = again(claim)
    verdict = claim.verdicts.in_force().get()
    assert (verdict.outcome, verdict.amount, verdict.flags) == ("nil", 0, ["paid_elsewhere"])
    with pytest.raises(Refused):
        workflow.approve(claim, by=desk.max, now=NOW)


def test_the_database_lets_only_the_same_claim_add_to_an_order(desk):
    """Who writes past the verbs is refused by the database."""
    approved(desk)
    other = make.incident("INC-2022-002", windows=(("14:00", "16:00"),))
    make.order("9", "chen")
    claim = make.claim(other, "chen")
    workflow.assess_now(other, now=NOW)
    workflow.approve(again(claim), by=desk.mia, now=NOW)
    ours, theirs = Compensation.objects.order_by("pk")
    with pytest.raises(IntegrityError, match="no earlier compensation in this claim"):
        Compensation.objects.create(
            order=ours.order, number=2, award=theirs.award, verdict=theirs.verdict, amount=Decimal(1)
        )


# --- what changed


def changed(desk):
    approved(desk)
    make.order("2", "chen", side="short", exit_price="16700", entry_price="16600")
    make.order("3", "cyrus", closed_at=at("15:35"), close_reason="user")
    for code in ("chen", "cyrus"):
        make.claim(desk.incident, code)
    workflow.assess_now(desk.incident, now=NOW)
    lengthen(desk)
    return workflow.assess_now(desk.incident, now=NOW)


def test_the_changes_of_a_run_are_told_order_by_order(desk):
    """Carla's long moves from 16,571 to 16,600. Cyrus closed at 15:35: before in C2, now, still by hand, inside the failure."""
    run = changed(desk)
    told = {row["order_name"]: row for row in changes.largest(run, limit=10)}
    assert set(told) == {"1", "3"}
    one = told["1"]
    assert (one["old_outcome"], one["new_outcome"], one["old_price"], one["new_price"]) == ("pay", "pay", 16571, 16600)
    assert (one["old_amount"], one["new_amount"], one["difference"], one["had"]) == (
        Decimal("35.5"), Decimal(50), Decimal("14.5"), Decimal("35.5")
    )  # fmt: skip
    three = told["3"]
    assert (three["old_outcome"], three["old_clause"], three["new_outcome"], three["new_clause"]) == (
        "pay",
        "C2",
        "no_clause",
        "",
    )
    assert (three["difference"], three["had"]) == (Decimal("-35.5"), 0)
    summary = [
        (row["old_outcome"], row["new_outcome"], row["orders"], row["difference"]) for row in changes.summary(run)
    ]
    assert summary == [("pay", "no_clause", 1, Decimal("-35.5")), ("pay", "pay", 1, Decimal("14.5"))]


def test_a_first_run_changes_nothing(desk):
    make.order("1")
    make.claim(desk.incident)
    run = workflow.assess_now(desk.incident, now=NOW)
    assert (changes.summary(run), changes.largest(run, limit=10)) == ([], [])


def test_an_order_that_is_no_longer_affected_is_told_too(desk):
    approved(desk)
    desk.incident.instruments = ["ETHUSDT"]
    desk.incident.save()
    run = workflow.assess_now(desk.incident, now=NOW)
    [row] = changes.largest(run, limit=10)
    assert (row["old_outcome"], row["new_outcome"], row["new_amount"], row["had"]) == ("pay", None, 0, Decimal("35.5"))


def test_the_changes_as_a_file(desk):
    file = io.BytesIO()
    assert write_changes(changed(desk), file) == 2
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode())))
    assert [(row["order_id"], row["old_amount"], row["new_amount"], row["difference"], row["had"]) for row in rows] == [
        ("1", "35.50", "50.00", "14.50", "35.50"),
        ("3", "35.50", "0.00", "-35.50", "0.00"),
    ]


def test_the_page_shows_what_a_run_changed_and_the_auditor_takes_the_file(desk):
    run = changed(desk)
    aude = signed_in(desk.aude)
    page = aude.get(reverse("admin:claims_run", args=[desk.incident.reference, run.pk]))
    text = text_of(page)
    assert "35.50 USDT" in text and "50.00 USDT" in text and "no clause matches" in text
    runs = text_of(aude.get(reverse("admin:claims_runs", args=[desk.incident.reference])))
    assert f"#{run.pk}" in runs
    file = aude.get(reverse("admin:claims_run_changes", args=[desk.incident.reference, run.pk]))
    assert b"".join(file.streaming_content).startswith(b"claim,customer,order_id,leg,symbol,side,old_outcome")
    assert (
        signed_in(desk.ana).get(reverse("admin:claims_run_changes", args=[desk.incident.reference, run.pk])).status_code
        == 403
    )
