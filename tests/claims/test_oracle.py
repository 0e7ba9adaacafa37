"""The policy's one query against a slow reading of the rules (`oracle`), over policies, outages and orders made by chance.

All instants lie on a coarse grid, so that boundaries and ties happen often. ORACLE_EXAMPLES=5000 makes it a long run.
"""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal

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
OFFSETS = (0, 0, 30, -30, 60, 90, 3600)  # seconds

clocks = st.builds(
    lambda step, jitter: at("14:00") + timedelta(seconds=30 * step, microseconds=jitter),
    st.integers(0, 24),
    st.sampled_from((0, 0, 0, 0, 1, -1)),
)
chance = st.integers(0, 5)


def maybe(strategy, nothing=None):
    return st.one_of(st.just(nothing), strategy)


@st.composite
def windows(draw):
    starts = draw(st.lists(st.integers(4, 14), min_size=1, max_size=3, unique=True))
    made = [
        (at("14:00") + timedelta(seconds=30 * start), at("14:00") + timedelta(seconds=30 * (start + draw(lengths))))
        for start in starts
    ]
    if draw(st.integers(0, 30)) == 30:
        made[0] = (made[0][0], None)
    return made


lengths = st.integers(1, 6)
PERCENTAGES = ("100", "100", "50", "33.333333333333", "0.5")


@st.composite
def anchored(draw):
    return draw(st.sampled_from(("start", "end"))), draw(st.sampled_from(OFFSETS))


def written(anchor) -> str:
    if anchor is None:
        return ""
    base, seconds = anchor
    return base if seconds == 0 else f"{base}{'+' if seconds > 0 else '-'}{abs(seconds)}s"


@st.composite
def clauses(draw, code, effect):
    begin, end = draw(maybe(anchored())), draw(maybe(anchored()))
    if begin and end and begin[0] == end[0] and begin[1] > end[1]:
        begin, end = end, begin
    rare = draw(st.integers(0, 7))
    return {
        "code": code,
        "effect": effect,
        "text": {"en": f"clause {code}", "zh": f"条款{code}"},
        "close_reasons": draw(maybe(st.lists(st.sampled_from(terms.REASONS), min_size=1, max_size=4, unique=True), [])),
        "result": draw(st.sampled_from(("", "", "loss", "loss", "profit", "flat"))),
        "closed_from": written(begin),
        "closed_to": written(end),
        "closed_before": written(draw(anchored())) if rare == 1 else "",
        "closed_after": written(draw(anchored())) if rare == 2 else "",
        "not_closed_by": written(draw(anchored())) if rare in (3, 4) else "",
        "open_in_outage": draw(st.sampled_from((None, None, None, True, False))),
        "tpsl_active": draw(st.sampled_from((None, None, None, True, False))),
        "in_contact": draw(st.sampled_from((None, None, None, True, False))),
        "products": ["pro"] if rare == 5 else [],
        "instruments": ["BTCUSDT", "BTCUSD"] if rare == 6 else [],
        "evidence": effect == "include" and draw(chance) > 3,
        "remedies": ["best_price"],
        "percentage": draw(st.sampled_from(PERCENTAGES)),
    }


@st.composite
def policies(draw):
    effects = draw(st.lists(st.sampled_from(("include", "exclude")), max_size=5))
    effects.insert(draw(st.integers(0, len(effects))), "include")
    return {
        "name": "by chance",
        "binding_language": "en",
        "contact": {"required": draw(chance) > 0, "within": draw(st.sampled_from(("", "0s", "30s", "1m")))},
        "bonus": {"amount": "20", "asset": "USDT", "within": ""},
        "price": {"reference": "best_in_window", "carry_in": draw(st.sampled_from(("", "0s", "30s", "60s", "2m")))},
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


def quote(when, bid, spread, spoiled) -> oracle.Quote:
    """Good one time out of two or so; else crossed, zero, negative or half negative."""
    bid = Decimal(bid)
    return oracle.Quote(
        when,
        *{
            1: (bid, bid - Decimal("0.01")),
            2: (Decimal(0), bid),
            3: (Decimal(0), Decimal(0)),
            4: (-bid, bid),
            5: (-bid, -bid + 1),
        }.get(spoiled, (bid, bid + Decimal(spread))),
    )


quotes = st.lists(
    st.builds(quote, clocks, st.sampled_from(PRICES), st.sampled_from(("0", "0.01", "3")), st.integers(0, 12)),
    max_size=9,
    unique=True,
)


@st.composite
def orders(draw):
    symbol = draw(st.sampled_from(tuple(INSTRUMENTS)))
    facts = INSTRUMENTS[symbol]
    opened, closed = sorted((draw(clocks), draw(clocks)))
    is_open = draw(st.integers(0, 9)) == 9
    has_tpsl = draw(chance) > 3
    prices = st.sampled_from(PRICES).map(Decimal)
    return oracle.Order(
        symbol=symbol,
        product=facts["product"],
        margin=facts["margin"],
        contract_value=Decimal(facts["contract_value"]),
        decimals=DECIMALS[facts["margin"]],
        side=draw(st.sampled_from(("long", "short"))),
        quantity=Decimal(draw(st.sampled_from(("1", "0.5", "0.125", "7", "1234.000000000001")))),
        entry=draw(prices),
        opened=opened,
        exit=None if is_open else draw(prices),
        closed=None if is_open else closed,
        reason="" if is_open else draw(st.sampled_from(Order.CloseReason.values)),
        take_profit=draw(st.sampled_from((None, Decimal(0), Decimal(120)))) if has_tpsl else None,
        stop_loss=draw(st.sampled_from((None, Decimal(0), Decimal(80)))) if has_tpsl else None,
        tpsl_set=draw(maybe(clocks)) if has_tpsl else None,
        tpsl_cancelled=draw(maybe(clocks)) if has_tpsl else None,
        fee=Decimal(draw(st.sampled_from(("0", "0", "0.004", "1.005")))),
        cover=Decimal(draw(st.sampled_from(("0", "0", "0", "0.005", "2.5")))),
        paid_elsewhere=draw(st.integers(0, 15)) == 15,
    )


claims = st.builds(
    oracle.Claim,
    contacts=st.lists(clocks, max_size=2, unique=True).map(tuple),
    evidence=st.lists(st.sampled_from(("received", "accepted", "rejected")), max_size=2).map(tuple),
)
SCOPES = ({}, {}, {}, {"instruments": ["BTCUSD", "BTCUSDT"]}, {"products": ["pro"]},
          {"instruments": ["BTCUSD", "BTCUSDT"], "products": ["standard"]})  # fmt: skip
cases = st.fixed_dictionaries(
    {
        "policy": policies(),
        "windows": windows(),
        "quotes": st.fixed_dictionaries({symbol: quotes for symbol in INSTRUMENTS}),
        "claims": st.fixed_dictionaries({code: claims for code in CUSTOMERS}),
        "orders": st.lists(st.tuples(st.sampled_from((*CUSTOMERS, NO_CLAIM)), orders()), min_size=12, max_size=30),
        "scope": st.sampled_from(SCOPES),
    }
)


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
    @given(cases)
    def agree(case):
        with transaction.atomic():
            incident, rows = world.enter(case)
            workflow.assess_now(incident, now=NOW)
            found, wanted = given_by_the_query(incident), expected(case, rows)
            transaction.set_rollback(True)
        if found != wanted:
            raise AssertionError(differences(case, rows, found, wanted))

    agree()
