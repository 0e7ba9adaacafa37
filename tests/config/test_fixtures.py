"""The fixtures of the suite do what they promise."""

import time

import pytest
from django_q.models import OrmQ
from django_q.tasks import async_task


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_takes_tasks_from_the_tests_own_database(worker):
    worker()
    async_task("math.sqrt", 4)
    until = time.monotonic() + 20
    while OrmQ.objects.exists():
        assert time.monotonic() < until, "nobody took the task"
        time.sleep(0.1)
