"""What an agent and a manager ask of the queue, on the database of DATABASE_URL.

Asked on standard input, a line of JSON each: null, and it says what there is to ask, [[person, page], …]; one of these, and it
requests that page once and answers [milliseconds, queries].
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import django

django.setup()

from django.contrib.auth.models import User
from django.db import connection, reset_queries
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from claims.models import Claim
from claims.screens import lanes

REQUESTS = 10  # of each page at most
QUEUE = reverse("admin:claims_claim_changelist")
NUMBER = 77  # of the claim, customer, account, order and ticket that are searched for: there is one in every world


def signed_in(name: str) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username=name))
    return client


def measured(request: Callable[[], object]) -> tuple[float, int]:
    """One request: its milliseconds and queries."""
    reset_queries()  # the log is bounded: full, it would count nothing any more
    with CaptureQueriesContext(connection) as asked:
        began = time.perf_counter()
        answer = request()
        taken = 1000 * (time.perf_counter() - began)
    assert answer.status_code in (200, 302), answer.status_code
    return taken, len(asked)


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
    claims = iter(Claim.objects.open().in_queue_order().values_list("pk", flat=True)[:REQUESTS])
    found["a claim's page"] = lambda: client.get(reverse("admin:claims_claim_change", args=[next(claims)]))
    found["take the next"] = lambda: client.post(reverse("admin:claims_claim_next"))
    return found


def main() -> None:
    requests = {(name, what): asks for name in ("agent-00", "manager") for what, asks in pages(signed_in(name)).items()}
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(measured(requests[tuple(question)]) if question else list(requests)), flush=True)


if __name__ == "__main__":
    main()
