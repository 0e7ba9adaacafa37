"""The stair of best quotes against a plain reading: for every opening instant, all quotes looked at one by one."""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.models import Quote
from incidents.prices import reference_prices
from incidents.windows import merge
from tests import factories as make
from tests.factories import at

pytestmark = pytest.mark.django_db
TICK = timedelta(microseconds=1)
MINUTE = timedelta(seconds=60)


def step(number: int, jitter: int = 0):
    return at("14:00") + timedelta(seconds=20 * number) + jitter * TICK


def stairs(instruments, spans, carry_in=MINUTE) -> list[dict]:
    steps, params = reference_prices(
        reference="best_in_window",
        instruments=[found.pk for found in instruments],
        spans=merge(spans),
        carry_in=carry_in,
    )
    with connection.cursor() as cursor:
        cursor.execute(steps, params)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def best(found, instrument, side, opened) -> dict | None:
    """The one step that an order opened then stands on."""
    standing = [
        row
        for row in found
        if (row["instrument_id"], row["side"]) == (instrument.pk, side)
        and (row["opened_after"] is None or row["opened_after"] < opened)
        and opened <= row["opened_until"]
    ]
    assert len(standing) <= 1
    return standing[0] if standing else None


def looked_up(quotes, spans, carry_in, side, opened) -> Quote | None:
    """The same by hand. Quotes in file order by instant."""
    usable = [quote for quote in quotes if 0 < quote.bid <= quote.ask]
    counted = [quote for quote in usable if any(is_available(quote, usable, span, carry_in, opened) for span in spans)]
    if side == "long":
        return min(counted, key=lambda quote: (-quote.bid, quote.at, quote.pk), default=None)
    return min(counted, key=lambda quote: (quote.ask, quote.at, quote.pk), default=None)


def is_available(quote, usable, span, carry_in, opened) -> bool:
    begins = max(span[0], opened)
    if not begins <= span[1] or quote.at > span[1]:
        return False
    in_force = [other for other in usable if other.at <= begins][-1:] == [quote]
    return quote.at >= begins or in_force and begins - quote.at <= carry_in


def kept(symbol, rows) -> list[Quote]:
    instrument = make.instrument(symbol)
    rows = sorted(rows, key=lambda row: row[0])
    return Quote.objects.bulk_create(
        Quote(instrument=instrument, at=when, bid=Decimal(bid), ask=Decimal(ask)) for when, bid, ask in rows
    )


instants = st.builds(step, st.integers(0, 20), st.sampled_from((0, 0, 0, 1, -1)))
prices = st.sampled_from([("100", "100"), ("100", "101"), ("101", "101"), ("99", "105"), ("102", "103"), ("100", "99"),
                          ("0", "1"), ("-2", "-1"), ("101", "102")])  # fmt: skip
quotes = st.lists(
    st.tuples(instants, prices).map(lambda drawn: (drawn[0], *drawn[1])),
    max_size=14,
    unique_by=lambda row: (row[0], Decimal(row[1]), Decimal(row[2])),
)
windows = st.lists(
    st.tuples(st.integers(2, 14), st.integers(1, 5)).map(lambda drawn: (step(drawn[0]), step(sum(drawn)))),
    min_size=1,
    max_size=3,
)


def test_the_stair_is_what_looking_at_every_quote_gives():
    instruments = {symbol: make.instrument(symbol) for symbol in ("BTCUSDT", "ETHUSDT")}

    @settings(
        max_examples=int(os.environ.get("ORACLE_EXAMPLES", "120")),
        derandomize="ORACLE_EXAMPLES" not in os.environ,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        rows=st.fixed_dictionaries({symbol: quotes for symbol in instruments}),
        spans=windows,
        carry_in=st.sampled_from((0, 20, 40, 60, 61)).map(lambda seconds: timedelta(seconds=seconds)),
    )
    def agree(rows, spans, carry_in):
        with transaction.atomic():
            known = {symbol: kept(symbol, found) for symbol, found in rows.items()}
            found = stairs(instruments.values(), spans, carry_in)
            transaction.set_rollback(True)
        for symbol, instrument in instruments.items():
            for side in ("long", "short"):
                for opened in (step(number, jitter) for number in range(24) for jitter in (-1, 0, 1)):
                    wanted = looked_up(known[symbol], spans, carry_in, side, opened)
                    stands = best(found, instrument, side, opened)
                    said = stands and (stands["quote_id"], stands["price"], stands["bid"], stands["ask"], stands["at"])
                    price = wanted and (wanted.bid if side == "long" else wanted.ask)
                    assert said == (wanted and (wanted.pk, price, wanted.bid, wanted.ask, wanted.at)), (side, opened)

    agree()


OUTAGE = [(at("14:09"), at("15:30"))]


def test_an_early_opening_has_the_best_of_all_and_a_later_one_the_best_of_the_rest():
    btc = make.instrument("BTCUSDT")
    make.quotes(
        "BTCUSDT", ("14:10", "100", "101"), ("14:20", "105", "106"), ("14:30", "103", "104"), ("14:40", "99", "100")
    )
    found = sorted(
        (row["opened_after"], row["opened_until"], row["price"]) for row in stairs([btc], OUTAGE) if row["side"] == "long"
        if row["opened_after"]
    )  # fmt: skip
    assert found == [
        (at("14:21"), at("14:31"), Decimal(103)),
        (at("14:31"), at("14:41"), Decimal(99)),
    ]
    assert best(stairs([btc], OUTAGE), btc, "long", at("09:00"))["price"] == Decimal(105)
    assert best(stairs([btc], OUTAGE), btc, "long", at("14:21"))["price"] == Decimal(105)
    assert best(stairs([btc], OUTAGE), btc, "short", at("09:00"))["price"] == Decimal(100)
    assert best(stairs([btc], OUTAGE), btc, "long", at("14:41") + TICK) is None


def test_of_equal_prices_the_earliest_quote_stands():
    btc = make.instrument("BTCUSDT")
    make.quotes("BTCUSDT", ("14:10", "100", "101"), ("14:20", "100", "103"), ("14:30", "100", "102"))
    assert best(stairs([btc], OUTAGE), btc, "long", at("09:00"))["at"] == at("14:10")
    assert best(stairs([btc], OUTAGE), btc, "long", at("14:12"))["at"] == at("14:20")


def test_two_quotes_of_one_instant_both_count_in_the_outage_but_only_the_last_is_in_force():
    btc = make.instrument("BTCUSDT")
    make.quotes("BTCUSDT", ("14:20", "105", "106"), ("14:20", "100", "101"))
    assert best(stairs([btc], OUTAGE), btc, "long", at("14:20"))["price"] == Decimal(105)
    assert best(stairs([btc], OUTAGE), btc, "long", at("14:20") + TICK)["price"] == Decimal(100)


def test_the_quote_before_each_window_is_carried_in_at_most_a_minute():
    btc = make.instrument("BTCUSDT")
    spans = [(at("14:09"), at("14:30")), (at("15:00"), at("15:30"))]
    make.quotes("BTCUSDT", ("14:08", "100", "101"), ("14:59", "200", "201"))
    assert best(stairs([btc], spans), btc, "long", at("09:00"))["price"] == Decimal(200)
    assert best(stairs([btc], spans), btc, "short", at("09:00"))["price"] == Decimal(101)
    assert best(stairs([btc], spans), btc, "short", at("14:40"))["price"] == Decimal(201)
    assert best(stairs([btc], spans), btc, "long", at("15:00") + TICK) is None
    assert stairs([btc], spans, MINUTE - TICK) == []


def test_no_quotes_no_instruments_no_steps():
    assert stairs([make.instrument("BTCUSDT")], OUTAGE) == []
    assert stairs([], OUTAGE) == []
