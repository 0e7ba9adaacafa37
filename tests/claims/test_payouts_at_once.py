"""Two at once, one that is killed, and any sequence at all: nothing is paid twice, and the books owe what is unpaid."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from claims import workflow
from claims.gate import Refused
from claims.models import PayoutBatch, PayoutLine
from claims.reports import unposted_or_mismatched
from claims.workflow.deciding import hold
from tests import factories as make
from tests.claims.payouts import Desk, all_paid, failed, lines, owed, paid, payments, standing, unpaid
from tests.conftest import ROOT
from tests.factories import NOW
from tests.together import Person, held, wait_for_waiting

at_once = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(transactional_db, tmp_path):
    return Desk("carla", "dora", tmp_path=tmp_path)


def again(row):
    return type(row).objects.get(pk=row.pk)


def command(env, *arguments) -> subprocess.Popen[bytes]:
    call = [sys.executable, "manage.py", *map(str, arguments), "--json"]
    return subprocess.Popen(call, cwd=ROOT, env=env, stdout=subprocess.PIPE, start_new_session=True)


def answers(processes) -> list[dict]:
    return [json.loads(process.communicate(timeout=120)[0]) for process in processes]


@at_once
def test_two_who_release_one_payout_at_the_same_moment(desk):
    batch, nina = desk.propose(), make.staff("nina", "manager")
    with held("claims_payoutbatch"):
        people = [Person(lambda by=by: desk.release(batch, by=by)) for by in (desk.max, nina)]
        wait_for_waiting(2)
    found = [person.finished() for person in people]
    [refusal] = [answer for answer in found if isinstance(answer, Refused)]
    assert str(refusal) == f"{batch} is not a proposal any more, it is with treasury"
    assert again(batch).released_by in (desk.max, nina)


@at_once
def test_treasurys_answer_does_not_wait_for_who_decides_on_the_claim(desk):
    """Who decides holds the claim and then wants the books; who confirms has the books and names the claim."""
    batch = desk.released()
    claim = batch.lines.get(number=1).claim
    with transaction.atomic():
        hold(claim)
        confirming = Person(lambda: desk.confirm(batch, paid(batch, 1)))
        assert confirming.finished()["paid"] == 1


@at_once
def test_two_who_propose_at_the_same_moment_share_no_line(desk):
    with held("incidents_incident"):
        people = [Person(lambda by=by: desk.propose(by=by, at_most=3)) for by in (desk.mia, desk.max)]
        wait_for_waiting(2)
    batches = [person.finished() for person in people]
    assert sorted(batch.line_count for batch in batches) == [1, 3]
    assert PayoutLine.objects.count() == 4


@at_once
def test_one_releases_while_the_other_cancels(desk):
    batch = desk.propose()
    with held("claims_payoutbatch"):
        max = Person(lambda: desk.release(batch))
        mia = Person(lambda: workflow.cancel_payout(batch, reason="no", by=desk.mia, now=NOW))
        wait_for_waiting(2)
    found = [max.finished(), mia.finished()]
    assert [isinstance(answer, Refused) for answer in found].count(True) == 1
    status, line = again(batch).status, set(batch.lines.values_list("status", flat=True))
    assert (status, line) in (("released", {"waits"}), ("cancelled", {"failed"}))


@at_once
def test_one_confirmation_from_two_processes_at_once_is_posted_once(desk, command_env):
    batch = desk.released()
    file = desk.file(all_paid(batch))
    with held("claims_payoutbatch"):
        processes = [command(command_env, "confirm_payout", batch, file, "--by", by) for by in ("mia", "max")]
        wait_for_waiting(2)
    found = answers(processes)
    assert sorted((answer["paid"], answer["unchanged"]) for answer in found) == [(0, 4), (4, 0)]
    assert [process.returncode for process in processes] == [0, 0]
    assert (len(payments()), owed(), again(batch).status) == (4, 0, "settled")


@at_once
def test_two_who_say_otherwise_one_is_taken_over_and_the_other_told(desk):
    batch = desk.released()
    files = [desk.file(all_paid(batch), "paid.csv"), desk.file([failed(batch, 1)], "failed.csv")]
    with held("claims_payoutbatch"):
        people = [Person(lambda file=file: workflow.confirm_payout(batch, file, now=NOW)) for file in files]
        wait_for_waiting(2)
    said_paid, said_failed = (person.finished() for person in people)
    assert (said_paid["paid"], said_failed["failed"]) in ((4, 0), (0, 1))
    assert "nothing new" in str((said_paid if said_failed["failed"] else said_failed)["errors"])
    assert owed() == unpaid()


@at_once
def test_a_confirmation_that_is_killed_was_none_and_the_next_one_is_whole(desk, command_env):
    """Killed where it posts: the batch is locked, the file read, the entries staged."""
    batch = desk.released()
    file = desk.file([*all_paid(batch)[:3], failed(batch, 4)])
    with held("ledger_asset"):
        process = command(command_env, "confirm_payout", batch, file)
        wait_for_waiting(1)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert (payments(), again(batch).status, {line[4] for line in lines(batch)}) == ({}, "released", {"waits"})
    answer = workflow.confirm_payout(batch, file, now=NOW)
    assert (answer["paid"], answer["failed"], answer["errors"]) == (3, 1, [])
    assert (len(payments()), owed(), unpaid()) == (3, Decimal(20), Decimal(20))


# --- any sequence


class Payouts(RuleBasedStateMachine):
    """Mia and Max propose, release, cancel, confirm, fail, try again, have money back and are wrong, in any order."""

    desk: ClassVar[Desk]

    def __init__(self) -> None:
        super().__init__()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.ever: dict[str, Decimal] = {}
        self.changed = True  # since it was last looked at whether all is well: what was refused was undone

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    def attempt(self, verb) -> None:
        try:
            with transaction.atomic():
                verb()
            self.changed = True
        except Refused:
            pass

    def batch(self, place: int) -> PayoutBatch | None:
        batches = list(PayoutBatch.objects.order_by("pk"))
        return batches[place % len(batches)] if batches else None

    @rule(at_most=st.one_of(st.none(), st.integers(1, 5)), by=st.sampled_from(["mia", "max"]))
    def propose(self, at_most, by):
        self.attempt(lambda: self.desk.propose(at_most=at_most, by=getattr(self.desk, by)))

    @rule(place=st.integers(0, 9), by=st.sampled_from(["mia", "max"]), slip=st.booleans())
    def release(self, place, by, slip):
        if batch := self.batch(place):
            typed = f"{batch.total + slip} USDT"
            self.attempt(lambda: self.desk.release(batch, by=getattr(self.desk, by), typed_total=typed))

    @rule(place=st.integers(0, 9))
    def cancel(self, place):
        if batch := self.batch(place):
            self.attempt(lambda: workflow.cancel_payout(batch, reason="no", by=self.desk.mia, now=NOW))

    @rule(
        place=st.integers(0, 9),
        words=st.lists(st.sampled_from(["paid", "failed", "waits", "again", "other", ""]), max_size=7),
    )
    def confirm(self, place, words):
        """A word a line: what treasury says of it, in the same words as ever, or in others."""
        batch = self.batch(place)
        rows = []
        for number, word in enumerate(words, start=1):
            if word in ("paid", "again"):
                rows.append(paid(batch, number))
            elif word == "other":
                rows.append(paid(batch, number, f"another-{number}"))
            elif word == "failed":
                rows.append(failed(batch, number))
            elif word == "waits":
                rows.append({"line": f"{batch}/{number}", "status": "waits"})
        if batch and rows:
            self.attempt(lambda: self.desk.confirm(batch, *rows))

    @rule(place=st.integers(0, 9), by=st.sampled_from(["mia", "max"]), reason=st.sampled_from(["closed", "unknown"]))
    def comes_back(self, place, by, reason):
        """Of what was ever paid, one line: perhaps it came back before."""
        ever = list(PayoutLine.objects.filter(entry__isnull=False).order_by("pk"))
        if ever:
            line, by = ever[place % len(ever)], getattr(self.desk, by)
            self.attempt(lambda: workflow.return_payment(line, reason=reason, by=by, now=NOW))

    @invariant()
    def all_is_well(self):
        if self.changed:
            self.the_books_owe_what_is_unpaid()
            self.nothing_is_paid_twice_and_what_is_paid_stays_so()
            self.each_batch_is_what_its_lines_are()
            self.nothing_is_to_be_named()
        self.changed = False

    def the_books_owe_what_is_unpaid(self):
        assert owed() == unpaid()

    def nothing_is_paid_twice_and_what_is_paid_stays_so(self):
        now = payments()
        assert now.items() >= self.ever.items()
        self.ever = now
        things = PayoutLine.objects.filter(status="paid").values_list("award", "bonus")
        assert len(set(things)) == len(things) == len(standing())

    def each_batch_is_what_its_lines_are(self):
        for batch in PayoutBatch.objects.all():
            found = list(batch.lines.values_list("amount", "status"))
            assert (len(found), sum(amount for amount, _status in found)) == (batch.line_count, batch.total)
            statuses = {status for _amount, status in found}
            assert ("waits" in statuses) == (batch.status in ("proposed", "released"))

    def nothing_is_to_be_named(self):
        assert unposted_or_mismatched() == []


@pytest.mark.django_db
def test_any_sequence_pays_each_thing_once(tmp_path: Path):
    Payouts.desk = Desk("carla", "dora", "emil", tmp_path=tmp_path)
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    chosen = settings(max_examples=30, stateful_step_count=14, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(Payouts, settings=chosen)
