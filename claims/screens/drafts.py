"""What a new draft may begin from."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from claims import editing, terms
from claims.models import Policy

EMPTY = "empty"


def starts() -> list[tuple[str, object]]:
    """Presets, then every incident's version in force; or an empty form. As a list of choices with its groups."""
    presets = [(f"preset:{name}", name) for name in terms.PRESETS]
    in_force = Policy.objects.published().order_by("incident_id", "-version").distinct("incident_id")
    policies = [
        (f"policy:{policy.pk}", f"{policy.incident.reference} v{policy.version}: {policy.name}")
        for policy in in_force.select_related("incident")
    ]
    groups: list[tuple[str, object]] = [(EMPTY, _("an empty policy")), (_("Presets"), presets)]
    return [*groups, (_("Policies in force"), policies)] if policies else groups


def suggested_start(reference: str | None) -> str:
    """The incident's version in force, where there is one: most new versions correct it."""
    in_force = Policy.objects.filter(incident__reference=reference).in_force()
    return f"policy:{in_force.pk}" if in_force else EMPTY


def begun_from(start: str) -> editing.Fields | None:
    """The form as it begins; None when there is no such start. Any policy may be named, in force or not."""
    kind, _colon, name = start.partition(":")
    if start in ("", EMPTY):
        return editing.blank()
    if kind == "preset" and name in terms.PRESETS:
        return editing.fields_of(terms.read(terms.PRESETS[name].read_text()))
    if kind == "policy" and name.isdecimal():
        policy = Policy.objects.filter(pk=int(name)).first()
        return editing.fields_of(policy.document) if policy else None
    return None


def correction_address(policy: Policy) -> str:
    """Where a new version of this policy is drafted, beginning from what it says."""
    query = urlencode({"incident": policy.incident.reference, "start": f"policy:{policy.pk}"})
    return f"{reverse('admin:claims_policy_write')}?{query}"
