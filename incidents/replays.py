"""Liquidations explained: an account from a file, replayed over the stored quotes (rules §6).

Quotes are read in stretches, each first judged by its lowest bids and highest asks: where even those close nothing, no quote
inside could, and only the other stretches are read quote by quote. However many quotes, memory holds a few hundred.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from django.db.models import Count, DateTimeField, ExpressionWrapper, F, Func, Max, Min, Value
from django.utils.translation import gettext as _

from incidents import account_file, models
from incidents.account_file import AccountFileError, Wrong
from incidents.explanation import Explanation
from incidents.liquidation import Account, Position, Quote, Replay
from incidents.models import Asset, Instrument, LiquidationRatio
from incidents.models.market import Price

STRETCHES = 1000
SHORTEST = timedelta(seconds=1)
AT_ONCE = 2000
COIN_DECIMALS = 8

Bounds = dict[str, Quote]  # by symbol: the lowest bid and the highest ask


def explain(document: dict) -> Explanation:
    """When, at which quote, why and in which order the account of this document was liquidated.

    Reads everything from the quotes in force at `from` to the last one at `to`. Raises AccountFileError with all errors.
    """
    instruments = _checked(document)
    ratio, source = _ratio(document)
    account = Account(Decimal(document["wallet"]), ratio, tuple(_positions(document, instruments)))
    tape = Tape(instruments, document["from"], document["to"])
    opening = tape.in_force(tape.start)
    run = Replay(account, opening.values())
    edges = tuple(run.edges(position) for position in account.positions)
    quotes, nearest = _run(run, tape, opening)
    return Explanation(
        document=document,
        account=account,
        ratio_source=source,
        decimals=_decimals(document["asset"]),
        opening=opening,
        edges=edges,
        run=run,
        quotes=quotes,
        left_out=tape.count() - quotes,
        nearest_at=nearest,
        first_mid=_nearest_mid(run, tape),
    )


def _run(run: Replay, tape: Tape, before: Bounds) -> tuple[int, datetime]:
    """Take the account through the tape; how many quotes it held, and about when the account was nearest to its limit."""
    quotes, least, nearest = 0, None, tape.start
    for start, bounds, number in tape.stretches():
        quotes += number
        slack = run.slack(before, bounds)
        if least is None or slack < least:
            least, nearest = slack, start
        if run.positions and slack < 0:
            run.hold(tape.in_force(start).values())
            for quote in tape.quotes(start):
                run.see(quote)
        before = before | bounds
    run.hold(tape.in_force(tape.end + timedelta(microseconds=1)).values())
    return quotes, nearest


class Tape:
    """The usable quotes of some instruments from `start` to `end`, both inside."""

    def __init__(self, instruments: dict[str, Instrument], start: datetime, end: datetime):
        self.instruments, self.start, self.end = instruments, start.astimezone(UTC), end.astimezone(UTC)
        self.length = max(SHORTEST, (self.end - self.start) / STRETCHES)
        self.stored = models.Quote.objects.filter(
            instrument__in=list(instruments.values()), at__gte=self.start, at__lte=self.end
        )
        self.usable = self.stored.usable()

    def count(self) -> int:
        """Unusable ones included."""
        return self.stored.count()

    def in_force(self, at: datetime) -> Bounds:
        """Of each symbol the last usable quote before an instant: it holds until the next one (rules §1)."""
        found = {}
        for symbol, instrument in self.instruments.items():
            last = models.Quote.objects.usable().filter(instrument=instrument, at__lt=at).order_by("-at", "-id").first()
            if last:
                found[symbol] = Quote(last.at, symbol, last.bid, last.ask)
        return found

    def stretches(self) -> Iterator[tuple[datetime, Bounds, int]]:
        """In order of time, each stretch that has quotes: its start, its bounds, how many quotes it has."""
        stretch = Func(
            Value(self.length), F("at"), Value(self.start), function="date_bin", output_field=DateTimeField()
        )
        rows = (
            self.usable.annotate(stretch=stretch)
            .values_list("stretch", "instrument__symbol")
            .annotate(bid=Min("bid"), ask=Max("ask"), n=Count("*"))
            .order_by("stretch")
        )
        for start, of_one in groupby(rows.iterator(AT_ONCE), key=itemgetter(0)):
            found = list(of_one)
            bounds = {symbol: Quote(start, symbol, bid, ask) for _start, symbol, bid, ask, _n in found}
            yield start, bounds, sum(row[-1] for row in found)

    def quotes(self, start: datetime) -> Iterator[Quote]:
        """Every quote of the stretch that begins then, of one instant in the order of their file."""
        rows = self.usable.filter(at__gte=start, at__lt=start + self.length).order_by("at", "id")
        found = rows.values_list("at", "instrument__symbol", "bid", "ask")
        return (Quote(*row) for row in found.iterator(AT_ONCE))


def _nearest_mid(run: Replay, tape: Tape) -> Decimal | None:
    """The lowest mid of the chart for a long, the highest for a short, up to the first liquidation."""
    if not run.liquidations:
        return None
    first = run.liquidations[0]
    mid = ExpressionWrapper((F("bid") + F("ask")) / 2, output_field=Price())
    seen = tape.usable.filter(instrument=tape.instruments[first.position.symbol], at__lte=first.at)
    return seen.aggregate(mid=(Min if first.position.side == "long" else Max)(mid))["mid"]


# --- the account


def _checked(document: dict) -> dict[str, Instrument]:
    """The document's instruments by symbol, once nothing is wrong with it."""
    wrong = account_file.errors_in(document)
    places = {error.place for error in wrong}
    rows = [] if "positions" in places else document["positions"]
    named = {f"positions[{number}].symbol": row.get("symbol") for number, row in enumerate(rows, start=1)}
    named = {place: symbol for place, symbol in named.items() if place not in places}
    known = Instrument.objects.in_bulk(set(named.values()), field_name="symbol")
    asset = "" if "asset" in places else document["asset"]
    for place, symbol in named.items():
        if problem := _objection(symbol, known.get(symbol), asset):
            wrong.append(Wrong(place, problem))
    if wrong:
        raise AccountFileError(wrong)
    return known


def _objection(symbol: str, instrument: Instrument | None, asset: str) -> str | None:
    if instrument is None:
        return _("is %(value)s; there is no such instrument: import it first") % {"value": repr(symbol)}
    if asset and instrument.settle_id != asset:
        settled = {"symbol": symbol, "settle": instrument.settle_id, "asset": asset}
        problem = _(
            "is %(symbol)s, which settles in %(settle)s; all positions of one account settle in its asset, %(asset)s"
        )
        return problem % settled
    return None


def _ratio(document: dict) -> tuple[Decimal, str]:
    """The file's own ratio, or the one in force at `from` with its source."""
    if "ratio" in document:
        return Decimal(document["ratio"]), ""
    found = LiquidationRatio.objects.in_force(document["from"])
    if found is None:
        problem = _("is missing, and none was in force at %(at)s; write one, such as 0.40")
        raise AccountFileError([Wrong("ratio", problem % {"at": document["from"].isoformat()})])
    return found.ratio.normalize(), found.source


def _positions(document: dict, instruments: dict[str, Instrument]) -> Iterator[Position]:
    for row in document["positions"]:
        instrument = instruments[row["symbol"]]
        yield Position(
            symbol=row["symbol"],
            side=row["side"],
            quantity=Decimal(row["quantity"]),
            entry_price=Decimal(row["entry_price"]),
            used_margin=Decimal(row["used_margin"]),
            inverse=instrument.margin == Instrument.Margin.INVERSE,
            contract_value=instrument.contract_value,
        )


def _decimals(asset: str) -> int:
    found = Asset.objects.filter(code=asset).first()
    return found.decimals if found else COIN_DECIMALS
