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
from incidents.models import Account, Customer
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
    """Two for all the pairs: the database's name stays, and between two orders they hold no connection."""
    found: list[Clerk] = []
    yield found
    for clerk in found:
        clerk.process.stdin.close()
        clerk.process.wait(timeout=30)


@pytest.fixture
def clerks(started, command_env) -> list[Clerk]:
    started += [Clerk(command_env) for _missing in range(2 - len(started))]
    return started


class Outage:
    """S1's outage: agent Ana, managers Mia and Max, and as many customers as there are pairs."""

    def __init__(self):
        self.ana = make.staff("ana", "agent")
        self.mia, self.max = make.staff("mia", "manager"), make.staff("max", "manager")
        self.incident = make.incident()
        make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))

    def assessed(self, number: int, **facts) -> list[Claim]:
        """So many claims, of a customer each, assessed together."""
        claims = [self.claim_of(f"customer-{nth}", **facts) for nth in range(number)]
        workflow.assess_now(self.incident, now=NOW)
        return [again(claim) for claim in claims]

    def claim_of(self, code: str, **facts) -> Claim:
        make.order(f"order-of-{code}", code, **facts)
        return make.claim(self.incident, code)


class Breakdown(Outage):
    """KVB's breakdown: nothing is paid before the customer consents."""

    def __init__(self):
        self.desk = test_offers.desk.__wrapped__(None)
        self.ana, self.incident = self.desk.ana, self.desk.incident

    def claim_of(self, code: str, **facts) -> Claim:
        self.desk.customer = Customer.objects.create(code=code)
        self.desk.account = Account.objects.create(code=code, customer=self.desk.customer)
        test_offers.order(self.desk, f"order-of-{code}", **facts)
        return Claim.objects.create(incident=self.incident, customer=self.desk.customer, submitted_at=NOW)


def again(claim: Claim) -> Claim:
    return Claim.objects.get(pk=claim.pk)


def payable(outage: Outage, number: int) -> list[Claim]:
    return outage.assessed(number)


def worthless(outage: Outage, number: int) -> list[Claim]:
    return outage.assessed(number, exit_price="17000")  # a profit


def asked_and_held(outage: Outage, number: int) -> list[Claim]:
    claims = outage.assessed(number)
    for claim in claims:
        workflow.ask_customer(claim, reason="a screenshot", by=outage.ana, now=NOW)
        workflow.put_on_hold(again(claim), reason="compliance", by=outage.ana, now=NOW)
    return [again(claim) for claim in claims]


def denied(outage: Outage, number: int) -> list[Claim]:
    claims = worthless(outage, number)
    for claim in claims:
        workflow.deny(claim, reason="A profit.", by=outage.mia, now=NOW)
    return [again(claim) for claim in claims]


def offered(outage: Outage, number: int) -> list[Claim]:
    claims = outage.assessed(number)
    for claim in claims:
        workflow.make_offer(claim, by=outage.ana, now=NOW)
    return [again(claim) for claim in claims]


TOGETHER = [  # an outage, claims of it, and the verbs that are allowed on each
    (Outage, payable, ("ask", "hold", "withdraw", "approve")),
    (Outage, worthless, ("ask", "hold", "withdraw", "deny")),
    (Outage, asked_and_held, ("reply", "release", "withdraw")),
    (Outage, denied, ("appeal",)),
    (Breakdown, payable, ("offer", "deny", "withdraw", "hold", "ask")),
    (Breakdown, offered, ("accept", "decline", "withdraw", "hold", "reply", "deny")),
]


@pytest.mark.parametrize(("where", "made", "verbs"), TOGETHER)
def test_of_any_two_verbs_at_the_same_moment_one_is_done_and_the_other_refused(clerks, where, made, verbs):
    pairs = list(combinations_with_replacement(verbs, 2))
    claims = made(where(), len(pairs))
    outcomes = {pair: outcome(clerks, claim, pair) for claim, pair in zip(claims, pairs, strict=True)}
    assert outcomes == dict.fromkeys(pairs, ("done", "refused: changed by somebody else", 1, 1))


def outcome(clerks: list[Clerk], claim: Claim, pair: tuple[str, str]) -> tuple[str, str, int, int]:
    """What both were answered, how many rows say that something was done, and by how much the revision grew."""
    before = rows_of(claim)
    with held("claims_claim", f"id = {claim.pk}"):
        for clerk, verb, by in zip(clerks, pair, ("mia", "max"), strict=True):
            clerk.told(verb, claim, by)
        wait_for_waiting(2)
    done, refused = sorted(clerk.answer() for clerk in clerks)
    if "was changed by somebody else a moment ago" in refused:
        refused = "refused: changed by somebody else"
    return done, refused, rows_of(claim) - before, again(claim).revision - claim.revision


def rows_of(claim: Claim) -> int:
    """Each verb writes one row; an approval writes its award as well, and never without it."""
    approvals = Decision.objects.filter(claim=claim, verb="approve").count()
    assert Award.objects.filter(claim=claim).count() == approvals
    offers = Offer.objects.filter(claim=claim)
    rows = [model.objects.filter(claim=claim).count() for model in (Step, Decision)]
    return sum(rows) + offers.count() + offers.exclude(answer="").count()
