"""Who may do what to a claim in which status: one table, read by the verbs and by the buttons."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext

from claims.models import Claim, Contact, Evidence, Offer


class Refused(Exception):
    """A verb that may not be done now by this person; the message says why, in words and in the language for them."""

    def __init__(self, message: str, **words: object):
        super().__init__(gettext(message) % words if words else gettext(message))


@dataclass(frozen=True)
class Transition:
    """What a verb asks: the statuses it starts from and the permission."""

    before: tuple[str, ...]
    permission: str


TRANSITIONS = {
    "assess": Transition(Claim.OPEN, "claims.assess_claim"),
    "review": Transition(Claim.OPEN, "claims.review_evidence"),
    "offer": Transition(Claim.DECIDABLE, "claims.record_offer"),
    "answer": Transition(Claim.DECIDABLE, "claims.record_offer"),
    "approve": Transition(Claim.DECIDABLE, "claims.approve_claim"),
    "deny": Transition(Claim.DECIDABLE, "claims.deny_claim"),
}


def may(user, permission: str) -> None:
    """Refuse who has not the permission: an inactive user never has."""
    if not user.has_perm(permission):
        raise Refused("%(user)s has not the permission %(permission)s", user=user.get_username(), permission=permission)


def preparers(claim: Claim) -> set[int]:
    """Whoever had a hand in what the decision stands on: who entered the claim or a contact, brought or reviewed
    evidence, made an offer or recorded its answer."""
    people = [claim.entered_by_id, *(contact.entered_by_id for contact in claim.contacts.all())]
    for evidence in claim.evidence.all():
        people += [evidence.received_by_id, evidence.reviewed_by_id]
    for offer in claim.offers.all():
        people += [offer.made_by_id, offer.recorded_by_id]
    return {person for person in people if person is not None}


def prepared_by(user) -> Q:
    """The claims that `preparers` names this person for, as a condition on claims."""
    return (
        Q(entered_by=user)
        | Q(Exists(Contact.objects.filter(claim=OuterRef("pk"), entered_by=user)))
        | Q(Exists(Evidence.objects.filter(Q(received_by=user) | Q(reviewed_by=user), claim=OuterRef("pk"))))
        | Q(Exists(Offer.objects.filter(Q(made_by=user) | Q(recorded_by=user), claim=OuterRef("pk"))))
    )


def check(verb: str, claim: Claim, user) -> None:
    """Permission, status and four eyes of a verb on a claim; Refused with the reason."""
    transition = TRANSITIONS[verb]
    may(user, transition.permission)
    if claim.status not in transition.before:
        status = claim.get_status_display()
        raise Refused(
            "%(claim)s is %(status)s: it cannot be changed by '%(verb)s' now",
            claim=claim.reference,
            status=status,
            verb=verb,
        )
    if verb in ("approve", "deny") and user.pk in preparers(claim):
        raise Refused(
            "%(user)s prepared %(claim)s (entered it, reviewed its evidence or recorded its offer); another person decides",
            user=user.get_username(),
            claim=claim.reference,
        )


def allowed(claim: Claim, user) -> list[str]:
    """The verbs this person could do now: what the screen shows as buttons."""

    def passes(verb: str) -> bool:
        try:
            check(verb, claim, user)
        except Refused:
            return False
        return True

    return [verb for verb in TRANSITIONS if passes(verb)]
