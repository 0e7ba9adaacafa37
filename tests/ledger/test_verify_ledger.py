"""`verify_ledger`: sound books pass; whatever somebody with every right does to them behind our back is named."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import connection

from claims import tasks, verifying, workflow
from claims.gate import Refused
from claims.models import Award, Bonus, Claim, Compensation
from jobs.models import Job
from ledger import closing, laws, verification
from ledger.journal import COMPENSATION_PAID, Draft
from ledger.models import JournalEntry, Seal, Transfer, Verification
from ledger.posting import post
from ledger.sealing import seal
from ledger.verification import problems
from tests import factories
from tests.console import portal
from tests.ledger.books import NOW, book, november, undo

pytestmark = pytest.mark.django_db
DECEMBER = datetime(2022, 12, 2, 9, 0, tzinfo=UTC)


TABLES = """
    SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND (relname LIKE 'ledger%' OR relname LIKE 'claims%')
"""
KEYS = """
    SELECT conrelid::regclass::text, conname FROM pg_constraint
     WHERE contype = 'f' AND (conrelid::regclass::text LIKE 'ledger%' OR conrelid::regclass::text LIKE 'claims%')
"""


def owner(sql: str, *params) -> None:
    """Somebody to whom the tables belong: puts their triggers at rest and their foreign keys away, and does as they please."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        for table, key in rows(KEYS):
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {key}")
        for (table,) in rows(TABLES):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql, params or None)
        for (table,) in rows(TABLES):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def rows(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(sql)


def wrong_rows() -> list[str]:
    """What is wrong with the rows; the keys that `owner` put away are another matter."""
    return [problem for problem in problems() if not problem.startswith("ledger_")]


def entry(reference: str) -> int:
    return JournalEntry.objects.get(reference=reference).pk


# --- the books in themselves


def test_the_books_of_november_keep_every_law():
    november()
    assert problems() == []


def test_empty_books_keep_every_law():
    assert problems() == []


def test_an_amount_altered_below_what_was_promised_is_named():
    november()
    owner("UPDATE ledger_transfer SET amount = 10 WHERE entry_id = %s AND asset_id = 'USDT'", entry("seed-2022"))
    assert wrong_rows() == [
        "CLM-000001/award-1/USDT: takes the available USDT from 26.5 to -9, below zero",
        "Assets:Fund:Cash USDT: its kept balance has debits of 1016.5 and credits of 8.25,"
        " its transfers add up to 26.5 and 8.25",
        "Equity:SeedCapital USDT: its kept balance has debits of 0 and credits of 1000, its transfers add up to 0 and 10",
    ]


def test_an_altered_amount_of_what_was_reversed_is_named():
    november()
    owner("UPDATE ledger_transfer SET amount = 8.26 WHERE entry_id = %s", entry("liq/7001-twice"))
    assert wrong_rows()[0] == "liq/7001-twice/reversed: does not mirror liq/7001-twice, which it reverses"


def test_a_removed_transfer_is_named():
    november()
    owner("DELETE FROM ledger_transfer WHERE entry_id = %s AND line = 2", entry("seed-2022"))
    assert "seed-2022: announces 2 transfers and has 1" in problems()


def test_a_removed_entry_is_named():
    november()
    gone = entry("liq/7001")
    owner("DELETE FROM ledger_journalentry WHERE id = %s", gone)
    assert f"entry {gone}: has transfer 1, but is not in the books" in problems()


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("amount = 8.255", "transfer 1: amount 8.255 has more than the 2 decimals of USDT"),
        ("credit_id = debit_id", "transfer 1: debit and credit are the same account"),
        ("asset_id = 'BTC'", "transfer 1: moves BTC between accounts of USDT and USDT"),
        ("asset_id = 'XYZ'", "transfer 1: moves XYZ between accounts of USDT and USDT; asset XYZ is unknown"),
    ],
)
def test_a_transfer_that_breaks_a_law_is_named(change, wrong):
    november()
    execute("ALTER TABLE ledger_transfer DROP CONSTRAINT transfer_between_two_accounts")
    owner(f"UPDATE ledger_transfer SET {change} WHERE entry_id = %s", entry("liq/7001"))  # noqa: S608
    assert f"liq/7001: {wrong}" in problems()


def test_an_amount_that_is_not_positive_is_named():
    november()
    owner("ALTER TABLE ledger_transfer DROP CONSTRAINT transfer_positive")
    owner("UPDATE ledger_transfer SET amount = -1 WHERE entry_id = %s", entry("liq/7001"))
    assert "liq/7001: transfer 1: amount -1 is not positive" in problems()


def test_assets_that_no_longer_balance_are_named():
    november()
    owner(
        "UPDATE ledger_transfer SET credit_id = (SELECT id FROM ledger_account WHERE name = 'Equity:SeedCapital'"
        " AND asset_id = 'BTC') WHERE entry_id = %s",
        entry("liq/7001"),
    )
    assert wrong_rows()[:3] == [
        "liq/7001: transfer 1: moves USDT between accounts of USDT and BTC;"
        " liquidation_fee does not move debit Assets:Fund:Cash, credit Equity:SeedCapital",
        "trial balance: BTC is out by -8.25",
        "trial balance: USDT is out by 8.25",
    ]


def test_a_reference_that_stands_twice_is_named():
    november()
    owner("ALTER TABLE ledger_journalentry DROP CONSTRAINT ledger_journalentry_reference_key")
    owner("UPDATE ledger_journalentry SET reference = 'liq/7001' WHERE id = %s", entry("liq/7001-twice"))
    assert "liq/7001: stands for 2 entries" in problems()


def test_reversals_that_are_none_are_named():
    november()
    owner("ALTER TABLE ledger_journalentry DROP CONSTRAINT entry_reversal_is_a_correction")
    owner("UPDATE ledger_journalentry SET category = 'correction' WHERE id = %s", entry("liq/7001"))
    owner("UPDATE ledger_journalentry SET category = 'fee_refund' WHERE id = %s", entry("liq/7001-twice/reversed"))
    assert wrong_rows() == [
        "liq/7001: is a correction and reverses nothing",
        "liq/7001-twice/reversed: reverses an entry and is no correction",
    ]


def test_an_entry_reversed_twice_is_named():
    november()
    undo("liq/7001", "liq/7001/reversed")
    owner("ALTER TABLE ledger_journalentry DROP CONSTRAINT ledger_journalentry_reverses_id_key")
    owner(
        "UPDATE ledger_journalentry SET reverses_id = %s WHERE id = %s",
        entry("liq/7001"),
        entry("liq/7001-twice/reversed"),
    )
    assert "liq/7001: is reversed 2 times" in problems()


def test_a_kept_balance_that_was_touched_is_named():
    november()
    owner("UPDATE ledger_balance SET credits = credits + 1 WHERE account_id IN (SELECT id FROM ledger_account"
          " WHERE name = 'Equity:SeedCapital' AND asset_id = 'BTC')")  # fmt: skip
    assert wrong_rows() == [
        "Equity:SeedCapital BTC: its kept balance has debits of 0 and credits of 1.5, its transfers add up to 0 and 0.5"
    ]


def test_a_move_that_its_category_does_not_know_is_named():
    november()
    owner("UPDATE ledger_journalentry SET category = 'bankruptcy_cover' WHERE id = %s", entry("liq/7001"))
    assert wrong_rows() == [
        "liq/7001: transfer 1: bankruptcy_cover does not move debit Assets:Fund:Cash, credit Income:LiquidationFees"
    ]


# --- closed periods


@pytest.fixture
def closed():
    """November closed in two steps: Mia proposes, Max closes."""
    mia, max_ = factories.staff("mia", "manager"), factories.staff("max", "manager")
    november()
    for day in (17, 30):
        period = closing.propose(date(2022, 11, day), by=mia, now=DECEMBER)
        closing.close(period.pk, by=max_, now=DECEMBER)
    book("liquidation_fee", "liq/december", "1 USDT", day=date(2022, 12, 1), now=DECEMBER)


def test_two_closed_periods_keep_every_law(closed):
    assert problems() == []


def test_a_closing_balance_that_was_touched_or_is_gone_is_named(closed):
    chosen = "account_id IN (SELECT id FROM ledger_account WHERE name = 'Equity:SeedCapital' AND asset_id = '{}')"
    owner(f"UPDATE ledger_closingbalance SET credits = 999 WHERE {chosen.format('USDT')}")  # noqa: S608
    owner(f"DELETE FROM ledger_closingbalance WHERE {chosen.format('BTC')}")  # noqa: S608
    usdt = "Equity:SeedCapital USDT closed with debits of 0 and credits of 999, its transfers add up to 0 and 1000"
    btc = "Equity:SeedCapital BTC closed with debits of 0 and credits of 0, its transfers add up to 0 and 0.5"
    assert wrong_rows() == [
        f"period through 2022-11-{day}: {told}" for day in (17, 30) for told in (btc, usdt)
    ]  # fmt: skip


def test_what_was_dated_back_into_a_closed_period_is_named(closed):
    owner("UPDATE ledger_journalentry SET effective_on = '2022-11-29', posted_at = '2022-12-05 10:00Z' WHERE id = %s",
          entry("liq/december"))  # fmt: skip
    told = wrong_rows()
    assert told[0] == (
        "liq/december: counts on 2022-11-29 and was posted at 2022-12-05 10:00:00 UTC,"
        " when the books were closed through 2022-11-30"
    )
    assert [problem.partition(": ")[0] for problem in told[1:]] == ["period through 2022-11-30"] * 2


def test_a_period_that_one_person_closed_is_named(closed):
    owner("ALTER TABLE ledger_period DROP CONSTRAINT period_closed_by_two_people")
    owner("UPDATE ledger_period SET closed_by_id = prepared_by_id WHERE last_day = '2022-11-17'")
    assert wrong_rows() == ["period through 2022-11-17: was closed by the person who proposed it"]


# --- the runs are kept


def test_each_run_is_kept_with_who_asked_for_it():
    aude, ana = factories.staff("aude", "auditor"), factories.staff("ana", "agent")
    november()
    made = seal(now=factories.NOW)
    code, said = portal("verify_ledger", "--by", "aude")
    run = Verification.objects.get()
    assert (run.asked_by, run.last_seal, run.ok, run.problem_count) == (aude, made, False, 3)
    assert (run.problems, run.checked) == (said["problems"], said["checked"])
    assert portal("verify_ledger", "--by", "ana")[1]["errors"] == ["ana has not the permission ledger.add_verification"]
    with pytest.raises(Refused, match="ana has not the permission"):
        verifying.request(by=ana, now=factories.NOW)


@pytest.mark.django_db(transaction=True)
def test_a_worker_verifies_what_was_asked_for_and_at_night_everything_is_sealed_first():
    aude = factories.staff("aude", "auditor")
    book("seed_capital", "seed", "1 USDT")
    job = verifying.request(by=aude, now=factories.NOW)
    assert verifying.request(by=None, now=factories.NOW) == job  # one at a time
    tasks.verify(job.pk)
    assert (Verification.objects.get().asked_by, Seal.objects.exists()) == (aude, False)
    tasks.verify_nightly()
    tasks.verify(Job.objects.unfinished().get().pk)
    assert Verification.objects.first().last_seal == Seal.objects.get()
    assert not Job.objects.unfinished().exists()


def test_a_thousand_problems_are_told_and_all_are_counted(monkeypatch):
    monkeypatch.setattr(verification, "IN_WORDS", 2)
    november()
    owner("UPDATE ledger_journalentry SET transfer_count = 7")
    found = verification.broken_laws()
    assert (len(found.words), found.count >= 8) == (2, True)


# --- the guards of the books


def test_each_dropped_or_disabled_trigger_is_named():
    for table, name in laws.TRIGGERS:
        execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    for table, name in laws.TRIGGERS:
        assert f"{table}: its trigger {name} is disabled: rows can be changed without a trace" in problems()
        execute(f"DROP TRIGGER {name} ON {table}")
        assert f"{table}: its trigger {name} is missing: rows can be changed without a trace" in problems()
    assert len(problems()) == len(laws.TRIGGERS)


def test_a_trigger_that_only_works_for_replicas_is_named():
    execute("ALTER TABLE ledger_account ENABLE REPLICA TRIGGER append_only")
    assert problems() == ["ledger_account: its trigger append_only is disabled: rows can be changed without a trace"]


def test_a_trigger_that_guards_less_than_it_did_is_named():
    execute(
        "DROP TRIGGER append_only ON ledger_rate; CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON ledger_rate"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
    )
    assert problems() == [
        "ledger_rate: its trigger append_only was rewritten: it is not the one that the migrations made"
    ]


def test_a_trigger_that_is_none_of_ours_is_named():
    execute(
        "CREATE FUNCTION half() RETURNS trigger AS $$ BEGIN NEW.amount = NEW.amount / 2; RETURN NEW; END $$ LANGUAGE plpgsql;"
        "CREATE TRIGGER quietly BEFORE INSERT ON ledger_transfer FOR EACH ROW EXECUTE FUNCTION half()"
    )
    assert problems() == ["ledger_transfer: its trigger quietly is none of ours: it may change what is written"]


def test_a_rule_that_swallows_what_is_written_is_named():
    execute("CREATE RULE nothing AS ON INSERT TO ledger_transfer DO INSTEAD NOTHING")
    assert problems() == ["ledger_transfer: its rule nothing is none of ours: what is written may go elsewhere"]


@pytest.mark.parametrize("name", laws.FUNCTIONS)
def test_a_function_that_was_taught_to_look_away_is_named(name):
    [(definition,)] = rows(f"SELECT pg_get_functiondef('{name}'::regproc)")
    execute(
        definition.replace("BEGIN", "BEGIN PERFORM 1;", 1).replace("SELECT NOT EXISTS", "SELECT true OR NOT EXISTS", 1)
    )
    assert problems() == [f"{name}: was rewritten: it is not the one that the migrations made"]


def test_a_payment_of_more_than_was_owed_is_named():
    november()
    settled = Draft(
        "CLM-000001/award-1/USDT/paid",
        "outage_compensation",
        date(2022, 11, 21),
        "Paid",
        (COMPENSATION_PAID.move(Decimal("35.50"), "USDT"),),
    )
    post([settled], by=None, now=NOW)
    owner("UPDATE ledger_transfer SET amount = 35 WHERE entry_id = %s", entry("CLM-000001/award-1/USDT"))
    said = "pays or takes back 0.5 USDT more than Liabilities:Payable:Compensation owes"
    assert f"{settled.reference}: {said}" in problems()


@pytest.mark.parametrize(
    "change", ["SECURITY INVOKER", "RESET ALL", "SET search_path = pg_temp, public", "SET work_mem = '1GB'"]
)
@pytest.mark.parametrize("name", ["ledger_post", "ledger_refuse"])
def test_a_function_with_other_rights_or_settings_is_named(name, change):
    execute(f"ALTER FUNCTION {name} {change}")
    assert problems() == [f"{name}: runs with other rights or settings than the migrations gave it"]


def test_a_function_that_is_gone_is_named():
    execute("DROP FUNCTION ledger_post")
    assert problems() == ["ledger_post: is missing: rows can be changed without a trace"]


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("ledger_transfer", "transfer_positive"),
        ("ledger_journalentry", "entry_has_a_first_transfer"),
        ("ledger_period", "period_closed_by_two_people"),
        ("ledger_journalentry", "entry_reversal_is_a_correction"),
    ],
)
def test_a_constraint_that_is_gone_is_named(table, name):
    execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    assert problems() == [f"{table}: its constraint {name} is missing"]


def test_a_constraint_that_was_never_checked_is_named():
    execute(
        "ALTER TABLE ledger_transfer DROP CONSTRAINT transfer_positive;"
        "ALTER TABLE ledger_transfer ADD CONSTRAINT transfer_positive CHECK (amount > 0) NOT VALID"
    )
    assert problems() == ["ledger_transfer: its constraint transfer_positive was never checked"]


def test_keys_that_are_gone_are_named():
    execute("ALTER TABLE ledger_journalentry DROP CONSTRAINT ledger_journalentry_reference_key")
    execute("ALTER TABLE ledger_sealing DROP CONSTRAINT ledger_sealing_pkey")
    assert problems() == [
        "ledger_journalentry: reference is no unique key any more",
        "ledger_sealing: entry_id is no primary key any more",
    ]


# --- what was decided against what was booked


@pytest.fixture
def paid() -> Claim:
    """Carla's two orders approved by Mia, and her goodwill bonus: 35.50 + 71.00 and 20 USDT."""
    mia = factories.staff("mia", "manager")
    incident = factories.incident()
    factories.quotes("BTCUSDT", ("14:34", "16571.00", "16571.10"))
    claim = factories.claim(incident)
    factories.order("O-1")
    factories.order("O-2", quantity="1")
    book("seed_capital", "seed", "1000 USDT", by=mia)
    workflow.assess_now(incident, now=factories.NOW)
    workflow.approve(Claim.objects.get(pk=claim.pk), by=mia, now=factories.NOW)
    workflow.grant_bonuses(incident, by=mia, now=factories.NOW)
    return Claim.objects.get(pk=claim.pk)


@pytest.fixture
def verify(capsys):
    def run() -> tuple[int, dict]:
        status = 0
        try:
            call_command("verify_ledger", json=True)
        except SystemExit as exit:
            status = exit.code
        said = json.loads(capsys.readouterr().out)
        return status, said | {"problems": [told for told in said["problems"] if not told.startswith("ledger_")]}

    return run


def test_what_was_approved_and_granted_is_booked_once(paid, verify):
    assert verify() == (
        0,
        {
            "ok": True,
            "checked": {
                "entries": 3,
                "transfers": 3,
                "seals": 0,
                "unsealed": 3,
                "awards": 1,
                "bonuses": 1,
                "payments": 0,
            },
            "problems": [],
            "seal": None,
        },
    )


def test_an_award_whose_entry_was_altered_is_named(paid, verify):
    owner("UPDATE ledger_transfer SET amount = 106.51 WHERE entry_id = %s", Award.objects.get().entry_id)
    status, said = verify()
    assert (status, said["ok"]) == (1, False)
    assert said["problems"][-1:] == [
        f"{paid.reference}/award-1/USDT: the award of 106.5 USDT to {paid.reference} is booked as outage compensation, "
        "Expenses:Compensation USDT ← Liabilities:Payable:Compensation USDT 106.51"
    ]


def test_a_bonus_booked_on_another_account_is_named(paid, verify):
    owner(
        "UPDATE ledger_transfer SET credit_id = (SELECT id FROM ledger_account WHERE name = 'Assets:Fund:Cash')"
        " WHERE entry_id = %s",
        Bonus.objects.get().entry_id,
    )
    assert verify()[1]["problems"][-1:] == [
        f"{paid.reference}/goodwill: the goodwill bonus of 20 USDT to {paid.reference} is booked as goodwill bonus, "
        "Expenses:Goodwill USDT ← Assets:Fund:Cash USDT 20"
    ]


def test_an_award_whose_entry_is_gone_is_named(paid, verify):
    gone = Award.objects.get().entry_id
    owner("DELETE FROM ledger_transfer WHERE entry_id = %s", gone)
    owner("DELETE FROM ledger_journalentry WHERE id = %s", gone)
    assert verify()[1]["problems"][-1:] == [
        f"entry {gone}: the award of 106.5 USDT to {paid.reference} is booked as nothing: there is no such entry"
    ]


def test_an_award_that_is_not_the_sum_of_its_orders_is_named(paid, verify):
    owner("DELETE FROM claims_compensation WHERE amount = 71")
    assert verify()[1]["problems"] == [f"{paid.reference}/award-1/USDT: awards 106.5 USDT, its orders sum to 35.5"]


def test_a_compensation_that_is_not_its_verdict_is_named(paid, verify):
    small, large = Compensation.objects.order_by("amount")
    owner("UPDATE claims_compensation SET amount = 35 WHERE id = %s", small.pk)
    owner("UPDATE claims_compensation SET amount = 71.5 WHERE id = %s", large.pk)
    assert sorted(verify()[1]["problems"]) == [
        f"{paid.reference}/award-1/USDT: order O-1/1 is compensated with 35 USDT, its verdict said to pay, 35.5 USDT",
        f"{paid.reference}/award-1/USDT: order O-2/1 is compensated with 71.5 USDT, its verdict said to pay, 71 USDT",
    ]


@pytest.mark.parametrize("category", ["outage_compensation", "goodwill_bonus"])
def test_money_for_a_customer_that_nobody_decided_is_named(paid, verify, category):
    word = JournalEntry.Category(category).label
    book(category, "gift", "5 USDT", now=datetime(2022, 11, 19, tzinfo=UTC))
    assert verify()[1]["problems"] == [f"gift: {word} without an award or a bonus"]


def test_a_reversed_award_is_no_problem_of_the_books(paid, verify):
    undo(f"{paid.reference}/award-1/USDT", "wrong-customer")
    assert verify()[1]["ok"] is True
    assert Transfer.objects.count() == 4
