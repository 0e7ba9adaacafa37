"""Ask for the customer's consent and record the answer (S2): an offer is bound to one assessment, and silence is not consent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, F, QuerySet, Value

from claims import gate, letters
from claims.gate import Refused
from claims.models import Claim, Offer, OfferLine, Remedy, Verdict
from claims.workflow import clocks
from claims.workflow.deciding import hold

AT_ONCE = 1_000  # offers that one commit ends or reminds of; the next minute takes the next


@transaction.atomic
def make_offer(claim: Claim, *, by, now: datetime) -> Offer:
    """Offer what the assessment in force says, until the policy's `offer_expires`; again on it only once this one lapsed.

    The time to decide stands still until they answer. Refused: no permission, not decidable now, nothing that needs a
    consent, offered already, changed since it was read.
    """
    claim = hold(claim)
    gate.check("offer", claim, by)
    verdicts = to_offer(claim)
    if not verdicts:
        raise Refused("%(claim)s has nothing that needs the customer's consent", claim=claim.reference)
    within = claim.assessment.policy.terms.offer_expires
    try:
        with transaction.atomic():
            offer = Offer.objects.create(
                claim=claim,
                assessment=claim.assessment,
                made_by=by,
                made_at=now,
                expires_at=None if within is None else now + within,
            )
    except IntegrityError as error:
        raise Refused("%(claim)s was offered already on this assessment", claim=claim.reference) from error
    clocks.stop(Claim.objects.filter(pk=claim.pk), now=now)
    _touch([claim.pk])
    letters.offered(offer, verdicts, now=now)
    return offer


@transaction.atomic
def answer_offer(
    offer: Offer, *, accept: bool, choices: Mapping[int, str] | None = None, note: str, by, now: datetime
) -> Offer:
    """Record what the customer said, and how: `choices` names the remedy by order (its id); the best price where it names none.

    Refused: answered already, expired (to accept), the claim's amounts or policy version are not the offered ones any more, a
    remedy that was not offered, no note.
    """
    claim = hold(Claim.objects.get(pk=offer.claim_id))
    gate.check("answer", claim, by)
    offer = Offer.objects.select_for_update().get(pk=offer.pk)
    if offer.answer:
        raise Refused("this offer was %(answer)s already", answer=offer.get_answer_display())
    if not note.strip():
        raise Refused("say how the customer answered: the ticket, the call or the letter")
    if accept:
        _accept(claim, offer, choices or {}, now)
    offer.answer = Offer.Answer.ACCEPTED if accept else Offer.Answer.DECLINED
    offer.note, offer.answered_at, offer.recorded_by = note, now, by
    offer.save()
    clocks.resume(Claim.objects.filter(pk=claim.pk), now=now)
    _touch([claim.pk])
    return offer


def _accept(claim: Claim, offer: Offer, choices: Mapping[int, str], now: datetime) -> None:
    if offer.expires_at is not None and now > offer.expires_at:
        raise Refused("this offer expired on %(day)s: silence is not consent", day=offer.expires_at.date())
    offered = to_offer(claim)
    if offer.assessment_id != claim.assessment_id:
        raise Refused("%(claim)s was assessed again since this offer: make a new one", claim=claim.reference)
    if unknown := set(choices) - {verdict.order_id for verdict in offered}:
        raise Refused("order %(order)s is not part of this offer", order=min(unknown))
    lines = [_line(offer, verdict, choices.get(verdict.order_id, Remedy.BEST_PRICE)) for verdict in offered]
    OfferLine.objects.bulk_create(line for line in lines if line.amount > 0)


def _line(offer: Offer, verdict: Verdict, remedy: str) -> OfferLine:
    restore = remedy == Remedy.RESTORE_ORDER
    if remedy not in Remedy.values or (restore and not verdict.restore_amount):
        raise Refused("order %(order)s cannot have the remedy %(remedy)s", order=verdict.order, remedy=remedy)
    amount = verdict.restore_amount if restore else verdict.amount
    return OfferLine(offer=offer, verdict=verdict, remedy=remedy, amount=amount, asset=verdict.asset)


def to_offer(claim: Claim) -> list[Verdict]:
    """The claim's orders that need the customer's consent before anything is granted."""
    return list(claim.verdicts.to_offer().select_related("order").order_by("order"))


@transaction.atomic
def expire_offers(*, now: datetime) -> int:
    """Offers that were not answered in time: silence is not consent, the claims are the desk's again. Returns how many."""
    late = Offer.objects.filter(answer=Offer.Answer.WAITS, expires_at__lt=now)
    claims = Claim.objects.filter(pk__in=late.values("claim")).order_by("pk").locked()
    ids = list(claims.values_list("pk", flat=True)[:AT_ONCE])  # claims before offers, as every verb locks them
    expired = late.filter(claim__in=ids).update(answer=Offer.Answer.EXPIRED, answered_at=now)
    clocks.resume(Claim.objects.filter(pk__in=ids), now=now)
    _touch(ids)
    return expired


def offers_to_remind(*, now: datetime, before: timedelta) -> QuerySet[Offer]:
    """Offers that can still be accepted, expire within `before`, are past half their time, and were not reminded of."""
    at = Value(now, DateTimeField())
    return (
        Offer.objects.unanswered()
        .filter(
            expires_at__gte=now,
            expires_at__lte=now + before,
            made_at__lte=at - (F("expires_at") - at),
            reminded_at__isnull=True,
            claim__status__in=Claim.DECIDABLE,
        )
        .order_by("expires_at", "pk")
    )


@transaction.atomic
def remind_of_offers(*, now: datetime, before: timedelta) -> int:
    """Write to the customers of these offers, each once; not while somebody works on the claim. Returns how many."""
    due = offers_to_remind(now=now, before=before).select_related("claim")
    waiting = list(due.select_for_update(skip_locked=True, of=("self", "claim"), no_key=True)[:AT_ONCE])
    letters.reminders(waiting, now=now)
    return Offer.objects.filter(pk__in=[offer.pk for offer in waiting]).update(reminded_at=now)


def _touch(claims: Sequence[int]) -> None:
    """Whoever read the claims before looks again before they decide."""
    Claim.objects.filter(pk__in=claims).update(revision=F("revision") + 1)
