"""What is in the books stays: no role edits, removes or adds to it, by the ORM or by SQL."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from ledger.journal import CASH, SEED_CAPITAL
from ledger.models import Account, Asset, JournalEntry, Transfer
from ledger.posting import balance
from tests.ledger.books import DAY, NOW, book

TABLES = ["ledger_account", "ledger_journalentry", "ledger_transfer"]


@pytest.fixture
def seed(db):
    entry = book("seed_capital", "seed", "100 USDT")
    check_now()
    return entry


def check_now() -> None:
    """What the commit would check."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def execute(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("sql", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_sql_changes_nothing(seed, table, sql):
    with pytest.raises(DatabaseError, match="Cannot"):
        execute(sql.format(table))


@pytest.mark.parametrize("model", [Account, JournalEntry, Transfer])
def test_the_orm_changes_nothing(seed, model):
    row = model.objects.first()
    for change in (
        row.save,
        lambda: model.objects.update(id=row.pk),
        lambda: model.objects.filter(pk=row.pk)._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic():
            change()


def transfer(entry, line, *, asset="USDT", debit_asset="USDT", credit_asset="USDT", amount="1"):
    debit, _ = Account.objects.get_or_create(name=CASH, asset_id=debit_asset)
    credit, _ = Account.objects.get_or_create(name=SEED_CAPITAL, asset_id=credit_asset)
    return Transfer(entry=entry, line=line, debit=debit, credit=credit, amount=Decimal(amount), asset_id=asset)


def test_a_late_transfer_is_refused(seed):
    with pytest.raises(DatabaseError, match="announces 1 transfers and gets number 2"), transaction.atomic():
        transfer(seed, 2).save(force_insert=True)


@pytest.mark.parametrize("announced", [1, 2])
def test_an_entry_without_its_transfers_is_refused(seed, announced):
    with pytest.raises(DatabaseError, match="entry_has_a_first_transfer"), transaction.atomic():
        JournalEntry.objects.create(
            reference="half",
            category="seed_capital",
            effective_on=DAY,
            description="x",
            transfer_count=announced,
            posted_at=NOW,
        )
        check_now()


TOGETHER = """
    WITH entry AS (
        INSERT INTO ledger_journalentry (reference, category, effective_on, description, transfer_count, posted_at)
        VALUES ('by-hand', 'seed_capital', '2022-11-16', 'x', 1, '2022-11-18T09:00:00Z') RETURNING id
    )
    INSERT INTO ledger_transfer (entry_id, line, debit_id, credit_id, amount, asset_id)
    SELECT id, 1, %s, %s, %s, %s FROM entry
"""


def by_sql(made: Transfer) -> None:
    """An entry and its transfer as somebody with a console and every right would write them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TOGETHER, [made.debit_id, made.credit_id, made.amount, made.asset_id])


def test_whoever_writes_by_sql_keeps_the_balances_too(seed):
    by_sql(transfer(seed, 1, amount="5"))
    assert balance(CASH, "USDT") == Decimal(105)
    assert balance(SEED_CAPITAL, "USDT") == Decimal(-105)


@pytest.mark.parametrize(
    "mixed",
    [{"asset": "BTC"}, {"debit_asset": "BTC"}, {"credit_asset": "BTC"}],
    ids=["of neither account", "debit of another asset", "credit of another asset"],
)
def test_a_transfer_between_assets_is_refused(seed, mixed):
    Asset.objects.get_or_create(code="BTC")
    with pytest.raises(DatabaseError, match="by-hand: moves .* between accounts of "):
        by_sql(transfer(seed, 1, **mixed))
        check_now()


def test_more_decimals_than_the_asset_has_are_refused(seed):
    with pytest.raises(DatabaseError, match="by-hand: 0.001 USDT has more than the 2 decimals of USDT"):
        by_sql(transfer(seed, 1, amount="0.001"))


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_a_transfer_that_is_not_positive_is_refused(seed, amount):
    with pytest.raises(DatabaseError, match="transfer_positive"), transaction.atomic():
        transfer(seed, 1, amount=amount).save(force_insert=True)


BEFORE = """
    INSERT INTO ledger_transfer (entry_id, line, debit_id, credit_id, amount, asset_id) VALUES (77, %s, %s, %s, 1, 'USDT');
    INSERT INTO ledger_journalentry (id, reference, category, effective_on, description, transfer_count, posted_at)
    VALUES (77, 'by-hand', 'seed_capital', '2022-11-16', 'x', 1, '2022-11-18T09:00:00Z')
"""


@pytest.mark.parametrize("line", [1, 7])
def test_a_transfer_that_comes_before_its_entry_is_refused(seed, line):
    made = transfer(seed, line)
    with pytest.raises(DatabaseError, match="a transfer of an entry that is not in the books"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(BEFORE, [line, made.debit_id, made.credit_id])


IN_TWO = """
    INSERT INTO ledger_journalentry (reference, category, effective_on, description, transfer_count, posted_at)
    VALUES ('by-hand', 'seed_capital', '2022-11-16', 'x', 2, '2022-11-18T09:00:00Z');
    INSERT INTO ledger_transfer (entry_id, line, debit_id, credit_id, amount, asset_id)
    SELECT max(id), 1, %s, %s, 1, 'USDT' FROM ledger_journalentry
"""


def test_an_entry_with_half_of_its_transfers_is_refused(seed):
    made = transfer(seed, 1)
    with pytest.raises(DatabaseError, match="by-hand: the entry announces 2 transfers and has 1"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(IN_TWO, [made.debit_id, made.credit_id])


def test_a_line_is_numbered_from_one(seed):
    with pytest.raises(DatabaseError, match="transfer_line_from_one"), transaction.atomic():
        transfer(seed, 0).save(force_insert=True)
