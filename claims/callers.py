"""Who reaches us, about what: the customer as one types, the incident by the time, the orders they name. It changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Least

from claims import order_numbers
from claims.models import Claim
from incidents.models import Customer, Incident, Order, OutageWindow

SHORTEST = 2  # characters before one looks for a customer
AT_MOST = 8  # customers shown to choose from
NAMED_AT_MOST = 1_000  # customers of a name whose claims are looked for: nobody reads further


def customers(text: str) -> list[Customer]:
    """Customers by their code, account, order, e-mail or a word of their name, the surest first; each place by its own index."""
    text = text.strip()
    if len(text) < SHORTEST:
        return []
    places = [place.order_by().values_list("pk", Value(rank))[:AT_MOST] for rank, place in enumerate(_places(text))]
    ranks: dict[int, int] = {}
    with _bitmaps_only():
        for pk, rank in places[0].union(*places[1:], all=True):
            ranks[pk] = min(rank, ranks.get(pk, rank))
    found = Customer.objects.filter(pk__in=ranks).prefetch_related("accounts")
    return sorted(found, key=lambda customer: (ranks[customer.pk], customer.code))[:AT_MOST]


@contextmanager
def _bitmaps_only() -> Iterator[None]:
    """By each place's own index: the planner takes the first rows of a frequent word for near, and would read the table."""
    with transaction.atomic(), connection.cursor() as cursor:
        scans = ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan")
        cursor.execute("SELECT set_config(name, 'off', true) FROM unnest(%s::text[]) AS name", [list(scans)])
        yield
        cursor.execute("SELECT set_config(name, 'on', true) FROM unnest(%s::text[]) AS name", [list(scans)])


def _places(text: str) -> list[QuerySet[Customer]]:
    spelled = dict.fromkeys((text, text.upper(), text.lower()))
    everyone = Customer.objects.all()
    places = [
        everyone.filter(code__in=spelled),
        everyone.filter(accounts__code__in=spelled),
        everyone.filter(orders__order_id__in=[text, *order_numbers.read(text).ids]),
        everyone.filter(_begins("code", spelled)),
        everyone.filter(_begins("accounts__code", spelled)),
        everyone.exclude(email="").filter(email__istartswith=text),
    ]
    return places + _by_name(text)


def named(text: str) -> list[int]:
    """Ids of customers who have each word of the text at the beginning of a word of their name, at most NAMED_AT_MOST."""
    found: list[int] = []
    with _bitmaps_only():
        for place in _by_name(text):
            found += place.order_by().values_list("pk", flat=True)[:NAMED_AT_MOST]
    return found


def _by_name(text: str) -> list[QuerySet[Customer]]:
    """Where names are kept by their words; none, where the text has no word."""
    words = re.findall(r"[^\W_]+", text)
    if not words:
        return []
    query = SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")
    everyone = Customer.objects.exclude(name="")  # the index has no others
    return [everyone.annotate(words=SearchVector("name", config="simple")).filter(words=query)]


def _begins(name: str, spelled: Iterable[str]) -> Q:
    begins = Q()
    for text in spelled:
        begins |= Q(**{f"{name}__startswith": text})
    return begins


def account_meant(customer: Customer, text: str) -> str:
    """The account of the customer that was typed, or begun; empty: they were found by something else."""
    codes = [account.code for account in customer.accounts.all()]
    return next((code for code in codes if code.lower().startswith(text.strip().lower())), "")


def customer_with(pk: str) -> Customer | None:
    """The customer with this key, as a form sends it."""
    return Customer.objects.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None


def customer_coded(code: str) -> Customer | None:
    return Customer.objects.filter(code=code).first()


def new_customer(**said: str) -> Customer:
    """A customer whom nobody keeps yet: `intake.submit` does, with their first contact."""
    return Customer(**said)


def incidents() -> QuerySet[Incident]:
    """What there is to choose from, the latest first."""
    return Incident.objects.order_by("-declared_at", "-pk")


def suggested(at: datetime) -> Incident | None:
    """The published incident that they most likely mean: whose outage is on, or ended last before this instant."""
    began = OutageWindow.objects.filter(incident__status=Incident.Status.PUBLISHED, starts_at__lte=at)
    since = Value(at) - Least(Coalesce(F("ends_at"), Value(at)), Value(at))
    window = began.annotate(since=since).order_by("since", "-starts_at").select_related("incident").first()
    return window.incident if window else None


def claim_of(customer: Customer, incident: Incident) -> Claim | None:
    """The claim that a further contact would be added to."""
    return Claim.objects.filter(customer=customer, incident=incident).first()


# --- the orders they name


@dataclass(frozen=True)
class NamedOrder:
    """An order number as they gave it: its legs if it is theirs, else whether we know it at all."""

    order_id: str
    legs: list[Order] = field(default_factory=list)  # theirs
    known: bool = False  # an order of ours, whoever's


def named_orders(ids: Sequence[str], customer: Customer | None) -> list[NamedOrder]:
    """Each order number held against the books; without a customer nobody's legs are theirs."""
    legs: dict[str, list[Order]] = {}
    for order in Order.objects.filter(order_id__in=ids).select_related("instrument").order_by("order_id", "leg"):
        legs.setdefault(order.order_id, []).append(order)
    theirs = customer.pk if customer else None
    return [
        NamedOrder(id, [leg for leg in legs.get(id, ()) if leg.customer_id == theirs], known=id in legs) for id in ids
    ]


def account_is_strange(account: str, customer: Customer | None) -> bool:
    """Whether an account was named that is not this customer's."""
    return bool(account and customer) and not customer.accounts.filter(code=account).exists()


def orders_to_clear_up(claims: Sequence[int]) -> dict[int, int]:
    """By claim, how many orders its contacts name that are not, or not yet, its customer's. One that comes later drops out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT k.claim_id, count(DISTINCT named.id)
                 FROM claims_contact k JOIN claims_claim c ON c.id = k.claim_id, unnest(k.order_ids) AS named (id)
                WHERE k.claim_id = ANY(%s)
                  AND NOT EXISTS (SELECT FROM incidents_order o
                                   WHERE o.order_id = named.id AND o.customer_id = c.customer_id)
                GROUP BY k.claim_id""",
            [list(claims)],
        )
        return dict(cursor.fetchall())
