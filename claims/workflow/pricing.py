"""A price by hand where no quote is usable: one manager enters it with its source, another confirms it (rules §2)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Q

from claims import assessment as facts
from claims import gate
from claims.gate import Refused
from claims.models import GivenPrice, ReferencePrice, Verdict
from claims.workflow.assessing import reopen


def enter_price(
    incident, instrument, *, bid: Decimal, ask: Decimal, at: datetime, source: str, by, now: datetime
) -> GivenPrice:
    """A price of the instrument for this incident, in its quote asset. It prices nothing until another person confirms it."""
    gate.may(by, "claims.enter_price")
    if not facts.affected_instruments(incident).filter(pk=instrument.pk).exists():
        raise Refused("%(symbol)s is not an instrument of this incident.", symbol=instrument.symbol)
    if not source.strip():
        raise Refused("Say where the price comes from, so that another person can look it up.")
    if not 0 < bid <= ask:
        raise Refused("A bid is more than 0, and an ask is not below the bid.")
    if at > now:
        raise Refused("A price by hand was to be had in the past.")
    entered = GivenPrice(
        incident=incident, instrument=instrument, bid=bid, ask=ask, at=at, source=source.strip(),
        entered_by=by, entered_at=now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            entered.save()
    except IntegrityError:  # one at most that stands or waits: the database saw the other one
        raise Refused("There is a price by hand for this instrument already; withdraw it first.") from None
    return entered


@transaction.atomic
def confirm_price(price: GivenPrice, *, by, now: datetime) -> GivenPrice:
    """The second person looked it up: from now on it prices; the claims that wait for it are assessed again."""
    gate.may(by, "claims.confirm_price")
    if price.entered_by_id == by.pk:
        raise Refused("Who entered a price does not confirm it.")
    waiting = GivenPrice.objects.filter(pk=price.pk, confirmed_at__isnull=True, withdrawn_at__isnull=True)
    if not waiting.update(confirmed_by=by, confirmed_at=now):
        raise Refused("Somebody else confirmed or withdrew this price a moment ago.")
    reopen(_claims(price, Q(outcome=Verdict.Outcome.NEEDS_PRICE)))
    price.refresh_from_db()
    return price


@transaction.atomic
def withdraw_price(price: GivenPrice, *, by, now: datetime) -> GivenPrice:
    """It prices nothing from now on. Open claims that stand on it are assessed again; what was granted stays granted."""
    gate.may(by, "claims.enter_price")
    if not GivenPrice.objects.filter(pk=price.pk, withdrawn_at__isnull=True).update(withdrawn_by=by, withdrawn_at=now):
        raise Refused("Somebody else withdrew this price a moment ago.")
    stood_on = ReferencePrice.objects.filter(given=price).values("assessment")
    reopen(_claims(price, Q(outcome=Verdict.Outcome.NEEDS_PRICE) | Q(assessment__in=stood_on)))
    price.refresh_from_db()
    return price


def _claims(price: GivenPrice, condition: Q) -> list[int]:
    """The incident's claims with a verdict in force on this instrument that the condition is true of."""
    verdicts = Verdict.objects.in_force().filter(
        condition, claim__incident=price.incident_id, order__instrument=price.instrument_id
    )
    return list(verdicts.order_by().values_list("claim", flat=True).distinct())
