"""Every verb × every status × every role × everybody's hand in the claim, against a table written by hand."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils.translation import override

from claims import gate, workflow
from claims.models import Claim, Decision, Offer, Step
from tests import factories as make
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db

SUBMITTED, EVIDENCE, HOLD, ASSESSED = "submitted", "needs_evidence", "on_hold", "assessed"
APPROVED, DENIED, WITHDRAWN = "approved", "denied", "withdrawn"
STATUSES = {SUBMITTED, EVIDENCE, HOLD, ASSESSED, APPROVED, DENIED, WITHDRAWN}
OPEN, DECIDABLE = {SUBMITTED, EVIDENCE, HOLD, ASSESSED}, {EVIDENCE, HOLD, ASSESSED}
DESK, MANAGERS = {"agent", "manager"}, {"manager"}

# By verb: from which statuses, by which roles, and whether also by somebody who had a hand in the claim.
WRITTEN_BY_HAND = {
    "assess": (OPEN, DESK, True),
    "review": (OPEN, DESK, True),
    "ask": (OPEN, DESK, True),
    "reply": (OPEN, DESK, True),
    "hold": (OPEN, DESK, True),
    "release": (OPEN, DESK, True),
    "withdraw": (OPEN, DESK, True),
    "appeal": ({APPROVED, DENIED}, DESK, True),
    "offer": (DECIDABLE, DESK, True),
    "answer": (DECIDABLE, DESK, True),
    "approve": (DECIDABLE, MANAGERS, False),
    "deny": (DECIDABLE, MANAGERS, False),
}
# By what else is so of the claim: the verbs that it keeps from everybody.
KEPT_FROM_ALL = {
    "": {"reply", "release"},
    "asked": {"ask", "release"},
    "held": {"hold", "reply", "offer", "approve", "deny"},
    "appealed": {"appeal", "reply", "release"},
}
ROLES = ("agent", "manager", "auditor", "nobody", "inactive manager", "inactive agent")
HANDS = {  # what somebody did with a claim: True where four eyes keep the decision from them
    "nothing": False,
    "entered the claim": True,
    "entered a contact": True,
    "brought evidence": True,
    "reviewed evidence": True,
    "made an offer": True,
    "recorded the answer to an offer": True,
    "decided before the appeal": True,
    "decided after the appeal": False,
    "decided, and nobody appealed": False,
    "recorded the appeal": False,
}


def person(role: str) -> User:
    if role == "nobody":
        return User.objects.create_user("nobody", is_staff=True)
    one = make.staff(role.replace(" ", "-"), role.rpartition(" ")[2])
    User.objects.filter(pk=one.pk).update(is_active=not role.startswith("inactive"))
    return User.objects.get(pk=one.pk)


@pytest.fixture
def claim():
    incident = make.incident()
    make.order("1")
    found = make.claim(incident)
    workflow.assess_now(incident, now=NOW)
    return again(found)


def again(claim: Claim) -> Claim:
    return Claim.objects.select_related("incident").get(pk=claim.pk)


def decided(claim: Claim, by: User, revision: int) -> None:
    Decision.objects.create(
        claim=claim, verb="deny", revision=revision, assessment=claim.assessment, reason="no", decided_by=by,
        decided_at=NOW, prepared_by=[],
    )  # fmt: skip


def appealed(claim: Claim, by: User, revision: int) -> None:
    Step.objects.create(claim=claim, verb="appeal", revision=revision, reason="no", taken_by=by, taken_at=NOW)


def offered(claim: Claim, by: User, **answer) -> None:
    Offer.objects.create(claim=claim, assessment=claim.assessment, made_by=by, made_at=NOW, **answer)


def lend(claim: Claim, hand: str, who: User, other: User) -> None:
    """Somebody did this with the claim; whatever else that needed, another person did."""
    declined = {"answer": "declined", "note": "call", "answered_at": NOW}
    {
        "nothing": lambda: None,
        "entered the claim": lambda: Claim.objects.filter(pk=claim.pk).update(entered_by=who),
        "entered a contact": lambda: claim.contacts.create(channel="chat", contacted_at=at("15:10"), entered_by=who),
        "brought evidence": lambda: make.evidence(claim, received_by=who),
        "reviewed evidence": lambda: make.evidence(claim, status="accepted", received_by=other, reviewed_by=who),
        "made an offer": lambda: offered(claim, who),
        "recorded the answer to an offer": lambda: offered(claim, other, **declined, recorded_by=who),
        "decided before the appeal": lambda: (decided(claim, who, 11), appealed(claim, other, 12)),
        "decided after the appeal": lambda: (appealed(claim, other, 12), decided(claim, who, 13)),
        "decided, and nobody appealed": lambda: decided(claim, who, 11),
        "recorded the appeal": lambda: (decided(claim, other, 11), appealed(claim, who, 12)),
    }[hand]()


def expected(verb: str, status: str, role: str, hand: str, fact: str) -> bool:
    statuses, roles, whoever_prepared = WRITTEN_BY_HAND[verb]
    kept = KEPT_FROM_ALL["appealed" if "appeal" in hand and "nobody" not in hand else fact]
    return status in statuses and role in roles and verb not in kept and (whoever_prepared or not HANDS[hand])


def allowed(claim: Claim, who: User) -> dict[str, set[str]]:
    """By status: the verbs of a claim that is otherwise as it is."""
    found = {}
    for claim.status in sorted(STATUSES):
        found[claim.status] = set(gate.allowed(claim, who))
    return found


def with_all_around(claim: Claim) -> Claim:
    return Claim.objects.prefetch_related("contacts", "evidence", "offers", "decisions", "steps").get(pk=claim.pk)


def test_the_table_names_every_verb_and_every_status():
    assert (set(WRITTEN_BY_HAND), STATUSES) == (set(gate.TRANSITIONS), set(Claim.Status.values))


@pytest.mark.parametrize("hand", HANDS)
def test_every_verb_by_every_role_in_every_status_after_every_hand_in_the_claim(claim, hand):
    """12 verbs × 7 statuses × 6 people; with the eleven hands 5,544 answers."""
    people, other = {role: person(role) for role in ROLES}, make.staff("other", "manager")
    for role, who in people.items():
        own = make.claim(claim.incident, f"customer of {role}")
        Claim.objects.filter(pk=own.pk).update(assessment=claim.assessment, status=ASSESSED)
        lend(again(own), hand, who, other)
        right = {
            status: {verb for verb in WRITTEN_BY_HAND if expected(verb, status, role, hand, "")} for status in STATUSES
        }
        assert allowed(with_all_around(own), who) == right, role


@pytest.mark.parametrize("fact", ["asked", "held", "appealed"])
def test_every_verb_by_every_role_in_every_status_of_a_claim_that_was_asked_about_or_held_or_appealed(claim, fact):
    moment = {"asked": {"asked_at": NOW}, "held": {"held_at": NOW}, "appealed": {}}[fact]
    Claim.objects.filter(pk=claim.pk).update(**moment)
    if fact == "appealed":
        appealed(claim, make.staff("other", "agent"), 9)
    for role in ROLES:
        right = {
            status: {verb for verb in WRITTEN_BY_HAND if expected(verb, status, role, "nothing", fact)}
            for status in STATUSES
        }
        assert allowed(with_all_around(claim), person(role)) == right, role


@pytest.mark.parametrize("hand", HANDS)
def test_the_queue_finds_by_a_query_exactly_the_claims_that_the_gate_keeps_from_a_person(claim, hand):
    mia, other = make.staff("mia", "manager"), make.staff("other", "manager")
    lend(claim, hand, mia, other)
    own = Claim.objects.filter(gate.prepared_by(mia))
    assert list(own) == ([claim] if HANDS[hand] else [])
    assert (mia.pk in gate.preparers(again(claim))) == HANDS[hand]


# --- the verbs themselves ask the gate


def call(verb: str, claim: Claim, by: User):
    """The workflow's own verb, as every door calls it."""
    shot = claim.evidence.first() or make.evidence(claim)
    offer = claim.offers.first()
    return {
        "assess": lambda: workflow.request_assessment(claim.incident, claim=claim, by=by, now=NOW),
        "review": lambda: workflow.review_evidence(shot, accept=True, reason="clear", by=by, now=NOW),
        "ask": lambda: workflow.ask_customer(claim, reason="a screenshot", by=by, now=NOW),
        "reply": lambda: workflow.record_answer(claim, reason="by chat", by=by, now=NOW),
        "hold": lambda: workflow.put_on_hold(claim, reason="compliance", by=by, now=NOW),
        "release": lambda: workflow.release(claim, reason="cleared", by=by, now=NOW),
        "withdraw": lambda: workflow.withdraw(claim, reason="wants nothing", by=by, now=NOW),
        "appeal": lambda: workflow.appeal(claim, reason="disagrees", by=by, now=NOW),
        "offer": lambda: workflow.make_offer(claim, by=by, now=NOW),
        "answer": lambda: workflow.answer_offer(offer, accept=False, note="call", by=by, now=NOW),
        "approve": lambda: workflow.approve(claim, by=by, now=NOW),
        "deny": lambda: workflow.deny(claim, reason="nothing to pay", by=by, now=NOW),
    }[verb]()


@pytest.mark.parametrize("verb", WRITTEN_BY_HAND)
def test_every_verb_refuses_where_the_gate_does_and_changes_nothing(claim, verb):
    mia, aude = make.staff("mia", "manager"), make.staff("aude", "auditor")
    offered(claim, make.staff("ana", "agent"))
    make.evidence(claim)
    for status in sorted(STATUSES - WRITTEN_BY_HAND[verb][0]):
        Claim.objects.filter(pk=claim.pk).update(status=status)
        before = Claim.objects.values().get(pk=claim.pk)
        with pytest.raises(gate.Refused, match="it cannot be changed by"):
            call(verb, again(claim), mia)
        assert Claim.objects.values().get(pk=claim.pk) == before
    for status in sorted(WRITTEN_BY_HAND[verb][0]):
        Claim.objects.filter(pk=claim.pk).update(status=status)
        before = Claim.objects.values().get(pk=claim.pk)
        with pytest.raises(gate.Refused, match="has not the permission"):
            call(verb, again(claim), aude)
        assert Claim.objects.values().get(pk=claim.pk) == before
    assert not Step.objects.exists() and not Decision.objects.exists()


def test_a_refusal_names_the_verb_in_the_readers_language(claim):
    Claim.objects.update(status="approved")
    mia = make.staff("mia", "manager")
    with override("zh-hans"), pytest.raises(gate.Refused) as refused:
        gate.check("hold", again(claim), mia)
    assert str(refused.value) == f"{claim.reference} 当前为“已批准”：现在不能执行“暂缓处理”"
    assert gate.NAMES.keys() == gate.TRANSITIONS.keys()
