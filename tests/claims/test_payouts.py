"""A payout from the proposal to treasury's word: everything once, two people, the limits, and what failed is owed again."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from claims import settlement, workflow
from claims.gate import Refused
from claims.models import Bonus, Claim, Letter, PayoutBatch, PayoutFile, PayoutLine
from claims.reports import unposted_or_mismatched
from ledger.journal import CASH
from ledger.models import Balance, JournalEntry
from ledger.posting import post, reverse
from tests import factories as make
from tests.claims.payouts import AWARD, BONUS, Desk, all_paid, failed, lines, owed, paid, payments, to_treasury, unpaid
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(tmp_path):
    return Desk("carla", "dora", tmp_path=tmp_path)


def again(row):
    return type(row).objects.get(pk=row.pk)


def bonus(desk, amount: str, asset: str) -> Bonus:
    """One of another incident."""
    claim = make.claim(make.incident("INC-2022-002"), "carla")
    granted = {"amount": Decimal(amount), "asset": asset}
    entry = settlement.goodwill([claim], **granted, by=desk.mia, now=NOW)[claim.pk]
    return Bonus.objects.create(claim=claim, **granted, entry=entry, granted_by=desk.mia, granted_at=NOW)


def undo(reference: str) -> None:
    draft = reverse(reference, new_reference=f"{reference}/undone", description="In error", effective_on=NOW.date())
    post([draft], by=None, now=NOW)


# --- the proposal


def test_mia_proposes_everything_that_is_owed_each_award_and_each_bonus_a_line(desk):
    batch = desk.propose()
    assert (batch.line_count, batch.total, batch.asset, batch.status) == (4, Decimal(111), "USDT", "proposed")
    assert (batch.incident, batch.proposed_by, batch.proposed_at) == (desk.incident, desk.mia, NOW)
    assert lines(batch) == [
        (1, "carla", "carla-1", AWARD, "waits", ""),
        (2, "carla", "carla-1", BONUS, "waits", ""),
        (3, "dora", "dora-1", AWARD, "waits", ""),
        (4, "dora", "dora-1", BONUS, "waits", ""),
    ]


def test_what_is_in_a_payout_is_in_no_other(desk):
    desk.propose(at_most=3)
    rest = desk.propose()
    assert [line[1:4] for line in lines(rest)] == [("dora", "dora-1", BONUS)]
    with pytest.raises(Refused, match="INC-2022-001 owes nothing in USDT that is not in a payout already"):
        desk.propose()


def test_a_bonus_is_paid_whatever_became_of_the_claim(desk):
    make.claim(desk.incident, "emil")
    workflow.grant_bonuses(desk.incident, by=desk.mia, now=NOW)
    Claim.objects.filter(customer__code="emil").update(status="denied")
    assert ("emil", "emil-1", BONUS) in [line[1:4] for line in lines(desk.propose())]


def test_the_account_is_that_of_the_latest_contact_if_it_is_theirs(desk):
    carla, dora = desk.claims["carla"], desk.claims["dora"]
    for claim in (carla, dora):
        make.Account.objects.create(code=f"{claim.customer.code}-2", customer=claim.customer)
    for claim, account, clock in ((carla, "carla-1", "15:10"), (carla, "carla-2", "15:20"), (carla, "dora-1", "15:30")):
        make.Contact.objects.create(claim=claim, channel="chat", contacted_at=at(clock), account=account)
    accounts = {line[1]: line[2] for line in lines(desk.propose())}
    assert accounts == {"carla": "carla-2", "dora": ""}  # Dora has two accounts and named none


def test_what_was_taken_back_in_the_books_is_not_paid(desk):
    undo(f"{desk.claims['carla'].reference}/goodwill")
    assert [line[1:4] for line in lines(desk.propose())] == [
        ("carla", "carla-1", AWARD),
        ("dora", "dora-1", AWARD),
        ("dora", "dora-1", BONUS),
    ]


@pytest.mark.parametrize("name", ["ana", "aude"])
@pytest.mark.parametrize(
    "verb",
    [
        lambda desk, batch, by: desk.propose(by=by),
        lambda desk, batch, by: desk.release(batch, by=by),
        lambda desk, batch, by: desk.confirm(batch, by=by),
        lambda desk, batch, by: workflow.cancel_payout(batch, reason="no", by=by, now=NOW),
        lambda desk, batch, by: limit(desk, "1", "1", by=by),
    ],
)
def test_neither_agent_nor_auditor_proposes_releases_or_confirms(desk, verb, name):
    batch = desk.propose(at_most=1)
    with pytest.raises(Refused, match=f"{name} has not the permission claims"):
        verb(desk, batch, getattr(desk, name))


# --- the limits


def limit(desk, per_line: str, per_batch: str, by=None):
    figures = {"per_line": Decimal(per_line), "per_batch": Decimal(per_batch)}
    return workflow.set_payout_limit("USDT", **figures, reason="the board's", by=by or desk.mia, now=NOW)


def test_a_line_above_the_limit_is_refused_by_its_name(desk):
    limit(desk, "35.49", "1000")
    with pytest.raises(Refused) as refusal:
        desk.propose()
    carla, dora = desk.claims["carla"], desk.claims["dora"]
    assert str(refusal.value) == (
        f"more than 35.49 USDT in one line: {carla} 35.5 USDT, {dora} 35.5 USDT. Is the unit right? Otherwise a manager raises "
        "the limit, with a reason (Payout limits)"
    )
    assert not PayoutBatch.objects.exists()


def test_a_batch_above_the_limit_is_refused_and_told_how_to_split(desk):
    limit(desk, "50", "110.99")
    with pytest.raises(
        Refused, match=r"111 USDT is more than one batch may pay \(110.99 USDT\): split it, at most 3 lines"
    ):
        desk.propose()
    assert desk.propose(at_most=3).total == Decimal("91")


def test_an_asset_without_a_limit_is_not_paid(desk):
    koru = bonus(desk, "1", "KORU")
    with pytest.raises(Refused, match="KORU has no payout limit: a manager sets one first"):
        workflow.propose_payout(koru.claim.incident, "KORU", by=desk.mia, now=NOW)


def test_the_limit_in_force_when_it_is_released_counts(desk):
    batch = desk.propose()
    limit(desk, "30", "1000")
    with pytest.raises(Refused, match="more than 30 USDT in one line"):
        desk.release(batch)
    limit(desk, "40", "1000")
    assert desk.release(batch).status == "released"


@pytest.mark.parametrize(
    ("asset", "line", "batch", "reason", "words"),
    [
        ("USDT", "0", "1", "x", "more than 0"),
        ("USDT", "2", "1", "x", "not below a line's"),
        ("USDT", "1", "1", " ", "Say why"),
        ("usdt", "1", "1", "x", "capitals"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(desk, asset, line, batch, reason, words):
    with pytest.raises(Refused, match=words):
        workflow.set_payout_limit(
            asset, per_line=Decimal(line), per_batch=Decimal(batch), reason=reason, by=desk.mia, now=NOW
        )


def test_a_unit_typo_is_stopped_by_the_limit(desk):
    """620,000 of a coin where 620,000 of a dollar was meant."""
    claim = bonus(desk, "620000", "BTC").claim
    with pytest.raises(Refused, match=f"more than 5 BTC in one line: {claim} 620000 BTC. Is the unit right?"):
        workflow.propose_payout(claim.incident, "BTC", by=desk.mia, now=NOW)


def test_a_unit_typo_below_the_limit_is_stopped_by_the_total_that_the_second_person_types(desk):
    batch = workflow.propose_payout(bonus(desk, "3", "BTC").claim.incident, "BTC", by=desk.mia, now=NOW)
    with pytest.raises(Refused, match="'3 USDT' is not the total of PAY"):
        desk.release(batch, typed_total="3 USDT")


# --- the second person


def test_max_releases_it_with_the_total_he_typed(desk):
    batch = desk.release(desk.propose(), typed_total=" 111.00  USDT ")
    assert (batch.status, batch.released_by, batch.released_at) == ("released", desk.max, NOW)


@pytest.mark.parametrize(
    "typed", ["111", "USDT", "", "111 BTC", "11.1 USDT", "111,00 USDT", "1,11 USDT", "111 usdt", "1.11e2 USDT"]
)
def test_another_total_or_unit_is_refused(desk, typed):
    batch = desk.propose()
    with pytest.raises(Refused, match=f"is not the total of {batch}"):
        desk.release(batch, typed_total=typed)
    assert again(batch).status == "proposed"


def test_who_proposed_it_does_not_release_it(desk):
    batch = desk.propose()
    with pytest.raises(Refused, match=f"mia proposed {batch}; another manager releases it"):
        desk.release(batch, by=desk.mia)


def test_a_batch_is_released_once(desk):
    batch = desk.released()
    with pytest.raises(Refused, match=f"{batch} is not a proposal any more, it is with treasury"):
        desk.release(batch)


def test_what_is_taken_back_after_the_proposal_stops_the_release(desk):
    batch = desk.propose()
    undo(f"{desk.claims['dora'].reference}/goodwill")
    with pytest.raises(Refused, match=f"reversed what {desk.claims['dora']} 20 USDT would pay: cancel {batch}"):
        desk.release(batch)


def test_a_cash_that_would_not_suffice_is_topped_up_in_the_same_step(desk):
    batch = desk.propose()
    held = Balance.objects.filter(account__name=CASH, account__asset="USDT").order_by("part")
    held.update(debits=0, credits=0)
    held.filter(part=held.first().part).update(debits=Decimal(100))
    desk.release(batch)
    [topup] = JournalEntry.objects.filter(reference=f"{batch}/topup-USDT")
    assert (topup.category, topup.transfers.get().amount, topup.posted_by) == ("company_topup", Decimal(11), desk.max)


def test_a_cancelled_payout_frees_its_lines(desk):
    batch = desk.propose()
    workflow.cancel_payout(batch, reason="the wrong day", by=desk.mia, now=NOW)
    assert (again(batch).status, again(batch).ended_by) == ("cancelled", desk.mia)
    assert {line[4:] for line in lines(batch)} == {("failed", "the wrong day")}
    with pytest.raises(Refused, match="is not a proposal any more, it is cancelled"):
        desk.release(batch)
    assert desk.propose().total == Decimal(111)


def test_a_payout_is_cancelled_with_a_reason_and_not_after_its_release(desk):
    batch = desk.propose()
    with pytest.raises(Refused, match="Say why"):
        workflow.cancel_payout(batch, reason=" ", by=desk.max, now=NOW)
    desk.release(batch)
    with pytest.raises(Refused, match="it is with treasury"):
        workflow.cancel_payout(batch, reason="late", by=desk.max, now=NOW)


# --- treasury


def test_treasury_gets_the_lines_of_a_released_payout(desk):
    batch = desk.propose(at_most=2)
    with pytest.raises(Refused, match="only what is released goes to treasury"):
        to_treasury(batch)
    batch = desk.release(batch)
    carla = desk.claims["carla"].reference
    assert to_treasury(batch) == [
        ["line", "claim", "customer", "account", "amount", "asset", "status", "reference", "reason"],
        [f"{batch}/1", carla, "carla", "carla-1", "35.50", "USDT", "waits", "", ""],
        [f"{batch}/2", carla, "carla", "carla-1", "20.00", "USDT", "waits", "", ""],
    ]
    assert list(PayoutFile.objects.values_list("batch", "way", "line_count", "by")) == [(batch.pk, "to", 2, None)]


def test_what_treasury_says_is_written_so_that_no_spreadsheet_runs_it(desk):
    batch = desk.released(at_most=2)
    desk.confirm(batch, paid(batch, 1, "=1+1"), failed(batch, 2, "@closed"))
    assert [row[6:] for row in to_treasury(again(batch))[1:]] == [["paid", "'=1+1", ""], ["failed", "", "'@closed"]]


# --- the confirmation


def test_a_payout_with_one_failed_line_from_end_to_end(desk):
    batch = desk.released()
    assert owed() == Decimal(111)
    result = desk.confirm(batch, paid(batch, 1), paid(batch, 2), failed(batch, 3), paid(batch, 4, "TX-four"))
    assert result == {"rows": 4, "paid": 3, "failed": 1, "unchanged": 0, "rejected": 0, "errors": []}
    carla, dora = desk.claims["carla"].reference, desk.claims["dora"].reference
    assert payments() == {
        f"{carla}/award-1/USDT/paid": AWARD,
        f"{carla}/goodwill/paid": BONUS,
        f"{dora}/goodwill/paid": BONUS,
    }
    assert [line[4:] for line in lines(batch)] == [
        ("paid", "TX-1"), ("paid", "TX-2"), ("failed", "account closed"), ("paid", "TX-four"),
    ]  # fmt: skip
    done = again(batch)
    assert (done.status, done.ended_by, done.ended_at) == ("settled", desk.max, NOW)
    assert (owed(), unpaid()) == (AWARD, AWARD)
    entry = again(batch).lines.get(number=1).entry
    assert (entry.description, entry.posted_by, entry.effective_on) == (
        f"Paid in {batch}, line 1",
        desk.max,
        NOW.date(),
    )
    assert list(entry.transfers.values_list("debit__name", "credit__name", "amount", "asset")) == [
        ("Liabilities:Payable:Compensation", "Assets:Fund:Cash", AWARD, "USDT")
    ]
    # What failed is owed again, and goes with the next one.
    second = desk.released()
    assert [line[1:4] for line in lines(second)] == [("dora", "dora-1", AWARD)]
    desk.confirm(second, paid(second, 1))
    assert (owed(), unpaid(), len(payments())) == (0, 0, 4)
    assert unposted_or_mismatched() == []


def test_each_customer_is_written_to_once_about_each_payment(desk):
    batch = desk.released()
    rows = [paid(batch, 1), failed(batch, 2)]
    desk.confirm(batch, *rows)
    desk.confirm(batch, *rows)
    desk.confirm(batch, paid(batch, 3), paid(batch, 4))
    told = Letter.objects.filter(event="paid").order_by("pk").values_list("claim__customer__code", "facts__reference")
    assert list(told) == [("carla", "TX-1"), ("dora", "TX-3"), ("dora", "TX-4")]


def test_the_same_file_again_changes_nothing(desk):
    batch = desk.released()
    rows = [paid(batch, 1), failed(batch, 2), paid(batch, 3), paid(batch, 4)]
    desk.confirm(batch, *rows)
    before = lines(batch), payments()
    assert desk.confirm(batch, *rows) == {
        "rows": 4, "paid": 0, "failed": 0, "unchanged": 4, "rejected": 0, "errors": [],
    }  # fmt: skip
    assert (lines(batch), payments()) == before


def test_a_confirmation_comes_in_parts(desk):
    batch = desk.released()
    assert desk.confirm(batch, paid(batch, 2))["paid"] == 1
    assert again(batch).status == "released"
    rest = [{"line": f"{batch}/1", "status": "waits"}, paid(batch, 2), failed(batch, 3), paid(batch, 4)]
    result = desk.confirm(batch, *rest)
    assert (result["paid"], result["failed"], result["unchanged"]) == (1, 1, 2)
    assert again(batch).status == "released"
    desk.confirm(batch, paid(batch, 1))
    assert again(batch).status == "settled"


def test_everything_wrong_with_a_file_comes_at_once_and_nothing_of_it_is_taken_over(desk):
    batch = desk.released()
    desk.confirm(batch, paid(batch, 1), failed(batch, 2))
    result = desk.confirm(
        batch,
        failed(batch, 1),
        paid(batch, 2),
        paid(batch, 1, "TX-other"),
        {"line": f"{batch}/3", "status": "paid"},
        {"line": f"{batch}/4", "status": "failed"},
        {"line": f"{batch}/5", "status": "paid", "reference": "TX"},
        {"line": "PAY-999999/1", "status": "paid", "reference": "TX"},
        {"line": "1", "status": "paid", "reference": "TX"},
        {"line": f"{batch}/3", "status": "done", "reference": "TX"},
    )
    assert (result["paid"], result["failed"], result["rejected"]) == (0, 0, 9)
    assert result["errors"] == [
        'line 2, column status: "failed" - expected nothing new: the line is paid already (TX-1)',
        'line 3, column status: "paid" - expected nothing new: the line is failed already (account closed)',
        f'line 4, column line: "{batch}/1" - expected each line once; line 2 has it already',
        "line 4, column reference: \"TX-other\" - expected nothing new: the line has 'TX-1'",
        'line 5, column reference: "" - expected treasury\'s reference of the payment',
        'line 6, column reason: "" - expected why the payment failed',
        f'line 7, column line: "{batch}/5" - expected a line of {batch}, 1 to 4',
        f'line 8, column line: "PAY-999999/1" - expected a line of {batch}, 1 to 4',
        'line 9, column line: "1" - expected a line such as PAY-000001/1',
        'line 10, column status: "done" - expected one of: waits, paid, failed',
    ]
    assert (len(payments()), [line[4] for line in lines(batch)]) == (1, ["paid", "failed", "waits", "waits"])


def test_the_file_that_went_out_comes_back_and_its_figures_are_held_against_ours(desk):
    batch = desk.released(at_most=2)
    head, *rows = to_treasury(batch)
    for row in rows:
        row[6:8] = ["paid", f"TX {row[0]}"]
    path = desk.folder / "back.csv"

    def text(*changed):
        return "\n".join(",".join(row) for row in [head, *changed]) + "\n"

    wrong = [[*rows[0][:4], "355.0", *rows[0][5:]], [rows[1][0], "CLM-999999", *rows[1][2:5], "BTC", *rows[1][6:]]]
    path.write_text(text(*wrong))
    carla = desk.claims["carla"].reference
    assert workflow.confirm_payout(batch, path, now=NOW)["errors"] == [
        'line 2, column amount: "355.0" - expected the line\'s amount: 35.5',
        f'line 3, column claim: "CLM-999999" - expected the line\'s claim: {carla}',
        'line 3, column asset: "BTC" - expected the line\'s asset: USDT',
    ]
    path.write_text(text(*rows))
    assert workflow.confirm_payout(batch, path, now=NOW)["paid"] == 2
    assert again(batch).status == "settled"
    assert again(batch).ended_by is None


def test_a_payout_that_nobody_released_is_not_confirmed_and_it_is_said_how(desk):
    batch = desk.propose()
    with pytest.raises(Refused) as refusal:
        desk.confirm(batch, paid(batch, 1))
    assert str(refusal.value) == (
        f"{batch} is not released yet: another manager than who proposed it releases it first, on its page or by release_payout "
        f'{batch} --by USER --total "111 USDT"'
    )


def test_what_was_taken_back_while_treasury_had_it_is_not_posted_as_paid(desk):
    batch = desk.released()
    undo(f"{desk.claims['dora'].reference}/goodwill")
    with pytest.raises(Refused, match=f"reversed what {desk.claims['dora']} 20 USDT would pay"):
        desk.confirm(batch, *all_paid(batch)[:3])
    assert payments() == {}


# --- the database's own word


@pytest.mark.parametrize(
    "change",
    [
        lambda batch: batch.lines.filter(number=1).update(status="failed", entry=None),
        lambda batch: batch.lines.filter(number=2).update(amount=Decimal(2000)),
        lambda batch: batch.lines.filter(number=2).delete(),
        lambda batch: PayoutBatch.objects.filter(pk=batch.pk).update(status="proposed"),
        lambda batch: PayoutBatch.objects.filter(pk=batch.pk).update(total=Decimal(1)),
        lambda batch: PayoutFile.objects.filter(batch=batch).delete(),
    ],
)
def test_no_line_and_no_batch_goes_back(desk, change):
    batch = desk.released()
    desk.confirm(batch, paid(batch, 1))
    with pytest.raises(DatabaseError), transaction.atomic():
        change(batch)


def test_a_payment_without_a_line_and_a_line_that_paid_something_else_are_named(desk):
    batch = desk.released()
    desk.confirm(batch, *all_paid(batch))
    assert unposted_or_mismatched() == []
    carla, dora = desk.claims["carla"].reference, desk.claims["dora"].reference
    first, fourth = batch.lines.get(number=1), batch.lines.get(number=4)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE claims_payoutline DISABLE TRIGGER USER")
        cursor.execute("UPDATE claims_payoutline SET entry_id = NULL, status = 'failed' WHERE id = %s", [fourth.pk])
        cursor.execute("UPDATE claims_payoutline SET entry_id = %s WHERE id = %s", [fourth.entry_id, first.pk])
        cursor.execute("ALTER TABLE claims_payoutline ENABLE TRIGGER USER")
    payable, cash = "Liabilities:Payable:Goodwill USDT", "Assets:Fund:Cash USDT"
    assert unposted_or_mismatched() == [
        f"{dora}/goodwill/paid: {batch}/1 pays 35.5 USDT to {carla}, it is booked as goodwill bonus, {payable} ← {cash} 20",
        f"{carla}/award-1/USDT/paid: pays a customer without a payout",
    ]


def test_lines_are_frozen_in_number_and_say_how_they_ended(desk):
    batch = desk.released()
    with pytest.raises(DatabaseError), transaction.atomic():
        PayoutLine.objects.filter(batch=batch, number=1).update(status="paid")
