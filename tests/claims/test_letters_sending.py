"""From the row to the mailbox: once, whoever races and whoever is killed; what did not go out is seen and sent again."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from django_q.models import OrmQ

from claims import letters, tasks, workflow
from claims.gate import Refused
from claims.models import Claim, Event, Letter
from incidents.models import Customer
from jobs.models import Job
from tests import factories as make
from tests.claims.post_office import post_office
from tests.conftest import ROOT, kill_group
from tests.factories import NOW
from tests.together import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = timedelta(minutes=1)
SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def people():
    class People:
        mia, ana = make.staff("mia", "manager"), make.staff("ana", "agent")

    return People


@pytest.fixture
def office(settings):
    """A mail server, and a portal that uses it."""
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = SMTP, "127.0.0.1"
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.DEFAULT_FROM_EMAIL = "Compensation desk <desk@exchange.example>"
    with post_office() as opened:
        settings.EMAIL_PORT = opened.port
        yield opened


def receipts(*codes: str, **known) -> list[Letter]:
    """A claim and its receipt for each of these people."""
    incident = make.incident(policy=None)
    for code in codes:
        who = make.customer(code)
        Customer.objects.filter(pk=who.pk).update(**{"email": f"{code}@example.com"} | known)
    claims = [make.claim(incident, code) for code in codes]
    letters.receipts([claim.pk for claim in claims], now=NOW)
    return list(Letter.objects.order_by("pk"))


def post(now=None) -> None:
    """A worker's turn."""
    job = workflow.queue_letters(now=now or timezone.now())
    if job:
        tasks.send_letters(job.pk)


def status_of(letter: Letter) -> str:
    letter.refresh_from_db()
    return letter.status


def test_the_mail_server_gets_exactly_what_is_kept(office):
    receipts("carla", name="王芳", language="zh")
    post()
    [letter] = Letter.objects.all()
    [message] = office.taken
    assert (letter.status, letter.attempts, letter.error) == ("sent", 1, "")
    assert letter.to == "carla@example.com"
    assert (message["To"], message["From"]) == (letter.to, "Compensation desk <desk@exchange.example>")
    assert message["Subject"] == letter.subject == f"我们已收到您的索赔 {letter.claim.reference}"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == f"<receipt.{letter.claim_id}.20221118090000000000@exchange.example>"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain.get_content().replace("\r\n", "\n").rstrip() == letter.body
    assert letter.body.startswith("尊敬的 王芳：")
    assert "<p>尊敬的 王芳：</p>" in html.get_content()


def test_ten_letters_and_a_job_that_counts_them(office):
    receipts(*(f"customer-{number}" for number in range(12)))
    post()
    assert sorted(message["To"] for message in office.taken) == sorted(
        f"customer-{number}@example.com" for number in range(12)
    )
    job = Job.objects.get()
    assert (job.state, job.done, job.total, job.parts.count()) == ("done", 12, 12, 3)
    assert workflow.queue_letters(now=timezone.now()) is None
    assert Letter.objects.filter(status="sent").count() == 12


def test_who_has_no_address_or_none_that_can_be_is_listed_and_not_written_to(office, people):
    letter, other = receipts("carla", "dora", email="")
    Customer.objects.filter(code="dora").update(email="not an address")
    post()
    assert (status_of(letter), status_of(other), office.taken) == ("unsendable", "unsendable", [])
    Customer.objects.filter(code="carla").update(email="carla@example.com")
    workflow.send_again([letter.pk], by=people.mia, now=timezone.now())
    tasks.send_letters(Job.objects.latest("pk").pk)
    assert (status_of(letter), [message["To"] for message in office.taken]) == ("sent", ["carla@example.com"])


def test_a_letter_that_cannot_be_put_into_words_fails_by_itself(office):
    broken, empty, good = receipts("carla", "dora", "emil")
    Letter.objects.filter(pk=broken.pk).update(facts={"due_at": "the day after"})
    Letter.objects.filter(pk=empty.pk).update(facts={}, event="paid")
    words = letters.Words("Paid", "{amount}\n\n{reference}")
    seen = {"en": letters.mark(letters.shipped("paid", "en"))}
    workflow.change_words("paid", {"en": words}, seen=seen, by=make.staff("max", "manager"), now=NOW)
    post()
    assert [status_of(letter) for letter in (broken, empty, good)] == ["failed", "failed", "sent"]
    assert "ValueError" in broken.error
    assert "nothing in it" in empty.error
    assert [message["To"] for message in office.taken] == ["emil@example.com"]


def test_a_header_cannot_be_smuggled_in_by_a_name(office):
    receipts("carla", name="Carla\r\nBcc: all@example.com")
    words = letters.Words("Hello {customer}", "Hello {customer}")
    seen = {"en": letters.mark(letters.shipped("receipt", "en"))}
    workflow.change_words("receipt", {"en": words}, seen=seen, by=make.staff("max", "manager"), now=NOW)
    post()
    [message] = office.taken
    assert message["Bcc"] is None
    assert message["Subject"] == "Hello Carla Bcc: all@example.com"


def test_what_the_server_refuses_is_tried_three_times_and_then_shown(office, people):
    letter, other = receipts("carla", "dora")
    office.refuses = {"carla@example.com"}
    first = timezone.now()
    post(first)
    assert (status_of(letter), letter.attempts) == ("waits", 1)
    assert "no such mailbox" in letter.error
    assert status_of(other) == "sent"
    assert workflow.queue_letters(now=first + 4 * MINUTE) is None  # five minutes' pause, then thirty
    for number, pause in enumerate((6, 31), start=2):
        Letter.objects.filter(pk=letter.pk).update(tried_at=timezone.now() - pause * MINUTE)
        post()
        assert status_of(letter) == ("waits" if number < 3 else "failed")
        assert letter.attempts == number
    assert workflow.queue_letters(now=timezone.now() + timedelta(days=1)) is None
    assert list(Letter.objects.astray(timezone.now())) == [letter]

    office.refuses = set()
    with pytest.raises(Refused, match="permission"):
        workflow.send_again(None, by=people.ana, now=timezone.now())
    assert workflow.send_again(None, by=people.mia, now=timezone.now()) == 1
    tasks.send_letters(Job.objects.latest("pk").pk)
    assert status_of(letter) == "sent"
    assert [message["To"] for message in office.taken] == ["dora@example.com", "carla@example.com"]


def test_no_mail_server_at_all_is_an_attempt_that_failed(settings):
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "127.0.0.1", 1
    [letter] = receipts("carla")
    post()
    assert (status_of(letter), letter.attempts) == ("waits", 1)
    assert "refused" in letter.error
    assert Job.objects.get().state == "done"


def test_a_line_that_breaks_before_the_answer_is_a_doubt_for_a_person(office, people):
    [letter] = receipts("carla")
    office.loses_the_answer = True
    post()
    assert status_of(letter) == "sending"
    assert list(Letter.objects.perhaps_sent(timezone.now())) == [letter]
    post(timezone.now() + timedelta(days=1))
    assert len(office.taken) == 1  # nobody sends it again unasked

    office.loses_the_answer = False
    workflow.send_again([letter.pk], by=people.mia, now=timezone.now())
    tasks.send_letters(Job.objects.latest("pk").pk)
    first, again = office.taken
    assert (again["Message-ID"], again["Subject"]) == (first["Message-ID"], first["Subject"])
    assert status_of(letter) == "sent"
    with pytest.raises(Refused, match="no letter to send again"):
        workflow.send_again([letter.pk], by=people.mia, now=timezone.now())


def test_a_person_may_say_that_a_doubtful_letter_was_sent(office, people):
    [letter] = receipts("carla")
    office.loses_the_answer = True
    post()
    letter.refresh_from_db()
    workflow.mark_sent(letter, by=people.mia, now=timezone.now())
    assert status_of(letter) == "sent"
    assert letter.error == "marked as sent by mia"
    with pytest.raises(Refused, match="nobody doubts"):
        workflow.mark_sent(letter, by=people.mia, now=timezone.now())


def test_a_worker_killed_between_sending_and_saying_so_sends_nothing_twice(office, worker, command_env, people):
    """Killed while the mail server holds its answer back: the letter is perhaps sent, the others go on with another worker."""
    command_env["EMAIL_URL"] = f"smtp://127.0.0.1:{office.port}"
    first, *others = receipts("carla", "dora", "emil")
    doomed = []
    office.before_answering = lambda: kill_group(doomed.pop()) if doomed else None
    doomed.append(worker())
    job = workflow.queue_letters(now=timezone.now())
    wait_until(lambda: not doomed, "it is killed")
    assert status_of(first) == "sending"

    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - MINUTE)
    OrmQ.objects.update(lock=timezone.now() - MINUTE)
    tasks.sweep()
    worker()
    wait_until(lambda: Job.objects.filter(pk=job.pk, state="done").exists(), "the others are sent")
    assert [status_of(letter) for letter in (first, *others)] == ["sending", "sent", "sent"]
    assert sorted(message["To"] for message in office.taken) == [
        f"{code}@example.com" for code in ("carla", "dora", "emil")
    ]
    assert list(Letter.objects.perhaps_sent(timezone.now() + 6 * MINUTE)) == [first]


def test_two_processes_write_and_send_the_same_letters_at_once(command_env, office):
    """Each letter is there once and is sent once, though both wrote them and both took the same portions."""
    command_env["EMAIL_URL"] = f"smtp://127.0.0.1:{office.port}"
    receipts(*(f"customer-{number}" for number in range(20)))
    Letter.objects.all().delete()
    ids = list(Claim.objects.order_by("pk").values_list("pk", flat=True))
    program = f"""
import django; django.setup()
from django.core.mail import get_connection
from django.utils import timezone
from claims import letters
letters.receipts({ids}, now=timezone.now())
post = get_connection()
while letter := letters.take(0, 10**9, now=timezone.now()):
    status, error = letters.send(letter, sender="desk@exchange.example", post=post)
    letters.keep(letter, status, error, now=timezone.now())
post.close()
"""
    environment = command_env | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    both = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert Letter.objects.filter(event=Event.RECEIPT, status="sent", attempts=1).count() == 20
    assert len({message["To"] for message in office.taken}) == len(office.taken) == 20


def test_five_thousand_receipts_are_one_statement_and_nothing_is_sent_by_it(django_assert_num_queries):
    incident = make.incident(policy=None)
    people = Customer.objects.bulk_create(Customer(code=f"c{n}", email=f"c{n}@example.com") for n in range(5_000))
    claims = Claim.objects.bulk_create(Claim(incident=incident, customer=who, submitted_at=NOW) for who in people)
    with django_assert_num_queries(1):
        letters.receipts([claim.pk for claim in claims], now=NOW)
    assert Letter.objects.filter(status="waits").count() == 5_000
    assert mail.outbox == []
    job = workflow.queue_letters(now=timezone.now())
    assert (job.total, job.parts.count(), OrmQ.objects.count()) == (5_000, 1_000, 1)
