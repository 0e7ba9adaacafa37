"""A payment that came back days after treasury confirmed it: taken back in the books, and owed again."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from claims import gate, settlement
from claims.gate import Refused
from claims.models import PayoutLine
from claims.workflow.paying import hold_batch

LINE = PayoutLine.Status


@transaction.atomic
def return_payment(line: PayoutLine, *, reason: str, by, now: datetime) -> PayoutLine:
    """Record that the money of a paid line came back: the line fails with this reason, the books reverse its payment, and what
    it paid goes with the next payout.

    The same again changes nothing; a reversal that somebody booked by hand is taken for the line's. Refused: no permission,
    who released the payout, a line that was not paid or came back for another reason; PostingError: what the books refuse.
    """
    gate.may(by, "claims.confirm_payout")
    reason = reason.strip()[:200]
    if not reason:
        raise Refused("Say why the payment came back.")
    batch = hold_batch(line.batch)
    if batch.released_by_id == by.pk:
        words = {"user": by.get_username(), "batch": batch.reference}
        raise Refused("%(user)s released %(batch)s; another manager records what came back of it", **words)
    line = batch.lines.select_related("batch", "entry").get(pk=line.pk)
    if line.came_back == reason:
        return line
    if line.came_back:
        raise Refused("%(line)s came back already (%(reason)s)", line=line, reason=line.came_back)
    if line.status != LINE.PAID:
        status = line.get_status_display()
        raise Refused("%(line)s (%(status)s) was not paid: only what was paid comes back", line=line, status=status)
    settlement.take_back(line, by=by, now=now)
    line.status, line.came_back, line.returned_by, line.returned_at = LINE.FAILED, reason, by, now
    line.save(update_fields=["status", "came_back", "returned_by", "returned_at"])
    return line
