"""Which claims wait, for what, and which one is next for whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from claims import callers, gate
from claims.deadlines import Outage
from claims.models import Claim, Contact, Decision, Evidence, Offer, Policy, Verdict

S, Outcome = Claim.Status, Verdict.Outcome


LOOKED_AT = 500  # claims of a kind, due next: to see whether one waits for a person takes a look at its orders


def for_me(user) -> QuerySet[Claim]:
    """Open claims whose next step is this person's: to decide for who may decide, else evidence that a clause asks for.

    Of the claims that it may be, the LOOKED_AT due first of each kind are looked at.
    """
    if user.has_perm("claims.approve_claim"):
        owing = Exists(Verdict.objects.owing().filter(claim=OuterRef("pk")))
        asked = Exists(Verdict.objects.to_offer().filter(claim=OuterRef("pk")))
        declined = Exists(_offers().filter(answer__in=Offer.LAPSED))
        unready = Q(status__in=(S.NEEDS_EVIDENCE, S.ON_HOLD)) | Q(Exists(_unanswered()))
        found = _due_next(ready(), Claim.objects.decidable().filter(unready))
        return found.filter(owing | Q(Q(declined) | ~Q(asked), ~Exists(_unanswered()), status=S.ASSESSED)).exclude(
            had_a_hand(user)
        )
    if user.has_perm("claims.review_evidence"):
        asked = Exists(Verdict.objects.in_force().filter(outcome=Outcome.NEEDS_EVIDENCE, claim=OuterRef("pk")))
        consent = Exists(Verdict.objects.to_offer().filter(claim=OuterRef("pk")))
        unoffered = Claim.objects.decidable().filter(~Exists(_offers()), asked_at__isnull=True)
        return _due_next(to_review(), unoffered).filter(
            Q(asked, Exists(_unreviewed())) | Q(Q(consent), ~Exists(_offers()))
        )
    return Claim.objects.none()


def ready() -> QuerySet[Claim]:
    """Assessed, and nobody is waited for: neither the customer nor whoever put it on hold."""
    return Claim.objects.decidable().filter(~Exists(_unanswered()), status=S.ASSESSED, asked_at__isnull=True)


def to_review() -> QuerySet[Claim]:
    """A clause asks for evidence, and there is a file that nobody looked at."""
    return Claim.objects.open().filter(Exists(_unreviewed()), status__in=(S.NEEDS_EVIDENCE, S.ON_HOLD))


def _due_next(*kinds: QuerySet[Claim]) -> QuerySet[Claim]:
    first, *others = (kind.in_queue_order().values("pk")[:LOOKED_AT] for kind in kinds)
    return Claim.objects.filter(pk__in=first.union(*others, all=True))


def _unreviewed() -> QuerySet[Evidence]:
    return Evidence.objects.unreviewed().filter(claim=OuterRef("pk"))


def _offers() -> QuerySet[Offer]:
    """Inside a query of claims: what was offered on the assessment in force, and not accepted."""
    return Offer.objects.filter(claim=OuterRef("pk"), assessment=OuterRef("assessment")).exclude(answer="accepted")


def _unanswered() -> QuerySet[Offer]:
    return _offers().filter(answer=Offer.Answer.WAITS)


def had_a_hand(user) -> Q:
    """Claims this person prepared or endorsed: what four eyes keep from them."""
    endorsed = Decision.objects.filter(verb=Decision.Verb.ENDORSE, assessment=OuterRef("assessment"), decided_by=user)
    return gate.prepared_by(user) | Q(Exists(endorsed.filter(claim=OuterRef("pk"))))


def found(claims: QuerySet[Claim], text: str) -> QuerySet[Claim]:
    """Claims by their reference, customer (a word of the name, too), account, order or ticket; each place by its own index."""
    places = [
        Claim.objects.filter(reference=text.upper()),
        Claim.objects.filter(customer__code=text),
        Claim.objects.filter(customer__accounts__code=text),
        Claim.objects.filter(customer__orders__order_id=text),
        Claim.objects.filter(contacts__ticket=text),
        Claim.objects.filter(customer__in=callers.named(text)),
    ]
    first, *others = (place.order_by().values("pk") for place in places)
    return claims.filter(pk__in=first.union(*others))


@dataclass
class Waiting:
    """What the queue says about a claim."""

    orders: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    payable: dict[str, Decimal] = field(default_factory=dict)
    evidence: int = 0
    unreviewed: int = 0
    in_touch: bool | None = None  # None: no outage window or no contact rule to hold it against
    endorsed: bool = False
    to_offer: int = 0  # orders that need the customer's consent
    to_clear_up: int = 0  # orders named that are unknown or another customer's
    offer: str | None = None  # the answer to the offer of this assessment; None: not made


def describe(claims: Sequence[Claim]) -> None:
    """Give each claim its `waiting`, in a fixed number of queries; the incidents' windows are prefetched."""
    found = {claim.pk: Waiting() for claim in claims}
    for row in _verdicts(found):
        one = found[row["claim"]]
        one.orders += row["orders"]
        one.outcomes[row["outcome"]] = one.outcomes.get(row["outcome"], 0) + row["orders"]
    owing = Verdict.objects.owing().filter(claim__in=found).order_by("claim", "asset")
    for row in owing.values("claim", "asset").annotate(sum=Sum("owed")):
        found[row["claim"]].payable[row["asset"]] = row["sum"]
    for row in _evidence(found):
        found[row["claim"]].evidence, found[row["claim"]].unreviewed = row["all"], row["unreviewed"]
    endorsements = Decision.objects.filter(verb=Decision.Verb.ENDORSE, assessment=F("claim__assessment"))
    for pk in endorsements.filter(claim__in=found).values_list("claim", flat=True):
        found[pk].endorsed = True
    for pk, orders in callers.orders_to_clear_up(list(found)).items():
        found[pk].to_clear_up = orders
    _consents(found)
    _in_touch(claims, found)
    for claim in claims:
        claim.waiting = found[claim.pk]


def _verdicts(claims: Iterable[int]) -> QuerySet:
    rows = Verdict.objects.in_force().filter(claim__in=claims).order_by("claim", "asset")
    return rows.values("claim", "asset", "outcome").annotate(orders=Count("pk"))


def _evidence(claims: Iterable[int]) -> QuerySet:
    rows = Evidence.objects.filter(claim__in=claims).order_by().values("claim")
    return rows.annotate(all=Count("pk"), unreviewed=Count("pk", filter=Q(status=Evidence.Status.RECEIVED)))


def _consents(found: dict[int, Waiting]) -> None:
    asking = Verdict.objects.to_offer().filter(claim__in=found).order_by("claim")
    for pk, orders in asking.values_list("claim").annotate(Count("pk")):
        found[pk].to_offer = orders
    offers = Offer.objects.filter(claim__in=found, assessment=F("claim__assessment"))
    for pk, answer in offers.order_by("pk").values_list("claim", "answer"):  # the last one counts
        found[pk].offer = answer


def _in_touch(claims: Sequence[Claim], found: dict[int, Waiting]) -> None:
    """Whether some contact came in time, by the policy in force of the claim's incident (S1-E5)."""
    policies = Policy.objects.published().filter(incident__in={claim.incident_id for claim in claims})
    terms = {policy.incident_id: policy.terms for policy in policies.order_by("version")}
    contacts: dict[int, list] = {}
    for pk, at in Contact.objects.filter(claim__in=found).order_by().values_list("claim", "contacted_at"):
        contacts.setdefault(pk, []).append(at)
    for claim in claims:
        outage = outage_of(claim.incident.windows.all())
        if outage and claim.incident_id in terms:
            made = contacts.get(claim.pk, ())
            within = terms[claim.incident_id].contact_within
            found[claim.pk].in_touch = any(outage.in_time(at, within) for at in made)


def outage_of(windows) -> Outage | None:
    """An incident's prefetched windows as one outage, unmerged: only its start and end are asked for here."""
    spans = sorted((window.starts_at, window.ends_at) for window in windows)
    if not spans:
        return None
    ends = [end for _start, end in spans]
    return Outage(((spans[0][0], None if None in ends else max(ends)),))


OFFERS = {None: _("an offer to the customer"), "": _("the customer's answer"), "declined": _("a manager: offer declined"),
          "expired": _("a manager: offer expired"), "accepted": _("approval")}  # fmt: skip


def waits_for(claim: Claim) -> str | Promise:
    """The next step of a described claim, in words."""
    if claim.status not in Claim.OPEN:
        return "–"
    if claim.held_at is not None:
        return _("somebody: on hold")
    if claim.asked_at is not None:
        return _("the customer's answer")
    return _("the eligibility checks") if claim.status == S.SUBMITTED else _next_step(claim)


def _next_step(claim: Claim) -> str | Promise:
    """Of a claim that was checked and that nobody holds."""
    about = claim.waiting
    if about.unreviewed and about.outcomes.get(Outcome.NEEDS_EVIDENCE):
        return _("evidence to review")
    if about.endorsed:
        return _("a second manager")
    if about.to_offer and not about.payable:
        return OFFERS[about.offer]
    if claim.status == S.NEEDS_EVIDENCE:
        return _("part payment; evidence from the customer") if about.payable else _("evidence from the customer")
    if claim.status == S.ON_HOLD:
        return _("the end of the outage") if about.outcomes.get(Outcome.HOLD) else _("a usable price")
    if about.payable:
        return _("approval")
    return _("a manager: no clause matches") if about.outcomes.get(Outcome.NO_CLAUSE) else _("denial: nothing to pay")
