"""When a claim is due: warned of before, escalated after, each once; and offers that nobody answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail

from claims import digests, tasks, workflow
from claims.models import Claim
from claims.workflow import clocks
from tests import factories as make
from tests.factories import NOW
from tests.together import held

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PORTAL = "https://portal.example"


@pytest.fixture
def desk():
    class Desk:
        incident = make.incident()
        ana, bob = make.staff("ana", "agent"), make.staff("bob", "agent")
        mia, max = make.staff("mia", "manager"), make.staff("max", "manager")

    for person in (Desk.ana, Desk.mia, Desk.max):
        type(person).objects.filter(pk=person.pk).update(email=f"{person.username}@desk.example")
    return Desk


def due(desk, code: str, at, **fields) -> Claim:
    claim = make.claim(desk.incident, code)
    Claim.objects.filter(pk=claim.pk).update(due_at=at, **fields)
    return Claim.objects.get(pk=claim.pk)


def looked(now=NOW) -> tuple[list[str], list[str]]:
    alarms = workflow.warn_and_escalate(now=now, warn_before=DAY)
    return tuple([claim.customer.code for claim in claims] for claims in (alarms.overdue, alarms.due_soon))


def test_each_claim_is_warned_of_once_and_escalated_once(desk):
    due(desk, "carla", NOW - HOUR)
    due(desk, "dora", NOW + HOUR)
    due(desk, "emil", NOW + 2 * DAY)
    due(desk, "without", None)
    assert looked() == (["carla"], ["dora"])
    assert looked(NOW + timedelta(minutes=5)) == ([], [])
    assert looked(NOW + 2 * HOUR) == (["dora"], [])
    assert looked(NOW + 2 * DAY - HOUR) == ([], ["emil"])


def test_the_ends_belong_to_the_warning(desk):
    due(desk, "now", NOW)
    due(desk, "in a day", NOW + DAY)
    due(desk, "after", NOW + DAY + timedelta(microseconds=1))
    assert looked() == ([], ["now", "in a day"])


def test_a_claim_whose_customer_was_asked_is_neither_due_nor_overdue(desk):
    claim = due(desk, "carla", NOW - HOUR, asked_at=NOW - DAY)
    assert looked() == ([], [])
    assert list(Claim.objects.overdue(NOW)) == []
    workflow.record_answer(claim, reason="by chat", by=desk.ana, now=NOW)
    assert looked() == ([], ["carla"])  # a day more: due in 23 hours


def test_closed_claims_are_not_warned_of(desk):
    for status in ("approved", "denied", "withdrawn"):
        due(desk, status, NOW - HOUR, status=status)
    assert looked() == ([], [])


def test_after_an_answer_the_claim_is_warned_of_anew(desk):
    claim = due(desk, "carla", NOW + HOUR)
    assert looked() == ([], ["carla"])
    workflow.ask_customer(claim, reason="a screenshot", by=desk.ana, now=NOW)
    workflow.record_answer(Claim.objects.get(), reason="by chat", by=desk.ana, now=NOW + 3 * DAY)
    assert looked(NOW + 3 * DAY) == ([], ["carla"])


def test_a_look_tells_of_so_many_and_the_next_look_of_the_next(desk, monkeypatch):
    monkeypatch.setattr(clocks, "AT_ONCE", 2)
    for number in range(3):
        due(desk, f"late-{number}", NOW - 3 * HOUR + number * HOUR)
    assert looked() == (["late-0", "late-1"], [])
    assert looked(NOW + timedelta(minutes=5)) == (["late-2"], [])


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_somebody_works_on_is_told_of_next_time(desk):
    due(desk, "carla", NOW - HOUR)
    with held("claims_claim"):
        assert looked() == ([], [])
    assert looked() == (["carla"], [])


def test_a_warning_is_no_verb_and_refuses_nobody(desk):
    claim = due(desk, "carla", NOW - HOUR)
    looked()
    assert Claim.objects.get(pk=claim.pk).revision == claim.revision


def test_managers_are_written_to_of_all_claims_and_people_of_their_own(desk):
    late = due(desk, "carla", NOW - HOUR, assigned_to=desk.ana)
    soon = due(desk, "dora", NOW + HOUR, assigned_to=desk.bob)  # bob has no e-mail
    alarms = workflow.warn_and_escalate(now=NOW, warn_before=DAY)
    letters = {one.to: one for one in digests.digests(overdue=alarms.overdue, due_soon=alarms.due_soon, portal=PORTAL)}
    assert set(letters) == {"ana@desk.example", "mia@desk.example", "max@desk.example"}
    assert letters["mia@desk.example"].subject == "Claims: 1 overdue, 1 due soon"
    assert letters["mia@desk.example"].body.splitlines() == [
        "1 claim is overdue:",
        f"  {late.reference}  INC-2022-001  2022-11-18 08:00:00 UTC  ana",
        f"    https://portal.example/staff/claims/claim/{late.pk}/change/",
        "",
        "1 claim is due soon:",
        f"  {soon.reference}  INC-2022-001  2022-11-18 10:00:00 UTC  bob",
        f"    https://portal.example/staff/claims/claim/{soon.pk}/change/",
        "",
        "The queue: https://portal.example/staff/claims/claim/?show=overdue",
    ]
    assert letters["ana@desk.example"].subject == "Claims: 1 overdue, 0 due soon"
    assert soon.reference not in letters["ana@desk.example"].body


def test_a_letter_lists_fifty_claims_and_counts_the_others(desk):
    for number in range(digests.LISTED + 2):
        due(desk, f"customer-{number}", NOW - HOUR)
    alarms = workflow.warn_and_escalate(now=NOW, warn_before=DAY)
    letter = next(digests.digests(overdue=alarms.overdue, due_soon=alarms.due_soon, portal=PORTAL))
    lines = letter.body.splitlines()
    assert (lines[0], len(lines), lines[-3]) == (
        "52 claims are overdue:",
        104,
        "  and 2 more: the queue lists them all",
    )


def test_the_task_sends_each_person_one_letter_and_then_none(desk):
    due(desk, "carla", NOW - HOUR, assigned_to=desk.ana)
    tasks.watch_clocks()
    assert sorted(letter.to[0] for letter in mail.outbox) == [
        "ana@desk.example",
        "max@desk.example",
        "mia@desk.example",
    ]
    tasks.watch_clocks()
    assert len(mail.outbox) == 3


def test_an_inactive_manager_is_not_written_to(desk):
    due(desk, "carla", NOW - HOUR)
    type(desk.max).objects.filter(pk=desk.max.pk).update(is_active=False)
    tasks.watch_clocks()
    assert [letter.to for letter in mail.outbox] == [["mia@desk.example"]]
