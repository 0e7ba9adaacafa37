"""The policy's one query against a slow reading of the rules (`oracle`), over policies, outages and orders made by chance.

All instants lie on a coarse grid, so that boundaries and ties happen often. ORACLE_EXAMPLES=5000 makes it a long run.
"""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from claims import terms, workflow
from claims.models import Claim, Compensation, Contact, Evidence
from incidents.models import Order, Quote
from tests import factories as make
from tests.claims import oracle
from tests.factories import NOW, at

EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "0"))
CUSTOMERS = ("carla", "chen", "cyrus", "clara")
NO_CLAIM = "cosmo"  # never got in touch, never showed anything: no claim, no verdict
INSTRUMENTS = {
    "BTCUSDT": {"margin": "linear", "product": "standard", "contract_value": "1"},
    "ETHUSDT": {"margin": "linear", "product": "pro", "contract_value": "1"},
    "BTCUSD": {"margin": "inverse", "product": "pro", "contract_value": "100"},
}
DECIMALS = {"linear": 2, "inverse": 8}
PRICES = ("100", "100.01", "100.03", "99.5", "101.37", "64.123456789012", "130")
CODES = ("A", "B-1", "C--2", "D-", "E1", "EVERYTHING-ELSE-20CH", "Z")
OFFSETS = (0, 0, 20, -20, 40, 60)  # seconds
PERCENTAGES = ("100", "100", "50", "33.333333333333", "0.5")
STEPS = 16
SCOPES = ({}, {}, {}, {}, {}, {"instruments": ["BTCUSD", "BTCUSDT"]}, {"products": ["pro"]},
          {"instruments": ["BTCUSD", "BTCUSDT"], "products": ["standard"]})  # fmt: skip


def step(number: int):
    """An instant of the grid, 20 seconds wide."""
    return at("14:00") + timedelta(seconds=20 * number)


# --- policies, drawn by hypothesis

anchors = st.tuples(st.sampled_from(("start", "end")), st.sampled_from(OFFSETS))


def written(anchor) -> str:
    if anchor is None:
        return ""
    base, seconds = anchor
    return base if seconds == 0 else f"{base}{'+' if seconds > 0 else '-'}{abs(seconds)}s"


@st.composite
def clauses(draw, code, effect):
    asked = draw(st.sets(st.sampled_from(CONDITIONS), min_size=effect == "exclude", max_size=3))
    begin, end = draw(anchors), draw(anchors)
    if begin[0] == end[0] and begin[1] > end[1]:
        begin, end = end, begin
    values = {
        "close_reasons": draw(st.lists(st.sampled_from(terms.REASONS), min_size=2, max_size=5, unique=True)),
        "result": draw(st.sampled_from(("loss", "profit", "flat"))),
        "closed_from": written(begin),
        "closed_to": written(end),
        "closed_before": written(begin),
        "closed_after": written(end),
        "not_closed_by": written(end),
        "open_in_outage": draw(st.booleans()),
        "tpsl_active": draw(st.booleans()),
        "in_contact": draw(st.booleans()),
        "products": ["pro"],
        "instruments": ["BTCUSDT", "BTCUSD"],
    }
    nothing = {name: "" for name in values} | dict.fromkeys(("open_in_outage", "tpsl_active", "in_contact"))
    nothing |= {"close_reasons": [], "products": [], "instruments": []}
    return {
        "code": code,
        "effect": effect,
        "text": {"en": f"clause {code}", "zh": f"条款{code}"},
        **{name: value if name in asked else nothing[name] for name, value in values.items()},
        "evidence": effect == "include" and draw(st.integers(0, 3)) == 1,
        "remedies": ["best_price"],
        "percentage": draw(st.sampled_from(PERCENTAGES)),
    }


CONDITIONS = (
    "close_reasons", "result", "closed_from", "closed_to", "closed_before", "closed_after", "not_closed_by",
    "open_in_outage", "tpsl_active", "in_contact", "products", "instruments",
)  # fmt: skip


@st.composite
def policies(draw):
    effects = draw(st.lists(st.sampled_from(("include", "include", "exclude")), max_size=6))
    effects.insert(draw(st.integers(0, len(effects))), "include")
    return {
        "name": "by chance",
        "binding_language": "en",
        "contact": {
            "required": draw(st.integers(0, 5)) != 3,
            "within": draw(st.sampled_from(("", "0s", "20s", "60s"))),
        },
        "bonus": {"amount": "20", "asset": "USDT", "within": ""},
        "price": {"reference": "best_in_window", "carry_in": draw(st.sampled_from(("", "0s", "20s", "60s", "2m")))},
        "payment": {
            "netting": "none",
            "percentage": draw(st.sampled_from(PERCENTAGES)),
            "refund_liquidation_fee": draw(st.booleans()),
            "net_bankruptcy_cover": draw(st.booleans()),
            "minimum": {},
            "cap_per_order": {},
            "cap_per_customer": {},
            "straight_through": {},
            "second_manager_above": {},
            "consent": False,
            "offer_expires": "7d",
        },
        "service": {"decide_within": "14d"},
        "clauses": [draw(clauses(code, effect)) for code, effect in zip(CODES, effects, strict=False)],
    }


# --- facts, by one seed that hypothesis draws: many orders to a policy at little cost


class Facts:
    """Windows, quotes, claims and orders by chance."""

    def __init__(self, chance: Random):
        self.chance = chance
        self.pick = chance.choice
        self.marks = [step(5)]  # where boundaries are

    def once_in(self, times: int) -> bool:
        return self.chance.randrange(times) == 0

    def instant(self):
        base = self.pick(self.marks) if self.once_in(2) else step(self.chance.randrange(STEPS + 1))
        return base + timedelta(microseconds=self.pick((0, 0, 0, 1, -1)))

    def windows(self) -> list:
        starts = self.chance.sample(range(3, 11), self.pick((1, 1, 2, 2, 3)))
        made = [(step(start), step(start + self.chance.randint(1, 4))) for start in starts]
        last_end = max(end for _, end in made)
        self.marks = [*(2 * [min(made)[0]]), last_end, *(last_end + timedelta(seconds=seconds) for seconds in (20, 60))]
        return [(made[0][0], None), *made[1:]] if self.once_in(25) else made

    def quotes(self) -> list[oracle.Quote]:
        """Some crossed, zero, negative or half negative, some at one instant; none twice."""
        return list(dict.fromkeys(self.quote() for _ in range(self.chance.randrange(16))))

    def quote(self) -> oracle.Quote:
        bid = Decimal(self.pick(PRICES))
        good = (bid, bid + Decimal(self.pick(("0", "0.01", "3"))))
        spoilt = (
            (bid, bid - Decimal("0.01")),
            (Decimal(0), bid),
            (Decimal(0), Decimal(0)),
            (-bid, bid),
            (-bid, 1 - bid),
        )
        return oracle.Quote(self.instant(), *(self.pick(spoilt) if self.once_in(5) else good))

    def claim(self) -> oracle.Claim:
        return oracle.Claim(
            contacts=tuple({self.instant() for _ in range(self.chance.randrange(3))}),
            evidence=tuple(self.pick(("received", "accepted", "rejected")) for _ in range(self.chance.randrange(3))),
        )

    def order(self) -> oracle.Order:
        symbol = self.pick(tuple(INSTRUMENTS))
        facts = INSTRUMENTS[symbol]
        opened, closed = sorted((self.instant(), self.instant()))
        is_open = self.once_in(8)
        return oracle.Order(
            symbol=symbol,
            product=facts["product"],
            margin=facts["margin"],
            contract_value=Decimal(facts["contract_value"]),
            decimals=DECIMALS[facts["margin"]],
            side=self.pick(("long", "short")),
            quantity=Decimal(self.pick(("1", "0.5", "0.125", "7", "1234.000000000001"))),
            entry=Decimal(self.pick(PRICES)),
            opened=opened,
            exit=None if is_open else Decimal(self.pick(PRICES)),
            closed=None if is_open else closed,
            reason="" if is_open else self.pick(Order.CloseReason.values),
            fee=Decimal(self.pick(("0", "0", "0.004", "1.005"))),
            cover=Decimal(self.pick(("0", "0", "0", "0.005", "2.5"))),
            paid_elsewhere=self.once_in(16),
            **(self.tpsl() if self.once_in(3) else {}),
        )

    def tpsl(self) -> dict:
        return {
            "take_profit": self.pick((None, Decimal(0), Decimal(120))),
            "stop_loss": self.pick((None, Decimal(0), Decimal(80))),
            "tpsl_set": self.pick((None, self.instant())),
            "tpsl_cancelled": self.pick((None, self.instant())),
        }


@st.composite
def cases(draw):
    facts = Facts(draw(st.randoms(use_true_random=True)))
    return {
        "policy": draw(policies()),
        "windows": facts.windows(),  # first: the boundaries of the rest
        "quotes": {symbol: facts.quotes() for symbol in INSTRUMENTS},
        "claims": {code: facts.claim() for code in CUSTOMERS},
        "orders": [(facts.pick((*CUSTOMERS, *CUSTOMERS, NO_CLAIM)), facts.order()) for _ in range(40)],
        "scope": facts.pick(SCOPES),
    }


class World:
    """What is the same in every example: people, instruments, and an earlier incident that paid for an order."""

    def __init__(self):
        self.instruments = {symbol: make.instrument(symbol, **facts) for symbol, facts in INSTRUMENTS.items()}
        self.customers = {code: make.customer(code) for code in (*CUSTOMERS, NO_CLAIM)}
        self.accounts = {code: customer.accounts.get() for code, customer in self.customers.items()}
        earlier = make.incident("EARLIER")
        for code in self.customers:
            make.claim(earlier, code)
        make.quotes("OLDUSDT", ("14:10", "17000", "17001"))
        claim = make.claim(earlier, "olga")
        make.order("old", "olga", symbol="OLDUSDT")
        workflow.assess_now(earlier, now=NOW)
        claim.refresh_from_db()
        workflow.approve(claim, by=make.staff("max", "manager"), now=NOW)
        self.award = claim.awards.get()
        self.verdict = claim.verdicts.in_force().get()

    def enter(self, case):
        """The case's rows; returns its incident and, in the order of the case, the rows of its orders."""
        incident = make.incident("INC", windows=(), policy=terms.write(case["policy"]), **case["scope"])
        incident.windows.bulk_create(
            incident.windows.model(incident=incident, starts_at=start, ends_at=end) for start, end in case["windows"]
        )
        Quote.objects.bulk_create(
            Quote(instrument=self.instruments[symbol], at=row.at, bid=row.bid, ask=row.ask)
            for symbol, rows in case["quotes"].items()
            for row in rows
        )
        rows = Order.objects.bulk_create(
            self.order(f"{number}", code, order) for number, (code, order) in enumerate(case["orders"])
        )
        Compensation.objects.bulk_create(
            Compensation(order=row, award=self.award, verdict=self.verdict, amount=1)
            for row, (_, order) in zip(rows, case["orders"], strict=True)
            if order.paid_elsewhere
        )
        self.enter_claims(incident, case["claims"])
        return incident, rows

    def enter_claims(self, incident, claims):
        rows = Claim.objects.bulk_create(
            Claim(incident=incident, customer=self.customers[code], submitted_at=NOW) for code in claims
        )
        facts = list(zip(rows, claims.values(), strict=True))
        Contact.objects.bulk_create(
            Contact(claim=row, channel="chat", contacted_at=when) for row, claim in facts for when in claim.contacts
        )
        Evidence.objects.bulk_create(
            Evidence(claim=row, kind="screenshot", name="x", content_type="image/png", size=1, sha256=f"{number}",
                     original="x", received_at=NOW, status=status, reason="seen",
                     reviewed_at=None if status == "received" else NOW)
            for row, claim in facts for number, status in enumerate(claim.evidence)
        )  # fmt: skip

    def order(self, order_id: str, code: str, order: oracle.Order) -> Order:
        return Order(
            order_id=order_id,
            customer=self.customers[code],
            account=self.accounts[code],
            instrument=self.instruments[order.symbol],
            side=order.side,
            quantity=order.quantity,
            entry_price=order.entry,
            opened_at=order.opened,
            exit_price=order.exit,
            closed_at=order.closed,
            close_reason=order.reason,
            take_profit=order.take_profit,
            stop_loss=order.stop_loss,
            tpsl_set_at=order.tpsl_set,
            tpsl_cancelled_at=order.tpsl_cancelled,
            liquidation_fee=order.fee,
            bankruptcy_cover=order.cover,
        )


def is_affected(order: oracle.Order, scope: dict) -> bool:
    return order.symbol in scope.get("instruments", [order.symbol]) and order.product in scope.get(
        "products", [order.product]
    )


def expected(case, rows) -> dict:
    """By order: what the oracle says."""
    answers = {}
    for row, (code, order) in zip(rows, case["orders"], strict=True):
        if code != NO_CLAIM and is_affected(order, case["scope"]):
            known = sorted(case["quotes"][order.symbol], key=lambda quote: quote.at)  # stable: file order
            answer = oracle.judge(order, case["claims"][code], case["policy"], case["windows"], known)
            asset = "BTC" if order.margin == "inverse" else "USDT"
            price = answer.quote and oracle.price_of(order, answer.quote)
            seen = answer.quote and (answer.quote.at, answer.quote.bid, answer.quote.ask)
            answers[row.pk] = (answer.outcome, answer.clause, answer.reasons, answer.holds, answer.flags, price, seen, seen,
                               answer.amount, asset)  # fmt: skip
    return answers


def given_by_the_query(incident) -> dict:
    """By order: the verdict's own columns, and the row of the quote it points to."""
    answers = {}
    for claim in incident.claims.all():
        for verdict in claim.verdicts.in_force().select_related("quote"):
            kept = verdict.quote and (verdict.quote.at, verdict.quote.bid, verdict.quote.ask)
            named = verdict.reference_at and (verdict.reference_at, verdict.reference_bid, verdict.reference_ask)
            answers[verdict.order_id] = (
                verdict.outcome, verdict.clause, verdict.reasons, verdict.holds, verdict.flags, verdict.reference_price,
                named, kept, verdict.amount, verdict.asset,
            )  # fmt: skip
    return answers


def differences(case, rows, found, wanted) -> str:
    """The orders that the two judge differently: what each says, and the order."""
    known = {row.pk: order for row, order in zip(rows, case["orders"], strict=True)}
    return "\n".join(
        f"query {found.get(pk)}\noracle {wanted.get(pk)}\nof {order}\n"
        for pk, order in known.items()
        if found.get(pk) != wanted.get(pk)
    )


@pytest.mark.django_db
def test_the_query_says_what_the_rules_say():
    world = World()

    @settings(
        max_examples=EXAMPLES or 100,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],  # shrinking takes minutes
    )
    @given(cases())
    def agree(case):
        with transaction.atomic():
            incident, rows = world.enter(case)
            workflow.assess_now(incident, now=NOW)
            found, wanted = given_by_the_query(incident), expected(case, rows)
            transaction.set_rollback(True)
        if found != wanted:
            raise AssertionError(differences(case, rows, found, wanted))

    agree()
