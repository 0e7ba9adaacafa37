"""WHAT WE DECIDE, as rows: policies, claims and their evidence, assessments and decisions."""

from claims.models.claims import Claim, Contact, Evidence
from claims.models.decisions import Assessment, Award, Bonus, Compensation, Decision, ReferencePrice, Verdict
from claims.models.policies import Policy

__all__ = [
    "Assessment",
    "Award",
    "Bonus",
    "Claim",
    "Compensation",
    "Contact",
    "Decision",
    "Evidence",
    "Policy",
    "ReferencePrice",
    "Verdict",
]
