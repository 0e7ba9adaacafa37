"""Two people at one claim at the same moment, in two processes: whatever the two verbs, one is done and one is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations_with_replacement

import pytest

from claims import workflow
from claims.models import Award, Claim, Decision, Offer, Step
from tests import factories as make
from tests.claims import test_offers
from tests.conftest import ROOT
from tests.factories import NOW
from tests.together import held, wait_for_waiting

pytestmark = pytest.mark.django_db(transaction=True)


class Clerk:
    """A process that works on this test's database (tests/claims/clerk.py)."""

    def __init__(self, env: dict[str, str]):
        command = [sys.executable, "-m", "tests.claims.clerk"]
        env = env | {"DJANGO_SETTINGS_MODULE": "config.settings"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def told(self, verb: str, claim: Claim, by: str) -> None:
        order = {"verb": verb, "claim": claim.pk, "revision": claim.revision, "by": by, "now": NOW.isoformat()}
        self.process.stdin.write(json.dumps(order) + "\n")

    def answer(self) -> str:
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def started() -> Iterator[list[Clerk]]:
    """Two of them for all the pairs: each looks up the database's name only when it is told something."""
    clerks: list[Clerk] = []
    yield clerks
    for clerk in clerks:
        clerk.process.stdin.close()
        clerk.process.wait(timeout=30)


@pytest.fixture
def clerks(started, command_env) -> list[Clerk]:
    started += [Clerk(command_env) for _missing in range(2 - len(started))]
    return started


def again(claim: Claim) -> Claim:
    return Claim.objects.get(pk=claim.pk)


def people() -> None:
    for name, role in (("ana", "agent"), ("mia", "manager"), ("max", "manager")):
        make.staff(name, role)


def user(name: str):
    return make.User.objects.get(username=name)


def payable() -> Claim:
    people()
    incident = make.incident()
    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    make.order("1")
    claim = make.claim(incident)
    workflow.assess_now(incident, now=NOW)
    return again(claim)


def worthless() -> Claim:
    people()
    incident = make.incident()
    make.order("1", exit_price="17000")  # a profit
    claim = make.claim(incident)
    workflow.assess_now(incident, now=NOW)
    return again(claim)


def asked_and_held() -> Claim:
    claim = payable()
    workflow.ask_customer(claim, reason="a screenshot", by=user("ana"), now=NOW)
    workflow.put_on_hold(again(claim), reason="compliance", by=user("ana"), now=NOW)
    return again(claim)


def denied() -> Claim:
    claim = worthless()
    workflow.deny(claim, reason="A profit.", by=user("mia"), now=NOW)
    return again(claim)


def to_be_consented() -> Claim:
    """KVB's breakdown: nothing is paid before the customer consents."""
    desk = test_offers.desk.__wrapped__(None)
    test_offers.order(desk, "1")
    return test_offers.assessed(desk)


def offered() -> Claim:
    claim = to_be_consented()
    workflow.make_offer(claim, by=user("ana"), now=NOW)
    return again(claim)


TOGETHER = {  # a claim, and the verbs that are allowed on it
    payable: ("ask", "hold", "withdraw", "approve"),
    worthless: ("ask", "hold", "withdraw", "deny"),
    asked_and_held: ("reply", "release", "withdraw"),
    denied: ("appeal",),
    to_be_consented: ("offer", "deny", "withdraw", "hold", "ask"),
    offered: ("accept", "decline", "withdraw", "hold", "reply", "deny"),
}
PAIRS = [(made, *pair) for made, verbs in TOGETHER.items() for pair in combinations_with_replacement(verbs, 2)]


@pytest.mark.parametrize(("made", "first", "second"), PAIRS, ids=lambda value: getattr(value, "__name__", value))
def test_of_two_verbs_at_the_same_moment_one_is_done_and_the_other_refused(clerks, made, first, second):
    claim = made()
    before = done_to(claim)
    with held("claims_claim"):
        clerks[0].told(first, claim, "mia")
        clerks[1].told(second, claim, "max")
        wait_for_waiting(2)
    answers = [clerk.answer() for clerk in clerks]
    assert sorted(answer.partition(":")[0] for answer in answers) == ["done", "refused"], answers
    assert any("changed by somebody else a moment ago" in answer for answer in answers)
    assert done_to(claim) - before == 1
    assert again(claim).revision == claim.revision + 1


def done_to(claim: Claim) -> int:
    """How many rows say that somebody did something: each verb writes one, and an approval its award besides."""
    offers = Offer.objects.filter(claim=claim)
    answered = offers.exclude(answer="").count()
    rows = [model.objects.filter(claim=claim).count() for model in (Step, Decision)]
    assert Award.objects.filter(claim=claim).count() == Decision.objects.filter(claim=claim, verb="approve").count()
    return sum(rows) + offers.count() + answered
