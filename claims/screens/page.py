"""One claim on one screen: who, what they said and showed, every order with its verdict and why."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.db.models import Prefetch, QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from claims import assessment as facts
from claims import gate, letters
from claims.models import Award, Claim, Contact, Decision, Evidence, Offer, Step, Verdict
from claims.screens import steps
from claims.terms import Clause, Terms

FLAGS = {
    "tpsl_after_end": _("TP/SL was set only after the outage: look at it before you decide."),
    "abnormal_entry": _("Opened inside a range of quotes that was marked abnormal."),
    "hedged": _("The customer held the other side of this symbol at the same time: look at both orders."),
    "price_by_hand": _("No quote is usable: the reference price was given by hand by two people."),
    "outage_lasts": _("The outage has no end yet: nothing can be measured from it, every order waits."),
    "paid_elsewhere": _("This order was compensated in another claim: it is never paid twice."),
} | letters.LIMITS


@dataclass(frozen=True)
class ClauseLine:
    """A clause as it stood for one order."""

    clause: Clause
    words: str
    holds: bool
    decides: bool


@dataclass(frozen=True)
class OrderLine:
    """An order's verdict, and all that explains it."""

    verdict: Verdict
    clauses: list[ClauseLine]
    share: Decimal  # of the improvement, as a percentage: the clause's and the policy's
    cover: Decimal  # what the fund paid already and the policy nets off
    fee: Decimal  # the liquidation fee that the policy refunds
    awarded: bool

    @property
    def order(self):
        return self.verdict.order

    @property
    def inverse(self) -> bool:
        return self.order.instrument.margin == "inverse"

    @property
    def is_long(self) -> bool:
        return self.order.side == "long"

    @property
    def exit(self) -> Decimal | None:
        """What the order ended at; of a still-open one, what it was worth at the check."""
        return self.verdict.valued_price if self.order.exit_price is None else self.order.exit_price

    @property
    def more(self) -> bool:
        """Granted before, and owed more now."""
        return self.awarded and self.verdict.owed > 0

    @property
    def cut(self) -> bool:
        """A limit took something away: the arithmetic alone does not give the amount."""
        return not letters.LIMITS.keys().isdisjoint(self.verdict.flags)

    @property
    def computed(self) -> bool:
        """Whether the amount came from prices: then the arithmetic can be written out."""
        has_prices = self.verdict.reference_price is not None and self.exit is not None
        return has_prices and self.verdict.outcome in ("pay", "nil") and "paid_elsewhere" not in self.verdict.flags

    @property
    def warnings(self) -> list:
        return [FLAGS.get(flag, flag) for flag in self.verdict.flags]

    @property
    def because(self) -> str:
        """The words of the clause that decided, or else of the first that excludes."""
        lines = [line for line in self.clauses if line.decides or line.clause.code in self.verdict.reasons]
        return lines[0].words if lines else ""


@dataclass(frozen=True)
class ContactLine:
    """A contact, whether it came in time, and what is odd about it."""

    contact: Contact
    in_time: bool | None  # None: no outage yet to hold it against
    unknown: list[str]  # orders named that we do not have
    strangers: list[str]  # orders named that belong to somebody else
    account_is_strange: bool

    @property
    def is_odd(self) -> bool:
        return bool(self.unknown or self.strangers or self.account_is_strange)


def claims() -> QuerySet[Claim]:
    """Claims with everything around them that the page and the gate look at."""
    evidence = Evidence.objects.select_related("received_by", "reviewed_by")
    awards = Award.objects.select_related("entry")
    decisions = Decision.objects.select_related("decided_by").prefetch_related(Prefetch("awards", awards))
    return Claim.objects.select_related(
        "customer",
        "incident",
        "assessment__policy",
        "entered_by",
        "assigned_to",
        "team",
        "bonus__entry",
        "bonus__granted_by",
    ).prefetch_related(
        "customer__accounts",
        "contacts",
        Prefetch("evidence", evidence),
        Prefetch("decisions", decisions),
        Prefetch("steps", Step.objects.select_related("taken_by")),
        Prefetch(
            "offers", Offer.objects.select_related("made_by", "recorded_by").prefetch_related("lines__verdict__order")
        ),
    )


class ClaimPage:
    """Everything the screen shows; each part is asked for once: a dozen queries, whatever the number of orders."""

    def __init__(self, claim: Claim, user):
        self.claim, self.user = claim, user

    @cached_property
    def allowed(self) -> list[str]:
        """The verbs that are buttons now: what the gate lets pass and what there is something to do for."""
        useful = {
            "approve": bool(self.payable),
            "deny": not self.payable,
            "offer": bool(self.to_offer) and (self.offer is None or self.offer.answer in Offer.LAPSED),
            "answer": self.offer is not None and not self.offer.answer,
        }
        return [verb for verb in gate.allowed(self.claim, self.user) if useful.get(verb, True)]

    @cached_property
    def steps_allowed(self) -> list[steps.StepButton]:
        return steps.buttons(self.allowed, self.claim)

    @property
    def letters_in(self):
        """The language that we write to the customer in."""
        return letters.LANGUAGES[letters.language_of(self.claim.customer.language)]

    @cached_property
    def standing(self) -> list[str]:
        return steps.standing(self.claim)

    @cached_property
    def reasons(self) -> list[str]:
        """What becomes of each order and why, for whoever denies: what the customer will read."""
        return list(letters.orders_in_words(self.claim)) if "deny" in self.allowed else []

    @cached_property
    def hindrance(self) -> str:
        """Why this person may not decide, where their role could."""
        verb = "approve" if self.payable else "deny"
        if not self.user.has_perm(gate.TRANSITIONS[verb].permission) or self.claim.status not in Claim.DECIDABLE:
            return ""
        try:
            gate.check(verb, self.claim, self.user)
        except gate.Refused as refusal:
            return str(refusal)
        return ""

    @cached_property
    def terms(self) -> Terms | None:
        return self.claim.assessment.policy.terms if self.claim.assessment else None

    @cached_property
    def outage(self):
        return facts.outage_of(self.claim.assessment) if self.claim.assessment else None

    @cached_property
    def orders(self) -> list[OrderLine]:
        if self.terms is None:
            return []
        verdicts = Verdict.objects.filter(claim=self.claim, assessment=self.claim.assessment_id).explained()
        return [
            self._line(verdict)
            for verdict in verdicts.as_listed().select_related("order__instrument", "order__account")
        ]

    def _line(self, verdict: Verdict) -> OrderLine:
        terms, language = self.terms, get_language() or "en"
        clauses = [
            ClauseLine(clause, clause.words(language), clause.code in verdict.holds, clause.code == verdict.clause)
            for clause in terms.clauses
        ]
        share = (
            next((line.clause.percentage for line in clauses if line.decides), Decimal(100)) * terms.percentage / 100
        )
        return OrderLine(
            verdict=verdict,
            clauses=clauses,
            share=share,
            cover=verdict.order.bankruptcy_cover if terms.net_bankruptcy_cover else Decimal(0),
            fee=verdict.order.liquidation_fee if terms.refund_liquidation_fee else Decimal(0),
            awarded=verdict.had > 0 and not verdict.elsewhere,
        )

    @cached_property
    def payable(self) -> dict[str, Decimal]:
        """By asset, what an approval would grant now."""
        amounts: dict[str, Decimal] = {}
        for line in self.orders:
            verdict = line.verdict
            if verdict.is_owed:
                amounts[verdict.asset] = amounts.get(verdict.asset, Decimal(0)) + verdict.owed
        return amounts

    @cached_property
    def to_offer(self) -> list[OrderLine]:
        """The orders that need the customer's consent before anything is granted (`Verdict.objects.to_offer`)."""
        return [line for line in self.orders if line.verdict.awaits_consent]

    @cached_property
    def offer(self) -> Offer | None:
        """The offer of the assessment in force, answered or not."""
        ours = (offer for offer in self.offers if offer.assessment_id == self.claim.assessment_id)
        return next(ours, None)

    @cached_property
    def offers(self) -> list[Offer]:
        return list(self.claim.offers.all())

    @cached_property
    def outcomes(self) -> list[tuple[str, object, int]]:
        """(code, words, how many), in the order of the outcomes, empty ones left out."""
        found = [line.verdict.outcome for line in self.orders]
        return [(code, words, found.count(code)) for code, words in Verdict.Outcome.choices if code in found]

    @cached_property
    def contacts(self) -> list[ContactLine]:
        contacts = list(self.claim.contacts.all())
        owners = facts.owners_of({order_id for contact in contacts for order_id in contact.order_ids})
        return [self._contact(contact, owners) for contact in contacts]

    def _contact(self, contact: Contact, owners: dict[str, set[int]]) -> ContactLine:
        mine = {account.code for account in self.claim.customer.accounts.all()}
        return ContactLine(
            contact=contact,
            in_time=self.outage.in_time(contact.contacted_at, self.terms.contact_within)
            if self.outage and self.terms
            else None,
            unknown=[order for order in contact.order_ids if order not in owners],
            strangers=[o for o in contact.order_ids if o in owners and self.claim.customer_id not in owners[o]],
            account_is_strange=bool(contact.account) and contact.account not in mine,
        )

    @cached_property
    def evidence(self) -> list[Evidence]:
        return list(self.claim.evidence.all())

    @cached_property
    def evidence_first(self) -> bool:
        """Whether the next step is to look at a file: then it stands above the orders."""
        waits = any(item.status == Evidence.Status.RECEIVED for item in self.evidence)
        asked = any(line.verdict.outcome == Verdict.Outcome.NEEDS_EVIDENCE for line in self.orders)
        return waits and asked and "review" in self.allowed

    @cached_property
    def decisions(self) -> list[Decision]:
        return list(self.claim.decisions.all())

    @cached_property
    def bonus(self):
        return getattr(self.claim, "bonus", None)
