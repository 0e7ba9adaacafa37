"""An incident's compensation, by claim and asset: computed, adjusted, approved, posted, paid, and what is missing."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from claims import settlement
from claims.assessment import incidents
from claims.models import Claim
from claims.papers import asked
from claims.papers.asked import AMOUNT
from jobs.paper import Column, Moment, Paper, Query, Table, by_then

# Of a claim's runs the first says what was computed, the one in force what it came to. An order that was restored counts with
# what its restoring gives back. Posted is what the awards' entries owe, paid what their payouts paid, each less its reversal.
ROWS = """
WITH claim AS (
    SELECT claim.id, claim.reference, claim.status, customer.code AS customer,
           (SELECT min(assessment_id) FROM claims_verdict WHERE claim_id = claim.id) AS first,
           CASE WHEN %(at)s::timestamptz IS NULL THEN claim.assessment_id
                ELSE (SELECT max(run.id) FROM claims_assessment run
                       WHERE run.finished_at <= %(at)s
                         AND EXISTS (SELECT FROM claims_verdict v WHERE v.claim_id = claim.id AND v.assessment_id = run.id))
           END AS last
      FROM claims_claim claim JOIN incidents_customer customer ON customer.id = claim.customer_id
     WHERE claim.incident_id = %(incident)s AND (%(at)s::timestamptz IS NULL OR claim.submitted_at <= %(at)s)
), judged AS (
    SELECT claim.id AS claim, verdict.asset,
           sum(verdict.amount) FILTER (WHERE verdict.assessment_id = claim.first) AS computed,
           sum(said.amount) FILTER (WHERE verdict.assessment_id = claim.last) AS came_to,
           sum(said.amount) FILTER (WHERE verdict.assessment_id = claim.last AND 'price_by_hand' = ANY (verdict.flags)) AS by_hand
      FROM claim JOIN claims_verdict verdict ON verdict.claim_id = claim.id AND verdict.assessment_id IN (claim.first, claim.last)
     CROSS JOIN LATERAL (
           SELECT CASE WHEN EXISTS (SELECT FROM claims_compensation part JOIN claims_award award ON award.id = part.award_id
                                     WHERE part.order_id = verdict.order_id AND part.remedy = 'restore_order'
                                       AND award.claim_id = claim.id)
                       THEN coalesce(verdict.restore_amount, verdict.amount) ELSE verdict.amount END AS amount) AS said
     GROUP BY claim.id, verdict.asset
), granted AS (
    SELECT award.claim_id AS claim, award.asset, sum(award.amount) AS approved, sum(owed.amount) AS posted,
           sum(paid.amount) AS paid
      FROM claim JOIN claims_award award ON award.claim_id = claim.id
      JOIN claims_decision decision ON decision.id = award.decision_id
      JOIN ledger_journalentry entry ON entry.id = award.entry_id
     CROSS JOIN LATERAL (SELECT {owed} AS amount) AS owed
     CROSS JOIN LATERAL (
           SELECT coalesce(sum({paid}), 0) AS amount
             FROM claims_payoutline line JOIN ledger_journalentry payout ON payout.id = line.entry_id
            WHERE line.claim_id = claim.id AND line.award_id = award.id) AS paid
     WHERE %(at)s::timestamptz IS NULL OR decision.decided_at <= %(at)s
     GROUP BY award.claim_id, award.asset
), line AS (
    SELECT claim, asset, coalesce(computed, 0) AS computed, coalesce(came_to, 0) AS came_to, coalesce(by_hand, 0) AS by_hand,
           coalesce(approved, 0) AS approved, coalesce(posted, 0) AS posted, coalesce(paid, 0) AS paid
      FROM judged FULL JOIN granted USING (claim, asset)
     WHERE coalesce(computed, 0) <> 0 OR coalesce(came_to, 0) <> 0 OR coalesce(approved, 0) <> 0
)
"""
# What the transfers of an entry and of its reversal come to, on one side of an account less the other.
MOVED = """(
    SELECT coalesce(sum(CASE WHEN debit.name = %({debit})s AND credit.name = %({credit})s THEN transfer.amount
                             WHEN debit.name = %({credit})s AND credit.name = %({debit})s THEN -transfer.amount ELSE 0 END), 0)
      FROM ledger_journalentry booked JOIN ledger_transfer transfer ON transfer.entry_id = booked.id
      JOIN ledger_account debit ON debit.id = transfer.debit_id JOIN ledger_account credit ON credit.id = transfer.credit_id
     WHERE (booked.id = {entry}.id OR booked.reverses_id = {entry}.id) AND transfer.asset_id = award.asset
       AND (%(at)s::timestamptz IS NULL OR booked.posted_at <= %(at)s))"""
ROWS = ROWS.format(
    owed=MOVED.format(entry="entry", debit="expense", credit="payable"),
    paid=MOVED.format(entry="payout", debit="payable", credit="cash"),
)
FIGURES = {
    "computed": "computed",
    "adjusted": "came_to - computed",
    "by_hand": "by_hand",
    "approved": "approved",
    "posted": "posted",
    "paid": "paid",
    "unapproved": "came_to - approved",
    "unposted": "approved - posted",
    "unpaid": "posted - paid",
    "difference": "came_to - paid",
}
EACH = ", ".join(AMOUNT.format(f"({figure})", "asset.decimals") for figure in FIGURES.values())
LINES = f"""{ROWS}
SELECT claim.reference, claim.customer, claim.status, line.asset, {EACH}, claim.id
  FROM line JOIN claim ON claim.id = line.claim LEFT JOIN incidents_asset asset ON asset.code = line.asset
 ORDER BY claim.id, line.asset LIMIT %(limit)s OFFSET %(offset)s
"""  # noqa: S608 our own text
SUMMED = ", ".join(AMOUNT.format(f"sum({figure})", "min(asset.decimals)") for figure in FIGURES.values())
TOTALS = f"""{ROWS}
SELECT line.asset, count(DISTINCT claim)::integer, {SUMMED}
  FROM line LEFT JOIN incidents_asset asset ON asset.code = line.asset
 GROUP BY line.asset ORDER BY line.asset LIMIT %(limit)s OFFSET %(offset)s
"""  # noqa: S608

AMOUNTS = (
    Column("computed", _("computed")),
    Column("adjusted", _("adjusted since")),
    Column("by_hand", _("of both, at a price by hand")),
    Column("approved", _("approved")),
    Column("posted", _("posted")),
    Column("paid", _("paid")),
    Column("unapproved", _("not approved")),
    Column("unposted", _("not posted")),
    Column("unpaid", _("not paid")),
    Column("difference", _("difference")),
)
COLUMNS = (
    Column("claim", _("claim"), link=lambda row: asked.claim(row[-1])),
    Column("customer", _("customer")),
    Column("status", _("status"), dict(Claim.Status.choices)),
    Column("asset", _("asset")),
    *AMOUNTS,
    Column("id", ""),
)
TOTAL_COLUMNS = (Column("asset", _("asset")), Column("claims", _("claims")), *AMOUNTS)


def incident(*, reference: str, as_of: Moment = None) -> Paper:
    """Per claim and asset what the first run computed, what was adjusted since, approved, posted and paid, and what is missing.

    difference = computed + adjusted − paid = not approved + not posted + not paid. As of an instant, or of the end of a day, by
    what was assessed, decided and posted by then. Raises Asked for an unknown incident.
    """
    found = asked.found(reference, incidents())
    named = settlement.named() | {"incident": found.pk, "at": by_then(as_of)}
    return Paper(
        "incident",
        _("Incident report"),
        {"incident": reference, "as_of": as_of},
        (
            Table("rows", _("Claims"), COLUMNS, Query(LINES, named), _("Nothing was computed or granted yet.")),
            Table("totals", _("Totals"), TOTAL_COLUMNS, Query(TOTALS, named)),
        ),
    )
