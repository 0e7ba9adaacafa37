"""Payouts: one person proposes a batch, another types its total and releases it; while it is proposed it can be cancelled."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Count, Max, Sum

from claims import gate, payables, settlement
from claims.gate import Refused
from claims.models import PayoutBatch, PayoutLimit, PayoutLine

STATUS, LINE = PayoutBatch.Status, PayoutLine.Status
NAMED = 5  # lines that a refusal names
ASSET = re.compile(r"[A-Z0-9]{1,23}")
# What a person types: 387.92 USDT, or 1,387.92 USDT with the thousands apart.
TYPED = re.compile(r"\s*((?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?)\s+([A-Z0-9]+)\s*")

# The customer's account of their latest contact that is theirs, else their only one.
ACCOUNT = """coalesce(
    (SELECT account.code FROM claims_contact contact
       JOIN incidents_account account ON account.code = contact.account AND account.customer_id = due.customer_id
      WHERE contact.claim_id = due.claim_id ORDER BY contact.contacted_at DESC, contact.id DESC LIMIT 1),
    (SELECT min(code) FROM incidents_account account WHERE account.customer_id = due.customer_id HAVING count(*) = 1),
    '')"""
# One statement, so that the batch says what its lines say, whatever is approved meanwhile.
PROPOSE = f"""
    WITH due AS MATERIALIZED (
        SELECT due.*, row_number() OVER (ORDER BY claim_id, bonus_id NULLS FIRST, award_id) AS number
          FROM ({payables.DUE}) AS due WHERE asset = %(asset)s ORDER BY number LIMIT %(at_most)s
    ), batch AS (
        INSERT INTO claims_payoutbatch (incident_id, asset, line_count, total, status, proposed_by_id, proposed_at)
        SELECT %(incident)s, %(asset)s, count(*), sum(amount), 'proposed', %(by)s, %(now)s FROM due HAVING count(*) > 0
        RETURNING id
    ), lines AS (
        INSERT INTO claims_payoutline (batch_id, number, claim_id, award_id, bonus_id, account, amount, asset, status, said)
        SELECT batch.id, number, claim_id, award_id, bonus_id, {ACCOUNT}, amount, asset, 'waits', '' FROM due, batch
    )
    SELECT id FROM batch
"""  # noqa: S608 our own text
FITS = """
    SELECT count(*) FROM (SELECT sum(amount) OVER (ORDER BY number) AS sum FROM claims_payoutline WHERE batch_id = %s) AS walked
     WHERE sum <= %s
"""


@transaction.atomic
def propose_payout(incident, asset: str, *, at_most: int | None = None, by, now: datetime) -> PayoutBatch:
    """A batch of every award and bonus of the incident in this asset that is in no payout, or of the first `at_most` lines.

    Whatever the claim's status. Refused: no permission, nothing to pay, no limit for the asset, more than a limit allows.
    """
    gate.may(by, "claims.propose_payout")
    if at_most is not None and at_most < 1:
        raise Refused("A payout has at least one line.")
    type(incident).objects.select_for_update(no_key=True).get(pk=incident.pk)  # one proposal of an incident at a time
    values = {"incident": incident.pk, "asset": asset, "at_most": at_most, "by": by.pk, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(PROPOSE, values)
        found = cursor.fetchone()
    if found is None:
        words = {"incident": incident.reference, "asset": asset}
        raise Refused("%(incident)s owes nothing in %(asset)s that is not in a payout already", **words)
    batch = PayoutBatch.objects.select_related("incident").get(pk=found[0])
    _check_limits(batch)
    return batch


@transaction.atomic
def release_payout(batch: PayoutBatch, *, typed_total: str, by, now: datetime) -> PayoutBatch:
    """Hand the batch to treasury: somebody else than who proposed it typed its total with the unit.

    Looks once more: the limits in force, that nothing in it was reversed in the books, and that the fund has the money; what
    it lacks, the company brings first, in the same commit (rules §5). Refused otherwise.
    """
    gate.may(by, "claims.release_payout")
    batch = hold_batch(batch)
    if batch.status != STATUS.PROPOSED:
        raise wrong_status(batch)
    if batch.proposed_by_id == by.pk:
        words = {"user": by.get_username(), "batch": batch.reference}
        raise Refused("%(user)s proposed %(batch)s; another manager releases it", **words)
    _check_typed(batch, typed_total)
    _check_limits(batch)
    refuse_reversed(batch)
    settlement.bring_what_lacks(batch.reference, batch.total, batch.asset, by=by, now=now)
    _move(batch, STATUS.RELEASED, released_by=by, released_at=now)
    return batch


@transaction.atomic
def cancel_payout(batch: PayoutBatch, *, reason: str, by, now: datetime) -> PayoutBatch:
    """Take a proposal back: its lines fail with this reason, and what they would have paid is free for the next batch."""
    gate.may(by, "claims.propose_payout")
    reason = reason.strip()
    if not reason:
        raise Refused("Say why the payout is cancelled.")
    batch = hold_batch(batch)
    if batch.status != STATUS.PROPOSED:
        raise wrong_status(batch)
    batch.lines.update(status=LINE.FAILED, said=reason[:200], confirmed_by=by, confirmed_at=now)
    _move(batch, STATUS.CANCELLED, ended_by=by, ended_at=now)
    return batch


def set_payout_limit(
    asset: str, *, per_line: Decimal, per_batch: Decimal, reason: str, by, now: datetime
) -> PayoutLimit:
    """The most that a line and a batch of this asset pay from now on. The earlier limit stays to be read."""
    gate.may(by, "claims.set_payout_limit")
    if not ASSET.fullmatch(asset):
        raise Refused("An asset is written in capitals and digits, such as USDT.")
    if not reason.strip():
        raise Refused("Say why the limit changes.")
    if not 0 < per_line <= per_batch:
        raise Refused("A limit is more than 0, and a batch's is not below a line's.")
    return PayoutLimit.objects.create(
        asset=asset, per_line=per_line, per_batch=per_batch, reason=reason.strip(), set_by=by, set_at=now
    )


def hold_batch(batch: PayoutBatch) -> PayoutBatch:
    """The batch as it is now, locked: whoever else would move it waits, and then sees what became of it."""
    return PayoutBatch.objects.select_for_update(of=("self",)).select_related("incident").get(pk=batch.pk)


def wrong_status(batch: PayoutBatch) -> Refused:
    """Why the verb does not apply now, and what would."""
    words = {"batch": batch.reference, "status": batch.get_status_display()}
    if batch.status == STATUS.PROPOSED:
        words["total"] = f"{batch.total.normalize():f} {batch.asset}"
        return Refused(
            "%(batch)s is not released yet: another manager than who proposed it releases it first, on its page or by "
            'release_payout %(batch)s --by USER --total "%(total)s"',
            **words,
        )
    return Refused("%(batch)s is not a proposal any more, it is %(status)s", **words)


def refuse_reversed(batch: PayoutBatch) -> None:
    """What was reversed in the books is owed to nobody any more."""
    lines = batch.lines.exclude(status=LINE.FAILED)
    wrong = settlement.reversed_lines(lines).select_related("batch", "claim").order_by("number")
    if wrong:
        raise Refused(
            "in the books it was reversed what %(lines)s would pay: cancel %(batch)s and propose it again",
            lines=_named(wrong),
            batch=batch.reference,
        )


def settle_if_ended(batch: PayoutBatch, *, by, now: datetime) -> None:
    """A released batch of which no line waits any more is settled."""
    if batch.status == STATUS.RELEASED and not batch.lines.filter(status=LINE.WAITS).exists():
        _move(batch, STATUS.SETTLED, ended_by=by, ended_at=now)


def _move(batch: PayoutBatch, status: str, **people: object) -> None:
    """From the status that was read under the lock to the next: the set of compare-and-set."""
    PayoutBatch.objects.filter(pk=batch.pk, status=batch.status).update(status=status, **people)
    batch.refresh_from_db()


def _check_typed(batch: PayoutBatch, typed: str) -> None:
    """The total and its unit, as they stand on the page: a wrong unit shows here, or nowhere."""
    match = TYPED.fullmatch(typed)
    right = match and (Decimal(match[1].replace(",", "")), match[2]) == (batch.total, batch.asset)
    if not right:
        raise Refused(
            "%(typed)s is not the total of %(batch)s: type it as its page shows it, with the unit, such as 387.92 USDT",
            typed=repr(typed.strip()),
            batch=batch.reference,
        )


def _check_limits(batch: PayoutBatch) -> None:
    """The limits in force, held against the very lines, and the batch against their sum."""
    limit = payables.limits().get(batch.asset)
    if limit is None:
        raise Refused("%(asset)s has no payout limit: a manager sets one first (Payout limits)", asset=batch.asset)
    above = batch.lines.filter(amount__gt=limit.per_line).select_related("batch", "claim").order_by("number")
    if above:
        raise Refused(
            "more than %(limit)s %(asset)s in one line: %(lines)s. Is the unit right? Otherwise a manager raises the limit, "
            "with a reason (Payout limits)",
            limit=f"{limit.per_line.normalize():f}",
            asset=batch.asset,
            lines=_named(above),
        )
    found = batch.lines.aggregate(count=Count("pk"), total=Sum("amount"), last=Max("number"))
    if (found["count"], found["total"], found["last"]) != (batch.line_count, batch.total, batch.line_count):
        raise Refused("the lines of %(batch)s do not sum to its total", batch=batch.reference)
    if batch.total > limit.per_batch:
        raise Refused(
            "%(total)s %(asset)s is more than one batch may pay (%(limit)s %(asset)s): split it, at most %(lines)s lines at a "
            "time (--at-most %(lines)s)",
            total=f"{batch.total.normalize():f}",
            limit=f"{limit.per_batch.normalize():f}",
            asset=batch.asset,
            lines=_fitting(batch, limit.per_batch),
        )


def _fitting(batch: PayoutBatch, most: Decimal) -> int:
    """How many of the batch's first lines come to no more than this."""
    with connection.cursor() as cursor:
        cursor.execute(FITS, [batch.pk, most])
        return cursor.fetchone()[0]


def _named(lines) -> str:
    """The first lines in words, and how many more there are."""
    found = list(lines[: NAMED + 1])
    words = ", ".join(f"{line.claim} {line.amount.normalize():f} {line.asset}" for line in found[:NAMED])
    return words if len(found) <= NAMED else f"{words} (+{lines.count() - NAMED})"
