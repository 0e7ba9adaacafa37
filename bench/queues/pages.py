"""What an agent and a manager ask of the queue, on the database of DATABASE_URL: median milliseconds and queries, as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median

import django

django.setup()

from django.contrib.auth.models import User
from django.db import connection, reset_queries
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from claims.models import Claim
from claims.screens import lanes

REQUESTS = 9
QUEUE = reverse("admin:claims_claim_changelist")
NUMBER = 77  # of the claim, customer, account, order and ticket that are searched for: there is one in every world


def signed_in(name: str) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username=name))
    return client


def measured(request: Callable[[], object]) -> dict:
    """The first one loads templates and is not counted."""
    taken, queries = [], 0
    for _turn in range(REQUESTS + 1):
        reset_queries()  # the log is bounded: full, it would count nothing any more
        with CaptureQueriesContext(connection) as asked:
            began = time.perf_counter()
            answer = request()
            taken.append(1000 * (time.perf_counter() - began))
        assert answer.status_code in (200, 302), answer.status_code
        queries = len(asked)
    return {"milliseconds": median(taken[1:]), "queries": queries}


def pages(client: Client) -> dict[str, Callable[[], object]]:
    """What is asked for, by its name."""
    customer = Claim.objects.get(pk=NUMBER).customer
    name, order = customer.name, customer.orders.order_by("pk").values_list("order_id", flat=True).first()
    words = {
        "reference": Claim.objects.get(pk=NUMBER).reference,
        "customer": f"customer-{NUMBER}",
        "name": name,
        "family name": name.split()[1],
        "account": f"account-{NUMBER}-0",
        "order": order or f"order-{NUMBER}",
        "ticket": f"T-{NUMBER}-0",
        "nothing": "nowhere to be found",
    }
    found: dict[str, Callable[[], object]] = {
        f"lane {lane.name}": lambda code=lane.code: client.get(QUEUE, {"show": code}) for lane in lanes.LANES
    }
    found |= {f"search by {what}": lambda word=word: client.get(QUEUE, {"q": word}) for what, word in words.items()}
    claims = iter(Claim.objects.open().in_queue_order().values_list("pk", flat=True)[: REQUESTS + 1])
    found["a claim's page"] = lambda: client.get(reverse("admin:claims_claim_change", args=[next(claims)]))
    found["take the next"] = lambda: client.post(reverse("admin:claims_claim_next"))
    return found


def main() -> None:
    result = {}
    for name in ("agent-00", "manager"):
        result[name] = {what: measured(request) for what, request in pages(signed_in(name)).items()}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
