"""A case of plain values, judged twice: by the oracle, and by the policy's query over the same facts as rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from claims import terms, workflow
from claims.models import Claim, Compensation, Contact, Evidence, GivenPrice, Preview
from incidents.models import AbnormalRange, Asset, Instrument, Order, Quote
from tests import factories as make
from tests.claims import oracle
from tests.factories import NOW

CUSTOMERS = ("carla", "chen", "cyrus", "clara")
NO_CLAIM = ("cosmo", "clio")  # never got in touch, never showed anything: no claim, no verdict
INSTRUMENTS = {  # symbol: product, margin, base, quote, contract value
    "BTCUSDT": ("standard", "linear", "BTC", "USDT", "1"),
    "ETHUSDT": ("pro", "linear", "ETH", "USDT", "1"),
    "BTCUSD": ("pro", "inverse", "BTC", "USD", "100"),
    "EURJPY": ("standard", "linear", "EUR", "JPY", "1"),
}
DECIMALS = {"USDT": 2, "BTC": 8, "JPY": 0}


@dataclass(repr=False)
class Case:
    """One incident: its policy as a document, and all that happened. Orders stand with their customer."""

    policy: dict
    windows: list[oracle.facts.Window]
    markets: dict[str, oracle.Market]
    claims: dict[str, oracle.Claim]
    orders: list[tuple[str, oracle.Order]]
    scope: dict = field(default_factory=dict)
    asked: datetime = NOW
    claim_by_claim: bool = False  # not the whole incident at once


def leg(order_id: str, symbol: str = "BTCUSDT", **facts) -> oracle.Order:
    """An order of one of the instruments."""
    product, margin, base, quote, contract_value = INSTRUMENTS[symbol]
    asset = quote if margin == "linear" else base
    return oracle.Order(
        id=order_id,
        symbol=symbol,
        product=product,
        margin=margin,
        contract_value=Decimal(contract_value),
        asset=asset,
        decimals=DECIMALS[asset],
        **facts,
    )


# --- by the oracle


def is_affected(order: oracle.Order, scope: dict) -> bool:
    return order.symbol in scope.get("instruments", [order.symbol]) and order.product in scope.get(
        "products", [order.product]
    )


def by_the_oracle(case: Case) -> dict[str, tuple]:
    """By order: what the rules say."""
    said = {}
    for code, claim in case.claims.items():
        orders = [order for owner, order in case.orders if owner == code and is_affected(order, case.scope)]
        answers = oracle.judge(orders, claim, case.policy, case.windows, case.markets, case.asked)
        said |= {f"{order.id}/{order.leg}": plain(order, answer) for order, answer in zip(orders, answers, strict=True)}
    return said


def previewed_by_the_oracle(case: Case) -> dict[tuple, tuple]:
    """What a preview counts: by outcome, asset, and whether there is a claim, the orders, their customers and the sum.

    Of a customer without a claim the best is supposed: in touch in time, the evidence still to come.
    """
    hopeful = oracle.Claim(contacts=(oracle.facts.first_start(case.windows),), evidence=())
    everybody = replace(case, claims=dict.fromkeys(NO_CLAIM, hopeful) | case.claims)
    owners = {f"{order.id}/{order.leg}": owner for owner, order in case.orders}
    found: dict[tuple, list] = {}
    for name, said in by_the_oracle(everybody).items():
        found.setdefault((said[0], said[-1], owners[name] in case.claims), []).append((owners[name], said[9]))
    return {
        group: (len(rows), len({owner for owner, _ in rows}), sum(amount for _, amount in rows))
        for group, rows in found.items()
    }


def plain(order: oracle.Order, answer: oracle.Answer) -> tuple:
    """An answer in the columns of a verdict. What a still-open order is worth is asked only where a clause could pay it."""
    price = answer.quote and oracle.price_of(order, answer.quote)
    value = answer.value and answer.clause and (oracle.price_of(order, answer.value), answer.value.at)
    named = answer.quote and (answer.quote.at, answer.quote.bid, answer.quote.ask)
    stored = None if isinstance(answer.quote, oracle.GivenPrice) else named
    return (
        answer.outcome, answer.clause, answer.reasons, answer.holds, sorted(answer.flags), price, named, stored, value or None,
        answer.amount, answer.restore_amount, order.asset,
    )  # fmt: skip


# --- by the query


def by_the_query(incident) -> dict[str, tuple]:
    """By order: the verdict's own columns, and the row of the quote it points to."""
    said = {}
    for claim in incident.claims.all():
        for verdict in claim.verdicts.in_force().select_related("quote", "order"):
            stored = verdict.quote and (verdict.quote.at, verdict.quote.bid, verdict.quote.ask)
            named = verdict.reference_at and (verdict.reference_at, verdict.reference_bid, verdict.reference_ask)
            value = verdict.valued_at and verdict.clause and (verdict.valued_price, verdict.valued_at)
            said[str(verdict.order)] = (
                verdict.outcome, verdict.clause, verdict.reasons, verdict.holds, sorted(verdict.flags), verdict.reference_price,
                named, stored, value or None, verdict.amount, verdict.restore_amount, verdict.asset,
            )  # fmt: skip
    return said


def instrument(symbol: str, product: str, margin: str, base: str, quote: str, contract_value: str) -> Instrument:
    for code in (base, quote):
        Asset.objects.get_or_create(code=code)
    return Instrument.objects.create(
        symbol=symbol,
        product=product,
        margin=margin,
        base_id=base,
        quote_id=quote,
        settle_id=quote if margin == "linear" else base,
        contract_value=Decimal(contract_value),
    )


class World:
    """What is the same in every case: people, instruments, and an earlier incident that paid for an order."""

    def __init__(self):
        self.instruments = {symbol: instrument(symbol, *facts) for symbol, facts in INSTRUMENTS.items()}
        self.customers = {code: make.customer(code) for code in (*CUSTOMERS, *NO_CLAIM)}
        self.accounts = {code: customer.accounts.get() for code, customer in self.customers.items()}
        self.mia, self.max = make.staff("mia", "manager"), make.staff("max", "manager")
        earlier = make.incident("EARLIER")
        for code in self.customers:
            make.claim(earlier, code)
        make.quotes("OLDUSDT", ("14:10", "17000", "17001"))
        claim = make.claim(earlier, "olga")
        make.order("old", "olga", symbol="OLDUSDT")
        workflow.assess_now(earlier, now=NOW)
        claim.refresh_from_db()
        workflow.approve(claim, by=self.max, now=NOW)
        self.award = claim.awards.get()
        self.verdict = claim.verdicts.in_force().get()

    def judge(self, case: Case) -> dict[str, tuple]:
        """By order: what the query says. No trace of the case is left."""
        with transaction.atomic():
            incident = self.enter(case)
            for claim in incident.claims.all() if case.claim_by_claim else [None]:
                workflow.assess_now(incident, claim=claim, now=case.asked)
            said = by_the_query(incident)
            transaction.set_rollback(True)
        return said

    def preview(self, case: Case) -> dict[tuple, tuple]:
        """What a preview of the case's policy counts; no trace of it is left."""
        with transaction.atomic():
            ours = case.scope or {"instruments": [*INSTRUMENTS]}  # without the order of the earlier incident
            policy = self.enter(replace(case, scope=ours)).policies.get()
            asked = Preview.objects.create(policy=policy, requested_by=self.mia, requested_at=case.asked, result={})
            rows = workflow.rehearse(asked, now=case.asked)["outcomes"]
            transaction.set_rollback(True)
        return {
            (row["outcome"], row["asset"], row["claimed"]): (row["orders"], row["customers"], Decimal(row["amount"]))
            for row in rows
        }

    def enter(self, case: Case):
        """The case's rows; returns its incident."""
        incident = make.incident("INC", windows=(), policy=terms.write(case.policy), **case.scope)
        incident.windows.bulk_create(
            incident.windows.model(incident=incident, starts_at=start, ends_at=end) for start, end in case.windows
        )
        for symbol, market in case.markets.items():
            self.enter_market(incident, self.instruments[symbol], market)
        rows = Order.objects.bulk_create(self.order(code, order) for code, order in case.orders)
        Compensation.objects.bulk_create(
            Compensation(order=row, award=self.award, verdict=self.verdict, amount=1)
            for row, (_, order) in zip(rows, case.orders, strict=True)
            if order.paid_elsewhere
        )
        self.enter_claims(incident, case.claims)
        return incident

    def enter_market(self, incident, instrument, market: oracle.Market) -> None:
        backwards = sorted(
            market.quotes, key=lambda quote: quote.at, reverse=True
        )  # those of one instant stay in their order
        Quote.objects.bulk_create(
            Quote(instrument=instrument, at=row.at, bid=row.bid, ask=row.ask) for row in backwards
        )
        AbnormalRange.objects.bulk_create(
            AbnormalRange(instrument=instrument, starts_at=start, ends_at=end, reason="a feed gone wild", marked_at=NOW)
            for start, end in market.abnormal
        )
        GivenPrice.objects.bulk_create(
            GivenPrice(
                incident=incident, instrument=instrument, bid=price.bid, ask=price.ask, at=price.at, source="another venue",
                entered_by=self.mia, entered_at=NOW,
                confirmed_by=self.max if price.confirmed else None, confirmed_at=NOW if price.confirmed else None,
                withdrawn_by=self.mia if price.withdrawn else None, withdrawn_at=NOW if price.withdrawn else None,
            )
            for price in market.given
        )  # fmt: skip

    def enter_claims(self, incident, claims) -> None:
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

    def order(self, code: str, order: oracle.Order) -> Order:
        return Order(
            order_id=order.id,
            leg=order.leg,
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
