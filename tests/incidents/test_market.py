"""The proof beside a price: what an outage's quotes looked like, counted and drawn."""

from datetime import timedelta
from decimal import Decimal

import pytest

from claims import history
from incidents import market, workflow
from incidents.market import Gap, LeftOut, Quoted
from incidents.models import AbnormalRange, Incident, Quote
from tests import factories as make
from tests.factories import NOW, at
from tests.together import Person, held, wait_for_waiting

pytestmark = pytest.mark.django_db


def outage(*windows, **how) -> market.Outage:
    incident = make.incident(windows=windows or (("14:09", "15:30"),), policy=None)
    return market.outage(Incident.objects.prefetch_related("windows").get(pk=incident.pk), now=NOW, **how)


def seen(found: market.Outage, symbol: str = "BTCUSDT", **supposing) -> market.Market:
    [row] = market.overview(found, [make.instrument(symbol).pk], **supposing)
    return row


def quoted(clock: str, bid: str, ask: str) -> Quoted:
    return Quoted(at(clock), Decimal(bid), Decimal(ask))


def mark(start: str, end: str) -> AbnormalRange:
    return AbnormalRange.objects.create(
        instrument=make.instrument(), starts_at=at(start), ends_at=at(end), reason="a fat finger", marked_at=NOW
    )


def test_the_best_quotes_stand_with_their_instants_and_the_earliest_of_equals():
    make.quotes(
        "BTCUSDT",
        ("14:08", "17000", "17001"),
        ("14:09", "16500", "16501"),
        ("14:20", "16571", "16572"),
        ("14:40", "16571", "16573"),
        ("15:00", "16411", "16412"),
        ("15:30", "16420", "16421"),
        ("15:30:00.000001", "18000", "18001"),
    )
    found = seen(outage())
    assert found.highest == quoted("14:20", "16571", "16572")
    assert found.lowest == quoted("15:00", "16411", "16412")
    assert (found.usable, found.first_at, found.last_at) == (5, at("14:09"), at("15:30"))


def test_the_quote_in_force_when_a_window_begins_counts_for_the_best_price_but_not_among_those_inside():
    make.quotes("BTCUSDT", ("14:08:00", "17000", "17001"), ("14:20", "16500", "16501"))
    found = seen(outage())
    assert (found.highest, found.usable) == (quoted("14:08", "17000", "17001"), 1)


def test_an_older_one_does_not_and_neither_does_one_that_another_has_replaced():
    make.quotes("BTCUSDT", ("14:07:59", "17000", "17001"), ("14:20", "16500", "16501"))
    make.quotes("ETHUSDT", ("14:08:30", "1300", "1301"), ("14:09", "1200", "1201"))
    found = outage()
    assert seen(found).highest == quoted("14:20", "16500", "16501")
    assert seen(found, "ETHUSDT").highest == quoted("14:09", "1200", "1201")


def test_crossed_zero_negative_and_abnormal_quotes_price_nothing_and_are_counted():
    make.quotes(
        "BTCUSDT",
        ("14:10", "16600", "16599"),
        ("14:11", "0", "16500"),
        ("14:12", "-5", "16500"),
        ("14:13", "16500", "0"),
        ("14:14", "19000", "19001"),
        ("14:15", "16500", "16501"),
    )
    mark("14:14", "14:14")
    found = seen(outage())
    assert (found.crossed, found.not_positive, found.abnormal, found.usable) == (1, 3, 1, 1)
    assert found.highest == found.lowest == quoted("14:15", "16500", "16501")


def test_the_left_out_are_listed_with_the_reason_a_page_at_a_time():
    make.quotes("BTCUSDT", ("14:10", "16600", "16599"), ("14:11", "0", "16500"), ("14:14", "19000", "19001"))
    mark("14:14", "14:14")
    found, btc = outage(), make.instrument().pk
    assert [(row.at, row.why) for row in market.left_out(found, btc)] == [
        (at("14:10"), "crossed"), (at("14:11"), "not_positive"), (at("14:14"), "abnormal"),
    ]  # fmt: skip
    assert market.left_out(found, btc, offset=1, limit=1) == [
        LeftOut(at("14:11"), Decimal(0), Decimal(16500), "not_positive")
    ]


def test_a_gap_is_longer_than_the_stated_time_and_bad_quotes_do_not_end_it():
    make.quotes(
        "BTCUSDT",
        ("14:09:30", "16500", "16501"),
        ("14:10:30", "16500", "16501"),
        ("14:11:00", "16600", "16599"),
        ("14:11:30.000001", "16500", "16501"),
        ("14:12:00", "16500", "16501"),
    )
    found, btc = outage(("14:09", "14:13:00.5")), make.instrument().pk
    assert market.gaps(found, btc) == [
        Gap(at("14:10:30"), at("14:11:30.000001")),
        Gap(at("14:12"), at("14:13:00.5")),
    ]
    row = seen(found)
    assert (row.gaps, row.longest_gap) == (2, timedelta(seconds=60, microseconds=500000))


def test_an_outage_without_a_quote_is_one_gap_and_has_no_best_price():
    found = outage(("14:09", "15:30"), ("16:00", "16:10"))
    row = seen(found)
    assert (row.usable, row.highest, row.lowest, row.left_out) == (0, None, None, 0)
    assert (row.gaps, row.longest_gap) == (2, timedelta(minutes=81))
    assert market.gaps(found, make.instrument().pk) == [Gap(at("14:09"), at("15:30")), Gap(at("16:00"), at("16:10"))]


def test_the_time_between_two_windows_is_no_gap_and_its_quotes_do_not_count():
    make.quotes("BTCUSDT", ("14:09", "1", "2"), ("14:09:30", "3", "4"), ("15:00", "99", "100"), ("16:00", "5", "6"))
    found = outage(("14:09", "14:10"), ("16:00", "16:01"))
    row = seen(found)
    assert (row.usable, row.gaps, row.highest) == (3, 0, quoted("16:00", "5", "6"))


def test_a_window_that_lasts_is_looked_at_until_now():
    make.quotes("BTCUSDT", ("14:09", "16500", "16501"), ("23:00", "16600", "16601"))
    row = seen(outage(("14:09", None)))
    assert (row.highest, row.longest_gap) == (quoted("23:00", "16600", "16601"), NOW - at("23:00"))


def test_the_stated_time_is_the_readers():
    make.quotes("BTCUSDT", ("14:09", "1", "2"), ("14:09:05", "1", "2"), ("14:09:06", "1", "2"))
    found = outage(("14:09", "14:09:07"), gap=timedelta(seconds=2))
    assert market.gaps(found, make.instrument().pk) == [Gap(at("14:09"), at("14:09:05"))]


def test_every_instrument_in_one_statement(django_assert_num_queries):
    symbols = ["BTCUSDT", "ETHUSDT", "XRPUSDT"]
    for symbol in symbols:
        make.quotes(symbol, ("14:10", "16500", "16501"))
    found, instruments = outage(), [make.instrument(symbol).pk for symbol in symbols]
    with django_assert_num_queries(1):
        rows = market.overview(found, instruments)
    assert [(row.symbol, row.usable) for row in rows] == [(symbol, 1) for symbol in symbols]


def test_what_a_range_would_change_is_seen_before_it_is_marked():
    make.quotes("BTCUSDT", ("14:10", "19000", "19001"), ("14:11", "16500", "16501"))
    found = outage()
    row = seen(found, supposing=(at("14:10"), at("14:10:59")))
    assert (row.usable, row.abnormal, row.highest) == (1, 1, quoted("14:11", "16500", "16501"))
    assert seen(found).highest == quoted("14:10", "19000", "19001")


def test_a_chart_of_few_quotes_has_them_all_as_they_were():
    make.quotes("BTCUSDT", ("14:00", "16500.10", "16500.30"), ("14:20", "16571", "16571.1"), ("15:46", "1", "2"))
    drawn = market.chart(outage(), make.instrument(), zone="Asia/Shanghai")
    assert drawn["series"] == {
        "t": (at("14:00").timestamp() * 1000, at("14:20").timestamp() * 1000),
        "bid": ("16500.1", "16571"),
        "ask": ("16500.3", "16571.1"),
        "mid": ("16500.2", "16571.05"),
    }
    assert drawn["windows"] == [[at("14:09").timestamp() * 1000, at("15:30").timestamp() * 1000]]
    assert drawn["zone"] == "Asia/Shanghai"


def test_a_chart_of_many_quotes_keeps_every_extreme_and_each_point_is_a_quote():
    btc, start = make.instrument(), at("14:00")
    rows = [(start + timedelta(seconds=n), 16000 + n * 7919 % 600) for n in range(6_000)]
    Quote.objects.bulk_create(
        Quote(instrument=btc, at=when, bid=bid, ask=bid + n % 5) for n, (when, bid) in enumerate(rows)
    )
    Quote.objects.filter(at=start + timedelta(seconds=3_333)).update(bid=20000, ask=20001)
    Quote.objects.filter(at=start + timedelta(seconds=4_444)).update(bid=1, ask=2)
    series = market.chart(outage(), btc, zone="UTC")["series"]
    assert 300 <= len(series["t"]) <= 1_500
    assert list(series["t"]) == sorted(series["t"])
    assert {"20000", "1"} <= set(series["bid"])
    quotes = {(q.at.timestamp() * 1000, q.bid, q.ask) for q in Quote.objects.all()}
    points = zip(series["t"], map(Decimal, series["bid"]), map(Decimal, series["ask"]), strict=True)
    assert set(points) <= quotes


def test_an_order_is_marked_in_its_chart_and_what_is_far_away_is_a_line():
    make.quotes("BTCUSDT", ("14:20", "16571", "16571.1"))
    order = make.order("1001", opened_at=at("13:00", day=10), closed_at=at("14:40"))
    drawn = market.chart_of_order(
        outage(), order, zone="UTC", reference=(at("14:20"), Decimal("16571.000000")), value=(None, None)
    )
    assert [(mark["kind"], mark["price"], mark["t"]) for mark in drawn["marks"]] == [
        ("exit", "16500", at("14:40").timestamp() * 1000),
        ("reference", "16571", at("14:20").timestamp() * 1000),
    ]
    assert drawn["lines"] == [{"price": "16950", "label": "Entry 16950 (2022-11-10 13:00 UTC)"}]


def test_max_marks_a_range_and_mia_unmarks_it_and_both_stay_on_record():
    max, mia = make.staff("max", "manager"), make.staff("mia", "manager")
    make.quotes("BTCUSDT", ("14:10", "19000", "19001"), ("14:11", "16500", "16501"), ("14:12", "16600", "16599"))
    marked = workflow.mark_abnormal(
        make.instrument(), starts_at=at("14:10"), ends_at=at("14:12"), reason="the feed stood still", by=max, now=NOW
    )
    assert [row.quotes for row in market.ranges_of(make.instrument())] == [2]
    workflow.unmark_abnormal(marked, reason="it did not", by=mia)
    assert seen(outage()).abnormal == 0
    assert [
        (c.marked, c.by, c.reason)
        for c in market.history(make.instrument(), history.of_rows("incidents_abnormalrange"))
    ] == [
        (False, "mia", "it did not"),
        (True, "max", "the feed stood still"),
    ]


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_only_managers_mark_and_unmark(role):
    marked, person = mark("14:10", "14:11"), make.staff("ana", role)
    with pytest.raises(workflow.Refused, match="ana has not the permission incidents.mark_abnormal"):
        workflow.mark_abnormal(
            make.instrument(), starts_at=at("14:20"), ends_at=at("14:21"), reason="x", by=person, now=NOW
        )
    with pytest.raises(workflow.Refused, match="ana has not the permission"):
        workflow.unmark_abnormal(marked, reason="x", by=person)
    assert AbnormalRange.objects.get() == marked


@pytest.mark.parametrize(
    ("start", "end", "reason", "refusal"),
    [
        ("14:20", "14:19", "x", "A range ends after it starts."),
        ("14:20", "14:21", " ", "Say why these quotes are abnormal."),
        ("14:10", "14:11", "again", "already exists"),
    ],
)
def test_a_range_is_refused_with_words(start, end, reason, refusal):
    mark("14:10", "14:11")
    with pytest.raises(workflow.Refused, match=refusal):
        workflow.mark_abnormal(
            make.instrument(), starts_at=at(start), ends_at=at(end), reason=reason,
            by=make.staff("max", "manager"), now=NOW,
        )  # fmt: skip


def test_a_range_is_unmarked_once():
    marked, max = mark("14:10", "14:11"), make.staff("max", "manager")
    workflow.unmark_abnormal(marked, reason="normal after all", by=max)
    with pytest.raises(workflow.Refused, match="Somebody else unmarked"):
        workflow.unmark_abnormal(AbnormalRange(pk=1), reason="normal after all", by=max)


@pytest.mark.django_db(transaction=True)
def test_two_mark_one_range_at_the_same_moment_and_one_is_told():
    btc = make.instrument()
    managers = [make.staff(name, "manager") for name in ("max", "mia")]
    range_ = {"starts_at": at("14:10"), "ends_at": at("14:11"), "reason": "a fat finger", "now": NOW}
    with held("incidents_instrument"):
        people = [Person(lambda by=by: workflow.mark_abnormal(btc, **range_, by=by)) for by in managers]
        wait_for_waiting(2)
    answers = [person.finished() for person in people]
    [refusal] = [answer for answer in answers if isinstance(answer, workflow.Refused)]
    assert "already exists" in str(refusal)
    assert AbnormalRange.objects.get() in answers
