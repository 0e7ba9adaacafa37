"""The goodwill bonuses: who got one, who decided, and the entry that owes it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from claims import settlement
from claims.assessment import incidents
from claims.papers import asked
from claims.papers.asked import AMOUNT
from jobs.paper import Column, Moment, Paper, Query, Table, by_then

GRANTED = """
  FROM claims_bonus bonus JOIN claims_claim claim ON claim.id = bonus.claim_id
  JOIN incidents_incident incident ON incident.id = claim.incident_id
  JOIN incidents_customer customer ON customer.id = claim.customer_id
  JOIN auth_user person ON person.id = bonus.granted_by_id
  JOIN ledger_journalentry entry ON entry.id = bonus.entry_id
  LEFT JOIN ledger_journalentry undone ON undone.reverses_id = entry.id
  LEFT JOIN LATERAL (
       SELECT max(paid.effective_on) AS effective_on
         FROM claims_payoutline line JOIN ledger_journalentry paid ON paid.id = line.entry_id
         LEFT JOIN ledger_journalentry back ON back.reverses_id = paid.id
        WHERE line.claim_id = claim.id AND line.bonus_id = bonus.id
          AND (%(at)s::timestamptz IS NULL AND back.id IS NULL
               OR paid.posted_at <= %(at)s AND (back.id IS NULL OR back.posted_at > %(at)s))) AS payout ON true
  LEFT JOIN incidents_asset asset ON asset.code = bonus.asset
 WHERE (%(incident)s::bigint IS NULL OR incident.id = %(incident)s)
   AND (%(at)s::timestamptz IS NULL OR bonus.granted_at <= %(at)s)
"""
ROWS = f"""
SELECT incident.reference, claim.reference, customer.code, {AMOUNT.format("bonus.amount", "asset.decimals")}, bonus.asset,
       person.username, bonus.granted_at, entry.id, entry.reference, undone.reference,
       payout.effective_on, claim.id
{GRANTED} ORDER BY bonus.id LIMIT %(limit)s OFFSET %(offset)s
"""  # noqa: S608 our own text
TOTALS = f"""
SELECT incident.reference, bonus.asset, count(*)::integer, {AMOUNT.format("sum(bonus.amount)", "min(asset.decimals)")}
{GRANTED} GROUP BY incident.reference, bonus.asset ORDER BY incident.reference, bonus.asset LIMIT %(limit)s OFFSET %(offset)s
"""  # noqa: S608

COLUMNS = (
    Column("incident", _("incident")),
    Column("claim", _("claim"), link=lambda row: asked.claim(row[-1])),
    Column("customer", _("customer")),
    Column("amount", _("amount")),
    Column("asset", _("asset")),
    Column("granted_by", _("granted by")),
    Column("granted_at", _("granted at")),
    Column("entry", ""),
    Column("reference", _("reference"), link=lambda row: asked.entry(row[7])),
    Column("reversed_by", _("reversed by")),
    Column("paid_on", _("paid on")),
    Column("id", ""),
)
TOTAL_COLUMNS = (
    Column("incident", _("incident")),
    Column("asset", _("asset")),
    Column("bonuses", _("goodwill bonuses")),
    Column("amount", _("amount")),
)


def bonuses(*, reference: str | None = None, as_of: Moment = None) -> Paper:
    """Every bonus of an incident, or of all, that was granted by then. Raises Asked for an unknown incident."""
    found = asked.found(reference, incidents()) if reference else None
    named = settlement.named() | {"incident": found and found.pk, "at": by_then(as_of)}
    return Paper(
        "bonuses",
        _("Goodwill bonuses"),
        {"incident": reference, "as_of": as_of},
        (
            Table("rows", _("Goodwill bonuses"), COLUMNS, Query(ROWS, named), _("None granted yet.")),
            Table("totals", _("Totals"), TOTAL_COLUMNS, Query(TOTALS, named)),
        ),
    )
