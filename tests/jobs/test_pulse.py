"""What runs every minute is written once; a portal knows whether anybody takes its tasks."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler

from jobs import pulse, tasks
from jobs.models import Heartbeat
from tests.factories import NOW

pytestmark = pytest.mark.django_db
SWEEP = {"claims.tasks.sweep": {"schedule_type": "I", "minutes": 1}}


def test_the_schedules_of_the_settings_are_written_once(capsys):
    for created in (4, 0):
        call_command("sync_schedules", "--json")
        assert json.loads(capsys.readouterr().out) == {
            "schedules": ["claims.tasks.sweep", "claims.tasks.verify_nightly", "jobs.tasks.beat", "ledger.tasks.seal"],
            "created": created,
            "removed": 0,
        }
    rows = Schedule.objects.order_by("name").values_list("name", "func", "schedule_type", "minutes", "repeats")
    assert sorted(row for row in rows if row[2] == "I") == [
        (name, name, "I", 1, -1) for name in ("claims.tasks.sweep", "jobs.tasks.beat", "ledger.tasks.seal")
    ]


def test_what_runs_at_night_first_runs_in_the_next_night():
    pulse.keep_schedules({"claims.tasks.verify_nightly": {"schedule_type": "D", "at": "02:30"}}, now=NOW)
    nightly = Schedule.objects.get()
    assert (nightly.schedule_type, nightly.next_run) == ("D", NOW.replace(hour=2, minute=30) + timedelta(days=1))


def test_a_restart_does_not_put_a_schedule_off():
    pulse.keep_schedules(SWEEP, now=NOW)
    pulse.keep_schedules(SWEEP, now=NOW + timedelta(seconds=50))
    assert Schedule.objects.get().next_run == NOW


def test_a_schedule_that_the_settings_no_longer_name_goes_and_a_changed_one_changes():
    pulse.keep_schedules(SWEEP | {"claims.tasks.gone": {"schedule_type": "D"}}, now=NOW)
    assert pulse.keep_schedules({"claims.tasks.sweep": {"schedule_type": "I", "minutes": 5}}, now=NOW) == (0, 1)
    assert Schedule.objects.get().minutes == 5


def test_two_machines_that_start_together_cannot_both_make_a_schedule():
    Schedule.objects.create(name="claims.tasks.sweep", func="claims.tasks.sweep")
    with pytest.raises(IntegrityError, match="jobs_schedule_once"), transaction.atomic():
        Schedule.objects.create(name="claims.tasks.sweep", func="claims.tasks.sweep")


@pytest.mark.django_db(transaction=True)
def test_the_queue_hands_out_what_is_due_and_only_once_a_minute():
    call_command("sync_schedules", "--verbosity", "0")
    scheduler()
    scheduler()
    assert sorted(row.task["func"] for row in OrmQ.objects.all()) == [
        "claims.tasks.sweep", "jobs.tasks.beat", "ledger.tasks.seal",
    ]  # fmt: skip


def test_a_cluster_that_beat_within_three_minutes_is_alive():
    assert not pulse.workers_alive(NOW)
    pulse.beat("makegood@east", now=NOW)
    assert pulse.workers_alive(NOW + timedelta(minutes=3))
    assert not pulse.workers_alive(NOW + timedelta(minutes=3, seconds=1))


def test_a_cluster_has_one_row_and_one_that_is_gone_for_a_day_has_none():
    pulse.beat("makegood@east", now=NOW)
    pulse.beat("makegood@west", now=NOW + timedelta(hours=25))
    pulse.beat("makegood@west", now=NOW + timedelta(hours=26))
    assert list(Heartbeat.objects.values_list("cluster", "seen_at")) == [("makegood@west", NOW + timedelta(hours=26))]


def test_the_task_beats_for_the_machine_it_runs_on():
    tasks.beat()
    assert pulse.workers_alive(timezone.now())
    assert Heartbeat.objects.get().cluster.startswith("makegood@")


def test_the_balancer_is_told_whether_anybody_takes_tasks(client):
    """A portal without workers still serves its pages: it is told, it does not decide."""

    def told() -> tuple[int, str]:
        answer = client.get("/readyz")
        return answer.status_code, answer.json()["workers"]

    assert told() == (200, "unknown")
    pulse.beat("makegood@east", now=timezone.now() - timedelta(minutes=4))
    assert told() == (200, "silent")
    tasks.beat()
    assert told() == (200, "alive")
