"""Verdicts, what changed between two runs, and orders to restore, as files: streamed by COPY in constant memory."""

from __future__ import annotations

from typing import BinaryIO

from django.db import connection

from claims.changes import CHANGED, TOLD
from claims.history import Instant, Text
from claims.models import Assessment

# As the history is written; numbers stay numbers.
TEXT, INSTANT = (form.template % {"expressions": "{0}"} for form in (Text, Instant))
NUMBER = "trim_scale({0})"

VERDICTS = f"""
COPY (
    SELECT claim.reference AS claim, {TEXT.format("customer.code")} AS customer, {TEXT.format("ord.order_id")} AS order_id,
           {TEXT.format("ord.leg")} AS leg, {TEXT.format("instrument.symbol")} AS symbol, ord.side,
           verdict.outcome, verdict.clause, array_to_string(verdict.reasons, ' ') AS reasons,
           {NUMBER.format("verdict.reference_price")} AS reference_price,
           {NUMBER.format("verdict.reference_bid")} AS reference_bid, {NUMBER.format("verdict.reference_ask")} AS reference_ask,
           {INSTANT.format("verdict.reference_at")} AS reference_at, round(verdict.amount, asset.decimals) AS amount,
           verdict.asset, policy.version AS policy_version, {INSTANT.format("assessment.requested_at")} AS assessed_at
      FROM claims_claim claim
      JOIN claims_verdict verdict ON verdict.claim_id = claim.id AND verdict.assessment_id = claim.assessment_id
      JOIN claims_assessment assessment ON assessment.id = claim.assessment_id
      JOIN claims_policy policy ON policy.id = assessment.policy_id
      JOIN incidents_customer customer ON customer.id = claim.customer_id
      JOIN incidents_order ord ON ord.id = verdict.order_id
      JOIN incidents_instrument instrument ON instrument.id = ord.instrument_id
      JOIN incidents_asset asset ON asset.code = verdict.asset
     WHERE claim.incident_id = %s
     ORDER BY claim.id, ord.order_id, ord.leg
) TO STDOUT (FORMAT csv, HEADER)
"""  # noqa: S608 our own text
CHANGES = f"""
COPY ({CHANGED}
    SELECT claim.reference AS claim, {TEXT.format("customer.code")} AS customer, {TEXT.format("ord.order_id")} AS order_id,
           {TEXT.format("ord.leg")} AS leg, {TEXT.format("instrument.symbol")} AS symbol, ord.side,
           old_outcome, new_outcome, old_clause, new_clause,
           array_to_string(old_reasons, ' ') AS old_reasons, array_to_string(new_reasons, ' ') AS new_reasons,
           {NUMBER.format("old_price")} AS old_price, {NUMBER.format("new_price")} AS new_price,
           round(old_amount, asset.decimals) AS old_amount, round(new_amount, asset.decimals) AS new_amount,
           round(new_amount - old_amount, asset.decimals) AS difference, round(coalesce(had.amount, 0), asset.decimals) AS had,
           changed.asset {TOLD}
     ORDER BY claim.id, ord.order_id, ord.leg
) TO STDOUT (FORMAT csv, HEADER)
"""  # noqa: S608
RESTORES = f"""
COPY (
    SELECT claim.reference AS claim, {TEXT.format("customer.code")} AS customer, {TEXT.format("account.code")} AS account,
           {TEXT.format("ord.order_id")} AS order_id, {TEXT.format("ord.leg")} AS leg,
           {TEXT.format("instrument.symbol")} AS symbol, instrument.margin, ord.side,
           {NUMBER.format("ord.quantity")} AS quantity, {NUMBER.format("ord.entry_price")} AS entry_price,
           {INSTANT.format("ord.opened_at")} AS opened_at, {NUMBER.format("ord.take_profit")} AS take_profit,
           {NUMBER.format("ord.stop_loss")} AS stop_loss, round(c.amount, asset.decimals) AS given_back, award.asset,
           {INSTANT.format("decision.decided_at")} AS approved_at, {TEXT.format("person.username")} AS approved_by
      FROM claims_compensation c
      JOIN claims_award award ON award.id = c.award_id
      JOIN claims_decision decision ON decision.id = award.decision_id
      JOIN auth_user person ON person.id = decision.decided_by_id
      JOIN claims_claim claim ON claim.id = award.claim_id
      JOIN incidents_customer customer ON customer.id = claim.customer_id
      JOIN incidents_order ord ON ord.id = c.order_id
      JOIN incidents_account account ON account.id = ord.account_id
      JOIN incidents_instrument instrument ON instrument.id = ord.instrument_id
      JOIN incidents_asset asset ON asset.code = award.asset
     WHERE claim.incident_id = %s AND c.remedy = 'restore_order' AND c.number = 1
     ORDER BY decision.decided_at, ord.order_id, ord.leg
) TO STDOUT (FORMAT csv, HEADER)
"""  # noqa: S608


def write_verdicts(incident, file: BinaryIO) -> int:
    """The verdicts in force of an incident as CSV into a binary file. Returns the number of rows."""
    return _write(VERDICTS, [incident.pk], file)


def write_changes(run: Assessment, file: BinaryIO) -> int:
    """What the run says otherwise than the one before it, order by order."""
    return _write(CHANGES, {"run": run.pk}, file)


def write_restores(incident, file: BinaryIO) -> int:
    """The approved orders that the trading desk restores (S2-K2): what was held, at which entry, and what was given back."""
    return _write(RESTORES, [incident.pk], file)


def _write(sql: str, params: list | dict, file: BinaryIO) -> int:
    with connection.cursor() as cursor:
        with cursor.copy(sql, params) as copy:
            for block in copy:
                file.write(block)
        return cursor.rowcount
