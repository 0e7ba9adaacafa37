"""A row per letter, in the transaction of the verb that it tells of. The key names the event, so it is written once, whoever
races; a worker sends it afterwards.

`settings.LETTERS_ENABLED` is asked here and not at the doors: every road to a verb would have to carry it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import DateTimeField, Exists, Expression, F, JSONField, OuterRef, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat, JSONObject

from claims.models import (
    Assessment,
    Claim,
    Decision,
    Event,
    Evidence,
    Letter,
    Offer,
    PayoutLine,
    Step,
    Verdict,
)
from jobs import shown

SLICE = 10_000  # claims in one statement
TEXTS = ("language", "to", "subject", "body", "error")  # empty until it is sent
INSTANT = DateTimeField()


def key_of(event: str, claim_id: int, about: object = "") -> str:
    """What the event is called: of this claim, about this row."""
    return f"{event}/{claim_id}/{about}".rstrip("/")


def receipts(claims: Iterable[int], *, now: datetime) -> None:
    """We have received your claim: once per claim, in few statements for thousands."""
    ids = sorted(claims)
    told = JSONObject(contacted_at="submitted_at", due_at="due_at")
    for start in range(0, len(ids), SLICE):
        _write_all(Event.RECEIPT, Claim.objects.filter(pk__in=ids[start : start + SLICE]), facts=told, now=now)


def evidence_missing(run: Assessment, *, now: datetime) -> None:
    """After a run: each of its claims that waits for evidence is asked for it, unless a request is unanswered or a file
    waits for our review.
    """
    later_file = Evidence.objects.filter(claim=OuterRef("claim"), received_at__gt=OuterRef("written_at"))
    later_word = Step.objects.filter(claim=OuterRef("claim"), verb="answer", taken_at__gt=OuterRef("written_at"))
    asked = Letter.objects.filter(~Exists(later_file), ~Exists(later_word), event=Event.EVIDENCE_NEEDED)
    ours = Evidence.objects.unreviewed()
    claims = Claim.objects.filter(
        ~Exists(asked.filter(claim=OuterRef("pk"))),
        ~Exists(ours.filter(claim=OuterRef("pk"))),
        incident=run.incident_id,
        assessment=run,
        status=Claim.Status.NEEDS_EVIDENCE,
        asked_at__isnull=True,
    )
    if run.claim_id:
        claims = claims.filter(pk=run.claim_id)
    told = Value({"assessment": run.pk}, JSONField())
    about = Value(str(run.pk), TextField())
    _write_all(Event.EVIDENCE_NEEDED, claims, about=about, facts=told, now=now)


def evidence_asked(step: Step, *, now: datetime) -> None:
    """What an agent asks the customer for, in the agent's words, and the orders that wait for it."""
    facts = {"assessment": step.claim.assessment_id, "reason": step.reason}
    _write(Event.EVIDENCE_NEEDED, [(step.claim_id, f"step-{step.pk}", facts)], now=now)


def offered(offer: Offer, verdicts: Sequence[Verdict], *, now: datetime) -> None:
    """What is offered, order by order, as it is at this moment."""
    orders = [
        {
            "order": str(verdict.order),
            "amount": shown.plain(verdict.amount),
            "restored": shown.plain(verdict.restore_amount),
            "asset": verdict.asset,
        }
        for verdict in verdicts
    ]
    facts = {"orders": orders, "expires_at": offer.expires_at and offer.expires_at.isoformat()}
    _write(Event.OFFER, [(offer.claim_id, offer.pk, facts)], now=now)


def reminders(offers: Iterable[Offer], *, now: datetime) -> None:
    """Once per offer, with what the offer's own letter told."""
    offers = list(offers)
    keys = {offer.pk: key_of(Event.OFFER, offer.claim_id, offer.pk) for offer in offers}
    told = dict(Letter.objects.filter(key__in=keys.values()).values_list("key", "facts"))
    rows = [
        (
            offer.claim_id,
            offer.pk,
            told.get(keys[offer.pk], {"expires_at": offer.expires_at and offer.expires_at.isoformat()}),
        )
        for offer in offers
    ]
    _write(Event.REMINDER, rows, now=now)


def decided(decision: Decision, *, now: datetime) -> None:
    """Approved or denied; what an endorsement waits for is nobody's business yet."""
    if decision.verb != Decision.Verb.ENDORSE:
        _write(Event.DECISION, [(decision.claim_id, decision.pk, {"decision": decision.pk})], now=now)


def paid(lines: QuerySet[PayoutLine], *, now: datetime) -> None:
    """A letter for each of these lines that treasury confirmed; those that have theirs already are passed over."""
    told = JSONObject(amount=Cast("amount", TextField()), asset="asset", account="account", reference="said")
    paid = lines.filter(status=PayoutLine.Status.PAID)
    _write_all(Event.PAID, paid, claim="claim_id", about=Cast("pk", TextField()), facts=told, now=now)


def _write(event: str, rows: Sequence[tuple[int, object, dict]], *, now: datetime) -> None:
    """Rows of (claim, what it is about, facts)."""
    if settings.LETTERS_ENABLED and rows:
        letters = [
            Letter(claim_id=claim, event=event, key=key_of(event, claim, about), facts=facts, written_at=now)
            for claim, about, facts in rows
        ]
        Letter.objects.bulk_create(letters, ignore_conflicts=True, batch_size=1_000)


def _write_all(
    event: str,
    rows: QuerySet,
    *,
    claim: str = "pk",
    about: Expression | None = None,
    facts: Expression,
    now: datetime,
) -> None:
    """The same by one statement: a letter for each row of a query, whose column `claim` says for whom."""
    if not settings.LETTERS_ENABLED:
        return
    empty = Value("", TextField())
    row = [Value("/", TextField()), about] if about else [empty]
    key = Concat(Value(f"{event}/", TextField()), Cast(F(claim), TextField()), *row)
    written = {"event": Value(str(event), TextField()), "key": key, "facts": facts, "written_at": Value(now, INSTANT)}
    blank = {"status": Value(Letter.Status.WAITS.value, TextField()), "attempts": Value(0)}
    columns = {"claim_id": F(claim)} | written | blank | dict.fromkeys(TEXTS, empty)
    sql, params = rows.order_by("pk").values_list(*columns.values()).query.sql_with_params()
    names = ", ".join(map(connection.ops.quote_name, columns))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO claims_letter ({names}) {sql} ON CONFLICT (key) DO NOTHING", params)  # noqa: S608 ours
