"""The floor: what a person would write for S1 by hand, on the same tables, in the same slices.

Written from the rules alone, without the portal's query: prices kept, a verdict for every order, claims moved (the same trigger
keeps their history), outcomes and totals counted. What it leaves out is what a script for one policy need not do: other policies.
"""

from __future__ import annotations

import queue
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from bench.world import END, START

# The best quote from each instant of the outage on: what no later quote beats. A quote is in force until the next usable one, for
# 60 s at most. Of a stretch of 20 s only what beats all later stretches can be a step.
PRICES = """
INSERT INTO claims_referenceprice (assessment_id, instrument_id, use, side, opened, price, quote_id, bid, ask, at)
WITH usable AS MATERIALIZED (
    SELECT *, floor(extract(epoch FROM until) / 20) AS stretch
      FROM (SELECT id, at, bid, ask, least(%(end)s, greatest(at, least(at + interval '60 s',
                       lead(at) OVER (ORDER BY at, id) - interval '1 microsecond'))) AS until
              FROM incidents_quote
             WHERE instrument_id = %(instrument)s AND bid > 0 AND ask > 0 AND bid <= ask
               AND at BETWEEN %(start)s - interval '60 s' AND %(end)s) AS q
     WHERE until >= %(start)s
), later AS (
    SELECT stretch, max(max(bid)) OVER w AS bid, min(min(ask)) OVER w AS ask FROM usable GROUP BY stretch
    WINDOW w AS (ORDER BY stretch DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), candidate AS (
    SELECT 'long' AS side, u.*, u.bid AS merit FROM usable u JOIN later l USING (stretch) WHERE l.bid IS NULL OR u.bid >= l.bid
    UNION ALL
    SELECT 'short', u.*, -u.ask FROM usable u JOIN later l USING (stretch) WHERE l.ask IS NULL OR u.ask <= l.ask
), best AS (
    SELECT *, max(merit) OVER (PARTITION BY side ORDER BY until DESC, merit, at DESC, id DESC
                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS beaten_by FROM candidate
), step AS (
    SELECT *, lead(until) OVER (PARTITION BY side ORDER BY until DESC, merit, at DESC, id DESC) AS opened_after
      FROM best WHERE beaten_by IS NULL OR merit >= beaten_by
)
SELECT %(run)s, %(instrument)s, 'reference', side, tstzrange(opened_after, until, '(]'), abs(merit), id, bid, ask, at
  FROM step WHERE opened_after IS DISTINCT FROM until
"""

LOCK = """
SELECT 1 FROM claims_claim WHERE incident_id = %(incident)s AND id BETWEEN %(first)s AND %(last)s
   AND status IN ('submitted', 'needs_evidence', 'on_hold', 'assessed', 'approved') ORDER BY id FOR UPDATE
"""

VERDICTS = """
INSERT INTO claims_verdict (assessment_id, claim_id, order_id, outcome, clause, reasons, holds, flags, reference_price,
       reference_bid, reference_ask, reference_at, quote_id, amount, asset)
WITH fact AS (
    SELECT c.id AS claim, o.id AS "order", o.customer_id, o.instrument_id, o.side, o.opened_at, i.settle_id AS asset,
           coalesce(o.closed_at, 'infinity') AS closed, p.price, p.bid, p.ask, p.at, p.quote_id, s.decimals,
           o.close_reason = 'liquidation' AS liquidated, tpsl.active AS tpsl,
           tpsl.active AND o.tpsl_set_at > %(end)s AS tpsl_late, CASE o.side WHEN 'long' THEN o.exit_price - o.entry_price
               ELSE o.entry_price - o.exit_price END AS gain,
           coalesce(t.touched, false) AS touched, coalesce(e.accepted, false) AS accepted,
           e.claim_id IS NULL OR e.waits AS waits,
           EXISTS (SELECT FROM claims_compensation k JOIN claims_award a ON a.id = k.award_id
                    WHERE k.order_id = o.id AND a.claim_id <> c.id) AS paid,
           greatest(0, greatest(0, CASE o.side WHEN 'long' THEN 1 ELSE -1 END * o.quantity * CASE i.margin WHEN 'linear'
               THEN p.price - o.exit_price
               ELSE (p.price - o.exit_price) * i.contract_value / (p.price * o.exit_price) END) - o.bankruptcy_cover) AS owed
      FROM claims_claim c
      JOIN incidents_order o USING (customer_id)
      JOIN incidents_instrument i ON i.id = o.instrument_id
      JOIN incidents_asset s ON s.code = i.settle_id
      LEFT JOIN LATERAL (SELECT * FROM claims_referenceprice r
                          WHERE r.assessment_id = %(run)s AND r.instrument_id = o.instrument_id AND r.use = 'reference'
                            AND r.side = o.side AND r.opened < tstzrange(o.opened_at, NULL, '[)')
                          ORDER BY r.opened DESC LIMIT 1) AS p ON p.opened @> o.opened_at
      LEFT JOIN (SELECT claim_id, bool_or(contacted_at BETWEEN %(start)s AND %(end)s + interval '24 hours') AS touched
                   FROM claims_contact WHERE claim_id BETWEEN %(first)s AND %(last)s GROUP BY claim_id) AS t ON t.claim_id = c.id
      LEFT JOIN (SELECT claim_id, bool_or(status = 'accepted') AS accepted, bool_or(status = 'received') AS waits
                   FROM claims_evidence WHERE claim_id BETWEEN %(first)s AND %(last)s GROUP BY claim_id) AS e
           ON e.claim_id = c.id,
           LATERAL (SELECT coalesce((o.take_profit > 0 OR o.stop_loss > 0) AND coalesce(o.closed_at >= %(start)s, true)
               AND coalesce(o.tpsl_set_at <= o.closed_at, true) AND coalesce(o.tpsl_cancelled_at >= %(start)s, true), false)
               AS active) AS tpsl
     WHERE c.incident_id = %(incident)s AND c.id BETWEEN %(first)s AND %(last)s
), rule AS MATERIALIZED (
    SELECT *, closed < %(start)s AS e1, closed > %(end)s + interval '24 hours' AS e2, tpsl AS e3, coalesce(gain > 0, false) AS e4,
           NOT touched AS e5, NOT (opened_at <= %(end)s AND closed >= %(start)s) AS e6,
           liquidated AND coalesce(gain < 0, false) AND closed BETWEEN %(start)s AND %(end)s AS c1,
           coalesce(gain < 0, false) AND closed BETWEEN %(end)s AND %(end)s + interval '1 hour' AS c2,
           coalesce(gain < 0, false) AND closed BETWEEN %(end)s AND %(end)s + interval '24 hours' AND (accepted OR waits) AS c3,
           CASE side WHEN 'long' THEN max(closed) FILTER (WHERE side = 'short') OVER earlier
                     ELSE max(closed) FILTER (WHERE side = 'long') OVER earlier END >= opened_at
           OR CASE side WHEN 'long' THEN min(opened_at) FILTER (WHERE side = 'short') OVER later
                        ELSE min(opened_at) FILTER (WHERE side = 'long') OVER later END <= closed AS hedged
      FROM fact
    WINDOW earlier AS (PARTITION BY customer_id, instrument_id ORDER BY opened_at),
           later AS (PARTITION BY customer_id, instrument_id ORDER BY opened_at DESC)
), answer AS (
    SELECT *, CASE WHEN e1 OR e2 OR e3 OR e4 OR e5 OR e6 THEN '' WHEN c1 THEN 'C1' WHEN c2 THEN 'C2' WHEN c3 THEN 'C3' ELSE '' END
           AS clause, round(owed, decimals) AS due
      FROM rule
), told AS (
    SELECT *, CASE WHEN e1 OR e2 OR e3 OR e4 OR e5 OR e6 THEN 'excluded' WHEN clause = '' THEN 'no_clause' WHEN paid THEN 'nil'
               WHEN clause = 'C3' AND NOT accepted THEN 'needs_evidence' WHEN due IS NULL OR price IS NULL THEN 'needs_price'
               WHEN due > 0 THEN 'pay' ELSE 'nil' END AS outcome
      FROM answer
)
SELECT %(run)s, claim, "order", outcome, clause,
       array_remove(ARRAY[CASE WHEN e1 THEN 'E1' END, CASE WHEN e2 THEN 'E2' END, CASE WHEN e3 THEN 'E3' END,
           CASE WHEN e4 THEN 'E4' END, CASE WHEN e5 THEN 'E5' END, CASE WHEN e6 THEN 'E6' END], NULL),
       array_remove(ARRAY[CASE WHEN e1 THEN 'E1' END, CASE WHEN e2 THEN 'E2' END, CASE WHEN e3 THEN 'E3' END,
           CASE WHEN e4 THEN 'E4' END, CASE WHEN e5 THEN 'E5' END, CASE WHEN e6 THEN 'E6' END,
           CASE WHEN c1 THEN 'C1' END, CASE WHEN c2 THEN 'C2' END, CASE WHEN c3 THEN 'C3' END], NULL),
       array_remove(ARRAY[CASE WHEN tpsl_late THEN 'tpsl_after_end' END, CASE WHEN paid THEN 'paid_elsewhere' END,
           CASE WHEN hedged AND clause <> '' THEN 'hedged' END], NULL),
       price, bid, ask, at, quote_id, CASE outcome WHEN 'pay' THEN due ELSE 0 END, asset
  FROM told
"""

MOVE = """
UPDATE claims_claim c SET assessment_id = %(run)s, revision = revision + 1, status = CASE
           WHEN w.price THEN 'on_hold' WHEN w.evidence THEN 'needs_evidence' ELSE 'assessed' END
  FROM (SELECT m.id, bool_or(outcome = 'needs_price') AS price, bool_or(outcome = 'needs_evidence') AS evidence
          FROM claims_claim m LEFT JOIN claims_verdict v ON v.claim_id = m.id AND v.assessment_id = %(run)s
               AND v.claim_id BETWEEN %(first)s AND %(last)s
         WHERE incident_id = %(incident)s AND m.id BETWEEN %(first)s AND %(last)s GROUP BY m.id) AS w
 WHERE c.id = w.id
"""

TALLY = """
SELECT outcome, asset, count(*), sum(amount) FROM claims_verdict WHERE assessment_id = %(run)s GROUP BY outcome, asset
"""


@dataclass(frozen=True)
class Floor:
    """One run of the hand-written SQL: where, for which assessment, and its slices as (first, last) claim id."""

    address: str
    incident: int
    run: int
    instruments: list[int]
    slices: list[tuple[int, int]]

    def seconds(self, workers: int) -> float:
        """Carry it out with so many connections at once; how long it took."""
        began = time.monotonic()
        self._each([(PRICES, {"instrument": instrument}) for instrument in self.instruments], workers)
        with psycopg.connect(self.address) as connection:
            connection.execute("ANALYZE claims_referenceprice")
        self._each([("", {"first": first, "last": last}) for first, last in self.slices], workers)
        with psycopg.connect(self.address) as connection:
            connection.execute(TALLY, self._values()).fetchall()
        return time.monotonic() - began

    def _values(self, **more) -> dict:
        return {"incident": self.incident, "run": self.run, "start": START, "end": END, **more}

    def _each(self, tasks: list[tuple[str, dict]], workers: int) -> None:
        """Every task in a commit of its own; whoever is free takes the next."""
        waiting: queue.SimpleQueue = queue.SimpleQueue()
        for task in tasks:
            waiting.put(task)
        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(self._work, waiting) for _worker in range(workers)]:
                done.result()

    def _work(self, waiting: queue.SimpleQueue) -> None:
        with psycopg.connect(self.address, cursor_factory=psycopg.ClientCursor) as connection:
            connection.execute("SET timezone = 'UTC'")
            while not waiting.empty():
                try:
                    statement, more = waiting.get_nowait()
                except queue.Empty:
                    return
                with connection.transaction():
                    context = '{"job": "floor"}'
                    connection.execute(
                        "SELECT set_config('pghistory.context_id', gen_random_uuid()::text, true), "
                        "set_config('pghistory.context_metadata', %s, true)", [context]
                    )  # fmt: skip
                    for sql in [statement] if statement else [LOCK, VERDICTS, MOVE]:
                        connection.execute(sql, self._values(**more))
