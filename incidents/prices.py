"""Which quote was best for whom: the price questions of an outage (rules §2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

# One row per step of the stair, per instrument and side: an order opened after `opened_after` and at or before `opened_until`
# is priced by this quote. A quote counts for every order whose range begins while the quote is still to come or still in force
# (at most `carry_in` old); so each quote has a last opening it is available to, and walking back from the last one, only the
# quotes that no later one beats are steps. Equal prices: the earliest quote stands for them. Of several quotes with one last
# opening the walk comes to the best one last; the steps of the others have no width and are left out.
STEPS = """
WITH span (starts_at, ends_at) AS (SELECT * FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[])),
usable AS (
    SELECT id, instrument_id, at, bid, ask,
           greatest(at, least(at + %(carry_in)s::interval,
               lead(at) OVER (PARTITION BY instrument_id ORDER BY at, id) - interval '1 microsecond')) AS in_force_until
      FROM incidents_quote
     WHERE instrument_id = ANY(%(instruments)s) AND bid > 0 AND ask > 0 AND bid <= ask
       AND at BETWEEN %(first)s::timestamptz - %(carry_in)s::interval AND %(last)s::timestamptz
),
available AS (
    SELECT usable.*, side, merit, least(in_force_until, ends_at) AS until
      FROM usable JOIN span ON at <= ends_at AND in_force_until >= starts_at,
           LATERAL (VALUES ('long', bid), ('short', -ask)) AS sides (side, merit)
),
walked AS (
    SELECT available.*, max(merit) OVER (
               PARTITION BY instrument_id, side ORDER BY until DESC, merit, at DESC, id DESC
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) AS best_later
      FROM available
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
"""


def best_quote_steps(
    *, instruments: Sequence[int], spans: Sequence[tuple[datetime, datetime | None]], carry_in: timedelta
) -> tuple[str, dict]:
    """SQL and its parameters for the stair of best quotes: longs by the highest bid, shorts by the lowest ask.

    `spans` are merged outage windows in order, both ends inside. Unusable quotes (crossed, zero, negative) never count.
    """
    starts, ends = zip(*spans, strict=True)
    return STEPS, {
        "starts": list(starts),
        "ends": list(ends),
        "first": starts[0],
        "last": ends[-1],
        "instruments": list(instruments),
        "carry_in": carry_in,
    }
