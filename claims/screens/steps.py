"""The steps as a claim's page offers them: title, key, common reasons; and how the claim stands, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from claims import gate, letters
from claims.letters.telling import CATALOGUE
from claims.models import Claim, Step
from jobs import shown


@dataclass(frozen=True)
class StepButton:
    """A step that can be taken now. `key` opens it from the keyboard; `ends`: it closes the claim."""

    verb: str
    key: str
    title: Any
    note: Any  # what the words that are added are for
    question: Any = ""
    grounds: tuple = ()
    ends: bool = False
    told: bool = False  # the customer reads the reason
    choices: tuple[tuple[str, str], ...] = ()  # the grounds: as they are kept, and in the reader's language

    @property
    def address(self) -> str:
        return f"admin:claims_claim_{self.verb}"


BUTTONS = (
    StepButton(
        "ask", "c", _("Ask the customer"), _("More, as the customer will read it"), _("What is missing?"),
        (
            _("a screenshot or recording that shows the failure and its time"),
            _("the numbers of the orders concerned"),
            _("the account that the orders were placed from"),
            _("when you tried, and what the page or app said"),
        ),
        told=True,
    ),
    StepButton(
        "reply", "y", _("The customer answered"), _("More: the ticket, the call or the letter"), _("How did they answer?"),
        (_("by chat"), _("by e-mail"), _("by phone"), _("that they have nothing more to show")),
    ),
    StepButton(
        "hold", "h", _("Put on hold"), _("More"), _("Why must nobody decide on it yet?"),
        (
            _("the account is under review by compliance"),
            _("its orders are being corrected"),
            _("possibly the same person as another customer"),
            _("waits for the trading desk"),
        ),
    ),
    StepButton("release", "h", _("Take off hold"), _("What has become clear?")),
    StepButton(
        "withdraw", "x", _("Withdraw"), _("More: the ticket, the call or the letter"), _("Why is nothing more wanted?"),
        (_("the customer withdrew it"), _("settled in another way"), _("made in error")), ends=True,
    ),
    StepButton("appeal", "p", _("Record an appeal"), _("What the customer objects to, and how they said it")),
)  # fmt: skip


def buttons(allowed: list[str], claim: Claim) -> list[StepButton]:
    """The steps among these verbs of the gate; what the customer will read is kept in the customer's language."""
    language = letters.language_of(claim.customer.language)
    return [replace(button, choices=_choices(button, language)) for button in BUTTONS if button.verb in allowed]


def _choices(button: StepButton, language: str) -> tuple[tuple[str, str], ...]:
    words = tuple(str(ground) for ground in button.grounds)
    if not button.told:
        return tuple(zip(words, words, strict=True))
    with override(CATALOGUE[language]):
        kept = tuple(str(ground) for ground in button.grounds)
    return tuple(zip(kept, words, strict=True))


def standing(claim: Claim) -> list[str]:
    """How it stands: each a sentence with its instant, the person and the reason."""
    return list(_standing(claim, {step.verb: step for step in claim.steps.all()}))


def _standing(claim: Claim, last: dict[str, Step]) -> Iterator[str]:
    """`last`: of each verb the newest step."""
    if claim.asked_at:
        asked = last.get(Step.Verb.ASK)
        asked_now = asked is not None and asked.taken_at == claim.asked_at  # an offer asks the customer as well
        words = {"at": shown.instant(claim.asked_at), "reason": asked.reason if asked_now else gettext("consent")}
        yield (
            gettext("Waits for the customer since %(at)s; the time to decide stands still. Asked for: %(reason)s")
            % words
        )
    elif answered := last.get(Step.Verb.ANSWER):
        yield gettext("The customer answered on %(at)s, recorded by %(who)s: %(reason)s") % _told(answered)
    if claim.held_at and (held := last.get(Step.Verb.HOLD)):
        yield gettext("On hold since %(at)s, by %(who)s: %(reason)s") % _told(held)
    if appeal := gate.appeal_of(claim):
        yield gettext("Appealed on %(at)s, recorded by %(who)s: %(reason)s") % _told(appeal)
    if withdrawn := last.get(Step.Verb.WITHDRAW):
        yield gettext("Withdrawn on %(at)s, recorded by %(who)s: %(reason)s") % _told(withdrawn)


def _told(step: Step) -> dict[str, str]:
    who = step.taken_by.get_username() if step.taken_by else gettext("the customer")
    return {"at": shown.instant(step.taken_at), "who": who, "reason": step.reason}
