"""The real minutes of 16 November 2022: what the outage's best prices were, for a long and for a short."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from claims import workflow
from incidents.models import Quote
from incidents.prices import reference_prices
from tests import factories as make
from tests.console import done
from tests.factories import NOW, at

pytestmark = [pytest.mark.shared, pytest.mark.django_db]

MINUTES = "data/btc_perp_1m_20221116/BTCUSDT-perp-1m-2022-11-16_1346_1631.csv"
SPREAD = Decimal("0.10")
LONG = (Decimal("16571.00"), at("14:34:15"))  # the minute's high, in its second quarter
SHORT = (Decimal("16411.10"), at("14:54:30"))  # its low 16411.00 and the spread, in the third


@pytest.fixture
def minutes(shared, tmp_path):
    """Each minute as four quotes: open, high, low, close at 0, 15, 30, 45 s; the bid is the trade's price, the ask 0.1 above."""
    make.instrument("BTCUSDT")
    file = tmp_path / "quotes.csv"
    with (shared / MINUTES).open(newline="") as source, file.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["ts", "symbol", "bid", "ask"])
        for minute in csv.DictReader(source):
            opened = datetime.fromtimestamp(int(minute["open_time"]) // 1000, UTC)
            for quarter, name in enumerate(("open", "high", "low", "close")):
                instant, price = opened + timedelta(seconds=15 * quarter), Decimal(minute[name])
                writer.writerow([instant.isoformat(), "BTCUSDT", price, price + SPREAD])
    assert done("import_quotes", file)["created"] == Quote.objects.count() == 4 * 166


def best(*spans: tuple[datetime, datetime]) -> dict[str, tuple[Decimal, datetime]]:
    """The price and the instant of its quote, for a long and a short opened long before."""
    sql, params = reference_prices(
        reference="best_in_window",
        instruments=[make.instrument("BTCUSDT").pk],
        spans=spans,
        carry_in=timedelta(seconds=60),
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT side, price, at FROM ({sql}) AS step WHERE opened_after IS NULL", params)  # noqa: S608 our own text
        return {side: (price, instant) for side, price, instant in cursor.fetchall()}


def assessed(incident):
    """Each order's clause, price, quote and amount."""
    workflow.assess_now(incident, now=NOW)
    found = incident.claims.get().verdicts.in_force().order_by("order__order_id")
    return {
        verdict.order.order_id: (verdict.clause, verdict.reference_price, verdict.reference_at, verdict.amount)
        for verdict in found.select_related("order")
    }


def carlas_orders():
    """A long and a short of half a bitcoin, liquidated at 14:20 and 14:31."""
    make.order("long", entry_price="16950", exit_price="16500", closed_at=at("14:20"))
    make.order("short", side="short", entry_price="16400", exit_price="16550", closed_at=at("14:31"))


def test_the_outage_gives_a_long_the_high_of_14_34_and_a_short_the_low_of_14_54(minutes):
    assert best((at("14:09"), at("15:30"))) == {"long": LONG, "short": SHORT}


def test_an_assessment_pays_by_these_prices(minutes):
    incident = make.incident()
    make.claim(incident)
    carlas_orders()
    assert assessed(incident) == {
        "long": ("C1", *LONG, Decimal("35.50")),  # 0.5 × (16571.00 − 16500)
        "short": ("C1", *SHORT, Decimal("69.45")),  # 0.5 × (16550 − 16411.10)
    }


def test_an_order_opened_near_the_high_gets_it_only_while_it_is_still_quoted(minutes):
    incident = make.incident()
    make.claim(incident)
    for opened_at in ("14:34:29", "14:34:30"):
        make.order(opened_at, opened_at=at(opened_at), closed_at=at("15:20"))
    assert assessed(incident) == {
        "14:34:29": ("C1", *LONG, Decimal("35.50")),
        "14:34:30": ("C1", Decimal("16561.70"), at("14:35:15"), Decimal("30.85")),
    }


def test_a_window_to_16_00_would_give_the_short_another_answer(minutes):
    later = (Decimal("16358.10"), at("15:48:30"))
    assert best((at("14:09"), at("16:00"))) == {"long": LONG, "short": later}
    incident = make.incident(windows=(("14:09", "16:00"),))
    make.claim(incident)
    carlas_orders()
    assert assessed(incident) == {
        "long": ("C1", *LONG, Decimal("35.50")),
        "short": ("C1", *later, Decimal("95.95")),  # 0.5 × (16550 − 16358.10)
    }


def test_the_low_of_14_07_lies_before_the_outage_and_is_too_old_to_be_carried_in(minutes):
    assert best((at("14:07"), at("15:30")))["short"] == (Decimal("16405.90"), at("14:07:30"))
