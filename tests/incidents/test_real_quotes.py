"""Real quotes and what is wrong with them: S2's hours in EURUSD, and a day in which every ninth quote was crossed."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from incidents import market, workflow
from incidents.models import Asset, Incident, Instrument, Quote
from tests.console import done
from tests.factories import NOW

pytestmark = [pytest.mark.shared, pytest.mark.django_db]
HOURS = "data/fx_h1_bidask_201906/EUR_USD_H1_bid_ask.csv"
TICKS = "data/bbo_ticks_fx_metals/fxcm_tick_eurusd_20140508_quote.zip"


@pytest.fixture
def eurusd() -> Instrument:
    Asset.objects.bulk_create([Asset(code="EUR"), Asset(code="USD")], ignore_conflicts=True)
    return Instrument.objects.create(symbol="EURUSD", margin="linear", base_id="EUR", quote_id="USD", settle_id="USD")


def imported(folder, rows) -> dict:
    file = folder / "quotes.csv"
    with file.open("w", newline="") as target:
        csv.writer(target).writerows([("ts", "symbol", "bid", "ask"), *rows])
    return done("import_quotes", file)


def outage(starts_at: str, ends_at: str) -> market.Outage:
    window = {"starts_at": datetime.fromisoformat(starts_at), "ends_at": datetime.fromisoformat(ends_at)}
    facts = {"reference": "INC-1", "title": "Quotation breakdown", "cause": "unknown", "timezone": "Asia/Shanghai"}
    workflow.declare(facts | {"services": ["trading"], "instruments": ["EURUSD"], "windows": [window]}, now=NOW)
    return market.outage(Incident.objects.get(), now=NOW)


def test_the_breakdown_of_s2_in_eurusd_was_looked_at_in_its_own_zone(eurusd, shared, tmp_path):
    """Each hour's highest and lowest quotes, at a quarter and at three quarters; the whole hours inside are 11 to 20 UTC."""
    rows = []
    with (shared / HOURS).open(newline="") as source:
        for hour in csv.DictReader(source):
            start = datetime.fromisoformat(hour["time"][:19]).replace(tzinfo=UTC)
            for minutes, side in ((15, "h"), (45, "l")):
                at = start + timedelta(minutes=minutes)
                rows.append((at.isoformat(), "EURUSD", hour[f"bid_{side}"], hour[f"ask_{side}"]))
    imported(tmp_path, rows)
    [found] = market.overview(outage("2019-06-26T18:58:00+08:00", "2019-06-27T05:30:00+08:00"), [eurusd.pk])
    assert found.highest.bid == Decimal("1.13905")
    assert found.lowest.ask == Decimal("1.13484")
    assert (found.highest.at.hour, found.lowest.at.hour) == (15, 13)


def test_the_crossed_quotes_of_a_bad_day_are_counted_exactly_and_price_nothing(eurusd, shared, tmp_path):
    midnight = datetime(2014, 5, 8, 5, tzinfo=UTC)  # of the exchange's clock, UTC-5
    with zipfile.ZipFile(shared / TICKS) as packed, packed.open(packed.namelist()[0]) as source:
        ticks = [line.strip().split(",")[:3] for line in io.TextIOWrapper(source)]
    rows = (((midnight + timedelta(milliseconds=float(ms))).isoformat(), "EURUSD", bid, ask) for ms, bid, ask in ticks)
    assert imported(tmp_path, rows)["crossed"] == 18_285
    seen = outage("2014-05-08T05:00:00+00:00", "2014-05-09T05:00:00+00:00")
    [found] = market.overview(seen, [eurusd.pk])
    assert (found.crossed, found.usable, found.left_out) == (18_285, 149_181, 18_285)
    assert found.usable + found.crossed == Quote.objects.count() == len(ticks)
    assert [row.why for row in market.left_out(seen, eurusd.pk, offset=18_284)] == ["crossed"]
    sound = [(Decimal(bid), Decimal(ask)) for _ms, bid, ask in ticks if Decimal(bid) <= Decimal(ask)]
    assert found.highest.bid == max(bid for bid, _ask in sound)
    assert found.lowest.ask == min(ask for _bid, ask in sound)
