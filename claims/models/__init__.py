"""WHAT WE DECIDE, as rows: policies, claims and their evidence, assessments, offers and decisions."""

from claims.models.assessments import Assessment, GivenPrice, ReferencePrice, Verdict
from claims.models.claims import Claim, Contact, Evidence, Frame
from claims.models.decisions import Award, Bonus, Compensation, Decision, Offer, OfferLine, Remedy
from claims.models.history import Change
from claims.models.intake import ContactFile
from claims.models.letters import Event, Letter, LetterTemplate
from claims.models.payouts import PayoutBatch, PayoutFile, PayoutLimit, PayoutLine
from claims.models.policies import Policy, Preview
from claims.models.steps import Presence, SavedFilter, Step, Team

__all__ = [
    "Team",
    "Step",
    "SavedFilter",
    "Presence",
    "PayoutLine",
    "PayoutLimit",
    "PayoutFile",
    "PayoutBatch",
    "LetterTemplate",
    "Letter",
    "Frame",
    "Event",
    "Assessment",
    "Award",
    "Bonus",
    "Change",
    "Claim",
    "Compensation",
    "Contact",
    "ContactFile",
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
