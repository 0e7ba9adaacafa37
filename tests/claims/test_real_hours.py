"""S2 on the real hours of 26 June 2019: from the files of an exchange on Hong Kong time to the verdicts.

The breakdown was 18:58 to 05:30, GMT+8: 10:58 to 21:30 UTC. The whole hours inside it are those of 11:00 to 20:59 UTC; their
highest bid is 1.13905 (15:00) and their lowest ask 1.13484 (13:00). Whoever takes the clock of the notice for UTC, or turns it
the wrong way, finds other prices.
"""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from incidents.models import Incident, Quote
from tests.console import done

pytestmark = [pytest.mark.shared, pytest.mark.django_db]

HOURS = "data/fx_h1_bidask_201906/EUR_USD_H1_bid_ask.csv"
HALF_AN_HOUR = timedelta(minutes=30)
BREAKDOWN = """
reference = "INC-2019-001"
title = "Liquidity server breakdown"
timezone = "Asia/Hong_Kong"
[[windows]]
starts_at = 2019-06-26T18:58:00+08:00
ends_at = 2019-06-27T05:30:00+08:00
"""
INSTRUMENT = {
    "symbol": "EURUSD", "product": "standard", "margin": "linear", "base": "EUR", "quote": "USD", "settle": "USD",
    "contract_value": "1", "liquidation_fee_rate": "0",
}  # fmt: skip


def june(day: int, clock: str) -> str:
    """An instant as the exchange in Hong Kong writes it."""
    return f"2019-06-{day}T{clock}+08:00"


def utc(day: int, clock: str) -> datetime:
    return datetime.fromisoformat(f"2019-06-{day}T{clock}:00+00:00")


@pytest.fixture
def file_of(tmp_path):
    def file_of(name: str, rows: list[dict]):
        path = tmp_path / name
        with path.open("w", newline="") as target:
            writer = csv.DictWriter(target, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return file_of


@pytest.fixture
def hours(shared, file_of):
    """Each hour as two quotes, as a bar does not tell when its extremes were: its high, bid and ask, when it begins, and its
    low half an hour later. Both lie within the hour, so an hour counts whole where both instants do."""
    quotes = []
    with (shared / HOURS).open(newline="") as source:
        for hour in csv.DictReader(source):
            begins = datetime.fromisoformat(hour["time"][:19]).replace(tzinfo=UTC)
            for at, end in ((begins, "h"), (begins + HALF_AN_HOUR, "l")):
                row = {"ts": at.isoformat(), "symbol": "EURUSD", "bid": hour[f"bid_{end}"], "ask": hour[f"ask_{end}"]}
                quotes.append(row)
    done("import_instruments", file_of("instruments.csv", [INSTRUMENT]))
    assert done("import_quotes", file_of("quotes.csv", quotes))["created"] == Quote.objects.count() == len(quotes)


def order(order_id: str, **facts) -> dict:
    """100,000 euros long from 1.137, sold by Carla herself at 1.13595 in the breakdown, at 20:00 in Hong Kong."""
    return {
        "order_id": order_id, "leg": "1", "account": "carla-1", "customer": "carla", "symbol": "EURUSD", "side": "long",
        "quantity": "100000", "entry_price": "1.13700", "opened_at": june(25, "09:00"), "exit_price": "1.13595",
        "closed_at": june(26, "20:00"), "close_reason": "user", "liquidation_fee": "0",
    } | facts  # fmt: skip


SHORT = {"side": "short", "entry_price": "1.13500", "exit_price": "1.13900"}


@pytest.fixture
def judged(hours, file_of, tmp_path):
    """By order: outcome, clause, reference price and instant, amount, amount if restored."""

    def judged(*orders: dict, incident: str = BREAKDOWN) -> dict:
        toml = tmp_path / "incident.toml"
        toml.write_text(incident)
        reference = done("declare_incident", toml, "--publish")["incident"]
        done("load_policy", reference, "s2-kvb", "--publish")
        done("import_orders", file_of("orders.csv", list(orders)))
        contact = {"customer": "carla", "channel": "email", "contacted_at": june(27, "11:00"), "order_ids": ""}
        done("import_contacts", reference, file_of("contacts.csv", [contact]))
        assert done("assess", reference, "--wait")["orders"] == len(orders)
        verdicts = Incident.objects.get(reference=reference).claims.get().verdicts.in_force().select_related("order")
        return {
            verdict.order.order_id: (
                verdict.outcome, verdict.clause, verdict.reference_price, verdict.reference_at, verdict.amount,
                verdict.restore_amount,
            )
            for verdict in verdicts
        }  # fmt: skip

    return judged


LONG_BEST = (Decimal("1.13905"), utc(26, "15:00"))
SHORT_BEST = (Decimal("1.13484"), utc(26, "13:30"))


def test_a_long_gets_the_highest_bid_and_a_short_the_lowest_ask_of_the_breakdown(judged):
    """100,000 × (1.13905 − 1.13595) = 310.00; 100,000 × (1.13900 − 1.13484) = 416.00."""
    assert judged(order("long"), order("short", **SHORT)) == {
        "long": ("pay", "K1", *LONG_BEST, Decimal("310.00"), None),
        "short": ("pay", "K1", *SHORT_BEST, Decimal("416.00"), None),
    }


def test_what_was_liquidated_in_the_breakdown_may_be_restored_instead(judged):
    """The short lost 100,000 × (1.13900 − 1.13500) = 400.00 and paid a fee of 50.25. Both ends of the breakdown are inside."""
    liquidated = SHORT | {"close_reason": "liquidation", "liquidation_fee": "50.25"}
    choice = ("pay", "K2", *SHORT_BEST, Decimal("416.00"), Decimal("450.25"))
    found = judged(
        order("first", **liquidated, closed_at=june(26, "18:58")),
        order("last", **liquidated, closed_at=june(27, "05:30")),
        order("before", **liquidated, closed_at=june(26, "18:57:59")),
        order("after", **liquidated, closed_at=june(27, "05:30:00.001")),
    )
    assert found == {
        "first": choice,
        "last": choice,
        "before": ("excluded", "", *SHORT_BEST, Decimal(0), None),
        "after": ("no_clause", "", *SHORT_BEST, Decimal(0), None),
    }


def test_what_is_still_open_is_valued_at_the_last_quote_there_is(judged):
    """The last low of June was 1.13593 bid, 1.13609 ask: 10,000 × (1.13905 − 1.13593) and 10,000 × (1.13609 − 1.13484)."""
    nothing = {"exit_price": "", "closed_at": "", "close_reason": "", "quantity": "10000"}
    found = judged(order("long", **nothing), order("short", **nothing, side="short"))
    assert found == {
        "long": ("pay", "K1", *LONG_BEST, Decimal("31.20"), None),
        "short": ("pay", "K1", *SHORT_BEST, Decimal("12.50"), None),
    }


def test_an_order_opened_in_the_breakdown_looks_only_at_what_came_later(judged):
    """At 23:31 in Hong Kong the high of 15:00 UTC was over: the next best bid is that of 16:00."""
    found = judged(order("late", opened_at=june(26, "23:31"), closed_at=june(27, "04:00")))
    assert found == {"late": ("pay", "K1", Decimal("1.13902"), utc(26, "16:00"), Decimal("307.00"), None)}


def test_the_same_clock_in_another_zone_is_another_breakdown(judged):
    """18:58 to 05:30 taken for UTC: what a zone bug would pay. Carla's order was closed before that even began."""
    wrong = BREAKDOWN.replace("+08:00", "Z")
    later = order("later", closed_at=june(27, "12:00"))
    assert judged(order("long"), later, order("short", **SHORT, closed_at=june(27, "12:00")), incident=wrong) == {
        "long": ("excluded", "", Decimal("1.13742"), utc(26, "21:00"), Decimal(0), None),
        "later": ("pay", "K1", Decimal("1.13742"), utc(26, "21:00"), Decimal("147.00"), None),
        "short": ("pay", "K1", Decimal("1.13486"), utc(27, "05:30"), Decimal("414.00"), None),
    }
