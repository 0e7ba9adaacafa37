"""What anybody may read: the published incidents and the rules of each."""

import pytest
from django.utils.html import escape

from incidents.models import Incident
from tests import factories as f

pytestmark = pytest.mark.django_db


def test_the_front_lists_published_incidents_and_leads_to_the_staff(client):
    f.incident()
    draft = f.incident("INC-2022-002", policy=None)
    Incident.objects.filter(pk=draft.pk).update(status="draft", title="Not yet said", published_at=None)
    page = client.get("/").content.decode()
    assert "Trading server failure" in page
    assert "Not yet said" not in page
    assert 'href="/staff/"' in page


def test_a_notice_says_when_and_why_and_every_clause_in_both_languages(client):
    incident = f.incident(cause="Power outage in the server room", timezone="Asia/Shanghai")
    page = client.get("/incidents/INC-2022-001/").content.decode()
    assert "2022-11-16 14:09:00 UTC – 2022-11-16 15:30:00 UTC" in page
    assert "2022-11-16 22:09:00 – 2022-11-16 23:30:00 Asia/Shanghai" in page
    assert "Power outage in the server room" in page
    for clause in incident.policies.in_force().terms.clauses:
        assert escape(clause.text["en"]) in page
        assert escape(clause.text["zh"]) in page


def test_a_draft_has_no_notice(client):
    incident = f.incident(policy=None)
    assert client.get("/incidents/INC-2022-001/").status_code == 200
    Incident.objects.filter(pk=incident.pk).update(status="draft", published_at=None)
    assert client.get("/incidents/INC-2022-001/").status_code == 404


def test_the_public_pages_keep_the_strict_policy_and_the_staff_pages_loosen_two_sources(client):
    public = client.get("/")["Content-Security-Policy"]
    assert "unsafe" not in public
    staff = client.get("/staff/login/")["Content-Security-Policy"]
    assert "'unsafe-eval'" in staff
    assert "script-src 'self' 'unsafe-eval'" in staff


def test_a_reader_switches_the_language(client):
    client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/"})
    assert "事故与赔付" in client.get("/").content.decode()
