"""Which quote counts for whom: the price questions of an outage (rules §2).

Every query here gives rows of one shape: instrument_id, side, opened_after, opened_until, price, quote_id, bid, ask, at; an order
opened after `opened_after` and at or before `opened_until` (NULL: no bound) has that price. Crossed, zero and negative quotes and
those in a range that was marked abnormal never count and end nothing; a quote is in force until the next usable one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta


def _usable(quote: str) -> str:
    """What may price an order, as a condition on the quote of this name (`Quote.objects.usable`)."""
    return f"""{quote}.bid > 0 AND {quote}.ask > 0 AND {quote}.bid <= {quote}.ask AND NOT EXISTS (
               SELECT FROM incidents_abnormalrange r
                WHERE r.instrument_id = {quote}.instrument_id AND {quote}.at BETWEEN r.starts_at AND r.ends_at)"""  # noqa: S608


# A stair, per instrument and side. A quote counts for every order whose range begins while it is still to come or still in force
# (at most `carry_in` old); so each quote has a last opening it is available to, and walking back from the last one, only the
# quotes that no later one beats are steps. Equal prices: the earliest quote stands for them. Of several quotes with one last
# opening the walk comes to the best one last; the steps of the others have no width and are left out. Of three million quotes few
# are worth the walk, which sorts: first of every 20 s, as many as nothing in a later stretch beats (a quarter of the time).
BEST = f"""
WITH span (starts_at, ends_at) AS (SELECT * FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[])),
usable AS (
    SELECT id, instrument_id, at, bid, ask,
           greatest(at, least(at + %(carry_in)s::interval,
               lead(at) OVER (PARTITION BY instrument_id ORDER BY at, id) - interval '1 microsecond')) AS in_force_until
      FROM incidents_quote q
     WHERE instrument_id = ANY(%(instruments)s) AND {_usable("q")}
       AND at BETWEEN %(first)s::timestamptz - %(carry_in)s::interval AND %(last)s::timestamptz
),
available AS MATERIALIZED (
    SELECT usable.*, until, floor(extract(epoch FROM until) / 20) AS stretch
      FROM usable JOIN span ON at <= ends_at AND in_force_until >= starts_at,
           LATERAL (SELECT least(in_force_until, ends_at) AS until) AS u
),
later AS (
    SELECT instrument_id, stretch, max(max(bid)) OVER after AS bid, min(min(ask)) OVER after AS ask
      FROM available GROUP BY instrument_id, stretch
    WINDOW after AS (PARTITION BY instrument_id ORDER BY stretch DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
candidate AS (
    SELECT available.*, side, merit
      FROM available JOIN later USING (instrument_id, stretch),
           LATERAL (VALUES ('long', available.bid, later.bid), ('short', -available.ask, -later.ask)) AS s (side, merit, rival)
     WHERE rival IS NULL OR merit >= rival
),
walked AS (
    SELECT candidate.*, max(merit) OVER (
               PARTITION BY instrument_id, side ORDER BY until DESC, merit, at DESC, id DESC
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) AS best_later
      FROM candidate
),
step AS (
    SELECT walked.*, lead(until) OVER (
               PARTITION BY instrument_id, side ORDER BY until DESC, merit, at DESC, id DESC
           ) AS opened_after
      FROM walked
     WHERE best_later IS NULL OR merit >= best_later
)
SELECT instrument_id, side, opened_after, until AS opened_until, abs(merit) AS price, id AS quote_id, bid, ask, at
  FROM step
 WHERE opened_after IS DISTINCT FROM until
"""  # noqa: S608 our own text, values are parameters


# One quote per instrument, for longs at its bid and for shorts at its ask, for orders opened before it ran out.
ONE = f"""
SELECT i.id AS instrument_id, side, NULL::timestamptz AS opened_after,
       greatest(q.at, least(q.at + %(carry_in)s::interval, next.at - interval '1 microsecond')) AS opened_until,
       CASE side WHEN 'long' THEN q.bid ELSE q.ask END AS price, q.id AS quote_id, q.bid, q.ask, q.at
  FROM unnest(%(instruments)s) AS i (id)
 CROSS JOIN LATERAL (
           SELECT * FROM incidents_quote q WHERE q.instrument_id = i.id AND {_usable("q")} AND {{which}} LIMIT 1
       ) AS q
  LEFT JOIN LATERAL (
           SELECT n.at FROM incidents_quote n
            WHERE n.instrument_id = i.id AND {_usable("n")} AND n.at >= q.at AND (n.at, n.id) > (q.at, q.id)
            ORDER BY n.at, n.id LIMIT 1
       ) AS next ON true,
       (VALUES ('long'), ('short')) AS sides (side)
"""  # noqa: S608
LATEST, EARLIEST = "ORDER BY q.at DESC, q.id DESC", "ORDER BY q.at, q.id"
WHICH = {
    "last_before": f"q.at < %(first)s {LATEST}",
    "first_after": f"q.at > %(last)s {EARLIEST}",
    "at_instant": f"q.at BETWEEN %(at)s::timestamptz - %(carry_in)s::interval AND %(at)s {LATEST}",
}
# What a still-open position is worth at an instant, whenever it was opened: the last usable quote, however old.
VALUE = f"""
SELECT instrument_id, side, opened_after, NULL::timestamptz AS opened_until, price, quote_id, bid, ask, at
  FROM ({ONE.format(which=f"q.at <= %(check)s {LATEST}")}) AS latest
"""  # noqa: S608


def reference_prices(
    *,
    reference: str,
    instruments: Sequence[int],
    spans: Sequence[tuple[datetime, datetime | None]],
    carry_in: timedelta,
    at: datetime | None = None,
) -> tuple[str, dict]:
    """SQL and its parameters for what orders could have had, by the policy's kind of reference (rules §2).

    `spans` are merged outage windows in order, both ends inside and known. `best_in_window` is a stair: longs by the highest bid,
    shorts by the lowest ask, of what came after they were opened; the other references are one quote.
    """
    starts, ends = zip(*spans, strict=True)
    return BEST if reference == "best_in_window" else ONE.format(which=WHICH[reference]), {
        "starts": list(starts),
        "ends": list(ends),
        "first": starts[0],
        "last": ends[-1],
        "at": at,
        "instruments": list(instruments),
        "carry_in": carry_in,
    }


def values_at(check: datetime, *, instruments: Sequence[int]) -> tuple[str, dict]:
    """SQL and its parameters for the value of still-open orders at an instant: the last usable bid or ask (S2)."""
    return VALUE, {"check": check, "instruments": list(instruments), "carry_in": timedelta(0)}
