"""Declare and publish an incident, mark quotes as abnormal, enter a liquidation ratio.

The time is taken at the door and passed in; history is kept by trigger.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pghistory
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from incidents import incident_file
from incidents.models import AbnormalRange, Incident, Instrument, LiquidationRatio, OutageWindow


class Refused(Exception):
    """What is not done, with every reason at once."""

    def __init__(self, *errors: str):
        self.errors = list(errors)
        super().__init__("; ".join(errors))


@transaction.atomic
def declare(document: dict, *, by=None, publish: bool = False, now: datetime) -> Incident:
    """Create the incident of this reference, or make it and its windows what the document says; only what differs is written.

    A published incident stays published: the next assessment shows what a corrected window changes. `by` is None only at the
    operator's console. Refused: with every error of the document, or for who may not.
    """
    _may(by)
    errors = incident_file.errors_in(document) + _unknown_instruments(document.get("instruments"))
    if errors:
        raise Refused(*errors)
    facts = incident_file.completed(document)
    windows = facts.pop("windows")
    incident, created = Incident.objects.select_for_update().get_or_create(
        reference=facts["reference"], defaults=facts | {"declared_by": by, "declared_at": now}
    )
    if not created:
        _correct(incident, facts)
    _replace_windows(incident, {window["starts_at"]: window.get("ends_at") for window in windows})
    return _publish(incident, by=by, now=now) if publish else incident


@transaction.atomic
def publish(incident: Incident, *, by=None, now: datetime) -> Incident:
    """Show the incident to the public; published already: nothing changes. `by` is None only at the operator's console."""
    _may(by)
    return _publish(incident, by=by, now=now)


@transaction.atomic
def mark_abnormal(
    instrument: Instrument, *, starts_at: datetime, ends_at: datetime, reason: str, by, now: datetime
) -> AbnormalRange:
    """From now on no quote of this stretch prices anything; all are kept and counted (rules §1, S2).

    What was assessed stands until it is assessed again. Refused: who may not, a range without a reason or an end before its
    start, a range that is marked already.
    """
    _may(by, "incidents.mark_abnormal")
    # Two people mark it one after the other; imports of its quotes go on.
    Instrument.objects.select_for_update(no_key=True).get(pk=instrument.pk)
    marked = AbnormalRange(
        instrument=instrument, starts_at=starts_at, ends_at=ends_at, reason=reason.strip(), marked_by=by, marked_at=now
    )
    if not marked.reason:
        raise Refused(_("Say why these quotes are abnormal."))
    try:
        marked.full_clean()
    except ValidationError as error:
        raise Refused(*error.messages) from None
    marked.save()
    return marked


@transaction.atomic
def unmark_abnormal(marked: AbnormalRange, *, reason: str, by) -> None:
    """The quotes of this range count again. Who unmarked it, when and why stays in its history."""
    _may(by, "incidents.mark_abnormal")
    if not reason.strip():
        raise Refused(_("Say why these quotes count again."))
    with pghistory.context(user=by.pk, reason=reason.strip()):
        deleted, _rows = AbnormalRange.objects.filter(pk=marked.pk).delete()
    if not deleted:
        raise Refused(_("Somebody else unmarked this range a moment ago."))


@transaction.atomic
def enter_ratio(*, ratio: Decimal, effective_at: datetime, source: str, by) -> LiquidationRatio:
    """From `effective_at` on accounts are stopped out at this share of their used margin (S3-1); what was in force stays.

    Refused: who may not, a ratio without a source, outside 0 to 1, or from an instant that has one.
    """
    _may(by, "incidents.add_liquidationratio")
    entered = LiquidationRatio(ratio=ratio, effective_at=effective_at, source=source.strip())
    if not entered.source:
        raise Refused(_("Say where this ratio is announced."))
    try:
        entered.full_clean()
    except ValidationError as error:
        raise Refused(*error.messages) from None
    entered.save()
    return entered


def _publish(incident: Incident, *, by, now: datetime) -> Incident:
    if not incident.windows.exists():
        raise Refused(_("%(incident)s has no outage window: enter one first") % {"incident": incident.reference})
    draft = Incident.objects.filter(pk=incident.pk, status=Incident.Status.DRAFT)
    draft.update(status=Incident.Status.PUBLISHED, published_at=now)
    incident.refresh_from_db()
    return incident


def _may(user, permission: str = "incidents.publish_incident") -> None:
    if user is not None and not user.has_perm(permission):
        raise Refused(
            _("%(user)s has not the permission %(permission)s")
            % {"user": user.get_username(), "permission": permission}
        )


def _unknown_instruments(symbols: object) -> list[str]:
    named = {symbol for symbol in symbols if isinstance(symbol, str)} if isinstance(symbols, list) else set()
    known = Instrument.objects.filter(symbol__in=[symbol for symbol in named if "\0" not in symbol])
    unknown = sorted(named - set(known.values_list("symbol", flat=True)))
    return [f"instruments: unknown {', '.join(unknown)}; import them first"] if unknown else []


def _correct(incident: Incident, facts: dict) -> None:
    changed = [name for name, value in facts.items() if getattr(incident, name) != value]
    for name in changed:
        setattr(incident, name, facts[name])
    if changed:
        incident.save(update_fields=changed)


def _replace_windows(incident: Incident, wanted: dict[datetime, datetime | None]) -> None:
    """A window is known by its start: kept, corrected in its end, added or removed."""
    for window in incident.windows.all():
        if window.starts_at not in wanted:
            window.delete()
        elif window.ends_at != (end := wanted.pop(window.starts_at)):
            window.ends_at = end
            window.save(update_fields=["ends_at"])
    OutageWindow.objects.bulk_create(
        OutageWindow(incident=incident, starts_at=start, ends_at=end) for start, end in wanted.items()
    )
