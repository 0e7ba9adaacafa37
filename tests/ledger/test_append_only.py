"""What is in the books stays: no role edits, removes or adds to it, by the ORM or by SQL."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from ledger.journal import CASH, SEED_CAPITAL
from ledger.models import Account, Asset, JournalEntry, Transfer
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
    with pytest.raises(DatabaseError, match=f"announces {announced} transfers and has 0"), transaction.atomic():
        JournalEntry.objects.create(
            reference="half",
            category="seed_capital",
            effective_on=DAY,
            description="x",
            transfer_count=announced,
            posted_at=NOW,
        )


@pytest.mark.parametrize(
    "mixed",
    [{"asset": "BTC"}, {"debit_asset": "BTC"}, {"credit_asset": "BTC"}],
    ids=["of neither account", "debit of another asset", "credit of another asset"],
)
def test_a_transfer_between_assets_is_refused(seed, mixed):
    Asset.objects.get_or_create(code="BTC")
    with pytest.raises(DatabaseError, match="_of_its_asset"), transaction.atomic():
        transfer(seed, 1, **mixed).save(force_insert=True)


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_a_transfer_that_is_not_positive_is_refused(seed, amount):
    with pytest.raises(DatabaseError, match="transfer_positive"), transaction.atomic():
        transfer(seed, 1, amount=amount).save(force_insert=True)
