"""What a run says otherwise than the one before it, order by order (rules §4): for a person what moved, and what it comes to."""

from __future__ import annotations

from django.db import connection

from claims.models import Assessment

# Every claim of the run against the run it stood on before; an order may be new, or no longer affected.
CHANGED = """
WITH now AS (SELECT * FROM claims_verdict WHERE assessment_id = %(run)s),
earlier AS (
    SELECT v.claim_id, max(v.assessment_id) AS assessment_id
      FROM claims_verdict v
      JOIN (SELECT claim_id FROM now UNION SELECT id FROM claims_claim WHERE assessment_id = %(run)s) AS mine USING (claim_id)
     WHERE v.assessment_id < %(run)s GROUP BY v.claim_id
),
was AS (SELECT v.* FROM claims_verdict v JOIN earlier USING (claim_id, assessment_id)),
changed AS (
    SELECT coalesce(now.claim_id, was.claim_id) AS claim_id, coalesce(now.order_id, was.order_id) AS order_id,
           coalesce(now.asset, was.asset) AS asset,
           was.outcome AS old_outcome, now.outcome AS new_outcome, was.clause AS old_clause, now.clause AS new_clause,
           was.reasons AS old_reasons, now.reasons AS new_reasons,
           was.reference_price AS old_price, now.reference_price AS new_price,
           coalesce(was.amount, 0) AS old_amount, coalesce(now.amount, 0) AS new_amount
      FROM now FULL JOIN was ON was.claim_id = now.claim_id AND was.order_id = now.order_id
      -- a claim's first run changes nothing
     WHERE EXISTS (SELECT FROM earlier WHERE earlier.claim_id = coalesce(now.claim_id, was.claim_id))
       AND (was.outcome, was.clause, was.reasons, was.reference_price, was.amount, was.restore_amount)
           IS DISTINCT FROM (now.outcome, now.clause, now.reasons, now.reference_price, now.amount, now.restore_amount)
)
"""
SUMMARY = f"""{CHANGED}
SELECT old_outcome, new_outcome, asset, count(*) AS orders, count(DISTINCT claim_id) AS claims,
       sum(old_amount) AS old_amount, sum(new_amount) AS new_amount, sum(new_amount - old_amount) AS difference
  FROM changed GROUP BY 1, 2, 3 ORDER BY orders DESC, 1, 2, 3
"""  # noqa: S608 our own text
TOLD = """
  FROM changed JOIN claims_claim claim ON claim.id = changed.claim_id
  JOIN incidents_customer customer ON customer.id = claim.customer_id
  JOIN incidents_order ord ON ord.id = changed.order_id
  JOIN incidents_instrument instrument ON instrument.id = ord.instrument_id
  JOIN incidents_asset asset ON asset.code = changed.asset
  LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM claims_compensation c WHERE c.order_id = ord.id) AS had ON true
"""
ROWS = f"""{CHANGED}
SELECT changed.*, claim.reference AS claim, customer.code AS customer, ord.order_id AS order_name, ord.leg,
       instrument.symbol, ord.side, coalesce(had.amount, 0) AS had, new_amount - old_amount AS difference
{TOLD} ORDER BY abs(new_amount - old_amount) DESC, claim.id, ord.id LIMIT %(limit)s
"""  # noqa: S608


def summary(run: Assessment) -> list[dict]:
    """From which outcome to which, per asset: how many orders and claims, and what it comes to."""
    return _asked(SUMMARY, {"run": run.pk})


def largest(run: Assessment, *, limit: int) -> list[dict]:
    """The changed orders whose amount moved most: old and new outcome, clause, reasons, price, amount, and what was granted."""
    return _asked(ROWS, {"run": run.pk, "limit": limit})


def _asked(sql: str, params: dict) -> list[dict]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
