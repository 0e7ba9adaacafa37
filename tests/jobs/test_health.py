"""Whether the process lives and whether it can work."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Heartbeat

pytestmark = pytest.mark.django_db


def test_a_living_process_says_so(client):
    assert client.get("/healthz").json() == {"ok": True}


def test_ready_means_the_database_is_there_and_up_to_date(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ok"], answer.json()["migrations_missing"]) == (200, True, 0)


@pytest.mark.parametrize(("ago", "told"), [(None, "unknown"), (10, "alive"), (1000, "silent")])
def test_the_workers_pulse_is_told(client, ago, told):
    if ago is not None:
        seen_at = timezone.now() - timedelta(seconds=ago)
        Heartbeat.objects.create(cluster="one", since=seen_at, seen_at=seen_at)
    assert client.get("/readyz").json()["workers"] == told
