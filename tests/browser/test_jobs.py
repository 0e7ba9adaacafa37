"""The page of the jobs in a browser: it shows what goes on without being loaded again; a manager cancels and tries again."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from claims import workflow
from jobs import pulse, queue
from jobs.models import Job
from tests import factories as make
from tests.browser.test_desk import fits, sign_in
from tests.jobs.test_queue import parts
from tests.together import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGE = "/staff/jobs/job/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def long_work() -> Job:
    """A run over 5,000 claims in five parts, two of them done, beside work of every other state and a dead worker."""
    now = timezone.now()
    mia, incident = make.staff("mia", "manager"), make.incident()
    make.claim(incident)
    run = workflow.request_assessment(incident, by=mia, now=now - 5 * MINUTE)
    named = {"task": "claims.tasks.assess", "argument": {"assessment": run.pk}, "now": now - 4 * MINUTE}
    queue.enqueue(key="verify-1", task="claims.tasks.verify", argument={"by": mia.pk}, total=1, now=now)
    failing = queue.enqueue(key="verify-2", task="claims.tasks.verify", argument={"by": mia.pk}, total=1, now=now)
    for _attempt in range(3):
        try:
            raise ConnectionError("the server closed the connection unexpectedly")
        except ConnectionError as error:
            queue.fail(queue.take(failing.pk, now=now), error, now=now)
    queue.cancel(
        queue.enqueue(key="letters-1", task="claims.tasks.send_letters", argument={}, total=40, now=now),
        by=mia,
        now=now,
    )
    job = queue.enqueue(key="assess-1", total=5_000, parts=parts(*[1_000] * 5), hands=2, **named)
    for pk in (job.helpers.get().pk, job.pk):
        queue.take(pk, now=now)
    for _part in range(2):
        do_a_part(job)
    pulse.beat("west:4711", now=now - 40 * MINUTE)
    pulse.beat(pulse.here(), now=now)
    call_command("sync_schedules", verbosity=0)
    return job


def do_a_part(job: Job) -> None:
    now = timezone.now()
    with transaction.atomic():
        mine = Job.objects.get(pk=job.pk)
        queue.advance(mine, queue.next_part(mine), began_at=now - timedelta(seconds=9), now=now)


@pytest.mark.parametrize("width", [1440, 390])
def test_progress_is_seen_without_loading_the_page_again(long_work, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, "mia")
    page.goto(PAGE)
    page.get_by_text("2000 of 5000").wait_for()
    page.get_by_text("1 of 2 workers is alive.").wait_for()
    page.get_by_text("Nothing is stuck.").or_(page.get_by_text("1 claim to be assessed")).wait_for()
    fits(page)
    page.evaluate("window.loadedOnce = true")
    do_a_part(long_work)
    page.get_by_text("3000 of 5000").wait_for()
    assert page.evaluate("window.loadedOnce")
    page.locator("#result_list").get_by_role("link", name="Assessment").click()
    page.get_by_text("stage 1: 3 of 5").wait_for()
    fits(page)
    do_a_part(long_work)
    page.get_by_text("stage 1: 4 of 5").wait_for()


def test_a_manager_cancels_and_tries_again_from_the_list(long_work, page):
    sign_in(page, "mia")
    page.goto(PAGE)
    row = page.locator("#result_list tbody", has_text="INC-2022-001")
    row.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled: what is under way is finished, nothing more is begun.").wait_for()
    assert set(Job.objects.sharing(long_work).values_list("state", flat=True)) == {"cancelled"}
    row.get_by_role("button", name="Try again").click()
    wait_until(lambda: Job.objects.sharing(long_work).filter(state="queued").count() == 2, "it is handed out again")


def test_an_error_is_read_in_full(long_work, page):
    sign_in(page, "mia")
    page.goto(f"{PAGE}?state=failed")
    page.get_by_role("link", name="ConnectionError: the server closed the connection unexpectedly").click()
    page.get_by_text("test_jobs.py").wait_for()
    fits(page)
