"""What an incident's customers are owed and no payout has yet: one question, for the page that proposes and for the verb."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from claims.models import PayoutLimit

# Every award and bonus whose entry stands and which is in no line that waits or is paid; a claim's status is no matter.
DUE = """
    SELECT claim.id AS claim_id, claim.customer_id, award_id, bonus_id, amount, asset
      FROM (SELECT claim_id, award.id AS award_id, NULL::bigint AS bonus_id, amount, asset, entry_id
              FROM claims_award award
             WHERE NOT EXISTS (SELECT FROM claims_payoutline line WHERE line.award_id = award.id AND line.status <> 'failed')
            UNION ALL
            SELECT claim_id, NULL, bonus.id, amount, asset, entry_id
              FROM claims_bonus bonus
             WHERE NOT EXISTS (SELECT FROM claims_payoutline line WHERE line.bonus_id = bonus.id AND line.status <> 'failed')
           ) AS granted
      JOIN claims_claim claim ON claim.id = claim_id
     WHERE claim.incident_id = %(incident)s
       AND NOT EXISTS (SELECT FROM ledger_journalentry undone WHERE undone.reverses_id = entry_id)
"""
BY_ASSET = f"""
    SELECT asset, count(award_id), count(bonus_id), sum(amount), max(amount) FROM ({DUE}) AS due GROUP BY asset ORDER BY asset
"""  # noqa: S608 our own text


@dataclass(frozen=True)
class Due:
    """What there is to pay in one asset."""

    asset: str
    awards: int
    bonuses: int
    total: Decimal
    largest: Decimal

    @property
    def lines(self) -> int:
        return self.awards + self.bonuses


def by_asset(incident) -> list[Due]:
    """What a payout of the whole incident would pay now."""
    with connection.cursor() as cursor:
        cursor.execute(BY_ASSET, {"incident": incident.pk})
        return [Due(*row) for row in cursor.fetchall()]


def limits() -> dict[str, PayoutLimit]:
    """The limit in force of each asset: the last row that was set."""
    rows = PayoutLimit.objects.select_related("set_by").order_by("asset", "-set_at", "-pk").distinct("asset")
    return {row.asset: row for row in rows}
