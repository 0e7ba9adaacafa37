"""The page of the jobs: who works, what waits, failed and ended, in words; two buttons for managers; nothing to edit."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from claims import workflow
from jobs import pulse, queue
from jobs.models import Job
from tests import factories as make
from tests.claims.desk import outage, signed_in, text_of
from tests.test_architecture import task_names

pytestmark = pytest.mark.django_db
PAGE = "/staff/jobs/job/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def mia():
    return make.staff("mia", "manager")


def work(key="verify-1", task="claims.tasks.verify", **argument) -> Job:
    return queue.enqueue(key=key, task=task, argument=argument, total=1, now=timezone.now())


def failed(**named) -> Job:
    job = work(**named)
    for _attempt in range(3):
        queue.fail(queue.take(job.pk, now=timezone.now()), ValueError("the mail server is away"), now=timezone.now())
    return job


def read(user, address=PAGE, **query) -> str:
    answer = signed_in(user).get(address, query)
    assert answer.status_code == 200
    return text_of(answer)


def test_every_task_has_its_words():
    assert set(task_names()) - set(settings.TASKS) == set()


def test_a_run_is_told_by_its_incident_its_progress_and_who_asked_for_it(mia):
    incident = outage()
    make.claim(incident, make.customer())
    make.order("O-1")
    job = workflow.queue_assessment(incident, by=mia, now=timezone.now())
    queue.take(job.pk, now=timezone.now())
    text = read(mia)
    assert "Assessment INC-2022-001 running" in text
    assert pulse.here() in text
    assert "mia" in text.partition("Assessment INC-2022-001")[2]
    page = read(mia, f"{PAGE}{job.pk}/change/")
    assert "Assessment running INC-2022-001 Cancel All jobs" in page
    assert "Parts stage 0: 0 of 1" in page


def test_a_helper_is_no_work_of_its_own_and_leads_to_the_work_it_helps(mia):
    from tests.jobs.test_queue import parts

    job = queue.enqueue(
        key="a", task="claims.tasks.assess", argument={}, total=10, parts=parts(4, 6), hands=2, now=timezone.now()
    )
    helper = job.helpers.get()
    queue.take(helper.pk, now=timezone.now())
    text = read(mia)
    assert "All 1 waiting 1 running 0" in text
    assert "Assessment a running 0 % 0 of 10" in text
    assert "Assessment running" in read(mia, f"{PAGE}{helper.pk}/change/")


def test_the_list_is_narrowed_to_one_state_and_counts_them(mia):
    work(key="waits")
    failed(key="fails")
    text = read(mia, state="failed")
    assert "All 2 waiting 1 running 0 paused 0 done 0 failed 1 cancelled 0" in text
    assert "ValueError: the mail server is away" in text
    assert "fails" in text
    assert "waits" not in text.partition("cancelled 0")[2].partition("Schedules")[0]


def test_an_error_stands_in_full_on_its_own_page(mia):
    job = failed()
    Job.objects.update(error="ValueError: no\n  File a.py, line 1\n    <b>x</b>")
    answer = signed_in(mia).get(f"{PAGE}{job.pk}/change/")
    assert b"ValueError: no\n  File a.py, line 1\n    &lt;b&gt;x&lt;/b&gt;" in answer.content
    assert "File a.py" not in read(mia)


def test_a_manager_has_it_tried_again_and_cancels_it(mia):
    job, client = failed(), signed_in(mia)
    answer = client.post(f"{PAGE}{job.pk}/retry/", follow=True)
    assert "It is tried again, from where it stopped." in text_of(answer)
    assert Job.objects.get().state == "queued"
    answer = client.post(f"{PAGE}{job.pk}/cancel/", {"back": "list"}, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    assert "Cancelled: what is under way is finished, nothing more is begun." in text_of(answer)
    answer = client.post(f"{PAGE}{job.pk}/cancel/", follow=True)
    assert "verify-1 has ended already: there is nothing to cancel" in text_of(answer)
    assert (Job.objects.get().state, Job.objects.get().handled_by) == ("cancelled", mia)


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_others_read_and_have_no_buttons(role):
    job, ana = failed(), make.staff("ana", role)
    for address in (PAGE, f"{PAGE}{job.pk}/change/"):
        text = read(ana, address)
        assert "Verification of the books" in text
        assert "Try again" not in text
    for verb in ("retry", "cancel"):
        assert signed_in(ana).post(f"{PAGE}{job.pk}/{verb}/").status_code == 403
    assert Job.objects.get().state == "failed"


def test_nothing_is_steered_by_looking(mia):
    job = failed()
    for verb in ("retry", "cancel"):
        assert signed_in(mia).get(f"{PAGE}{job.pk}/{verb}/").status_code == 403
    assert signed_in(mia).get(f"{PAGE}999999/change/").status_code == 404


def test_the_first_page_and_the_jobs_say_when_nobody_works(mia):
    for address in ("/staff/", PAGE):
        assert "No worker is alive." in read(mia, address)
    for number in range(settings.WORKERS):
        pulse.beat(f"east:{number}", now=timezone.now())
    for address in ("/staff/", PAGE):
        assert "alive." not in read(mia, address)


def test_a_worker_that_died_is_told_with_what_it_held(mia):
    now = timezone.now()
    job = work()
    queue.take(job.pk, now=now - 3 * MINUTE)
    pulse.beat(pulse.here(), now=now - 3 * MINUTE)
    pulse.beat("west:1", now=now)
    text = read(mia)
    assert f"1 of {settings.WORKERS} workers is alive." in text
    assert "1 job is in the hands of a worker that died" in text
    assert f"{pulse.here()} gone" in text
    assert "Verification of the books" in text.partition(f"{pulse.here()} gone")[2].partition("All 1")[0]


def test_schedules_are_shown_with_their_next_run_and_failures(mia):
    assert "No schedule is written yet" in read(mia)
    call_command("sync_schedules", verbosity=0)
    text = read(mia).partition("Schedules")[2]
    for name in settings.SCHEDULES:
        assert str(settings.TASKS[name]) in text
    assert "Sealing of the books every minute –" in text


def test_the_page_asks_no_more_of_many_jobs_than_of_few(mia, django_assert_num_queries):
    client = signed_in(mia)
    incident = outage()
    make.claim(incident, make.customer())

    def asked() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as found:
            client.get(PAGE)
        return len(found)

    workflow.queue_assessment(incident, by=mia, now=timezone.now())
    work(by=mia.pk)
    few = asked()
    for number in range(2, 20):
        workflow.queue_assessment(incident, by=mia, now=timezone.now())
        failed(key=f"verify-{number}", by=mia.pk)
    assert asked() == few
    assert few <= 20
