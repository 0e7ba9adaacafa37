"""Who may do what to a claim in which status: one table, read by the verbs and by the buttons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from claims.models import Claim, Contact, Decision, Evidence, Offer, Step


class Refused(Exception):
    """A verb that may not be done now by this person; the message says why, in words and in the language for them."""

    def __init__(self, message: str, **words: object):
        super().__init__(gettext(message) % words if words else gettext(message))


@dataclass(frozen=True)
class Transition:
    """What a verb asks: the statuses it starts from, the permission, and what else has to be so."""

    before: tuple[str, ...]
    permission: str
    four_eyes: bool = False  # not by whoever prepared the claim
    while_held: bool = True  # also while a person keeps the claim on hold


CLOSED = (Claim.Status.APPROVED, Claim.Status.DENIED)
TRANSITIONS = {
    "assess": Transition(Claim.OPEN, "claims.assess_claim"),
    "review": Transition(Claim.OPEN, "claims.review_evidence"),
    "ask": Transition(Claim.OPEN, "claims.ask_customer"),
    "reply": Transition(Claim.OPEN, "claims.ask_customer"),
    "hold": Transition(Claim.OPEN, "claims.hold_claim"),
    "release": Transition(Claim.OPEN, "claims.hold_claim"),
    "withdraw": Transition(Claim.OPEN, "claims.withdraw_claim"),
    "appeal": Transition(CLOSED, "claims.appeal_claim"),
    "offer": Transition(Claim.DECIDABLE, "claims.record_offer", while_held=False),
    "answer": Transition(Claim.DECIDABLE, "claims.record_offer"),
    "approve": Transition(Claim.DECIDABLE, "claims.approve_claim", four_eyes=True, while_held=False),
    "deny": Transition(Claim.DECIDABLE, "claims.deny_claim", four_eyes=True, while_held=False),
}
NAMES = {  # a verb as a refusal says it
    "assess": _("assess"),
    "review": _("review evidence"),
    "ask": _("ask the customer"),
    "reply": _("record the customer's answer"),
    "hold": _("put it on hold"),
    "release": _("take it off hold"),
    "withdraw": _("withdraw"),
    "appeal": _("appeal"),
    "offer": _("make an offer"),
    "answer": _("answer the offer"),
    "approve": _("approve"),
    "deny": _("deny"),
}


def may(user, permission: str) -> None:
    """Refuse who has not the permission: an inactive user never has."""
    if not user.has_perm(permission):
        raise Refused("%(user)s has not the permission %(permission)s", user=user.get_username(), permission=permission)


def preparers(claim: Claim) -> set[int]:
    """Whoever had a hand in what the decision stands on: who entered the claim or a contact, brought or reviewed
    evidence, made an offer or recorded its answer; after an appeal whoever decided before it (another reviewer decides)."""
    people = [claim.entered_by_id, *(contact.entered_by_id for contact in claim.contacts.all())]
    for evidence in claim.evidence.all():
        people += [evidence.received_by_id, evidence.reviewed_by_id]
    for offer in claim.offers.all():
        people += [offer.made_by_id, offer.recorded_by_id]
    if appeal := appeal_of(claim):
        people += [each.decided_by_id for each in claim.decisions.all() if each.revision < appeal.revision]
    return {person for person in people if person is not None}


def prepared_by(user) -> Q:
    """The claims that `preparers` names this person for, as a condition on claims."""
    appealed_at = Step.objects.filter(claim=OuterRef("claim"), verb=Step.Verb.APPEAL).values("revision")
    decided_before = Decision.objects.filter(decided_by=user, revision__lt=Subquery(appealed_at))
    return (
        Q(entered_by=user)
        | Q(Exists(Contact.objects.filter(claim=OuterRef("pk"), entered_by=user)))
        | Q(Exists(Evidence.objects.filter(Q(received_by=user) | Q(reviewed_by=user), claim=OuterRef("pk"))))
        | Q(Exists(Offer.objects.filter(Q(made_by=user) | Q(recorded_by=user), claim=OuterRef("pk"))))
        | Q(Exists(decided_before.filter(claim=OuterRef("pk"))))
    )


def appeal_of(claim: Claim) -> Step | None:
    """The claim's one appeal, if there was one."""
    return next((step for step in claim.steps.all() if step.verb == Step.Verb.APPEAL), None)


# What a verb needs besides a status: the fact, and what is said where it is not so.
ONLY_WHEN: dict[str, tuple[Callable[[Claim], bool], str]] = {
    "ask": (
        lambda claim: claim.asked_at is None,
        _("the customer of %(claim)s was asked already, and has not answered"),
    ),
    "reply": (lambda claim: claim.asked_at is not None, _("the customer of %(claim)s was not asked anything")),
    "hold": (lambda claim: claim.held_at is None, _("%(claim)s is on hold already")),
    "release": (lambda claim: claim.held_at is not None, _("%(claim)s is not on hold by a person")),
    "appeal": (lambda claim: appeal_of(claim) is None, _("%(claim)s was appealed already: a claim is appealed once")),
}


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
            verb=gettext(NAMES[verb]),
        )
    if claim.held_at is not None and not transition.while_held:
        raise Refused("%(claim)s is on hold: take it off hold first", claim=claim.reference)
    if verb in ONLY_WHEN:
        holds, otherwise = ONLY_WHEN[verb]
        if not holds(claim):
            raise Refused(otherwise, claim=claim.reference)
    if transition.four_eyes and user.pk in preparers(claim):
        raise Refused(
            "%(user)s prepared %(claim)s (entered it, reviewed its evidence, recorded its offer or decided before the"
            " appeal); another person decides",
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
