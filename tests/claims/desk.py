"""A desk with people at it: browsers without a screen, signed in."""

from __future__ import annotations

import re
from decimal import Decimal

from django.test import Client
from django.urls import reverse

from tests import factories


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(claim) -> str:
    return reverse("admin:claims_claim_change", args=[claim.pk])


def text_of(response) -> str:
    """What a reader sees: no tags, single spaces."""
    html = re.sub(r"<(script|style).*?</\1>", " ", response.content.decode(), flags=re.S)
    text = re.sub(r"<[^>]+>", " ", html).replace("&#x27;", "'").replace("&quot;", '"').replace("&amp;", "&")
    return " ".join(text.split()).replace("( ", "(").replace(" )", ")")


def outage():
    """INC-2022-001 with S1 in force and the two quotes of that day that decide."""
    made = factories.incident()
    factories.quotes("BTCUSDT", ("14:34:20", "16571", "16571.1"), ("14:54:10", "16411", "16411.1"))
    return made


def post(client: Client, name: str, pk: int, **data):
    return client.post(reverse(f"admin:claims_claim_{name}", args=[pk]), data, follow=True)


def usdt(amount: str) -> dict[str, Decimal]:
    return {"USDT": Decimal(amount)}
