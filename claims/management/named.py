"""What the console's commands share: names into rows, or a refusal that says what there is."""

from __future__ import annotations

from claims.assessment import in_full, incidents
from claims.models import Claim, PayoutBatch
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


def payout_named(reference: str) -> PayoutBatch:
    """The payout batch of this reference."""
    batch = PayoutBatch.objects.select_related("incident").filter(reference=reference).first()
    if batch is None:
        known = ", ".join(PayoutBatch.objects.values_list("reference", flat=True)[:10]) or "none is proposed yet"
        raise Refusal(f"there is no payout {reference!r}; known: {known}")
    return batch


def payout_told(batch: PayoutBatch) -> dict:
    """What the commands print of a batch: the total with all decimals of its asset."""
    total = in_full({batch.asset: batch.total})[batch.asset]
    return {
        "batch": batch.reference, "status": batch.status, "lines": batch.line_count, "total": total, "asset": batch.asset,
    }  # fmt: skip
