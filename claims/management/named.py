"""What the console's commands share: names into rows, or a refusal that says what there is."""

from __future__ import annotations

from claims.assessment import incidents
from claims.models import Claim
from jobs.console import Refusal


def incident_named(reference: str):
    """The incident of this reference."""
    incident = incidents().filter(reference=reference).first()
    if incident is None:
        known = ", ".join(incidents().values_list("reference", flat=True)[:10]) or "none is declared yet"
        raise Refusal(f"there is no incident {reference!r}; known: {known}")
    return incident


def claim_named(reference: str, incident=None) -> Claim:
    """The claim of this reference, and of this incident if one is given."""
    claims = Claim.objects.select_related("incident", "customer").filter(reference=reference)
    claim = (claims.filter(incident=incident) if incident else claims).first()
    if claim is None:
        raise Refusal(f"there is no claim {reference!r}" + (f" in {incident.reference}" if incident else ""))
    return claim
