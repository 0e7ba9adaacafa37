"""What runs every minute is written once; a portal knows whether anybody takes its tasks."""

import json
import socket
import subprocess
import sys
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler
from django_q.signals import post_spawn
from django_q.signing import SignedPackage
from django_q.status import Stat, Status

from jobs import pulse, queue, tasks
from jobs.models import Heartbeat
from tests.factories import NOW

pytestmark = pytest.mark.django_db
SWEEP = {"claims.tasks.sweep": {"schedule_type": "I", "minutes": 1}}


def test_the_schedules_of_the_settings_are_written_once(capsys):
    for created in (len(settings.SCHEDULES), 0):
        call_command("sync_schedules", "--json")
        assert json.loads(capsys.readouterr().out) == {
            "schedules": sorted(settings.SCHEDULES),
            "created": created,
            "removed": 0,
        }
    rows = Schedule.objects.order_by("name").values_list("name", "func", "schedule_type", "minutes", "repeats")
    assert list(rows) == [
        (name, name, said["schedule_type"], said.get("minutes"), -1)
        for name, said in sorted(settings.SCHEDULES.items())
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
    due = sorted(name for name, said in settings.SCHEDULES.items() if "at" not in said)
    assert sorted(row.task["func"] for row in OrmQ.objects.all()) == due


def test_a_cluster_that_beat_within_three_minutes_is_alive():
    assert not pulse.workers_alive(NOW)
    pulse.beat("makegood@east", now=NOW)
    assert pulse.workers_alive(NOW + timedelta(minutes=3))
    assert not pulse.workers_alive(NOW + timedelta(minutes=3, seconds=1))


def test_a_cluster_has_one_row_and_one_that_is_gone_for_a_day_has_none(nobody_else):
    pulse.beat("east:1", now=NOW)
    pulse.beat("west:1", now=NOW + timedelta(hours=25))
    pulse.beat("west:1", now=NOW + timedelta(hours=26))
    pulse.survey(now=NOW + timedelta(hours=26))
    kept = Heartbeat.objects.exclude(cluster=pulse.here()).values_list("cluster", "since", "seen_at")
    assert list(kept) == [("west:1", NOW + timedelta(hours=25), NOW + timedelta(hours=26))]


@pytest.fixture
def nobody_else():
    """No cluster of an earlier test gives a sign of life."""
    get_broker().cache.delete(Conf.Q_STAT)


def sign_of_life(host: str, sentinel: int) -> None:
    """What django-q2's guard writes every half a second."""
    found = Status(pid=sentinel - 1, cluster_id=uuid4())
    found.host, found.sentinel, found.tob = host, sentinel, NOW - timedelta(hours=2)
    key = Stat.get_key(found.cluster_id)
    get_broker().set_stat(key, SignedPackage.dumps(found, True), 3)


def test_whoever_is_free_notes_every_cluster_that_gives_a_sign_of_life(nobody_else):
    sign_of_life("east", 11)
    sign_of_life("west", 12)
    pulse.survey(now=NOW)
    assert list(Heartbeat.objects.order_by("cluster").exclude(cluster=pulse.here()).values_list("cluster", "since")) == [
        ("east:11", NOW - timedelta(hours=2)), ("west:12", NOW - timedelta(hours=2)),
    ]  # fmt: skip
    assert Heartbeat.objects.get(cluster=pulse.here()).seen_at == NOW


def test_a_cluster_that_others_outlived_is_gone_before_all_are_silent():
    pulse.beat("east:1", now=NOW)
    pulse.beat("west:1", now=NOW)
    pulse.beat("west:1", now=NOW + timedelta(minutes=2))
    health = pulse.health(wanted=2, now=NOW + timedelta(minutes=2, seconds=30))
    assert ([row.cluster for row in health.alive], [row.cluster for row in health.gone]) == (["west:1"], ["east:1"])
    assert (health.missing, health.nobody, health.alarm) == (1, False, True)


def test_all_is_well_while_as_many_work_as_ought_to():
    pulse.beat("east:1", now=NOW)
    assert not pulse.health(wanted=1, now=NOW + timedelta(minutes=3)).alarm
    assert pulse.health(wanted=1, now=NOW + timedelta(minutes=3, seconds=1)).nobody
    assert pulse.health(wanted=1, now=NOW + timedelta(hours=2)).gone == []


def test_a_lease_that_ended_and_a_job_that_nobody_takes_are_an_alarm():
    pulse.beat("east:1", now=NOW)
    queue.enqueue(key="a", task="claims.tasks.assess", argument={}, now=NOW - timedelta(minutes=6))
    stranded = queue.enqueue(key="b", task="claims.tasks.assess", argument={}, now=NOW - timedelta(minutes=6))
    queue.take(stranded.pk, now=NOW - timedelta(minutes=6))
    health = pulse.health(wanted=1, now=NOW)
    assert (health.stranded, health.neglected, health.missing, health.alarm) == (1, 1, 0, True)


def test_a_cluster_that_gives_signs_of_life_is_not_dead_whatever_its_machine_is_called(nobody_else):
    """Two containers may have one name, and each its own numbers of processes."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    cluster = f"{socket.gethostname()}:{ended.pid}"
    assert pulse.dead([cluster, "east:11"]) == [cluster]
    sign_of_life(socket.gethostname(), ended.pid)
    assert pulse.dead([cluster, "east:11"]) == []


def test_the_task_beats_for_the_machine_it_runs_on():
    tasks.beat()
    assert pulse.workers_alive(timezone.now())
    assert pulse.here() in Heartbeat.objects.values_list("cluster", flat=True)


def test_a_worker_that_starts_says_so_at_once():
    post_spawn.send(sender="django_q", proc_name="Process-1")
    assert Heartbeat.objects.get().cluster == pulse.here()


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
