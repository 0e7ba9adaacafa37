"""What an outage's quotes looked like: the proof beside every reference price, and the points of its chart (rules §1, §2).

All is counted and cut down in the database, over its index of quotes: one statement for all instruments of an incident, one for
a chart, however many quotes. Counted is what lies inside the outage windows, both ends included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from incidents.models import AbnormalRange, Incident, Instrument, Order, Quote
from incidents.quote_queries import GAP_LIST, LEFT_OUT, OVERVIEW, SERIES
from incidents.windows import merge

Closed = tuple[datetime, datetime]  # a span that has its end
CARRY_IN = timedelta(seconds=60)  # where no policy says it (rules §2)
LONG_GAP = timedelta(seconds=60)
MARGIN = timedelta(minutes=15)  # of the picture, on both sides of the outage
BUCKETS = 300  # of a picture; of each, five quotes are kept at most
DRAWN = 500  # gaps at most
NEAR = timedelta(hours=26)  # an order's own instants so far from the outage are still in its picture: S1 pays for 24 h


@dataclass(frozen=True)
class Quoted:
    """A quote that stands for something."""

    at: datetime
    bid: Decimal
    ask: Decimal


@dataclass(frozen=True)
class LeftOut(Quoted):
    """A quote that prices nothing, and why: crossed, not_positive, abnormal."""

    why: str


@dataclass(frozen=True)
class Market:
    """One instrument in the outage."""

    instrument: int
    symbol: str
    usable: int
    first_at: datetime | None
    last_at: datetime | None
    crossed: int
    not_positive: int
    abnormal: int
    gaps: int
    longest_gap: timedelta | None
    highest: Quoted | None  # whose bid is the best price of a long
    lowest: Quoted | None  # whose ask is the best price of a short

    @property
    def left_out(self) -> int:
        return self.crossed + self.not_positive + self.abnormal


@dataclass(frozen=True)
class Gap:
    """A stretch of the outage in which no usable quote came."""

    after: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        return self.until - self.after


@dataclass(frozen=True)
class Change:
    """A moment in the history of an instrument's abnormal ranges."""

    at: datetime
    marked: bool  # False: unmarked
    starts_at: datetime
    ends_at: datetime
    reason: str
    by: str


@dataclass(frozen=True)
class Outage:
    """The merged windows of an incident; one that lasts is looked at until now."""

    spans: tuple[Closed, ...]
    carry_in: timedelta = CARRY_IN
    gap: timedelta = LONG_GAP

    def asked(self, instruments: Iterable[int], *, supposing: Closed | None = None, **more: object) -> dict:
        """The parameters of the statements; `supposing` one more range were marked abnormal."""
        starts, ends = zip(*self.spans, strict=True) if self.spans else ((), ())
        ranges = f"{{[{supposing[0].isoformat()},{supposing[1].isoformat()}]}}" if supposing else "{}"
        asked = {"starts": list(starts), "ends": list(ends), "instruments": list(instruments), "supposing": ranges}
        return asked | {"carry_in": self.carry_in, "gap": self.gap} | more

    @property
    def length(self) -> timedelta:
        """Of all its windows together."""
        return sum((end - start for start, end in self.spans), timedelta())

    def around(self, *instants: datetime | None) -> Closed:
        """The stretch of time that a picture shows: the outage, these instants, and a margin."""
        known = [at for at in (*(end for span in self.spans for end in span), *instants) if at]
        return min(known) - MARGIN, max(known) + MARGIN


def outage(incident: Incident, *, now: datetime, **how: timedelta) -> Outage:
    """The incident's outage as it stands; `how`: carry_in, gap."""
    spans = merge((window.starts_at, window.ends_at) for window in incident.windows.all())
    return Outage(tuple((start, end or max(now, start)) for start, end in spans), **how)


def overview(outage: Outage, instruments: Iterable[int], *, supposing: Closed | None = None) -> list[Market]:
    """Every instrument's quotes in the outage, in order of the symbols. One statement."""
    rows = _rows(OVERVIEW, outage.asked(instruments, supposing=supposing))
    return [Market(*row[:10], highest=_quoted(row[10:13]), lowest=_quoted(row[13:16])) for row in rows]


def gaps(outage: Outage, instrument: int) -> list[Gap]:
    """The gaps longer than the outage's `gap`, in order of time."""
    return [Gap(*row) for row in _rows(GAP_LIST, outage.asked([instrument]))]


def left_out(outage: Outage, instrument: int, *, offset: int = 0, limit: int = 50) -> list[LeftOut]:
    """The outage's quotes that price nothing, in order of time, a page of them."""
    rows = _rows(LEFT_OUT, outage.asked([instrument], offset=offset, limit=limit))
    return [LeftOut(*row) for row in rows]


def ranges_of(instrument: Instrument) -> QuerySet[AbnormalRange]:
    """The instrument's abnormal ranges, each with `quotes`: how many sound quotes lie in it."""
    inside = Quote.objects.sound().filter(
        instrument=OuterRef("instrument"), at__gte=OuterRef("starts_at"), at__lte=OuterRef("ends_at")
    )
    number = inside.order_by().values("instrument").annotate(n=Count("pk")).values("n")
    return instrument.abnormal_ranges.select_related("marked_by").annotate(quotes=Coalesce(Subquery(number), 0))


def history(instrument: Instrument, changes: QuerySet) -> list[Change]:
    """Who marked and unmarked which quotes, when and why, out of the ranges' `changes`; newest first."""
    marked, unmarked = Q(new__instrument_id=instrument.pk), Q(old__instrument_id=instrument.pk)
    found = list(changes.filter(marked | unmarked).order_by("-id"))
    known = {change.user_id for change in found} | {(change.new or {}).get("marked_by_id") for change in found}
    people = dict(get_user_model().objects.filter(pk__in=known - {None}).values_list("pk", "username"))
    return [_told(change, people) for change in found]


def _told(change, people: dict[int, str]) -> Change:
    """A range that came says by whom and why; of one that went, what unmarked it said so."""
    row, marked = change.new or change.old, change.new is not None
    by = marked and row["marked_by_id"] or change.user_id
    reason = row["reason"] if marked else change.source.get("reason", "")
    starts_at, ends_at = (datetime.fromisoformat(row[name]) for name in ("starts_at", "ends_at"))
    return Change(change.at, marked, starts_at, ends_at, reason, people.get(by, ""))


def chart(
    outage: Outage, instrument: Instrument, *, zone: str, marks: Sequence[dict] = (), stretch: Closed | None = None
) -> dict[str, Any]:
    """What static/makegood/charts.js draws; without a `stretch`, the outage and a margin around it."""
    first, last = stretch or outage.around()
    width = Decimal(str((last - first).total_seconds())) / BUCKETS
    asked = outage.asked([instrument.pk], first=first, last=last, buckets=BUCKETS, width=width)
    t, bid, ask, mid = list(zip(*_rows(SERIES, asked), strict=True)) or [()] * 4
    ranges = instrument.abnormal_ranges.filter(starts_at__lte=last, ends_at__gte=first)
    return {
        "series": {"t": t, "bid": bid, "ask": ask, "mid": mid},
        "stretch": drawn([(first, last)])[0],
        "windows": drawn(outage.spans),
        "ranges": drawn(ranges.values_list("starts_at", "ends_at")),
        "gaps": drawn((gap.after, gap.until) for gap in gaps(outage, instrument.pk)[:DRAWN]),
        "marks": list(marks),
        "zone": zone,
    }


def chart_of_order(
    outage: Outage, order: Order, *, zone: str, **priced: tuple[datetime | None, Decimal | None]
) -> dict[str, Any]:
    """The chart with an order's entry and exit; `priced`: its `reference` price and its `value` while it is still open.

    What happened too far from the outage to be in the picture is a line at its price.
    """
    labels = {
        "entry": _("Entry"),
        "exit": _("Exit"),
        "reference": _("Reference price"),
        "value": _("Value, still open"),
    }
    points = {"entry": (order.opened_at, order.entry_price), "exit": (order.closed_at, order.exit_price), **priced}
    first, last = outage.around()
    marks, lines, near = [], [], []
    for kind, (at, price) in points.items():
        if at is None or price is None:
            continue
        if first - NEAR <= at <= last + NEAR:
            marks.append(mark(at, price, labels[kind], kind))
            near.append(at)
        else:
            lines.append({"price": plain(price), "label": f"{labels[kind]} {plain(price)} ({at:%Y-%m-%d %H:%M} UTC)"})
    found = chart(outage, order.instrument, zone=zone, marks=marks, stretch=outage.around(*near))
    return found | {"lines": lines}


def extremes(market: Market) -> list[dict]:
    """The marks of the two best quotes."""
    found = []
    if market.highest:
        found.append(mark(market.highest.at, market.highest.bid, _("Highest bid"), "best_bid"))
    if market.lowest:
        found.append(mark(market.lowest.at, market.lowest.ask, _("Lowest ask"), "best_ask"))
    return found


def mark(at: datetime, price: Decimal, label: str, kind: str) -> dict[str, Any]:
    """A point on a chart."""
    return {"t": _drawn_at(at), "price": plain(price), "label": label, "kind": kind}


def plain(price: Decimal) -> str:
    """16571.000000000000 as 16571."""
    return f"{price.normalize():f}"


def drawn(spans: Iterable[Closed]) -> list[list[float]]:
    return [[_drawn_at(start), _drawn_at(end)] for start, end in spans]


def _drawn_at(at: datetime) -> float:
    """Milliseconds since 1970."""
    return at.timestamp() * 1000


def _quoted(row: Sequence) -> Quoted | None:
    return Quoted(*row) if row[0] else None


def _rows(sql: str, params: dict) -> Iterator[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return iter(cursor.fetchall())
