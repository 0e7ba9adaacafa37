"""Best bids and asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from django.db import IntegrityError, connection, transaction

from incidents.imports.taking import NOTHING, UNKNOWN_SYMBOL, done, execute
from jobs import bulk, csv_file
from jobs.cells import Column, Reading

SYMBOL = Column("symbol", longest=40)
SYMBOL_STATED = Column("symbol", needed=False, blank=True, longest=40)


@dataclass(frozen=True)
class Preset:
    """How a file of quotes is written."""

    columns: tuple[Column, ...]
    form: csv_file.Form = csv_file.Form()
    time_unit: str = ""
    names_symbol: bool = True  # a row names its symbol; False: the file is of one, which has to be stated
    picks_symbol: bool = False  # the file is of many symbols; the one stated is taken


# transaction_time is when the matching engine changed the book, event_time only when the message about it was made. The
# archive's older files have no header.
BOOKTICKER = (
    "update_id", "best_bid_price", "best_bid_qty", "best_ask_price", "best_ask_qty", "transaction_time", "event_time",
)  # fmt: skip
PRESETS = {
    "": Preset((Column("ts", "instant"), SYMBOL, Column("bid", "number"), Column("ask", "number"))),
    "binance-bookticker": Preset(
        (
            Column("ts", "instant", called="transaction_time"),
            Column("bid", "number", called="best_bid_price"),
            Column("ask", "number", called="best_ask_price"),
        ),
        csv_file.Form(ignored=BOOKTICKER, headless=BOOKTICKER),
        time_unit="ms",
        names_symbol=False,
    ),
    # A side on which nobody quotes is empty: kept as 0, which never prices anything.
    "bitmex-quote": Preset(
        (
            Column("ts", "kdb", called="timestamp"),
            SYMBOL,
            Column("bid", "number", blank=True, called="bidPrice"),
            Column("ask", "number", blank=True, called="askPrice"),
        ),
        csv_file.Form(ignored=("bidSize", "askSize")),
        picks_symbol=True,
    ),
}


@transaction.atomic
def import_quotes(
    path: Path,
    *,
    preset: str = "",
    timezone: str = "",
    time_unit: str = "",
    symbol: str = "",
    now: datetime,
    progress: bulk.Progress | None = None,
) -> dict:
    """Add the quotes that are not there yet; crossed, zero and negative ones are kept (they never price anything).

    `symbol` is that of rows that name none; of bitmex-quote, whose files are of all symbols, only its rows are taken. Also
    returned: crossed (rows of the file), first and last instant, skipped (rows of other symbols, if there are any).
    """
    form = PRESETS[preset]
    if not (form.names_symbol or symbol):
        batch = bulk.Batch(["the rows of this file name no symbol: state it (--symbol BTCUSDT)"])
    else:
        reading = Reading(timezone, time_unit or form.time_unit)
        reader = partial(csv_file.rows, form=form.form)
        batch = bulk.load(path, **_columns(form, symbol), reading=reading, reader=reader, progress=progress)
    bulk.lock("quotes")
    skipped = _settle_symbols(batch, form, symbol) if batch.present and symbol else {}
    if batch.present:
        batch.refuse(UNKNOWN_SYMBOL)
    if batch.refused():
        return batch.result(**NOTHING, crossed=0, first=None, last=None)
    created = _add()
    return done("quotes", path, batch, created=created, updated=0, now=now, **_seen(), **skipped)


def _columns(form: Preset, symbol: str) -> dict:
    """What the file has, or may have where the symbol is stated, and what is filled in."""
    if not form.names_symbol:
        return {"columns": form.columns, "derived": (SYMBOL,)}
    if not symbol or form.picks_symbol:
        return {"columns": form.columns}
    return {"columns": tuple(SYMBOL_STATED if column == SYMBOL else column for column in form.columns)}


def _settle_symbols(batch: bulk.Batch, form: Preset, symbol: str) -> dict[str, int]:
    """Give rows their symbol, or leave those of others; how many were left."""
    if form.picks_symbol:
        others = execute("DELETE FROM bulk_row WHERE symbol <> %s", [symbol])
        batch.rows -= others
        return {"skipped": others} if others else {}
    execute("UPDATE bulk_row SET symbol = %s WHERE symbol IS NULL", [symbol])
    return {}


def _add() -> int:
    """In the file's order: of two quotes of one instant the later one is in force.

    Looking for a quote that is there already costs as much as inserting it. Where there is one, there are many, and the first
    shows soon: then the plain way is given up for the careful one.
    """
    try:
        with transaction.atomic():
            return execute(ADD)
    except IntegrityError:
        return execute(f"{ADD} ON CONFLICT (instrument_id, at, bid, ask) DO NOTHING")


ADD = """
    INSERT INTO incidents_quote (instrument_id, at, bid, ask)
    SELECT i.id, r.ts, coalesce(r.bid, 0), coalesce(r.ask, 0)
      FROM bulk_row r JOIN incidents_instrument i ON i.symbol = r.symbol
     ORDER BY r.line
"""


def _seen() -> dict:
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT count(*) FILTER (WHERE coalesce(bid, 0) > coalesce(ask, 0)), min(ts), max(ts) FROM bulk_row
        """)
        crossed, first, last = cursor.fetchone()
    return {"crossed": crossed, "first": first and first.isoformat(), "last": last and last.isoformat()}
