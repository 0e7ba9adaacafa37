"""Rates: a manager enters them with their source, they stay as they are, and a wrong one is told what would be right."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError

from ledger.models import Rate
from ledger.rates import RateError, enter
from tests.factories import staff
from tests.ledger.books import NOW, book

pytestmark = pytest.mark.django_db
AT = datetime(2022, 11, 17, tzinfo=UTC)


@pytest.fixture(autouse=True)
def books():
    book("seed_capital", "seed", "1000 USDT", "1 BTC")


@pytest.fixture
def mia():
    return staff("mia", "manager")


def entered(by, **other):
    facts = {"asset": "BTC", "in_asset": "USDT", "rate": Decimal("16571.90"), "at": AT, "source": "Binance close"}
    return enter(**(facts | other), by=by, now=NOW)


def test_a_manager_enters_a_rate_with_its_source(mia):
    rate = entered(mia, source="  Binance close ")
    assert (rate.asset_id, rate.in_asset_id, rate.rate, rate.at, rate.source) == (
        "BTC", "USDT", Decimal("16571.90"), AT, "Binance close",
    )  # fmt: skip
    assert (rate.entered_by, rate.entered_at) == (mia, NOW)


def test_a_double_click_enters_one_rate_and_a_better_one_is_a_new_row(mia):
    assert entered(mia) == entered(mia)
    entered(mia, rate=Decimal("16572"))
    assert Rate.objects.count() == 2


def test_a_rate_is_not_changed(mia):
    rate = entered(mia)
    rate.rate = Decimal(1)
    with pytest.raises(DatabaseError, match="Cannot update rows of ledger_rate"):
        rate.save()


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_only_a_manager_enters_rates(role):
    with pytest.raises(RateError, match="has not the permission ledger.add_rate"):
        entered(staff("somebody", role))


def test_nobody_enters_no_rate():
    with pytest.raises(RateError, match="nobody has not the permission"):
        entered(None)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"asset": "ETH"}, "the books have no asset 'ETH'; they have: AUD, BTC, "),
        ({"in_asset": "usdt"}, "the books have no asset 'usdt'"),
        ({"in_asset": "BTC"}, "a rate is between two assets"),
        ({"rate": Decimal(0)}, "a rate is a number above 0, not 0"),
        ({"rate": Decimal("-1")}, "a rate is a number above 0"),
        ({"rate": Decimal("NaN")}, "a rate is a number above 0"),
        ({"rate": Decimal("0.0000000000001")}, "16 digits before the point and 12 after it at most"),
        ({"rate": Decimal("1e16")}, "16 digits before the point and 12 after it at most"),
        ({"at": datetime(2022, 11, 17)}, "has no offset"),  # noqa: DTZ001 the very mistake
        ({"at": NOW + timedelta(seconds=1)}, "is still to come"),
        ({"source": " "}, "a source is one line of text"),
        ({"source": "two\nlines"}, "a source is one line of text"),
        ({"source": "x" * 201}, "a source is one line of text"),
    ],
)
def test_a_wrong_rate_is_refused_with_what_would_be_right(mia, wrong, reason):
    with pytest.raises(RateError, match=reason):
        entered(mia, **wrong)
    assert not Rate.objects.exists()
