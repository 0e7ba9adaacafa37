"""Who looks after a claim and who has it open: two people never work one claim unknowingly."""

from datetime import timedelta

import pytest
from django.db import connection

from claims import workflow
from claims.gate import Refused
from claims.models import Claim, Presence, Team
from tests import factories as f
from tests.claims.desk import outage
from tests.factories import NOW
from tests.together import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    return f.staff("ana", "agent")


@pytest.fixture
def ben():
    return f.staff("ben", "agent")


def three(incident) -> list[Claim]:
    """Due one after the other."""
    claims = [f.claim(incident, code) for code in ("carla", "chen", "eve")]
    for days, claim in enumerate(claims, start=1):
        Claim.objects.filter(pk=claim.pk).update(due_at=NOW + timedelta(days=days))
    return [again(claim) for claim in claims]


def again(claim: Claim) -> Claim:
    return Claim.objects.get(pk=claim.pk)


def test_whoever_takes_the_next_claim_has_it_open_and_looks_after_it(ana):
    first, *_others = three(outage())
    assert workflow.take_next(Claim.objects.open(), by=ana, now=NOW) == first
    assert again(first).assigned_to == ana
    assert list(Presence.objects.values_list("claim", "user", "since")) == [(first.pk, ana.pk, NOW)]


def test_two_people_get_two_claims_one_after_the_other(ana, ben):
    first, second, _third = three(outage())
    assert workflow.take_next(Claim.objects.open(), by=ana, now=NOW) == first
    assert workflow.take_next(Claim.objects.open(), by=ben, now=NOW) == second


@pytest.mark.django_db(transaction=True)
def test_ten_people_at_the_same_moment_get_ten_claims(ana):
    incident = outage()
    for number in range(10):
        f.claim(incident, f"C{number}")
    people = [f.staff(f"agent-{number}", "agent") for number in range(10)]
    takers = [Person(lambda by=by: workflow.take_next(Claim.objects.open(), by=by, now=NOW)) for by in people]
    taken = [taker.finished().pk for taker in takers]
    assert sorted(taken) == list(Claim.objects.order_by("pk").values_list("pk", flat=True))
    assert [Claim.objects.get(pk=pk).assigned_to for pk in taken] == people


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_somebody_is_at_this_very_moment_is_passed_over(ana):
    first, second, _third = three(outage())
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("SELECT FROM claims_claim WHERE id = %s FOR UPDATE", [first.pk])
    assert workflow.take_next(Claim.objects.open(), by=ana, now=NOW) == second
    other.close()


def test_the_next_claim_is_the_one_behind_and_then_the_first_again(ana):
    first, second, third = three(outage())
    walked, at = [], None
    for _press in range(4):
        at = workflow.take_next(Claim.objects.open(), after=at, by=ana, now=NOW)
        walked.append(at)
    assert walked == [first, second, third, first]
    assert Presence.objects.get().claim == first, "whoever goes on has left the one before"


def test_undated_claims_come_last_and_first_come_is_first_served(ana):
    incident = outage()
    undated, later = f.claim(incident, "carla"), f.claim(incident, "chen")
    dated = f.claim(incident, "eve")
    Claim.objects.filter(pk=dated.pk).update(due_at=NOW)
    at, walked = None, []
    for _press in range(3):
        at = workflow.take_next(Claim.objects.open(), after=at, by=ana, now=NOW)
        walked.append(at)
    assert walked == [dated, undated, later]


def test_an_agent_passes_over_what_is_somebody_elses_and_a_manager_does_not(ana, ben):
    first, second, _third = three(outage())
    workflow.assign([first.pk], to=ben, by=ben)
    assert workflow.take_next(Claim.objects.open(), by=ana, now=NOW) == second
    assert workflow.take_next(Claim.objects.open(), by=f.staff("mia", "manager"), now=NOW) == first
    assert again(first).assigned_to == ben, "a decision does not take the claim from whoever looks after it"


def test_a_minute_after_somebody_left_the_claim_is_free_again(ana, ben):
    first, second, _third = three(outage())
    workflow.look_at(first, by=ben, now=NOW)
    after = NOW + timedelta(seconds=59)
    assert workflow.take_next(Claim.objects.open(), by=ana, now=after) == second
    assert workflow.take_next(Claim.objects.open(), by=ana, now=NOW + timedelta(seconds=60)) == first


def test_presence_lasts_as_long_as_the_page_says_so_and_begins_anew_after_a_break(ana):
    claim = f.claim(outage())
    for seconds in (0, 20, 40, 60, 80):
        workflow.look_at(claim, by=ana, now=NOW + timedelta(seconds=seconds))
    assert Presence.objects.get().since == NOW
    workflow.look_at(claim, by=ana, now=NOW + timedelta(seconds=140))
    assert Presence.objects.get().since == NOW + timedelta(seconds=140)


def test_the_sweep_forgets_who_left_and_nobody_else(ana, ben):
    claim = f.claim(outage())
    workflow.look_at(claim, by=ana, now=NOW - timedelta(seconds=60))
    workflow.look_at(claim, by=ben, now=NOW - timedelta(seconds=59))
    assert workflow.forget_who_left(now=NOW) == 1
    assert Presence.objects.get().user == ben


def test_an_auditor_takes_nothing():
    f.claim(outage())
    with pytest.raises(Refused, match="permission claims.assign_claim"):
        workflow.take_next(Claim.objects.open(), by=f.staff("aude", "auditor"), now=NOW)


def test_claims_are_given_to_a_person_to_a_team_and_to_nobody(ana, ben):
    claims = three(outage())
    ids, team = [claim.pk for claim in claims], Team.objects.create(name="Night shift")
    assert workflow.assign(ids, to=ben, by=ana) == 3
    assert {again(claim).assigned_to for claim in claims} == {ben}
    assert workflow.assign(ids[:2], to=team, by=ana) == 2
    assert [(again(claim).team, again(claim).assigned_to) for claim in claims] == [
        (team, None),
        (team, None),
        (None, ben),
    ]
    assert workflow.assign(ids, to=None, by=ana) == 3
    assert [(again(claim).team, again(claim).assigned_to) for claim in claims] == [(None, None)] * 3


def test_giving_a_claim_away_is_kept_by_the_history_and_disturbs_no_decision(ana, ben):
    claim = f.claim(outage())
    before = claim.changes.count()
    workflow.assign([claim.pk], to=ben, by=ana)
    assert claim.changes.count() == before + 1
    assert claim.changes.latest("id").new == {"assigned_to_id": ben.pk}
    assert again(claim).revision == claim.revision


def test_closed_claims_are_given_to_nobody(ana):
    claim = f.claim(outage())
    Claim.objects.filter(pk=claim.pk).update(status="denied")
    assert workflow.assign([claim.pk], to=ana, by=ana) == 0
    assert again(claim).assigned_to is None


def test_who_does_not_work_on_claims_is_given_none(ana):
    claim = f.claim(outage())
    with pytest.raises(Refused, match="aude does not work on claims"):
        workflow.assign([claim.pk], to=f.staff("aude", "auditor"), by=ana)
    with pytest.raises(Refused, match="permission claims.assign_claim"):
        workflow.assign([claim.pk], to=ana, by=f.User.objects.get(username="aude"))


def test_a_filter_is_kept_under_a_name_and_changed_under_the_same_name(ana, ben):
    workflow.keep_filter(" Overdue in Asia ", "show=overdue", by=ana)
    workflow.keep_filter("Overdue in Asia", "show=overdue&incident__id__exact=1", by=ana)
    workflow.keep_filter("Overdue in Asia", "show=soon", by=ben)
    assert list(ana.saved_filters.values_list("name", "query")) == [
        ("Overdue in Asia", "show=overdue&incident__id__exact=1")
    ]
    assert ben.saved_filters.get().query == "show=soon"


@pytest.mark.parametrize(
    ("name", "query", "why"),
    [
        (" ", "show=soon", "needs a name"),
        ("Mine", "", "nothing to keep"),
        ("Mine", "q=" + "x" * 500, "too long"),
    ],
)
def test_a_filter_that_cannot_be_kept_is_refused(ana, name, query, why):
    with pytest.raises(Refused, match=why):
        workflow.keep_filter(name, query, by=ana)


def test_thirty_filters_are_enough(ana):
    for number in range(30):
        workflow.keep_filter(f"Filter {number}", "show=soon", by=ana)
    workflow.keep_filter("Filter 7", "show=overdue", by=ana)
    with pytest.raises(Refused, match="30 filters are kept at most"):
        workflow.keep_filter("Another", "show=soon", by=ana)
