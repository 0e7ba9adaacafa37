"""What treasury did with a batch, line by line from its file: paid and posted in one commit, or failed and free again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.db.models.expressions import RawSQL

from claims import gate, letters, settlement
from claims.gate import Refused
from claims.models import PayoutBatch, PayoutFile, PayoutLine
from claims.workflow.paying import STATUS, hold_batch, refuse_reversed, settle_if_ended, wrong_status
from jobs import bulk
from jobs.cells import Column

ON_SCREEN = 10_000  # rows of a file that a page takes
FIGURES = ("paid", "failed", "unchanged")  # of a result: what a person agrees to
NOTHING = {"paid": 0, "failed": 0, "unchanged": 0}
WAITS = PayoutLine.Status.WAITS
# The file that went to treasury, filled in; other lists need the first four columns. What else a file has must be right.
CONFIRMATIONS = (
    Column(
        "payout_line",
        called="line",
        longest=40,
        pattern="PAY-[0-9]{6,18}/[1-9][0-9]{0,8}",
        expected="a line such as PAY-000001/1",
    ),
    Column("status", choices=tuple(PayoutLine.Status.values)),
    Column("reference", needed=False, blank=True, longest=200),
    Column("reason", needed=False, blank=True, longest=200),
    Column("claim", needed=False, blank=True),
    Column("amount", "number", needed=False, blank=True),
    Column("asset", needed=False, blank=True),
)
# Each row beside the line that it is about.
ROWS = """
    bulk_row told JOIN claims_payoutline said
        ON said.batch_id = %(batch)s AND told.payout_line = %(reference)s || '/' || said.number
"""
UNKNOWN = """
    SELECT line, 'payout_line', format('a line of %%s, 1 to %%s', %(reference)s::text, %(lines)s::integer) FROM bulk_row told
     WHERE NOT EXISTS (SELECT FROM claims_payoutline known
                        WHERE known.batch_id = %(batch)s AND told.payout_line = %(reference)s || '/' || known.number)
"""
OTHERWISE = f"""
    SELECT told.line, 'status', format('nothing new: the line is %%s already (%%s)', said.status, said.said) FROM {ROWS}
     WHERE told.status <> 'waits' AND said.status <> 'waits' AND told.status <> said.status
       AND (said.returned_at IS NULL OR told.status <> 'paid')
    UNION ALL
    SELECT told.line, CASE told.status WHEN 'paid' THEN 'reference' ELSE 'reason' END,
           format('nothing new: the line has %%L', known.words)
      FROM {ROWS}
     CROSS JOIN LATERAL (
           SELECT CASE WHEN told.status = 'failed' AND said.came_back <> '' THEN said.came_back ELSE said.said END AS words
           ) AS known
     WHERE told.status <> 'waits' AND said.status <> 'waits' AND (told.status = said.status OR said.returned_at IS NOT NULL)
       AND CASE told.status WHEN 'paid' THEN told.reference ELSE told.reason END NOT IN (known.words, '''' || known.words)
    UNION ALL
    SELECT told.line, 'claim', format('the line''s claim: %%s', claim.reference)
      FROM {ROWS} JOIN claims_claim claim ON claim.id = said.claim_id WHERE told.claim <> claim.reference
    UNION ALL
    SELECT told.line, 'amount', format('the line''s amount: %%s', trim_scale(said.amount))
      FROM {ROWS} WHERE told.amount <> said.amount
    UNION ALL
    SELECT told.line, 'asset', format('the line''s asset: %%s', said.asset) FROM {ROWS} WHERE told.asset <> said.asset
"""  # noqa: S608 our own text
FAIL = """
    UPDATE claims_payoutline line SET status = 'failed', said = told.reason, confirmed_by_id = %(by)s, confirmed_at = %(now)s
      FROM bulk_row told
     WHERE line.batch_id = %(batch)s AND line.status = 'waits' AND told.status = 'failed'
       AND told.payout_line = %(reference)s || '/' || line.number
"""
PAY = """
    UPDATE claims_payoutline line
       SET status = 'paid', said = told.reference, entry_id = paid.id, confirmed_by_id = %s, confirmed_at = %s
      FROM bulk_row told, ({}) AS same JOIN ledger_journalentry paid ON paid.reference = same.paid_as
     WHERE told.status = 'paid' AND same.id = line.id AND told.payout_line = %s || '/' || line.number
"""
SAID_PAID = "SELECT split_part(payout_line, '/', 2)::integer FROM bulk_row WHERE status = 'paid'"


@transaction.atomic
def confirm_payout(
    batch: PayoutBatch,
    path: Path,
    *,
    at_most: int | None = None,
    by=None,
    now: datetime,
    progress: bulk.Progress | None = None,
) -> dict:
    """Take treasury's word for each line of its file: rows, paid, failed, unchanged, rejected, errors.

    A paid line is posted in the same commit, once, with the letter that tells of it; a failed one may be proposed again. All of
    a file or, with an error in it, nothing; the same file again changes nothing. `by`: who brings it, None the operator at the
    console. Refused: no permission, a batch that was never released, `at_most` rows exceeded; PostingError: what the books
    refuse.
    """
    if by is not None:
        gate.may(by, "claims.confirm_payout")
    batch = hold_batch(batch)
    if batch.status not in (STATUS.RELEASED, STATUS.SETTLED):
        raise wrong_status(batch)
    rows = bulk.load(path, CONFIRMATIONS, progress=progress)
    if at_most is not None and rows.rows > at_most:
        raise Refused("More rows than a page takes (%(n)s): use the command confirm_payout.", n=at_most)
    values = {"batch": batch.pk, "reference": batch.reference, "lines": batch.line_count}
    if rows.present:
        _check(rows, values)
    if rows.refused():
        return rows.result(**NOTHING)
    failed, paid = _take_over(batch, values | {"by": by and by.pk, "now": now}, by=by, now=now)
    settle_if_ended(batch, by=by, now=now)
    letters.paid(batch.lines.all(), now=now)
    PayoutFile.objects.create(
        batch=batch, way=PayoutFile.Way.FROM_TREASURY, line_count=rows.rows, sha256=rows.sha256, by=by, at=now
    )
    return rows.result(paid=paid, failed=failed, unchanged=rows.rows - paid - failed)


def confirm_payout_as_seen(
    batch: PayoutBatch, path: Path, seen: dict | None, *, by, now: datetime
) -> tuple[dict, bool]:
    """The same for a person at a page: done only if it comes to the figures that they saw, and whether it was. None: none yet."""
    with transaction.atomic():
        found = confirm_payout(batch, path, at_most=ON_SCREEN, by=by, now=now)
        done = not found["errors"] and seen == confirmed_figures(found)
        transaction.set_rollback(not done)
    return found, done


def confirmed_figures(found: dict) -> dict:
    return {name: found[name] for name in FIGURES}


def _check(rows: bulk.Batch, values: dict) -> None:
    rows.check(
        ("reference", "status = 'paid' AND reference IS NULL", "treasury's reference of the payment"),
        ("reason", "status = 'failed' AND reason IS NULL", "why the payment failed"),
    )
    rows.once("payout_line", ["payout_line"], "each line once")
    rows.refuse(UNKNOWN, values)
    rows.refuse(OTHERWISE, values)


def _take_over(batch: PayoutBatch, values: dict, *, by, now: datetime) -> tuple[int, int]:
    """Whom the file concerns and who still waits: (failed, paid)."""
    named = batch.lines.filter(status=WAITS, number__in=RawSQL(SAID_PAID, ()))  # noqa: S611 our own text
    settlement.pay(named, by=by, now=now)
    same, params = settlement.payments(named).values("id", "paid_as").order_by().query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(FAIL, values)
        failed = cursor.rowcount
        cursor.execute(PAY.format(same), [values["by"], now, *params, values["reference"]])
        paid = cursor.rowcount
    refuse_reversed(batch)  # once more, behind the books' lock: whoever reverses now waits for us
    return failed, paid
