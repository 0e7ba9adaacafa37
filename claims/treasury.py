"""A released batch as the file that treasury pays from and sends back filled in; each time it is handed out is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from claims import gate
from claims.exports import TEXT
from claims.gate import Refused
from claims.models import PayoutBatch, PayoutFile

LINES = f"""
COPY (
    SELECT batch.reference || '/' || line.number AS line, claim.reference AS claim, {TEXT.format("customer.code")} AS customer,
           {TEXT.format("line.account")} AS account,
           round(line.amount, greatest(coalesce(asset.decimals, 8), scale(trim_scale(line.amount)))) AS amount,
           line.asset, line.status,
           CASE WHEN line.status = 'paid' OR line.came_back <> '' THEN {TEXT.format("line.said")} END AS reference,
           CASE WHEN line.came_back <> '' THEN {TEXT.format("line.came_back")}
                WHEN line.status = 'failed' THEN {TEXT.format("line.said")} END AS reason
      FROM claims_payoutline line JOIN claims_payoutbatch batch ON batch.id = line.batch_id
      JOIN claims_claim claim ON claim.id = line.claim_id
      JOIN incidents_customer customer ON customer.id = claim.customer_id
      LEFT JOIN incidents_asset asset ON asset.code = line.asset
     WHERE line.batch_id = %s
     ORDER BY line.number
) TO STDOUT (FORMAT csv, HEADER)
"""  # noqa: S608 our own text


def hand_out(batch: PayoutBatch, *, by=None, now: datetime) -> Iterator[bytes]:
    """The batch's lines as CSV, piece by piece; that it was handed out is recorded first.

    `by`: None is the operator at the console. Refused: no permission; a batch that nobody released, or that was cancelled.
    """
    if by is not None:
        gate.may(by, "claims.export_payoutbatch")
    if batch.status not in (PayoutBatch.Status.RELEASED, PayoutBatch.Status.SETTLED):
        raise Refused(
            "%(batch)s (%(status)s) is not released: only what is released goes to treasury",
            batch=batch.reference,
            status=batch.get_status_display(),
        )
    PayoutFile.objects.create(batch=batch, way=PayoutFile.Way.TO_TREASURY, line_count=batch.line_count, by=by, at=now)
    return _pieces(batch)


def _pieces(batch: PayoutBatch) -> Iterator[bytes]:
    with connection.cursor() as cursor, cursor.copy(LINES, [batch.pk]) as copy:
        for block in copy:
            yield bytes(block)
