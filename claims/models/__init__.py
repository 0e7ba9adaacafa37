"""WHAT WE DECIDE, as rows: policies, claims and their evidence, assessments, offers and decisions."""

from claims.models.assessments import Assessment, GivenPrice, ReferencePrice, Verdict
from claims.models.claims import Claim, Contact, Evidence
from claims.models.decisions import Award, Bonus, Compensation, Decision, Offer, OfferLine, Remedy
from claims.models.policies import Policy, Preview

__all__ = [
    "Assessment",
    "Award",
    "Bonus",
    "Claim",
    "Compensation",
    "Contact",
    "Decision",
    "Evidence",
    "GivenPrice",
    "Offer",
    "OfferLine",
    "Policy",
    "Preview",
    "ReferencePrice",
    "Remedy",
    "Verdict",
]
