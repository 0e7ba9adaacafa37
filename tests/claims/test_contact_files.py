"""A helpdesk's file: understood in its own words, looked at without a trace, taken in by a worker, every contact once."""

import gzip
import os
import signal
import zipfile
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from openpyxl import Workbook

from claims import contact_files, intake, tasks
from claims.gate import Refused
from claims.models import Claim, Contact, ContactFile, Step
from incidents.models import Customer, ImportedFile
from jobs.models import Job, Part
from tests import factories as make
from tests.claims.desk import signed_in, text_of
from tests.factories import NOW, at
from tests.incidents.files import run
from tests.together import held, wait_for_waiting, wait_until

ZENDESK = """Ticket #,Requester,Requester email,User ID,Created at,Via,Order number,Description,Priority,Locale
#17,Carla Conti,carla@example.org,carla,2022-11-16 23:00,Web form,"Order: 1001/1, #1002","I could not
log in",High,zh-CN
#18,Dan,dan@example.org,dan,2022/11/16 23:10,Phone call,,,Low,English
#19,Carla Conti,carla@example.org,carla,2022-11-16 15:30:00 UTC,E-Mail,,again,Low,en_US
"""
CONTACTS = [
    ("carla", "web", at("15:00"), ["1001", "1002"], "17", "I could not\nlog in"),
    ("dan", "phone", at("15:10"), [], "18", ""),
    ("carla", "email", at("15:30"), [], "19", "again"),
]


@pytest.fixture
def outage(db):
    return make.incident()


@pytest.fixture
def ana(outage):
    return make.staff("ana", "agent")


def kept() -> list[tuple]:
    rows = Contact.objects.order_by("contacted_at")
    return list(rows.values_list("claim__customer__code", "channel", "contacted_at", "order_ids", "ticket", "message"))


def look(outage, ana, content: str | bytes, *, name="export.csv", zone="Asia/Shanghai", now=NOW) -> ContactFile:
    content = content.encode() if isinstance(content, str) else content
    return contact_files.look_at(outage, name=name, content=ContentFile(content, name), timezone=zone, by=ana, now=now)


def workbook(*rows: tuple) -> bytes:
    book, file = Workbook(), BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def take_in(file: ContactFile, ana) -> Job:
    job = contact_files.confirm(file, by=ana, now=NOW)
    tasks.take_contacts_in(job.pk)
    job.refresh_from_db()
    file.refresh_from_db()
    return job


# --- understood


def test_a_zendesk_export_is_understood_in_its_own_words(outage, ana):
    file = look(outage, ana, ZENDESK)
    assert file.found["errors"] == []
    counts = [file.found[name] for name in ("rows", "claims_created", "contacts_added", "unchanged")]
    assert counts == [3, 2, 3, 0]
    assert dict(file.found["columns"]) == {
        "customer": "User ID", "name": "Requester", "email": "Requester email", "language": "Locale",
        "order_ids": "Order number", "channel": "Via", "contacted_at": "Created at", "message": "Description",
        "ticket": "Ticket #",
    }  # fmt: skip
    assert file.found["unknown_columns"] == ["Priority"]
    assert (Claim.objects.count(), Contact.objects.count(), Customer.objects.count()) == (0, 0, 0)
    assert not ImportedFile.objects.exists()


def test_confirmed_a_worker_takes_it_in_and_the_upload_goes(outage, ana, django_capture_on_commit_callbacks):
    file = look(outage, ana, ZENDESK)
    with django_capture_on_commit_callbacks(execute=True):
        job = take_in(file, ana)
    assert kept() == CONTACTS
    assert (job.state, job.done, job.total) == ("done", 3, 3)
    assert (file.claims_created, file.contacts_added, file.finished_at is not None) == (2, 3, True)
    assert not file.content.storage.exists(file.content.name)
    carla = Customer.objects.get(code="carla")
    assert (carla.name, carla.email, carla.language) == ("Carla Conti", "carla@example.org", "zh-CN")
    assert {claim.entered_by for claim in Claim.objects.all()} == {ana}
    remembered = ImportedFile.objects.get()
    assert (remembered.name, remembered.sha256, remembered.kind) == ("export.csv", file.sha256, "contacts")
    assert remembered.summary == {
        "rows": 3, "claims_created": 2, "contacts_added": 3, "unchanged": 0, "incident": "INC-2022-001",
    }  # fmt: skip


def test_the_command_takes_the_same_file_by_the_same_road(outage, ana, tmp_path):
    export = tmp_path / "export.csv"
    export.write_text(ZENDESK)
    code, result = run("import_contacts", outage.reference, export, "--timezone", "Asia/Shanghai")
    assert (code, result["contacts_added"], result["unknown_columns"]) == (0, 3, ["Priority"])
    assert kept() == CONTACTS
    again = look(outage, ana, ZENDESK)
    assert (again.found["contacts_added"], again.found["unchanged"]) == (0, 3)


def test_a_workbook_is_read_with_its_own_times_and_row_numbers(outage, ana):
    book = workbook(
        ("Ticket ID", "User ID", "Created at", "Source", "Orders"),
        (17, "carla", at("23:00").replace(tzinfo=None), "Chat", 1001),
        (None, None, None, None, None),
        (18, "dan", "2022-11-16T15:10:00Z", "email", "1002 1003"),
    )
    file = look(outage, ana, book, name="export.xlsx")
    assert file.found["errors"] == []
    assert [row["line"] for row in file.found["first"]] == [2, 4]
    take_in(file, ana)
    assert kept() == [
        ("carla", "chat", at("15:00"), ["1001"], "17", ""),
        ("dan", "email", at("15:10"), ["1002", "1003"], "18", ""),
    ]


def test_numbers_that_a_spreadsheet_rounded_are_refused_and_not_guessed(outage, ana):
    rounded = "the number as text: a spreadsheet rounds numbers of more than 15 digits"
    book = workbook(
        ("User ID", "Created at", "Source", "Orders"), ("carla", "2022-11-16T15:00:00Z", "chat", 10**17 + 1)
    )
    assert look(outage, ana, book, name="x.xlsx").found["errors"] == [
        f'line 2, column Orders: "1.00000000000000E+17" - expected {rounded}'
    ]
    csv = "User ID,Created at,Source,Orders\n1.00E+17,2022-11-16T15:00:00Z,chat,1001 1E+17\n"
    assert look(outage, ana, csv).found["errors"] == [
        f'line 2, column User ID: "1.00E+17" - expected {rounded}',
        f'line 2, column Orders: "1001 1E+17" - expected {rounded}',
    ]


def test_without_customers_they_are_found_by_e_mail_or_account(outage, ana):
    for code in ("carla", "dan", "erin"):
        make.customer(code)
    Customer.objects.filter(code="carla").update(email="Carla@example.org")
    Customer.objects.filter(code__in=["dan", "erin"]).update(email="shared@example.org")
    head = "Requester email,Account,Created at,Channel\n"
    when = "2022-11-16T15:00:00Z,chat"
    rows = [
        f"carla@EXAMPLE.org,,{when}",
        f",dan-1,{when}",
        f"shared@example.org,,{when}",
        f"nobody@example.org,,{when}",
    ]
    wanted = "expected a customer: a code, or the e-mail or account of one that we know"
    assert look(outage, ana, head + "\n".join(rows)).found["errors"] == [
        f'line 4, column customer: "" - {wanted}',
        f'line 5, column customer: "" - {wanted}',
    ]
    take_in(look(outage, ana, head + "\n".join(rows[:2])), ana)
    assert sorted(row[0] for row in kept()) == ["carla", "dan"]


def test_every_error_names_the_file_s_own_column_and_what_would_be_right(outage, ana):
    csv = "User ID;Created at;Via;Ticket #\ncarla;16/11/2022 15:00;fax;1\n;2022-11-16 15:00;chat;2\ndan;2122-11-16 15:00;chat;3\n"
    assert look(outage, ana, csv, zone="UTC").found["errors"] == [
        'line 2, column Created at: "16/11/2022 15:00" - expected an instant with its offset, such as 2022-11-16T14:09:00Z',
        'line 2, column Via: "fax" - expected one of: email, chat, phone, web, social, other',
        'line 3, column User ID: "" - expected a value',
        'line 4, column Created at: "2122-11-16T15:00:00+00:00" - expected an instant that has been',
    ]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"PK\x03\x04", b"\x1f\x8b", b"a,b\n1,2\n", b"\n", gzip.compress(b""), workbook(())],
    ids=["empty", "mark", "cut zip", "cut gzip", "other columns", "a line end", "packed nothing", "empty workbook"],
)
def test_what_is_no_such_file_is_refused_in_words(outage, ana, content):
    file = look(outage, ana, content)
    assert file.found["errors"]
    with pytest.raises(Refused, match="has errors"):
        contact_files.confirm(file, by=ana, now=NOW)


def broken(**members: bytes) -> bytes:
    """A workbook with these members put in the place of its own."""
    file, whole = (
        BytesIO(),
        zipfile.ZipFile(BytesIO(workbook(("User ID", "Created at", "Via"), *[("carla",) * 3] * 500))),
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in whole.namelist():
            archive.writestr(name, members.get(name, whole.read(name)))
    return file.getvalue()


def test_a_broken_workbook_and_one_that_unpacks_to_too_much_are_refused(outage, ana):
    name = "xl/worksheets/sheet1.xml"
    cut = zipfile.ZipFile(BytesIO(broken())).read(name)[:20_000]
    [error] = look(outage, ana, broken(**{name: cut}), name="cut.xlsx").found["errors"]
    assert "it is no workbook that can be read" in error
    [error] = look(outage, ana, broken(**{name: b" " * (257 << 20)}), name="bomb.xlsx").found["errors"]
    assert "the workbook unpacks to more than 256 MiB - save it as CSV" in error


# --- taken in


def many(number: int) -> str:
    rows = [f"customer-{n % 1500},2022-11-16T15:00:00Z,email,T-{n}" for n in range(number)]
    return "\n".join(["customer,contacted_at,channel,ticket", *rows]) + "\n"


def test_a_long_file_is_cut_into_slices_and_every_contact_comes_in_once(outage, ana):
    file = look(outage, ana, many(2_500))
    assert file.found["slices"] == [(2, 1001, 1000), (1002, 2001, 1000), (2002, 2501, 500)]
    assert (file.found["claims_created"], file.found["contacts_added"], len(file.found["first"])) == (1500, 2500, 10)
    job = take_in(file, ana)
    assert (Claim.objects.count(), Contact.objects.count(), job.done) == (1500, 2500, 2500)
    assert (file.claims_created, file.contacts_added) == (1500, 2500)
    contact_files.take_part_in(file, Part(first=2, last=1001), now=NOW)  # done twice it adds nothing
    assert Contact.objects.count() == 2500


def test_confirmed_twice_it_is_one_job(outage, ana):
    file = look(outage, ana, ZENDESK)
    first, second = (contact_files.confirm(file, by=ana, now=NOW) for _time in range(2))
    assert (first.pk, Job.objects.count()) == (second.pk, 1)


def test_a_file_that_nobody_confirms_is_forgotten_after_a_day(outage, ana):
    old = look(outage, ana, ZENDESK)
    kept_one = look(outage, ana, ZENDESK, now=NOW + timedelta(hours=23))
    look(outage, ana, ZENDESK, now=NOW + timedelta(hours=24, seconds=1))
    assert not ContactFile.objects.filter(pk=old.pk).exists()
    assert not old.content.storage.exists(old.content.name)
    assert ContactFile.objects.filter(pk=kept_one.pk).exists()


def test_a_second_contact_is_the_answer_that_a_claim_waits_for(outage, ana):
    claim = make.claim(outage)
    Claim.objects.filter(pk=claim.pk).update(asked_at=at("15:05"), due_at=at("15:00", 18))
    take_in(look(outage, ana, ZENDESK), ana)
    claim.refresh_from_db()
    assert (claim.asked_at, claim.status) == (None, "submitted")
    step = Step.objects.get()
    assert (step.claim, step.verb, step.taken_by) == (claim, "answer", ana)


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_costs_a_slice_and_every_contact_comes_in_once(outage, ana, worker):
    for number in (1_000, 1_400):  # there already; whoever holds the claim of the second slice holds the worker up
        make.claim(outage, f"customer-{number}", contacted=None)
    file = look(outage, ana, many(2_500), now=datetime.now(UTC))
    job = contact_files.confirm(file, by=ana, now=datetime.now(UTC))
    blocked = Claim.objects.get(customer__code="customer-1400")
    with held("claims_claim", f"id = {blocked.pk}"):
        doomed = worker()
        wait_for_waiting(1)
        job.refresh_from_db()
        assert (job.state, job.done, Contact.objects.count()) == ("running", 1000, 1000)
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.wait()
    Job.objects.filter(pk=job.pk).update(lease_until=NOW)  # its two minutes are over
    tasks.sweep()
    worker()
    wait_until(lambda: Job.objects.filter(pk=job.pk, state="done").exists(), "the file is taken in")
    file.refresh_from_db()
    assert (Contact.objects.count(), Claim.objects.count()) == (2500, 1500)
    assert (file.claims_created, file.contacts_added) == (1498, 2500)


# --- on screen


PAGE = reverse("admin:claims_claim_import")


def upload(client, outage, content: str | bytes, name="export.csv", zone="Asia/Shanghai"):
    content = content.encode() if isinstance(content, str) else content
    file = ContentFile(content, name)
    return client.post(PAGE, {"incident": outage.reference, "timezone": zone, "file": file}, follow=True)


def test_the_page_shows_what_the_file_would_do_and_takes_it_in_when_confirmed(outage, ana):
    client = signed_in(ana)
    response = upload(client, outage, ZENDESK)
    text, file = text_of(response), ContactFile.objects.get()
    assert "What it would do rows 3 new claims 2 contacts added 3 known already 0" in text
    assert "customer ← User ID" in text
    assert "2 carla Carla Conti carla@example.org zh-CN 1001 1002 web 2022-11-16 15:00:00 UTC" in text
    assert "Columns that are not read: Priority" in text
    page = reverse("admin:claims_contact_file", args=[file.pk])
    done = client.post(reverse("admin:claims_claim_process_import"), {"file": file.pk}, follow=True)
    assert done.redirect_chain == [(page, 302)]
    assert "waiting 0 of 3 rows" in text_of(done)
    progress = reverse("admin:claims_contact_file_progress", args=[file.pk])
    assert client.get(progress).status_code == 200
    tasks.take_contacts_in(Job.objects.get().pk)
    ended = client.get(progress)
    assert (ended.status_code, "data-reload" in ended.content.decode()) == (286, True)
    assert "What came of it rows 3 new claims 2 contacts added 3 known already 0" in text_of(client.get(page))
    assert "export.csv INC-2022-001" in text_of(client.get(PAGE))


def test_errors_stand_in_a_table_and_there_is_nothing_to_confirm(outage, ana):
    client = signed_in(ana)
    response = upload(client, outage, "User ID,Created at,Via\ncarla,soon,fax\n")
    text = text_of(response)
    assert "2 Created at “soon” an instant with its offset, such as 2022-11-16T14:09:00Z" in text
    assert "2 Via “fax” one of: email, chat, phone, web, social, other" in text
    assert "Take it in" not in text
    file = ContactFile.objects.get()
    refused = client.post(reverse("admin:claims_claim_process_import"), {"file": file.pk}, follow=True)
    assert "export.csv has errors: nothing of it is taken in" in text_of(refused)
    assert not Job.objects.exists()


def test_a_file_of_known_contacts_has_nothing_to_confirm(outage, ana):
    take_in(look(outage, ana, ZENDESK), ana)
    text = text_of(upload(signed_in(ana), outage, ZENDESK))
    assert "Every contact of this file is on its claim already: there is nothing to confirm." in text


def test_who_may_not_import_gets_no_page_and_no_button(outage, ana):
    file = look(outage, ana, ZENDESK)
    aude = signed_in(make.staff("aude", "auditor"))
    pages = [PAGE, reverse("admin:claims_contact_file", args=[file.pk])]
    pages += [reverse("admin:claims_contact_file_progress", args=[file.pk])]
    assert [aude.get(page).status_code for page in pages] == [403, 403, 403]
    assert aude.post(reverse("admin:claims_claim_process_import"), {"file": file.pk}).status_code == 403
    assert upload(aude, outage, ZENDESK).status_code == 403
    lost = signed_in(ana).post(reverse("admin:claims_claim_process_import"), {"file": "x"})
    assert lost.status_code == 404
    queue = reverse("admin:claims_claim_changelist")
    assert PAGE not in aude.get(queue).content.decode()
    assert PAGE in signed_in(ana).get(queue).content.decode()


def test_whoever_lost_the_permission_meanwhile_confirms_nothing(outage, ana):
    file = look(outage, ana, ZENDESK)
    aude = make.staff("aude", "auditor")
    for call in (lambda: contact_files.confirm(file, by=aude, now=NOW), lambda: look(outage, aude, ZENDESK)):
        with pytest.raises(Refused, match="has not the permission"):
            call()
    assert intake.NOTHING == {"claims_created": 0, "contacts_added": 0, "unchanged": 0}
