"""Any sequence of postings, retries, reversals, overlapping batches and closings, beside books kept in a dictionary."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_UP, Decimal
from typing import ClassVar

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ledger import closing
from ledger.closing import ClosingError
from ledger.journal import (
    AVAILABLE,
    CASH,
    COMMITTED,
    COMPANY_TOPUP,
    COMPENSATION_PAID,
    CORRECTION,
    FACTS,
    GOODWILL_PAID,
    Draft,
    Move,
)
from ledger.models import Balance, ClosingBalance, JournalEntry, Period, Transfer
from ledger.posting import PostingError, available, post
from ledger.verification import problems
from tests.factories import staff
from tests.ledger.books import NOW

DECIMALS = {"USDT": 2, "BTC": 8, "KORU": 8}  # the last one is unknown until it is met
FIRST_DAY = date(2022, 11, 1)
Sums = dict[tuple[str, str], tuple[Decimal, Decimal]]  # debits and credits by account and asset

# --- the oracle: what any bookkeeper would say


class Refusal(Exception):
    """What the books would not take."""


def fall(draft: Draft, asset: str) -> Decimal:
    """By how much an entry lowers what is available."""
    of_it = [move for move in draft.moves if move.asset == asset]
    return sum((move.amount * ((move.credit in AVAILABLE) - (move.debit in AVAILABLE)) for move in of_it), Decimal(0))


class Books:
    """Entries by reference in their order, and days that were closed. Slow and obvious."""

    def __init__(self) -> None:
        self.entries: dict[str, Draft] = {}
        self.proposals: dict[date, str] = {}
        self.closed_through: date | None = None

    def post(self, drafts: list[Draft]) -> None:
        for draft in drafts:
            self.look_at(draft)
        new = [draft for draft in drafts if draft.reference not in self.entries]
        self.pay(new)
        for asset in sorted(DECIMALS):
            depth, deepest = Decimal(0), Decimal(0)
            for draft in new:
                depth += fall(draft, asset)
                deepest = max(deepest, depth)
            if deepest > 0 and deepest > self.available(asset):
                self.top_up(new[0], deepest - self.available(asset), asset)
        self.entries |= {draft.reference: draft for draft in new}

    def pay(self, new: list[Draft]) -> None:
        """Nobody is paid, and from nobody is taken back, more than he is owed."""
        owed = self.owed()
        for move in (move for draft in new for move in draft.moves):
            for account, change in ((move.debit, -move.amount), (move.credit, move.amount)):
                owed[account, move.asset] = owed.get((account, move.asset), Decimal(0)) + change
            if move.debit in COMMITTED and owed[move.debit, move.asset] < 0:
                raise Refusal("more than is owed")

    def owed(self) -> dict[tuple[str, str], Decimal]:
        """What is approved and not yet paid, by (payable, asset)."""
        sums = {account: credits - debits for account, (debits, credits) in self.sums().items()}
        return {(name, asset): owed for (name, asset), owed in sums.items() if name in COMMITTED and owed}

    def look_at(self, draft: Draft) -> None:
        if draft.reference in self.entries:
            if draft != self.entries[draft.reference]:
                raise Refusal("another fact")
            return
        if any(move.amount != round(move.amount, DECIMALS[move.asset]) for move in draft.moves):
            raise Refusal("too many decimals")
        if self.closed_through and draft.effective_on <= self.closed_through:
            raise Refusal("a closed period")
        if draft.reverses and self.entries[draft.reverses].reverses:
            raise Refusal("itself a reversal")
        if draft.reverses and draft.reverses in {entry.reverses for entry in self.entries.values()}:
            raise Refusal("reversed already")

    def top_up(self, first: Draft, amount: Decimal, asset: str) -> None:
        reference, day = f"{first.reference}/topup-{asset}", first.effective_on
        says, move = f"The company tops up the fund for {first.reference}", Move(CASH, COMPANY_TOPUP, amount, asset)
        self.entries[reference] = Draft(reference, "company_topup", day, says, (move,))

    def available(self, asset: str) -> Decimal:
        return -sum((fall(draft, asset) for draft in self.entries.values()), Decimal(0))

    def propose(self, day: date, by: str) -> None:
        if self.closed_through and day <= self.closed_through:
            raise Refusal("closed already")
        self.proposals.setdefault(day, by)

    def close(self, day: date, by: str) -> None:
        if self.proposals[day] == by:
            raise Refusal("by the same person")
        if self.closed_through and day <= self.closed_through:
            raise Refusal("a later day is closed")
        self.closed_through = day
        del self.proposals[day]

    def sums(self, through: date = date.max) -> Sums:
        """Debits and credits by (account, asset) of all entries through a day."""
        sides: Sums = defaultdict(lambda: (Decimal(0), Decimal(0)))
        for move in (move for draft in self.entries.values() if draft.effective_on <= through for move in draft.moves):
            debits, credits = sides[move.debit, move.asset]
            sides[move.debit, move.asset] = (debits + move.amount, credits)
            debits, credits = sides[move.credit, move.asset]
            sides[move.credit, move.asset] = (debits, credits + move.amount)
        return dict(sides)


# --- the books in the database, in the oracle's words


def kept() -> Sums:
    rows = Balance.objects.values_list("account__name", "account__asset").annotate(Sum("debits"), Sum("credits"))
    return {(name, asset): (debits, credits) for name, asset, debits, credits in rows}


def held(balances: Sums, names: tuple[str, ...], asset: str) -> Decimal:
    """Debits less credits of some accounts together."""
    sums = (balances.get((name, asset), (Decimal(0), Decimal(0))) for name in names)
    return sum((debits - credits for debits, credits in sums), Decimal(0))


def kept_by(period: Period) -> Sums:
    rows = ClosingBalance.objects.filter(period=period)
    return {
        (name, asset): (debits, credits)
        for name, asset, debits, credits in rows.values_list("account__name", "account__asset", "debits", "credits")
    }


def written() -> dict[str, Draft]:
    """Every entry as the draft that it was."""
    moves: dict[int, tuple[Move, ...]] = defaultdict(tuple)
    for entry, *move in Transfer.objects.order_by("entry", "line").values_list(
        "entry", "debit__name", "credit__name", "amount", "asset_id"
    ):
        moves[entry] += (Move(*move),)
    return {
        entry.reference: Draft(
            entry.reference,
            entry.category,
            entry.effective_on,
            entry.description,
            moves[entry.pk],
            entry.reverses.reference if entry.reverses else "",
        )
        for entry in JournalEntry.objects.select_related("reverses").order_by("pk")
    }


# --- the steps

days = st.integers(0, 6).map(lambda number: FIRST_DAY + timedelta(days=number))
days_to_close = st.integers(0, 4).map(lambda number: FIRST_DAY + timedelta(days=number))
assets = st.sampled_from(sorted(DECIMALS))
amounts = st.tuples(assets, st.integers(1, 50_000)).map(
    lambda drawn: (Decimal(drawn[1]).scaleb(-DECIMALS[drawn[0]]), drawn[0])
)
facts = st.tuples(st.sampled_from(FACTS), days, st.lists(amounts, min_size=1, max_size=3))
which = st.integers(0, 10_000)  # of what is there, counted round
people = st.sampled_from(["mia", "max"])


class AnySequence(RuleBasedStateMachine):
    managers: ClassVar[dict[str, User]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.before = transaction.savepoint()
        self.oracle, self.number = Books(), 0

    def new(self, fact, day: date, amounts) -> Draft:
        self.number += 1
        moves = tuple(fact.move(*amount) for amount in amounts)
        return Draft(f"fact-{self.number}", fact.category, day, "As agreed", moves)

    def some(self, number: int) -> Draft:
        entries = list(self.oracle.entries.values())
        return entries[number % len(entries)]

    def in_both(self, drafts: list[Draft]) -> None:
        """Post to the oracle and to the database: both take it, or both refuse it."""
        try:
            self.oracle.post(drafts)
        except Refusal:
            with pytest.raises(PostingError):
                post(drafts, by=None, now=NOW)
            return
        entries = post(drafts, by=self.managers["mia"], now=NOW)
        found = JournalEntry.objects.filter(reference__in=entries).values_list("reference", "pk")
        assert {reference: entry.pk for reference, entry in entries.items()} == dict(found)
        assert set(entries) == {draft.reference for draft in drafts}

    @rule(facts=st.lists(facts, min_size=1, max_size=4))
    def post_what_is_new(self, facts):
        self.in_both([self.new(*fact) for fact in facts])

    @precondition(lambda self: self.oracle.entries)
    @rule(which=which)
    def post_what_is_there(self, which):
        self.in_both([self.some(which)])

    @precondition(lambda self: self.oracle.entries)
    @rule(
        which=st.lists(which, min_size=1, max_size=3),
        facts=st.lists(facts, min_size=1, max_size=3),
        first=st.booleans(),
    )
    def post_a_batch_that_overlaps(self, which, facts, first):
        old = list({draft.reference: draft for draft in map(self.some, which)}.values())
        new = [self.new(*fact) for fact in facts]
        self.in_both(old + new if first else new + old)

    @precondition(lambda self: self.oracle.entries)
    @rule(which=which, fact=facts)
    def post_another_fact_under_a_used_reference(self, which, fact):
        self.in_both([replace(self.new(*fact), reference=self.some(which).reference)])

    @precondition(lambda self: self.oracle.entries)
    @rule(which=which, day=days)
    def post_the_fact_of_another_day(self, which, day):
        self.in_both([replace(self.some(which), effective_on=day)])

    @precondition(lambda self: self.oracle.owed())
    @rule(which=which, day=days, part=st.sampled_from(["0.5", "1", "1.5"]))
    def pay_what_is_owed(self, which, day, part):
        """All of it, or half, or half as much again."""
        owed = sorted(self.oracle.owed().items())
        (payable, asset), amount = owed[which % len(owed)]
        fact = COMPENSATION_PAID if payable == COMPENSATION_PAID.debit else GOODWILL_PAID
        paid = (amount * Decimal(part)).quantize(Decimal(1).scaleb(-DECIMALS[asset]), ROUND_UP)
        self.in_both([self.new(fact, day, [(paid, asset)])])

    @rule(fact=facts)
    def post_a_fraction_of_a_cent(self, fact):
        draft = self.new(*fact)
        odd = replace(draft.moves[-1], amount=draft.moves[-1].amount + Decimal("0.001"), asset="USDT")
        self.in_both([replace(draft, moves=(*draft.moves[:-1], odd))])

    @precondition(lambda self: self.oracle.entries)
    @rule(which=which, day=days)
    def reverse(self, which, day):
        self.number += 1
        original = self.some(which)
        self.in_both(
            [Draft(f"undo-{self.number}", CORRECTION, day, "Undone", original.mirrored(), reverses=original.reference)]
        )

    def in_both_proposed(self, day: date, by: str) -> None:
        try:
            self.oracle.propose(day, by)
        except Refusal:
            with pytest.raises(ClosingError):
                closing.propose(day, by=self.managers[by], now=NOW)
            return
        period = closing.propose(day, by=self.managers[by], now=NOW)
        assert period.prepared_by.username == self.oracle.proposals[day]

    def in_both_closed(self, day: date, by: str) -> None:
        period = Period.objects.get(last_day=day)
        try:
            self.oracle.close(day, by)
        except Refusal:
            with pytest.raises(ClosingError):
                closing.close(period.pk, by=self.managers[by], now=NOW)
            return
        closing.close(period.pk, by=self.managers[by], now=NOW)
        assert kept_by(period) == self.oracle.sums(through=day)

    @rule(day=days_to_close, by=people)
    def propose(self, day, by):
        self.in_both_proposed(day, by)

    @precondition(lambda self: self.oracle.proposals)
    @rule(which=which, by=people)
    def close(self, which, by):
        proposals = sorted(self.oracle.proposals)
        self.in_both_closed(proposals[which % len(proposals)], by)

    @rule(day=days_to_close)
    def close_by_two(self, day):
        self.in_both_proposed(day, "mia")
        if day in self.oracle.proposals:
            self.in_both_closed(day, "max" if self.oracle.proposals[day] == "mia" else "mia")

    @invariant()
    def balances_are_the_oracles(self):
        balances = kept()
        assert balances == self.oracle.sums()
        assert JournalEntry.objects.count() == len(self.oracle.entries)
        for asset in DECIMALS:
            assert held(balances, AVAILABLE, asset) == self.oracle.available(asset) >= 0
            assert held(balances, COMMITTED, asset) <= 0  # nobody owes us what we paid him

    def teardown(self):
        """Everything is as the oracle has it, in its order; every law is kept; and the next sequence begins with nothing."""
        try:
            books = written()
            assert books == self.oracle.entries
            assert list(books) == list(self.oracle.entries)
            for period in Period.objects.closed():
                assert kept_by(period) == self.oracle.sums(through=period.last_day)
            for asset in DECIMALS:
                assert available(asset) == self.oracle.available(asset)
            assert problems() == []
        finally:
            transaction.savepoint_rollback(self.before)


@pytest.mark.django_db
def test_any_sequence_of_steps_keeps_the_books(monkeypatch):
    monkeypatch.setattr(AnySequence, "managers", {name: staff(name, "manager") for name in ("mia", "max")})
    budget = settings(
        max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    run_state_machine_as_test(AnySequence, settings=budget)
