"""How long the page of one claim takes, and how many queries, on the database of DATABASE_URL. Prints one JSON object."""

from __future__ import annotations

import json
import time
from statistics import median

import django

django.setup()

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from claims.models import Claim

REQUESTS = 20
ORDERS = 5  # of a customer, so that the pages are alike


def main() -> None:
    user, _created = User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    several = Claim.objects.filter(pk__lte=2_000).annotate(n=Count("customer__orders")).filter(n=ORDERS)
    claims = list(several.order_by("pk").values_list("pk", flat=True)[: REQUESTS + 1])
    taken, queries = [], []
    for claim in claims:
        with CaptureQueriesContext(connection) as asked:
            began = time.perf_counter()
            answer = client.get(reverse("admin:claims_claim_change", args=[claim]))
            taken.append(1000 * (time.perf_counter() - began))
        assert answer.status_code == 200, answer.status_code
        queries.append(len(asked))
    print(json.dumps({"milliseconds": median(taken[1:]), "queries": max(queries[1:])}))  # the first one loads templates


if __name__ == "__main__":
    main()
