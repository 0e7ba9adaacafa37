"""An incident from its declaration to its payment, by a manager over the web."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from claims import tasks, workflow
from claims.models import Award, Bonus, Claim, Policy
from claims.workflow import assessing
from incidents.models import Incident
from jobs import queue
from jobs.models import Job
from tests import factories as f
from tests.claims.desk import outage, signed_in, text_of

pytestmark = pytest.mark.django_db
DESK = "/staff/claims/claim/desk/INC-2022-001/"


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


def declared(windows=(("2022-11-16", "14:09:00", "2022-11-16", "15:30:00"),), **fields) -> dict:
    """What the form sends."""
    form = {
        "reference": "INC-2022-001",
        "title": "Trading server failure",
        "cause": "Power outage",
        "timezone": "Asia/Shanghai",
    }
    form |= {"services": "login,trading", "products": "", "instruments": "", "windows-TOTAL_FORMS": len(windows)}
    form |= {"windows-INITIAL_FORMS": 0, "windows-MIN_NUM_FORMS": 0, "windows-MAX_NUM_FORMS": 1000}
    for number, (start_on, start_at, end_on, end_at) in enumerate(windows):
        names = ("starts_at_0", "starts_at_1", "ends_at_0", "ends_at_1")
        values = (start_on, start_at, end_on, end_at)
        form |= {f"windows-{number}-{name}": value for name, value in zip(names, values, strict=True)}
    return form | fields


def test_a_manager_declares_an_incident_in_utc_and_publishes_it(mia):
    desk = signed_in(mia)
    desk.post("/staff/incidents/incident/add/", declared())
    incident = Incident.objects.get()
    window = incident.windows.get()
    assert (window.starts_at, window.ends_at) == (f.at("14:09"), f.at("15:30"))
    assert (incident.status, incident.declared_by, incident.services) == ("draft", mia, ["login", "trading"])
    page = text_of(desk.get(f"/staff/incidents/incident/{incident.pk}/change/"))
    assert "2022-11-16 22:09:00+08:00" in page
    desk.post(f"/staff/incidents/incident/{incident.pk}/publish/")
    incident.refresh_from_db()
    assert incident.status == "published"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"timezone": "Mars/Olympus"}, "There is no time zone of this name"),
        ({"windows-0-ends_at_1": "14:00:00"}, "An outage window ends after it starts."),
        ({"reference": "INC 1"}, "Letters, digits, dot, dash and underscore"),
    ],
)
def test_what_is_wrong_with_an_incident_is_said_at_the_field(mia, sent, said):
    assert said in text_of(signed_in(mia).post("/staff/incidents/incident/add/", declared(**sent)))
    assert not Incident.objects.exists()


def test_a_form_never_sets_the_status(mia):
    desk = signed_in(mia)
    desk.post("/staff/incidents/incident/add/", declared(status="published", published_at_0="2022-11-16"))
    assert Incident.objects.get().status == "draft"


def test_an_incident_without_a_window_is_not_published(mia):
    incident = f.incident(windows=(), policy=None)
    Incident.objects.update(status="draft", published_at=None)
    done = signed_in(mia).post(f"/staff/incidents/incident/{incident.pk}/publish/", follow=True)
    assert "has no outage window: enter one first" in text_of(done)
    assert Incident.objects.get().status == "draft"


def test_a_policy_is_drafted_from_a_preset_read_and_published(mia):
    f.incident(policy=None)
    desk = signed_in(mia)
    form = {"incident": "INC-2022-001", "preset": "s1-btcc", "reason": "The notice of the day"}
    drafted = desk.post("/staff/claims/policy/add/", form, follow=True)
    policy = Policy.objects.get()
    assert (policy.status, policy.drafted_by, policy.reason) == ("draft", mia, "The notice of the day")
    assert "Version 1 is a draft" in text_of(drafted)
    question = text_of(desk.get(f"/staff/claims/policy/{policy.pk}/publish/"))
    for clause in policy.terms.clauses:
        assert clause.text["en"] in question
        assert clause.text["zh"] in question
    desk.post(f"/staff/claims/policy/{policy.pk}/publish/", {"unseen": "on"})
    policy.refresh_from_db()
    assert (policy.status, policy.published_by) == ("published", mia)


def test_every_error_of_a_pasted_policy_is_said_at_the_field(mia):
    f.incident(policy=None)
    text = f.S1.replace('effect = "exclude"', 'effect = "forbid"', 1).replace('result = "profit"', 'result = "luck"', 1)
    page = text_of(signed_in(mia).post("/staff/claims/policy/add/", {"incident": "INC-2022-001", "text": text}))
    assert "clause E1 effect is 'forbid'; allowed: 'include', 'exclude'" in page
    assert "clause E4 result is 'luck'" in page
    assert not Policy.objects.exists()


def test_a_preset_and_a_text_together_are_refused(mia):
    f.incident(policy=None)
    form = {"incident": "INC-2022-001", "preset": "s1-btcc", "text": "name = 'x'"}
    assert "not both" in text_of(signed_in(mia).post("/staff/claims/policy/add/", form))


def test_the_assessment_runs_in_the_background_and_its_progress_is_polled_to_its_end(mia):
    incident = outage()
    f.order("O-1")
    f.claim(incident)
    desk = signed_in(mia)
    page = desk.post(f"{DESK}assess/", follow=True)
    assert 'hx-trigger="every 2s"' in page.content.decode()
    going = desk.get(f"{DESK}progress/")
    assert (going.status_code, "0 of 1 claims" in text_of(going)) == (200, True)
    tasks.assess(Job.objects.get().pk)
    ended = desk.get(f"{DESK}progress/")
    assert (ended.status_code, "hx-trigger" in ended.content.decode()) == (286, False)
    assert "35.50 USDT" in text_of(desk.get(DESK))


def test_a_run_is_paused_and_resumed_and_whoever_may_not_assess_may_neither(mia, monkeypatch):
    monkeypatch.setattr(assessing, "SLICE", 1)
    monkeypatch.setattr(tasks, "TURN", timedelta(0))
    incident = outage()
    for code in ("carla", "dora"):
        f.order(f"O-{code}", code)
        f.claim(incident, code)
    desk, aude = signed_in(mia), signed_in(f.staff("aude", "auditor"))
    assert "has no run under way" in text_of(desk.post(f"{DESK}pause/", follow=True))
    desk.post(f"{DESK}assess/")
    job = Job.objects.get(helps=None)
    for _price_planner_and_claim in range(3):
        tasks.assess(job.pk)

    assert "Pause" not in text_of(aude.get(DESK))
    assert aude.post(f"{DESK}pause/").status_code == 403
    said = text_of(desk.post(f"{DESK}pause/", follow=True))
    assert "Paused: what is being assessed is finished" in said
    assert "paused 1 of 2 claims 50 % Nothing more is begun until somebody resumes it" in said
    assert "Assess all open claims" not in said
    tasks.sweep()
    tasks.assess(job.pk)
    assert "1 of 2 claims" in text_of(desk.get(f"{DESK}progress/"))

    assert aude.post(f"{DESK}resume/").status_code == 403
    assert "goes on where it stopped" in text_of(desk.post(f"{DESK}resume/", follow=True))
    assert "has no paused run" in text_of(desk.post(f"{DESK}resume/", follow=True))
    for _claim_and_end in range(2):
        tasks.assess(job.pk)
    assert desk.get(f"{DESK}progress/").status_code == 286


def test_the_desk_tells_how_long_it_will_take_at_the_pace_of_the_last_parts(mia, monkeypatch):
    monkeypatch.setattr(assessing, "SLICE", 1)
    incident = outage()
    for number in range(8):
        f.claim(incident, f"customer-{number}")
    job = workflow.queue_assessment(incident, hands=2, now=timezone.now())
    workers = [queue.take(hand.pk, now=timezone.now()) for hand in (job, job.helpers.get())]
    desk = signed_in(mia)
    assert "left" not in text_of(desk.get(f"{DESK}progress/"))
    for began in range(6):  # the price, the planner, then four claims, each half a minute
        part, now = queue.next_part(workers[began % 2]), timezone.now()
        queue.advance(workers[began % 2], part, began_at=now - timedelta(seconds=30), now=now)
    said = text_of(desk.get(f"{DESK}progress/"))
    assert "running 4 of 8 claims · about 60 seconds left" in said
    assert "2 workers at it" in said
    queue.pause(job)
    assert "left" not in text_of(desk.get(f"{DESK}progress/"))


def test_an_assessment_without_a_policy_is_refused_in_words(mia):
    f.incident(policy=None)
    desk = signed_in(mia)
    assert "An assessment needs a published policy." in text_of(desk.get(DESK))
    assert "has no published policy: publish one first" in text_of(desk.post(f"{DESK}assess/", follow=True))


def test_everything_payable_is_approved_after_its_totals_were_shown(mia):
    incident = outage()
    for code in ("carla", "chen"):
        f.order(f"O-{code}", code)
        f.claim(incident, code)
    f.order("O-own", "eve")
    f.claim(incident, "eve", entered_by=mia)
    workflow.assess_now(incident, now=f.NOW)
    desk = signed_in(mia)
    question = text_of(desk.get(f"{DESK}approve/"))
    assert "USDT 3 3 106.50 USDT" in question
    assert "You prepared 1 of these claims" in question
    assert not Award.objects.exists()
    answer = text_of(desk.post(f"{DESK}approve/"))
    assert "2 claims approved: 71.00 USDT." in answer
    assert "mia prepared" in answer
    assert sum(award.amount for award in Award.objects.all()) == Decimal("71.00")
    assert set(Claim.objects.values_list("customer__code", "status")) == {
        ("carla", "approved"), ("chen", "approved"), ("eve", "assessed"),
    }  # fmt: skip


def test_bonuses_are_granted_once_however_often_the_button_is_pressed(mia):
    incident = outage()
    for code in ("carla", "chen"):
        f.claim(incident, code)
    desk = signed_in(mia)
    assert "40.00 USDT to 2 customers now" in text_of(desk.get(f"{DESK}bonuses/"))
    assert "Bonuses granted: 2 (40.00 USDT)" in text_of(desk.post(f"{DESK}bonuses/", follow=True))
    assert "Bonuses granted: 0 (0); customers who had theirs already: 2." in text_of(
        desk.post(f"{DESK}bonuses/", follow=True)
    )
    assert "Nobody is due one now. 2 customers have it already: 40.00 USDT" in text_of(desk.get(f"{DESK}bonuses/"))
    assert Bonus.objects.count() == 2


def test_an_unknown_incident_has_no_desk(mia):
    assert signed_in(mia).get("/staff/claims/claim/desk/INC-404/").status_code == 404


def test_the_first_page_tells_each_role_what_waits(mia):
    incident = outage()
    f.order("O-1")
    f.claim(incident)
    workflow.assess_now(incident, now=f.NOW)
    assert "1 wait for me" in text_of(signed_in(mia).get("/staff/"))
    assert "0 wait for me" in text_of(signed_in(f.staff("ana", "agent")).get("/staff/"))
