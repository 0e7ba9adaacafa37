"""The history as people read it: a timeline on the claim, a page for the auditor, a file that holds all of it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pghistory
import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from claims import history, workflow
from claims.models import Change, Claim, Contact
from claims.screens.history import PAGE, timeline, where, who
from tests import factories as f
from tests.claims.desk import outage, page_of, signed_in, text_of
from tests.console import portal
from tests.factories import NOW

pytestmark = pytest.mark.django_db
PAGE_OF_ALL = "/staff/claims/change/"


@pytest.fixture
def ana():
    return f.staff("ana", "agent")


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


@pytest.fixture
def aude():
    return f.staff("aude", "auditor")


@pytest.fixture
def claim():
    return f.claim(outage())


def timeline_of(claim, person, **asked) -> str:
    address = reverse("admin:claims_claim_timeline", args=[claim.pk])
    return text_of(signed_in(person).get(address, asked, headers={"HX-Request": "true"}))


def done_by(person, **said):
    """What a screen tells the history of this person."""
    return pghistory.context(**{"user": person.pk, "url": "/staff/x/", "method": "POST", "address": "192.0.2.7"} | said)


def instant_of(change: Change) -> str:
    return f"{change.at:%Y-%m-%d %H:%M:%S} UTC"


# --- on the claim


def test_a_change_is_told_in_words_with_who_when_and_from_where(claim, ana, mia):
    with done_by(mia, reason="she knows the customer"):
        Claim.objects.update(status="needs_evidence", revision=1, assigned_to=ana)
    at = instant_of(Change.objects.first())
    assert timeline_of(claim, ana).startswith(
        f"{at} · mia · screen /staff/x/ from 192.0.2.7 she knows the customer"
        " Claim changed status: to be assessed → needs evidence assigned to: – → ana "
    )


def test_what_was_done_in_one_go_stands_together_newest_first(claim, ana):
    with done_by(ana):
        Contact.objects.create(claim=claim, channel="phone", contacted_at=NOW, ticket="T-7")
        Claim.objects.update(status="assessed")
    later = timeline(claim).actions[0]
    assert [(line.what, line.change.operation) for line in later.lines] == [("claim", "update"), ("contact", "insert")]
    added = {part.name: part.new for part in later.lines[1].parts}
    assert added == {"channel": "phone", "contacted at": "2022-11-18 09:00:00 UTC", "ticket": "T-7"}


def test_a_command_a_job_and_sql_by_hand_say_where_they_came_from(claim):
    with pghistory.context(command="approve", by="mia", machine="clerk@desk-3"):
        Claim.objects.update(status="approved")
    with pghistory.context(task="claims.tasks.assess", job="assess-7"):
        Claim.objects.update(status="assessed")
    with connection.cursor() as cursor:  # another transaction begins without what was said in this one
        cursor.execute(
            "SELECT set_config('pghistory.context_metadata', '', true), set_config('pghistory.context_id', '', true)"
        )
    Claim.objects.update(status="withdrawn")
    role = Change.objects.first().role
    told = [(action.who, action.where) for action in timeline(claim).actions[:3]]
    assert told == [
        (f"database role {role}", "SQL: – from this machine"),
        ("the portal", "job assess-7"),
        ("mia", "command approve on clerk@desk-3"),
    ]


def test_a_removal_shows_what_was_there(claim, ana):
    with done_by(ana):
        claim.contacts.get().delete()
    assert "Contact removed channel chat contacted at 2022-11-16 15:00:00 UTC" in timeline_of(claim, ana)


def test_the_words_are_chinese_for_who_reads_chinese(claim, ana):
    with done_by(ana):
        Claim.objects.update(status="on_hold")
    desk = signed_in(ana)
    desk.cookies["django_language"] = "zh-hans"
    told = text_of(desk.get(reverse("admin:claims_claim_timeline", args=[claim.pk])))
    assert "状态:" in told
    assert "changed" not in told


def test_older_changes_come_when_asked_for(claim, ana):
    for number in range(PAGE + 9):
        with done_by(ana):
            Claim.objects.update(revision=number + 1, due_at=NOW + timedelta(days=number))
    first = timeline(claim)
    rest = timeline(claim, before=first.older)
    seen = [line.change.pk for part in (first, rest) for action in part.actions for line in action.lines]
    assert seen == list(history.of_claim(claim).values_list("pk", flat=True))
    assert rest.older is None
    assert (
        f"before={first.older}"
        in signed_in(ana).get(reverse("admin:claims_claim_timeline", args=[claim.pk])).content.decode()
    )


def test_what_was_before_the_history_stands_before_its_first_line_and_does_not_say_what_nobody_wrote_down(claim, ana):
    """The ratios that the portal ships were there before: migrations took over what the tables of that time told."""
    taken_over = list(Change.objects.filter(id__lt=0).order_by("id"))
    assert [(change.kind, change.operation, change.old) for change in taken_over] == [
        ("incidents_liquidationratio", "insert", None)
    ] * 3
    assert [str(change.new["ratio"]) for change in taken_over] == ["0.200000", "0.300000", "0.400000"]
    assert {(who(change), where(change)) for change in taken_over} == {("not recorded", "not recorded")}
    assert "Claim" in timeline_of(claim, ana)
    assert "Claim" not in timeline_of(claim, ana, before="-1")


def test_an_action_is_not_torn_apart_at_the_end_of_a_page(claim, ana):
    with done_by(ana):
        for number in range(10):
            Contact.objects.create(claim=claim, channel="phone", contacted_at=NOW + timedelta(minutes=number))
    for number in range(PAGE - 5):
        with done_by(ana):
            Claim.objects.update(due_at=NOW + timedelta(days=number))
    first = timeline(claim)
    assert len(first.actions) == PAGE - 5
    assert len(timeline(claim, before=first.older).actions[0].lines) == 10


def test_a_long_history_asks_no_more_questions_than_a_short_one(claim, ana):
    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            timeline(claim)
        return len(asked)

    Claim.objects.update(assigned_to=ana)
    short = questions()
    for number in range(30):
        Claim.objects.update(due_at=NOW + timedelta(days=number), assigned_to=None if number % 2 else ana)
    assert questions() == short == 4  # the changes; a person, an incident, a customer by name


def test_the_claims_page_asks_for_its_history_when_it_comes_into_sight(claim, ana):
    page = signed_in(ana).get(page_of(claim)).content.decode()
    assert f'hx-get="{reverse("admin:claims_claim_timeline", args=[claim.pk])}"' in page


def test_without_scripts_the_history_is_a_page_of_its_own(claim, ana):
    page = text_of(signed_in(ana).get(reverse("admin:claims_claim_timeline", args=[claim.pk])))
    assert "Back to the claim" in page
    assert "Claim added" in page


def test_somebody_without_a_role_sees_no_history(claim):
    nina = f.User.objects.create_user("nina", is_staff=True)
    address = reverse("admin:claims_claim_timeline", args=[claim.pk])
    assert signed_in(nina).get(address).status_code == 403
    assert signed_in(nina).get(PAGE_OF_ALL).status_code == 403


# --- all of it


def test_the_auditor_sees_who_gave_whom_which_role(ana, aude):
    root = f.User.objects.create_superuser("root")
    with done_by(root, url="/staff/auth/user/"):
        ana.groups.add(Group.objects.get(name="manager"))
    page = text_of(signed_in(aude).get(PAGE_OF_ALL))
    assert "root screen /staff/auth/user/ from 192.0.2.7 role of a person" in page
    assert "added – user ana, group manager" in page


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ({"kind": "claims_contact"}, ["claims_contact"]),
        ({"operation__exact": "delete"}, ["claims_contact"]),
        ({"q": "CLM"}, []),
        ({"at_from": "2022-11-01", "at_to": "2022-11-30"}, []),
    ],
)
def test_the_auditor_narrows_it_down(claim, aude, asked, seen):
    claim.contacts.get().delete()
    response = signed_in(aude).get(PAGE_OF_ALL, asked)
    assert sorted({change.kind for change in response.context_data["cl"].result_list}) == seen


def test_by_claim_by_person_and_by_day_it_is_the_changes_of_just_these(claim, ana, aude):
    with done_by(ana):
        Claim.objects.update(status="on_hold")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    asked = {"q": claim.reference, "user__id__exact": ana.pk, "at_from": today, "at_to": today}
    [change] = signed_in(aude).get(PAGE_OF_ALL, asked).context_data["cl"].result_list
    assert (change.user, change.new) == (ana, {"status": "on_hold"})


def test_a_line_opens_with_every_column_as_the_database_has_it(claim, aude):
    change = Change.objects.get(kind="claims_contact")
    page = text_of(signed_in(aude).get(f"{PAGE_OF_ALL}{change.pk}/change/"))
    assert "account: " in page
    assert change.action in page


@pytest.mark.parametrize(("role", "sees", "takes"), [("agent", 403, 403), ("manager", 200, 403), ("auditor", 200, 200)])
def test_managers_read_it_and_auditors_take_it_away(role, sees, takes):
    desk = signed_in(f.staff("nina", role))
    assert desk.get(PAGE_OF_ALL).status_code == sees
    assert desk.get(reverse("admin:claims_history_file")).status_code == takes


def test_the_list_asks_a_fixed_number_of_questions(claim, aude):
    desk = signed_in(aude)

    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            desk.get(PAGE_OF_ALL, {"kind": "claims_claim"})
        return len(asked)

    desk.get(PAGE_OF_ALL)
    short = questions()
    for number in range(40):
        Claim.objects.update(due_at=NOW + timedelta(days=number))
    assert questions() == short


# --- as a file


def rows(content: bytes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_the_file_holds_exactly_what_the_list_shows_in_the_order_it_happened(claim, ana, aude):
    with done_by(ana, reason="=SUM(A1)"):
        Contact.objects.create(claim=claim, channel="chat", contacted_at=NOW, message='a "quote", a comma\nand a line')
        Claim.objects.update(status="on_hold")
    address = reverse("admin:claims_history_file")
    response = signed_in(aude).get(address, {"q": claim.reference})
    found = rows(b"".join(response.streaming_content))
    kept = Change.objects.filter(claim=claim).order_by("pk")
    assert [int(row["change"]) for row in found] == [change.pk for change in kept]
    for row, change in zip(found, kept, strict=True):
        assert datetime.fromisoformat(row["at"]) == change.at
        assert (row["kind"], row["row"], row["operation"]) == (change.kind, str(change.object_id), change.operation)
        assert [json.loads(row[side]) if row[side] else None for side in ("old", "new")] == [change.old, change.new]
        assert (row["claim"], row["action"], row["database_role"]) == (claim.reference, change.action, change.role)
    last = found[-1]
    assert (last["person"], last["screen"], last["address"]) == ("ana", "/staff/x/", "192.0.2.7")
    assert last["reason"] == "'=SUM(A1)"  # no spreadsheet runs it


def test_the_command_writes_the_days_and_the_claim_that_were_asked_for(claim, tmp_path):
    f.claim(claim.incident, "eve")
    today, file = f"{datetime.now(UTC):%Y-%m-%d}", tmp_path / "history.csv"
    code, said = portal("export_history", "--claim", claim.reference, "--from", today, "--to", today, "--output", file)
    assert (code, said) == (0, {"rows": 2, "output": str(file)})
    assert [row["kind"] for row in rows(file.read_bytes())] == ["claims_claim", "claims_contact"]
    code, said = portal("export_history", "--to", "2022-11-30", "--output", file)
    assert (code, said["rows"]) == (0, 0)


def test_the_command_says_what_it_cannot_do(claim, tmp_path):
    file = tmp_path / "history.csv"
    assert portal("export_history", "--claim", "CLM-999999", "--output", file) == (
        1,
        {"errors": ["there is no claim CLM-999999"]},
    )
    assert portal("export_history")[0] == 2
    assert portal("export_history", "--from", "2022-12-01", "--to", "2022-11-01", "--output", file)[0] == 2
    with pytest.raises(CommandError, match="'2022-13-01': expected a day such as 2022-11-30"):
        call_command("export_history", "--from", "2022-13-01")
    assert not file.exists()


def test_a_list_is_titled_by_what_is_in_it(aude):
    assert text_of(signed_in(aude).get("/staff/claims/policy/")).startswith("Policies | Makegood")


def test_one_change_is_called_by_its_number(aude):
    change = Change.objects.first()
    assert f"Change {change.pk}" in text_of(signed_in(aude).get(f"/staff/claims/change/{change.pk}/change/"))


def test_an_approval_leaves_one_action_with_all_that_came_of_it(ana, mia):
    incident = outage()
    f.order("O-1")
    claim = f.claim(incident)
    workflow.assess_now(incident, now=NOW)
    claim.refresh_from_db()
    with done_by(mia):
        workflow.approve(claim, by=mia, now=NOW)
    found = {line.what for line in timeline(claim).actions[0].lines}
    assert {"claim", "decision", "award"} <= found
