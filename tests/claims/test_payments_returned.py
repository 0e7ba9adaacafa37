"""A payment that came back: the books take it back, once, and what it paid goes with the next payout."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse as address
from django.utils import timezone

from claims import papers, workflow
from claims.gate import Refused
from claims.models import Change, Letter, PayoutLine
from claims.origins import Origin
from claims.reports import unposted_or_mismatched
from ledger.models import JournalEntry
from ledger.posting import post, reverse
from tests.claims.desk import signed_in, text_of
from tests.claims.payouts import (
    AWARD,
    BONUS,
    Desk,
    all_paid,
    lines,
    owed,
    paid,
    payments,
    standing,
    to_treasury,
    unpaid,
)
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=3)
LATEST = LATER + timedelta(days=2)


@pytest.fixture
def desk(tmp_path):
    """Carla's award and bonus were paid: Mia proposed, Max released, treasury confirmed."""
    desk = Desk("carla", tmp_path=tmp_path)
    desk.batch = desk.released()
    desk.confirm(desk.batch, *all_paid(desk.batch))
    return desk


def line(desk, number: int = 1) -> PayoutLine:
    return desk.batch.lines.get(number=number)


def returned(desk, number: int = 1, **more) -> PayoutLine:
    words = {"reason": "the bank sent it back: account closed", "by": desk.mia, "now": LATER}
    return workflow.return_payment(line(desk, number), **(words | more))


def books(reference: str) -> list[tuple]:
    rows = JournalEntry.objects.filter(reference=reference)
    return list(rows.values_list("category", "transfers__debit__name", "transfers__credit__name", "transfers__amount"))


def test_what_came_back_is_taken_back_in_the_books_and_is_owed_again(desk):
    back = returned(desk)
    award = f"{desk.claims['carla'].reference}/award-1/USDT/paid"
    assert (back.status, back.came_back, back.returned_by, back.returned_at) == (
        "failed", "the bank sent it back: account closed", desk.mia, LATER,
    )  # fmt: skip
    assert (back.said, back.confirmed_by, back.confirmed_at) == ("TX-1", desk.max, NOW)
    assert books(f"{award}/returned") == [("correction", "Assets:Fund:Cash", "Liabilities:Payable:Compensation", AWARD)]
    assert JournalEntry.objects.get(reference=f"{award}/returned").reverses == back.entry
    assert (owed(), unpaid()) == (AWARD, AWARD)
    assert unposted_or_mismatched() == []


def test_it_goes_with_the_next_payout_and_is_paid_under_a_reference_of_its_own(desk):
    returned(desk)
    batch = desk.propose(now=LATER)
    assert lines(batch) == [(1, "carla", "carla-1", AWARD, "waits", "")]
    desk.release(batch, now=LATER)
    desk.confirm(batch, paid(batch, 1, "TX-9"), now=LATEST)
    claim = desk.claims["carla"].reference
    assert list(payments()) == [
        f"{claim}/{paid_as}" for paid_as in ("award-1/USDT/paid", "goodwill/paid", "award-1/USDT/paid-2")
    ]
    assert list(standing()) == [f"{claim}/goodwill/paid", f"{claim}/award-1/USDT/paid-2"]
    assert books(f"{claim}/award-1/USDT/paid-2") == [
        ("outage_compensation", "Liabilities:Payable:Compensation", "Assets:Fund:Cash", AWARD)
    ]
    assert (owed(), unpaid()) == (0, 0)
    assert unposted_or_mismatched() == []
    assert Letter.objects.filter(event="paid").count() == 3  # of each payment one


def test_a_bonus_may_come_back_twice(desk):
    returned(desk, 2)
    for number in (2, 3):
        batch = desk.propose(now=LATER)
        desk.release(batch, now=LATER)
        desk.confirm(batch, paid(batch, 1), now=LATER)
        again = batch.lines.get()
        assert again.entry.reference == f"{desk.claims['carla'].reference}/goodwill/paid-{number}"
        workflow.return_payment(again, reason="once more", by=desk.mia, now=LATER)
    assert (owed(), unposted_or_mismatched()) == (BONUS, [])


def test_the_same_return_is_recorded_once_and_another_reason_is_refused(desk):
    first = returned(desk)
    assert returned(desk, now=LATEST) == first
    assert line(desk).returned_at == LATER
    assert JournalEntry.objects.filter(reference__endswith="/returned").count() == 1
    with pytest.raises(Refused, match=r"PAY-\d+/1 came back already \(the bank sent it back: account closed\)"):
        returned(desk, reason="another story")


def test_who_released_the_payout_does_not_record_what_came_back(desk):
    with pytest.raises(Refused, match=r"max released PAY-\d+; another manager records what came back of it"):
        returned(desk, by=desk.max)


@pytest.mark.parametrize("name", ["ana", "aude"])
def test_agents_and_auditors_record_nothing(desk, name):
    with pytest.raises(Refused, match=f"{name} has not the permission claims.confirm_payout"):
        returned(desk, by=getattr(desk, name))
    assert line(desk).status == "paid"


def test_only_what_was_paid_comes_back_and_with_a_reason(desk):
    with pytest.raises(Refused, match="Say why the payment came back"):
        returned(desk, reason=" ")
    returned(desk)
    waiting = desk.released(now=LATER).lines.get()
    with pytest.raises(Refused, match=r"PAY-\d+/1 \(not confirmed yet\) was not paid: only what was paid comes back"):
        workflow.return_payment(waiting, reason="too early", by=desk.mia, now=LATER)


def test_what_somebody_reversed_by_hand_is_a_problem_until_its_return_is_recorded(desk):
    entry = line(desk).entry.reference
    draft = reverse(entry, new_reference="by-hand", description="It came back", effective_on=NOW.date())
    post([draft], by=None, now=NOW)
    assert unposted_or_mismatched() == [
        f"{entry}: PAY-{desk.batch.pk:06}/1 is paid, its entry was reversed: what came back is recorded on the payout's page"
    ]
    returned(desk)
    assert not JournalEntry.objects.filter(reference__endswith="/returned").exists()
    assert (unposted_or_mismatched(), owed()) == ([], AWARD)


def test_treasury_s_old_file_may_come_again_and_says_nothing_new(desk):
    returned(desk)
    assert desk.confirm(desk.batch, *all_paid(desk.batch), now=LATEST)["unchanged"] == 2
    assert to_treasury(desk.batch)[1][6:] == ["failed", "TX-1", "the bank sent it back: account closed"]
    told = dict(zip(*to_treasury(desk.batch)[:2], strict=True))
    row = {name: told[name] for name in ("line", "status", "reference", "reason")}
    assert desk.confirm(desk.batch, row, now=LATEST)["unchanged"] == 1


def first(paper) -> dict:
    table = paper.tables[0]
    return dict(zip(table.heads, table.rows[0], strict=True))


def test_the_reports_know_it_as_paid_until_it_came_back(desk):
    returned(desk, 1, now=timezone.now() + timedelta(minutes=2))
    returned(desk, 2, now=timezone.now() + timedelta(minutes=2))
    figures = []
    for moment in (timezone.now() + timedelta(minutes=1), None):
        row = first(papers.incident(reference="INC-2022-001", as_of=moment))
        bonus = first(papers.bonuses(as_of=moment))
        figures.append((row["posted"], row["paid"], row["unpaid"], bonus["paid_on"]))
    assert figures == [(AWARD, AWARD, 0, NOW.date()), (AWARD, 0, AWARD, None)]


def test_the_entry_says_where_it_comes_from_and_the_line_keeps_its_history(desk):
    back = returned(desk)
    origin = Origin(JournalEntry.objects.get(reference__endswith="/returned"))
    assert (origin.kind, origin.payout) == ("payout", back)
    change = Change.objects.filter(kind="claims_payoutline", object_id=back.pk).order_by("pk").last()
    assert (change.claim_id, change.old["status"], change.new["status"]) == (back.claim_id, "paid", "failed")


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed"},
        {"status": "failed", "returned_at": LATER, "came_back": ""},
        {"status": "failed", "returned_at": LATER, "came_back": "x", "said": "another"},
        {"status": "failed", "returned_at": LATER, "came_back": "x", "entry": None},
        {"status": "waits", "confirmed_at": None, "entry": None},
        {"came_back": "x", "returned_at": LATER},
    ],
)
def test_the_database_lets_a_paid_line_only_come_back_whole(desk, changes):
    with pytest.raises(DatabaseError), transaction.atomic():
        desk.batch.lines.filter(number=1).update(**changes)


def test_a_line_that_came_back_ends_there(desk):
    returned(desk)
    for changes in ({"came_back": "x"}, {"status": "paid"}, {"returned_at": LATEST}):
        with pytest.raises(DatabaseError), transaction.atomic():
            desk.batch.lines.filter(number=1).update(**changes)


# --- on screen


def form(desk, number: int = 1) -> str:
    return address("admin:claims_payout_returned", args=[desk.batch.pk, number])


def test_mia_records_it_on_the_payout_s_page(desk):
    mia = signed_in(desk.mia)
    assert form(desk) in mia.get(desk.batch.get_absolute_url()).content.decode()
    page = mia.post(form(desk), {"reason": "account closed"}, follow=True)
    text = text_of(page)
    assert f"Recorded: {line(desk)} came back. What it paid goes with the next payout." in text
    assert "came back: account closed" in text
    assert form(desk) not in page.content.decode()
    claim = text_of(mia.get(desk.claims["carla"].get_absolute_url()))
    assert "owed again" in claim
    assert "came back: account closed" in claim


@pytest.mark.parametrize(("name", "answer"), [("max", 302), ("ana", 403), ("aude", 403)])
def test_nobody_else_is_shown_the_form_or_does_it(desk, name, answer):
    client = signed_in(getattr(desk, name))
    assert form(desk) not in client.get(desk.batch.get_absolute_url()).content.decode()
    assert client.post(form(desk), {"reason": "x"}).status_code == answer
    assert line(desk).status == "paid"


def test_a_line_that_is_not_there_is_not_found(desk):
    mia = signed_in(desk.mia)
    assert mia.post(form(desk, 9), {"reason": "x"}).status_code == 404
    assert mia.get(form(desk)).status_code == 403
