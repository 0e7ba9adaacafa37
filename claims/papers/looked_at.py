"""The questions behind the exceptions: one SELECT each, bounded by the instants `since` and `at`."""

from __future__ import annotations

from claims.assessment import fee_in_sql
from claims.papers.asked import AMOUNT

PAGE = "LIMIT %(limit)s OFFSET %(offset)s"
THEN = "(%(since)s::timestamptz IS NULL OR {0} >= %(since)s) AND (%(at)s::timestamptz IS NULL OR {0} <= %(at)s)"
MONEY = AMOUNT.format("transfer.amount", "asset.decimals")
# An entry's transfers, and who posted it.
BOOKED = """
  FROM ledger_journalentry entry JOIN ledger_transfer transfer ON transfer.entry_id = entry.id
  JOIN ledger_asset asset ON asset.code = transfer.asset_id
  JOIN ledger_account debit ON debit.id = transfer.debit_id JOIN ledger_account credit ON credit.id = transfer.credit_id
  LEFT JOIN auth_user person ON person.id = entry.posted_by_id
"""

REVERSALS = f"""
SELECT entry.id, entry.reference, original.reference, original.category, original.effective_on, entry.effective_on,
       entry.description, {MONEY}, transfer.asset_id, person.username, entry.posted_at
{BOOKED} JOIN ledger_journalentry original ON original.id = entry.reverses_id
 WHERE {THEN.format("entry.posted_at")} ORDER BY entry.id, transfer.line {PAGE}
"""  # noqa: S608 our own text
# `by_hand` is a query of entries (origins.by_hand).
MANUAL = f"""
SELECT entry.id, entry.reference, entry.category, entry.effective_on, entry.description, debit.name, credit.name,
       {MONEY}, transfer.asset_id, person.username, entry.posted_at
{BOOKED}
 WHERE entry.id IN ({{by_hand}}) AND {THEN.format("entry.posted_at")}
 ORDER BY entry.id, transfer.line {PAGE}
"""  # noqa: S608
TOPUPS = f"""
SELECT entry.id, entry.reference, short.reference, entry.effective_on, entry.description, {MONEY}, transfer.asset_id,
       person.username, entry.posted_at
{BOOKED}
  LEFT JOIN ledger_journalentry short ON short.reference = regexp_replace(entry.reference, '/topup-[A-Z0-9]+$', '')
                                     AND short.id <> entry.id
 WHERE entry.category = %(topup)s AND {THEN.format("entry.posted_at")} ORDER BY entry.id, transfer.line {PAGE}
"""  # noqa: S608

AWARDED = """
  FROM claims_award award JOIN claims_decision decision ON decision.id = award.decision_id
  JOIN auth_user approver ON approver.id = decision.decided_by_id
  LEFT JOIN incidents_asset asset ON asset.code = award.asset
"""
PREPARED = "(SELECT string_agg(username, ' ' ORDER BY username) FROM auth_user WHERE id = ANY (decision.prepared_by))"
SO_FAR = "(SELECT *, sum(amount) OVER (PARTITION BY claim_id, asset ORDER BY id) AS so_far FROM claims_award) award"
# The claim's awards in the asset up to this one, against the limit of the policy that it was decided by.
ABOVE = f"""
SELECT claim.reference, {AMOUNT.format("award.amount", "asset.decimals")},
       {AMOUNT.format("award.so_far", "asset.decimals")}, {AMOUNT.format("above.most", "asset.decimals")},
       award.asset, {PREPARED}, endorsed.by, approver.username, decision.decided_at, entry.reference, claim.id, award.entry_id
{AWARDED.replace("claims_award award", SO_FAR)}
  JOIN claims_claim claim ON claim.id = award.claim_id
  JOIN ledger_journalentry entry ON entry.id = award.entry_id
  JOIN claims_assessment run ON run.id = decision.assessment_id JOIN claims_policy policy ON policy.id = run.policy_id
 CROSS JOIN LATERAL (SELECT (policy.document #>> ARRAY['payment', 'second_manager_above', award.asset])::numeric AS most) AS above
 CROSS JOIN LATERAL (SELECT string_agg(person.username, ' ' ORDER BY one.decided_at) AS by
                       FROM claims_decision one JOIN auth_user person ON person.id = one.decided_by_id
                      WHERE one.claim_id = claim.id AND one.assessment_id = run.id AND one.verb = 'endorse') AS endorsed
 WHERE award.so_far > above.most AND {THEN.format("decision.decided_at")} ORDER BY award.id {PAGE}
"""  # noqa: S608
PAIRS = f"""
SELECT coalesce(preparer.username, ''), approver.username, award.asset, count(*)::integer,
       {AMOUNT.format("sum(award.amount)", "min(asset.decimals)")}
{AWARDED} LEFT JOIN LATERAL unnest(decision.prepared_by) AS hand (person) ON true
  LEFT JOIN auth_user preparer ON preparer.id = hand.person
 WHERE {THEN.format("decision.decided_at")}
 GROUP BY preparer.username, approver.username, award.asset
 ORDER BY count(*) DESC, approver.username, preparer.username NULLS FIRST, award.asset {PAGE}
"""  # noqa: S608

PRICES = f"""
SELECT incident.reference, instrument.symbol, trim_scale(price.bid), trim_scale(price.ask), price.at, price.source,
       entered.username, price.entered_at, confirmed.username, price.confirmed_at, withdrawn.username, price.withdrawn_at
  FROM claims_givenprice price JOIN incidents_incident incident ON incident.id = price.incident_id
  JOIN incidents_instrument instrument ON instrument.id = price.instrument_id
  JOIN auth_user entered ON entered.id = price.entered_by_id
  LEFT JOIN auth_user confirmed ON confirmed.id = price.confirmed_by_id
  LEFT JOIN auth_user withdrawn ON withdrawn.id = price.withdrawn_by_id
 WHERE {THEN.format("price.entered_at")} ORDER BY price.id {PAGE}
"""  # noqa: S608
# By the formula at the instrument's rate of today.
FEES = f"""
SELECT liquidation.liquidation_id, instrument.symbol, liquidation.liquidated_at, trim_scale(liquidation.price),
       trim_scale(liquidation.quantity), trim_scale(instrument.liquidation_fee_rate),
       {AMOUNT.format("liquidation.fee", "asset.decimals")}, formula.fee,
       {AMOUNT.format("(liquidation.fee - formula.fee)", "asset.decimals")},
       instrument.settle_id
  FROM incidents_liquidation liquidation JOIN incidents_instrument instrument ON instrument.id = liquidation.instrument_id
  JOIN incidents_asset asset ON asset.code = instrument.settle_id
 CROSS JOIN LATERAL (SELECT {fee_in_sql("liquidation", "instrument", "asset")} AS fee) AS formula
 WHERE liquidation.fee <> formula.fee AND {THEN.format("liquidation.liquidated_at")}
 ORDER BY liquidation.liquidated_at, liquidation.id {PAGE}
"""  # noqa: S608
FOUND = f"""
SELECT last.started_at, last.finished_at, problem.words
  FROM (SELECT * FROM ledger_verification WHERE (%(at)s::timestamptz IS NULL OR started_at <= %(at)s)
         ORDER BY started_at DESC, id DESC LIMIT 1) AS last
 CROSS JOIN LATERAL unnest(last.problems) WITH ORDINALITY AS problem (words, number)
 ORDER BY problem.number {PAGE}
"""  # noqa: S608
