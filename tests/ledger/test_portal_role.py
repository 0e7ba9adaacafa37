"""Somebody with the portal's role in the database does the portal's whole work at the books, and bends nothing of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction

from config import database
from ledger import closing, granting, laws
from ledger.models import Asset, ClosingBalance, JournalEntry, Period, Rate, Seal, Verification
from ledger.posting import available
from ledger.sealing import seal
from ledger.verification import problems
from tests.console import done, portal
from tests.factories import staff
from tests.ledger.books import NOW, book, undo

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not database.is_embedded(), reason="roles are made by the superuser of our own PostgreSQL"),
]
ROLE = f"portal_of_the_tests_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"  # roles are the whole cluster's
BOOKS = [
    "ledger_account",
    "ledger_asset",
    "ledger_balance",
    "ledger_closingbalance",
    "ledger_journalentry",
    "ledger_period",
    "ledger_rate",
    "ledger_seal",
    "ledger_sealing",
    "ledger_transfer",
    "ledger_verification",
]


def superuser() -> psycopg.Connection:
    """The superuser in this test's database."""
    there = database.url().replace(f"@/{database.NAME}?", f"@/{connection.settings_dict['NAME']}?")
    return psycopg.connect(there, user="postgres", autocommit=True)


@pytest.fixture
def role() -> Iterator[str]:
    """A role that owns nothing and may nothing yet."""
    password = database.passfile().read_text().strip().rpartition(":")[2]
    with superuser() as god:
        drop_role(god)
        god.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password}'")
        yield ROLE
        drop_role(god)


def drop_role(god: psycopg.Connection) -> None:
    if god.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is not None:
        god.execute(f"DROP OWNED BY {ROLE}")
        god.execute(f"DROP ROLE {ROLE}")


@contextmanager
def connected_as(name: str) -> Iterator[None]:
    """Django's connection is this role's."""
    owner = connections["default"]
    theirs = owner.copy()
    theirs.settings_dict = owner.settings_dict | {"USER": name}
    connections["default"] = theirs
    try:
        yield
    finally:
        theirs.close()
        connections["default"] = owner


@pytest.fixture
def as_portal(role) -> Iterator[None]:
    done("grant_portal", role)
    mia, max_ = staff("mia", "manager"), staff("max", "manager")
    with connected_as(role):
        book("seed_capital", "seed", "100 USDT", "1 BTC", by=mia)
        yield mia, max_


def test_the_portal_posts_reverses_tops_up_seals_closes_values_and_verifies(as_portal):
    mia, max_ = as_portal
    book("outage_compensation", "award", "150 USDT", by=mia)
    assert (available("USDT"), JournalEntry.objects.filter(category="company_topup").count()) == (Decimal(0), 1)
    book("liquidation_fee", "liq/1", "5 ETH")  # the first of its asset opens accounts
    undo("liq/1", "liq/1/undone")
    assert seal(now=NOW).entry_count == 5
    closing.propose(date(2022, 11, 10), by=mia, now=NOW)
    closing.take_back(Period.objects.get().pk, by=mia)
    period = closing.propose(date(2022, 11, 16), by=mia, now=NOW)
    closing.close(period.pk, by=max_, now=NOW + timedelta(hours=1))
    assert ClosingBalance.objects.filter(account__name="Assets:Fund:Cash", account__asset="USDT").get().debits == 150
    assets = Asset.objects.in_bulk()
    Rate.objects.create(
        asset=assets["BTC"],
        in_asset=assets["USDT"],
        rate=Decimal(16_500),
        at=NOW,
        source="x",
        entered_by=mia,
        entered_at=NOW,
    )
    code, said = portal("verify_ledger")
    assert [problem for problem in said["problems"] if "without an award" not in problem] == []
    assert Verification.objects.get().last_seal == Seal.objects.get()


FORBIDDEN = (
    "UPDATE {table} SET {column} = {column}",
    "DELETE FROM {table}",
    "TRUNCATE {table} CASCADE",
    "ALTER TABLE {table} DISABLE TRIGGER USER",
    "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "ALTER TABLE {table} ADD COLUMN more integer",
    "CREATE TRIGGER mine BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
    "CREATE RULE mine AS ON INSERT TO {table} DO INSTEAD NOTHING",
    "DROP TABLE {table} CASCADE",
)


def test_the_portal_bends_no_table_of_the_books(as_portal):
    seal(now=NOW)
    for table in BOOKS:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} LIMIT 1")  # noqa: S608
            column = cursor.description[0].name
        for statement in FORBIDDEN:
            if table == "ledger_period" and statement.startswith(("UPDATE", "DELETE")):
                continue  # proposals are closed and taken back; what is closed stays, as the tests of closing show
            refused(statement.format(table=table, column=column))


def refused(statement: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied|must be owner|Cannot"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement)


WRITTEN_BY_NOBODY = [
    "INSERT INTO ledger_journalentry (reference, category, effective_on, description, transfer_count, posted_at)"
    " VALUES ('forged', 'seed_capital', '2022-11-16', 'x', 1, now())",
    "INSERT INTO ledger_transfer (entry_id, line, debit_id, credit_id, amount, asset_id) SELECT entry_id, 9, debit_id, credit_id,"
    " amount, asset_id FROM ledger_transfer",
    "INSERT INTO ledger_account (name, asset_id) VALUES ('Assets:Fund:Cash', 'USDT')",
    "INSERT INTO ledger_asset (code, decimals) VALUES ('XYZ', 2)",
    "INSERT INTO ledger_balance (account_id, part, debits, credits) SELECT id, 99, 1000000, 0 FROM ledger_account",
    "INSERT INTO ledger_closingbalance (period_id, account_id, debits, credits) VALUES (1, 1, 1, 1)",
]
ROUND_ABOUT = [
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION ledger_post(drafts ledger_draft[], poster integer, posted timestamptz) RETURNS TABLE"
    " (reference text, id bigint, reverses_id bigint, posted_at timestamptz, posted_by_id integer) LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "ALTER FUNCTION ledger_post SECURITY INVOKER",
    "DROP FUNCTION ledger_post",
    "CREATE FUNCTION public.lower(name) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
    "CREATE TABLE public.mine (x integer)",
    "SELECT setval('ledger_journalentry_id_seq', 1)",
    f"SET ROLE {database.NAME}",
    f"ALTER TABLE ledger_transfer OWNER TO {ROLE}",
]


def test_the_portal_finds_no_way_round(as_portal):
    for statement in (*WRITTEN_BY_NOBODY, *ROUND_ABOUT):
        refused(statement)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(amount) FROM ledger_transfer")
        assert cursor.fetchone() == (101,)


def test_ignoring_the_history_triggers_ignores_none_of_the_books(as_portal):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', '{ledger_seal:append_only,append_only}', true)")
        seal(now=NOW)
        refused("DELETE FROM ledger_seal")


def test_temporary_tables_mislead_no_posting(as_portal):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE ledger_transfer AS SELECT * FROM public.ledger_transfer")
        cursor.execute("CREATE TEMP TABLE ledger_balance AS SELECT * FROM public.ledger_balance")
        cursor.execute(
            "SELECT count(*) FROM ledger_post(ARRAY[(1, 'liq/1', 'liquidation_fee', '2022-11-16', 'x', '', 1, 1,"
            " 'Assets:Fund:Cash', 'Income:LiquidationFees', 7, 'USDT')]::ledger_draft[], NULL, now())"
        )
        assert cursor.fetchone() == (1,)
        cursor.execute("DROP TABLE pg_temp.ledger_transfer; DROP TABLE pg_temp.ledger_balance")
    assert available("USDT") == 107
    assert problems() == []


def test_a_superuser_who_alters_one_row_is_found_out(as_portal):
    made = seal(now=NOW)
    with superuser() as god:
        god.execute("SET session_replication_role = replica")
        god.execute("UPDATE ledger_transfer SET amount = 99.5 WHERE asset_id = 'USDT'")
    span = f"(entries {made.first_entry} to {made.last_entry})"
    assert problems() == [
        "Assets:Fund:Cash USDT: its kept balance has debits of 100 and credits of 0, its transfers add up to 99.5 and 0",
        "Equity:SeedCapital USDT: its kept balance has debits of 0 and credits of 100, its transfers add up to 0 and 99.5",
        f"seal 1: the first broken link of the chain: the content of its 1 entries {span} is not what was sealed",
    ]


# --- granting


def test_granting_again_takes_away_what_the_role_had_besides(role):
    assert done("grant_portal", role)["books"] == len(BOOKS)
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT ALL ON ledger_transfer, ledger_journalentry TO {role}")
        cursor.execute(f"GRANT UPDATE (amount) ON ledger_transfer TO {role}")
    done("grant_portal", role)
    with connected_as(role):
        refused("UPDATE ledger_transfer SET amount = 1")


def test_a_role_that_could_do_anything_is_refused(role):
    assert "there is no role nobody_yet" in portal("grant_portal", "nobody_yet")[1]["errors"][0]
    assert "owns something" in portal("grant_portal", database.NAME)[1]["errors"][0]
    with superuser() as god:
        god.execute(f"GRANT {database.NAME} TO {role}")
    code, said = portal("grant_portal", role)
    assert (code, f"as {database.NAME}" in said["errors"][0]) == (1, True)
    with superuser() as god:
        god.execute(f"REVOKE {database.NAME} FROM {role}; GRANT UPDATE ON ledger_transfer TO PUBLIC")
    try:
        assert f"UPDATE on ledger_transfer, as {role}" in portal("grant_portal", role)[1]["errors"][0]
    finally:
        with superuser() as god:
            god.execute("REVOKE UPDATE ON ledger_transfer FROM PUBLIC")


def test_what_the_laws_name_is_what_is_granted_on(role):
    assert {table for table, _name in laws.TRIGGERS} <= set(BOOKS)
    assert set(granting.ADDED_TO) <= set(BOOKS)
