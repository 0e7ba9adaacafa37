"""What the reports of this room share: moments, addresses, and amounts in SQL."""

from __future__ import annotations

from django.urls import reverse

from jobs.paper import Asked

# With all decimals of the asset; never rounded, so that a wrong amount would show. Takes (amount, the asset's decimals).
AMOUNT = "round({0}, greatest(coalesce({1}, 8), scale(trim_scale({0}))))"


def found(reference: str, incidents):
    """The incident of this reference. Raises Asked."""
    incident = incidents.filter(reference=reference).first()
    if incident is None:
        known = ", ".join(incidents.values_list("reference", flat=True)[:10]) or "none is declared yet"
        raise Asked(f"there is no incident {reference!r}; known: {known}")
    return incident


def entry(pk: int | None) -> str | None:
    return reverse("admin:ledger_journalentry_change", args=[pk]) if pk else None


def claim(pk: int | None) -> str | None:
    return reverse("admin:claims_claim_change", args=[pk]) if pk else None
