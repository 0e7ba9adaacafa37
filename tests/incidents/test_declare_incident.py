"""A manager declares what happened, from a file; only what differs is written."""

from datetime import UTC, datetime

import pytest

from claims.models import Change
from incidents import workflow
from incidents.models import Incident, OutageWindow
from tests.factories import NOW, at, instrument, staff
from tests.incidents.files import run

pytestmark = pytest.mark.django_db
S1 = """
reference = "INC-2022-001"
title = "Trading server failure"
cause = "Power outage in the server room"
timezone = "UTC"
services = ["login", "trading"]
instruments = []            # empty: all
[[windows]]
starts_at = 2022-11-16T14:09:00Z
ends_at = 2022-11-16T15:30:00Z
"""
DOCUMENT = {
    "reference": "INC-2022-001",
    "title": "Trading server failure",
    "windows": [{"starts_at": at("14:09"), "ends_at": at("15:30")}],
}


@pytest.fixture
def declare(tmp_path):
    def declare(text: str, *options: str):
        file = tmp_path / "incident.toml"
        file.write_text(text)
        return run("declare_incident", file, *options)

    return declare


def events() -> tuple[int, int]:
    """How many lines the history has of incidents and of windows."""
    changes = Change.objects
    return changes.filter(kind="incidents_incident").count(), changes.filter(kind="incidents_outagewindow").count()


def test_the_outage_of_s1_is_declared_as_a_draft(declare):
    assert declare(S1) == (0, {"incident": "INC-2022-001", "status": "draft"})
    incident = Incident.objects.get()
    assert (incident.title, incident.cause) == ("Trading server failure", "Power outage in the server room")
    assert (incident.timezone, incident.services, incident.instruments) == ("UTC", ["login", "trading"], [])
    assert list(incident.windows.values_list("starts_at", "ends_at")) == [(at("14:09"), at("15:30"))]


def test_declared_again_it_changes_nothing_and_publishing_keeps_the_first_instant(declare):
    assert declare(S1, "--publish") == (0, {"incident": "INC-2022-001", "status": "published"})
    before, published = events(), Incident.objects.get().published_at
    assert declare(S1, "--publish") == (0, {"incident": "INC-2022-001", "status": "published"})
    assert declare(S1) == (0, {"incident": "INC-2022-001", "status": "published"})
    assert events() == before
    assert Incident.objects.get().published_at == published


def test_a_corrected_end_touches_one_window_and_keeps_the_incident_published(declare):
    second = "[[windows]]\nstarts_at = 2022-11-16T18:00:00Z\nends_at = 2022-11-16T18:05:00Z\n"
    declare(S1 + second, "--publish")
    first, other = OutageWindow.objects.order_by("starts_at")
    before = events()
    declare(S1.replace("15:30:00", "16:00:00") + second)
    assert OutageWindow.objects.get(pk=first.pk).ends_at == at("16:00")
    assert OutageWindow.objects.get(pk=other.pk).ends_at == at("18:05")
    assert events() == (before[0], before[1] + 1)
    assert Incident.objects.get().status == "published"


def test_windows_follow_the_file_and_one_without_an_end_lasts(declare):
    declare(S1)
    declare(S1.replace("ends_at = 2022-11-16T15:30:00Z", "") + "[[windows]]\nstarts_at = 2022-11-16T22:00:00+08:00\n")
    windows = list(OutageWindow.objects.values_list("starts_at", "ends_at"))
    assert windows == [(datetime(2022, 11, 16, 14, tzinfo=UTC), None), (at("14:09"), None)]
    declare(S1)
    assert list(OutageWindow.objects.values_list("starts_at", "ends_at")) == [(at("14:09"), at("15:30"))]


def test_all_errors_of_a_file_come_at_once_each_with_its_place(declare):
    instrument()
    code, result = declare("""
        reference = "INC 1"
        title = ""
        timezone = "Mars/Olympus"
        services = ["login", "login"]
        instruments = ["BTCUSDT", "ETHUSDT", "DOGEUSDT"]
        severity = 1
        [[windows]]
        starts_at = 2022-11-16T14:09:00
        ends_at = "15:30"
        [[windows]]
        starts_at = 2022-11-16T14:09:00Z
        ends_at = 2022-11-16T14:09:00Z
        [[windows]]
        ends_at = 2022-11-16T14:09:00Z
        end = 2022-11-16T14:09:00Z
    """)
    instant = "expected a date-time with its offset, such as 2022-11-16T14:09:00Z"
    assert (code, result["errors"]) == (
        1,
        [
            "severity: unknown key; known: reference, title, cause, timezone, services, products, instruments, windows",
            "reference is 'INC 1'; expected letters, digits, dot, dash and underscore, 40 at most, such as INC-2022-001",
            "title is ''; expected a text",
            "timezone is 'Mars/Olympus'; expected an IANA name such as UTC or Asia/Shanghai",
            "services has 'login' twice",
            f"windows[1] starts_at is 2022-11-16T14:09:00; {instant}",
            f"windows[1] ends_at is '15:30'; {instant}",
            "windows[2] ends_at is 2022-11-16T14:09:00+00:00; expected after starts_at",
            "windows[3] end: unknown key; known: starts_at, ends_at",
            "windows[3] starts_at: it is missing",
            "instruments: unknown DOGEUSDT, ETHUSDT; import them first",
        ],
    )
    assert not Incident.objects.exists()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("reference = ", "not a TOML file: Invalid value (at end of document)"),
        ('reference = "A"\ntitle = "B"', "[[windows]]: an incident needs at least one outage window"),
        ('reference = "A"\ntitle = "B"\nwindows = 7', "[[windows]]: an incident needs at least one outage window"),
    ],
)
def test_a_file_that_says_nothing_is_refused(declare, text, error):
    assert declare(text) == (1, {"errors": [error]})


def test_two_windows_that_start_at_one_instant_are_refused():
    document = DOCUMENT | {"windows": [{"starts_at": at("14:09")}, {"starts_at": at("14:09"), "ends_at": at("15:30")}]}
    with pytest.raises(workflow.Refused, match=r"windows\[2\] starts_at is .*; another window starts then already"):
        workflow.declare(document, now=NOW)


def test_manager_mia_may_declare_and_publish_agent_ana_may_not():
    mia, ana = staff("mia", "manager"), staff("ana", "agent")
    incident = workflow.declare(DOCUMENT, by=mia, now=NOW)
    assert incident.declared_by == mia
    for verb in (
        lambda: workflow.declare(DOCUMENT | {"title": "Another"}, by=ana, now=NOW),
        lambda: workflow.publish(incident, by=ana, now=NOW),
    ):
        with pytest.raises(workflow.Refused, match="ana has not the permission incidents.publish_incident"):
            verb()
    assert workflow.publish(incident, by=mia, now=NOW).published_at == NOW
    assert Incident.objects.get().title == "Trading server failure"
