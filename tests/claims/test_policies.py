"""Drafts are changed in place, what is published stays; who looked at an older page is refused."""

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from claims import terms, workflow
from claims.gate import Refused
from claims.models import Policy
from claims.terms import TermsError
from tests import factories as f
from tests.factories import NOW, S1

pytestmark = pytest.mark.django_db
MORE = S1.replace('"20"', '"25"')


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


@pytest.fixture
def draft(mia):
    return workflow.draft_policy(f.incident(policy=None), S1, by=mia, now=NOW)


def revised(draft: Policy, text: str = MORE, **given) -> Policy:
    return workflow.revise_draft(draft, text, **{"sha256": draft.sha256, "now": NOW} | given)


def test_a_draft_that_is_revised_stays_the_same_version(draft, mia):
    policy = revised(draft, by=mia, reason="Five more")
    assert list(Policy.objects.all()) == [policy]
    assert (policy.version, policy.reason, policy.file) == (1, "Five more", MORE)
    assert policy.sha256 == terms.digest(terms.read(MORE))


def test_of_two_who_revise_one_draft_the_second_is_refused(draft, mia):
    revised(draft, by=mia)
    with pytest.raises(Refused, match="version 1 was changed by somebody else"):
        revised(draft, S1, by=mia)


def test_what_is_published_is_not_revised(draft, mia):
    workflow.publish_policy(draft, by=mia, now=NOW)
    with pytest.raises(Refused, match="version 1 was changed by somebody else"):
        revised(draft, by=mia)
    assert Policy.objects.get().file == S1


def test_a_revision_is_checked_like_a_draft(draft, mia):
    with pytest.raises(TermsError, match="clause E4 result"):
        revised(draft, S1.replace('"profit"', '"luck"'), by=mia)
    assert Policy.objects.get().file == S1


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_agents_and_auditors_revise_nothing(draft, role):
    with pytest.raises(Refused, match="claims.add_policy"):
        revised(draft, by=f.staff("ana", role))


def test_a_correction_that_loses_its_reason_is_neither_revised_nor_published(draft, mia):
    workflow.publish_policy(draft, by=mia, now=NOW)
    second = workflow.draft_policy(draft.incident, MORE, by=mia, reason="Five more", now=NOW)
    with pytest.raises(Refused, match="needs a reason"):
        revised(second, S1.replace('"20"', '"30"'), by=mia, reason=" ")
    Policy.objects.filter(pk=second.pk).update(reason="")
    with pytest.raises(Refused, match="needs a reason"):
        workflow.publish_policy(second, by=mia, now=NOW)


def test_an_older_draft_does_not_come_into_force_behind_a_newer_version(draft, mia):
    newer = workflow.draft_policy(draft.incident, MORE, by=mia, now=NOW)
    workflow.publish_policy(newer, by=mia, now=NOW)
    with pytest.raises(Refused, match="version 2 is in force already"):
        workflow.publish_policy(draft, by=mia, now=NOW)


def test_a_draft_that_the_outage_has_overtaken_is_not_published(mia):
    incident = f.incident(policy=None)
    text = S1.replace('closed_from = "start"\nclosed_to = "end"', 'closed_from = "start+1h"\nclosed_to = "end"')
    draft = workflow.draft_policy(incident, text, by=mia, now=NOW)
    incident.windows.update(ends_at=f.at("14:30"))
    with pytest.raises(TermsError, match="clause C1 closed_to 'end' is before closed_from 'start\\+1h'"):
        workflow.publish_policy(draft, by=mia, now=NOW)
    assert Policy.objects.get().status == "draft"


def test_publishing_twice_changes_nothing(draft, mia):
    first = workflow.publish_policy(draft, by=mia, now=NOW).published_at
    assert workflow.publish_policy(draft, by=f.staff("max", "manager"), now=f.at("10:00", 20)).published_at == first
    assert Policy.objects.get().published_by == mia


# --- the file, there and back


@pytest.mark.parametrize("preset", terms.PRESETS)
def test_a_policy_leaves_as_it_came_to_the_byte(preset, tmp_path, mia):
    """Comments and spaces too: by command, and from the page."""
    incident, out = f.incident(policy=None), tmp_path / "out.toml"
    given = terms.PRESETS[preset].read_bytes()
    call_command("load_policy", incident.reference, preset, publish=True)
    call_command("export_policy", incident.reference, output=str(out))
    assert out.read_bytes() == given
    client = Client()
    client.force_login(mia)
    page = client.get(reverse("admin:claims_policy_file", args=[incident.policies.get().pk]))
    assert b"".join(page.streaming_content) == given


def test_a_file_of_another_machine_keeps_its_line_ends(tmp_path):
    incident, given = f.incident(policy=None), tmp_path / "in.toml"
    given.write_bytes(S1.replace("\n", "\r\n").encode())
    call_command("load_policy", incident.reference, str(given))
    call_command("export_policy", incident.reference, policy_version=1, output=str(tmp_path / "out.toml"))
    assert (tmp_path / "out.toml").read_bytes() == given.read_bytes()


def test_what_is_not_there_is_not_exported():
    incident = f.incident(policy=None)
    with pytest.raises(SystemExit):
        call_command("export_policy", incident.reference)


def test_an_agent_takes_no_file(draft):
    client = Client()
    client.force_login(f.staff("ana", "agent"))
    assert client.get(reverse("admin:claims_policy_file", args=[draft.pk])).status_code == 403
