"""The queue's lanes: exactly the claims that wait there, counted, narrowed, kept; and who else is at a claim."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from claims import workflow
from claims.models import Claim, Offer, Presence, SavedFilter, Team
from claims.screens import lanes
from claims.terms import PRESETS
from tests import factories as f
from tests.claims.desk import outage, page_of, signed_in, text_of

pytestmark = pytest.mark.django_db
QUEUE = "/staff/claims/claim/"
NEXT, ASSIGN, FILTERS = f"{QUEUE}next/", f"{QUEUE}assign/", f"{QUEUE}filters/"
S2 = PRESETS["s2-kvb"].read_text()


@pytest.fixture
def ana():
    return f.staff("ana", "agent")


@pytest.fixture
def ben():
    return f.staff("ben", "agent")


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


def put(incident, code: str, **fields) -> Claim:
    """A claim as it stands: due in ten days and ready to decide, but for what is said."""
    claim = f.claim(incident, code)
    fields = {"status": "assessed", "due_at": timezone.now() + timedelta(days=10)} | fields
    Claim.objects.filter(pk=claim.pk).update(**fields)
    return Claim.objects.get(pk=claim.pk)


@pytest.fixture
def crowd(ana, ben) -> dict[str, Claim]:
    """One claim of each kind, by the name of its customer."""
    incident, now = outage(), timezone.now()
    team = Team.objects.create(name="Night shift")
    team.members.add(ana)
    other_team = Team.objects.create(name="Day shift")
    kinds = {
        "submitted": {"status": "submitted"},
        "mine": {"assigned_to": ana},
        "bens": {"assigned_to": ben},
        "team": {"team": team},
        "other-team": {"team": other_team, "assigned_to": ben},
        "review": {"status": "needs_evidence"},
        "reviewed": {"status": "needs_evidence"},
        "asked": {"asked_at": now, "due_at": now - timedelta(days=1)},
        "held": {"held_at": now, "status": "on_hold"},
        "soon": {"due_at": now + timedelta(hours=23)},
        "overdue": {"due_at": now - timedelta(hours=1)},
        "escalated": {"due_at": now - timedelta(days=2), "escalated_at": now},
        "undated": {"due_at": None},
        "approved": {"status": "approved"},
        "denied": {"status": "denied", "assigned_to": ana, "team": team, "escalated_at": now},
        "withdrawn": {"status": "withdrawn", "asked_at": now},
    }
    claims = {code: put(incident, code, **fields) for code, fields in kinds.items()}
    f.evidence(claims["review"])
    f.evidence(claims["reviewed"], status="accepted")
    f.evidence(claims["approved"])
    return claims


def listed(desk, **query) -> list[str]:
    """The customers of the list, from the top."""
    return [claim.customer.code for claim in desk.get(QUEUE, query).context_data["cl"].result_list]


def chips(desk, **query) -> dict[str, str]:
    return {chip["code"]: chip["count"] for chip in desk.get(QUEUE, query).context_data["chips"]}


OPEN = {"submitted", "mine", "bens", "team", "other-team", "review", "reviewed", "asked", "held", "soon", "overdue",
        "escalated", "undated"}  # fmt: skip
READY = OPEN - {"submitted", "review", "reviewed", "asked", "held"}
EXPECTED = {
    "": OPEN,
    "assigned": {"mine"},
    "team": {"team"},
    "unassigned": OPEN - {"mine", "bens", "other-team"},
    "review": {"review"},
    "customer": {"asked"},
    "ready": READY,
    "soon": {"soon"},
    "overdue": {"overdue", "escalated"},
    "escalated": {"escalated"},
    "closed": {"approved", "denied", "withdrawn"},
    "all": OPEN | {"approved", "denied", "withdrawn"},
}


@pytest.mark.parametrize("code", EXPECTED)
def test_a_lane_has_exactly_its_claims_due_first_and_says_how_many(crowd, ana, mia, code):
    Team.objects.get(name="Night shift").members.add(mia)
    Claim.objects.filter(assigned_to=ana).update(assigned_to=mia)
    desk = signed_in(mia)
    shown = listed(desk, show=code)
    assert set(shown) == EXPECTED[code]
    assert len(shown) == len(EXPECTED[code])
    assert chips(desk)[code] == str(len(EXPECTED[code]))
    due = [crowd[customer].due_at for customer in shown]
    dated = [at for at in due if at is not None]
    assert due == sorted(dated) + [None] * (len(due) - len(dated))


def test_what_was_escalated_is_a_lane_of_the_managers(crowd, ana, mia):
    assert "escalated" not in chips(signed_in(ana))
    assert "escalated" in chips(signed_in(mia))


def test_a_lane_nobody_knows_is_the_open_claims(crowd, ana):
    assert set(listed(signed_in(ana), show="nonsense")) == OPEN


def test_an_offer_that_is_not_answered_keeps_its_claim_with_the_customer(ana, mia):
    incident = f.incident(policy=S2, windows=(("13:00", "13:45"),))
    f.quotes("BTCUSDT", ("13:01", "16571", "16571.1"), ("13:30", "16411", "16411.1"))
    f.order("O-1", closed_at=f.at("13:20"), opened_at=f.at("12:00"))
    claim = f.claim(incident, contacted=f.at("13:30"))
    workflow.assess_now(incident, now=f.NOW)
    claim = Claim.objects.get(pk=claim.pk)
    assert claim.verdicts.to_offer().exists()
    where = {code: lanes.BY_CODE[code] for code in ("customer", "ready", "mine")}

    def found() -> list[str]:
        asker = lanes.Asker(ana, timezone.now(), timedelta(days=1))
        return [code for code, lane in where.items() if lane.claims(asker).filter(pk=claim.pk).exists()]

    assert found() == ["ready", "mine"], "an agent is to make the offer"
    offer = workflow.make_offer(claim, by=ana, now=f.NOW)
    assert found() == ["customer"]
    workflow.answer_offer(offer, accept=False, note="by phone", by=ana, now=f.NOW)
    assert found() == ["ready"]
    assert Offer.objects.count() == 1


def test_a_lane_is_narrowed_by_incident_status_and_person(crowd, ana, ben):
    incident = f.incident("INC-2022-002", policy=None)
    there = put(incident, "mine", assigned_to=ben)
    desk = signed_in(ana)
    assert listed(desk, incident__id__exact=incident.pk) == ["mine"]
    assert set(listed(desk, show="ready", assigned_to__id__exact=ben.pk)) == {"bens", "other-team", "mine"}
    assert listed(desk, show="unassigned", status__exact="on_hold") == ["held"]
    assert desk.post(NEXT).url == page_of(crowd["held"]), "the next one is of the list as it was narrowed"
    assert listed(desk, show="ready", incident__id__exact=incident.pk, assigned_to__id__exact=ben.pk) == ["mine"]
    assert there.customer.code == "mine"


def test_next_goes_down_the_lane_that_was_looked_at_last(crowd, ana):
    desk = signed_in(ana)
    listed(desk, show="review")
    assert desk.post(NEXT).url == page_of(crowd["review"])
    assert desk.post(NEXT, {"after": crowd["review"].pk}).url == f"{QUEUE}?show=review", "it was the only one"
    listed(desk, show="team")
    assert desk.post(NEXT, {"after": crowd["review"].pk}).url == page_of(crowd["team"])


def test_what_somebody_has_open_is_passed_over_and_the_list_says_who(crowd, ana, ben):
    signed_in(ben).get(page_of(crowd["review"]))
    desk = signed_in(ana)
    assert "ben has it open" in text_of(desk.get(QUEUE, {"show": "review"}))
    answer = desk.post(NEXT, follow=True)
    assert answer.redirect_chain[-1][0] == f"{QUEUE}?show=review"
    assert "Nothing else waits here that nobody has open" in text_of(answer)


def test_the_second_sees_at_once_who_has_the_claim_open_and_the_first_within_twenty_seconds(crowd, ana, ben):
    page = page_of(crowd["review"])
    first, second = signed_in(ana), signed_in(ben)
    assert "has had this claim open" not in text_of(first.get(page))
    since = timezone.localtime(Presence.objects.get().since).strftime("%H:%M")
    assert f"ana has had this claim open since {since} UTC." in text_of(second.get(page))
    here = f"{page.removesuffix('change/')}here/"
    assert "ben has had this claim open" in text_of(first.post(here))
    Presence.objects.filter(user=ben).update(seen_at=timezone.now() - timedelta(seconds=61))
    assert "has had this claim open" not in text_of(first.post(here))


def test_an_auditor_who_reads_a_claim_is_in_nobodys_way(crowd, ana):
    signed_in(f.staff("aude", "auditor")).get(page_of(crowd["review"]))
    assert not Presence.objects.exists()


def test_chosen_claims_are_given_away_at_once_and_the_list_stays_where_it_was(crowd, ana, ben):
    desk = signed_in(ana)
    listed(desk, show="unassigned")
    chosen = [crowd[code].pk for code in ("submitted", "soon", "overdue")]
    answer = desk.post(ASSIGN, {"claim": chosen, "to": f"person-{ben.pk}"}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{QUEUE}?show=unassigned"
    assert "3 claims are with ben now." in text_of(answer)
    assert set(Claim.objects.filter(assigned_to=ben).values_list("pk", flat=True)) == {
        *chosen, crowd["bens"].pk, crowd["other-team"].pk,
    }  # fmt: skip


def test_a_claim_is_given_to_a_team_on_its_own_page_and_taken_back(crowd, ana):
    desk, claim = signed_in(ana), crowd["submitted"]
    team = Team.objects.get(name="Day shift")
    answer = desk.post(ASSIGN, {"claim": claim.pk, "back": claim.pk, "to": f"team-{team.pk}"}, follow=True)
    assert answer.redirect_chain[-1][0] == page_of(claim)
    assert "1 claim is with Day shift now." in text_of(answer)
    assert Claim.objects.get(pk=claim.pk).team == team
    desk.post(ASSIGN, {"claim": claim.pk, "to": "nobody"})
    assert Claim.objects.get(pk=claim.pk).team is None


@pytest.mark.parametrize(
    ("to", "status"),
    [("", 403), ("person-x", 403), ("root", 403), ("person-999999", 404), ("team-999999", 404), ("aude", 404)],
)
def test_nobody_is_given_a_claim_who_is_not_there(crowd, ana, to, status):
    aude = f.staff("aude", "auditor")
    answer = signed_in(ana).post(ASSIGN, {"claim": crowd["soon"].pk, "to": f"person-{aude.pk}" if to == "aude" else to})
    assert answer.status_code == status
    assert Claim.objects.get(pk=crowd["soon"].pk).assigned_to is None


def test_an_auditor_reads_the_queue_and_can_neither_take_nor_give(crowd, ana):
    aude = f.staff("aude", "auditor")
    desk = signed_in(aude)
    page = desk.get(QUEUE)
    assert (page.status_code, b"mg-assign" in page.content, b'data-key="n"' in page.content) == (200, False, False)
    answers = [desk.post(NEXT), desk.post(ASSIGN, {"claim": crowd["soon"].pk, "to": f"person-{ana.pk}"})]
    assert [answer.status_code for answer in answers] == [403, 403]


def test_saved_filters_are_each_persons_own(crowd, ana, ben):
    desk = signed_in(ana)
    listed(desk, show="overdue")
    desk.post(FILTERS, {"name": "Late", "query": "show=overdue&p=2"})
    kept = SavedFilter.objects.get()
    assert (kept.user, kept.name, kept.query) == (ana, "Late", "show=overdue")
    assert 'href="?show=overdue">Late</a>' in desk.get(QUEUE).content.decode()
    assert "Late" not in text_of(signed_in(ben).get(QUEUE))
    assert signed_in(ben).post(f"{FILTERS}{kept.pk}/drop/").status_code == 404
    assert desk.post(f"{FILTERS}{kept.pk}/drop/").url == QUEUE
    assert not SavedFilter.objects.exists()


def test_searching_looks_at_closed_claims_too_unless_a_lane_is_chosen(crowd, ana):
    desk = signed_in(ana)
    assert listed(desk, q="denied") == ["denied"]
    assert listed(desk, q="denied", show="ready") == []
    assert chosen(desk.get(QUEUE, {"q": "denied"})) == "All"
    assert chosen(desk.get(QUEUE, {"q": "denied", "show": "ready"})) == "Ready to decide"


@pytest.mark.parametrize(
    ("show", "says"),
    [("", "No claim waits."), ("overdue", "No claim is in this list now."), ("team", "Nothing waits for your team.")],
)
def test_an_empty_lane_says_what_that_means(ana, show, says):
    page = text_of(signed_in(ana).get(QUEUE, {"show": show}))
    assert says in page
    assert "Nothing matches" not in page
    assert "Nothing matches" in text_of(signed_in(ana).get(QUEUE, {"show": show, "q": "nobody"}))


def chosen(page) -> str:
    """The lane that stands out."""
    return re.search(r'aria-current="page">([^<]+) <', page.content.decode())[1]


@pytest.mark.parametrize(("text", "is_found"), [("mend", True), ("CARLA M", True), ("rla", False), ("' | !x:*", False)])
def test_a_name_is_found_by_the_beginning_of_its_words(ana, text, is_found):
    claim = put(outage(), "c-1")
    claim.customer.name = "Carla Mendes"
    claim.customer.save()
    assert listed(signed_in(ana), q=text) == (["c-1"] if is_found else [])


def test_counts_stop_at_a_thousand_and_so_do_the_pages(ana, monkeypatch):
    monkeypatch.setattr(lanes, "COUNTED_TO", 60)
    incident = outage()
    for number in range(61):
        f.claim(incident, f"C{number}")
    page = signed_in(ana).get(QUEUE)
    assert page.context_data["cl"].paginator.num_pages == 2
    assert {chip["code"]: chip["count"] for chip in page.context_data["chips"]}["all"] == "60+"
    assert "60+ claims" in text_of(page)
    assert len(listed(signed_in(ana), p=2)) == 10


def test_a_manager_makes_a_team_of_people_who_work_on_claims(ana, ben, mia):
    aude = f.staff("aude", "auditor")
    desk = signed_in(mia)
    form = desk.get("/staff/claims/team/add/").context_data["adminform"].form
    assert set(form.fields["members"].queryset) == {ana, ben, mia}
    assert aude not in form.fields["members"].queryset
    desk.post("/staff/claims/team/add/", {"name": "Asia", "members": [ana.pk, ben.pk]})
    assert set(Team.objects.get(name="Asia").members.all()) == {ana, ben}
    page = text_of(desk.get("/staff/claims/team/"))
    assert "Asia" in page
    assert "ana, ben" in page
    assert signed_in(ana).post("/staff/claims/team/add/", {"name": "Mine"}).status_code == 403


@pytest.mark.parametrize("many", [1, 30])
def test_a_search_and_a_lane_ask_the_same_questions_for_one_claim_and_for_thirty(ana, many):
    incident = outage()
    for number in range(many):
        f.order(f"O-{number}", f"C{number}")
        f.evidence(put(incident, f"C{number}", status="submitted"))
    workflow.assess_now(incident, now=f.NOW)
    desk = signed_in(ana)
    asked = {}
    for name, query in {"lane": {"show": "ready"}, "again": {"show": "ready"}, "search": {"q": "C0"}}.items():
        with CaptureQueriesContext(connection) as found:
            desk.get(QUEUE, query)
        asked[name] = len(found)
    # A list of another kind is remembered: three more. Names are looked for by their own index: five.
    assert asked == {"lane": 27, "again": 24, "search": 32}
