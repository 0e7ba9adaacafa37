"""Who is written to when claims are late, and what: one e-mail a person, never one a claim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from claims.models import Claim
from jobs import shown

LISTED = 50  # claims in one part of a letter; the queue lists them all
SIGN_IN = "django.contrib.auth.backends.ModelBackend"  # keeps the permissions


@dataclass(frozen=True)
class Digest:
    """An e-mail to one person."""

    to: str
    subject: str
    body: str


def digests(*, overdue: QuerySet[Claim], due_soon: QuerySet[Claim], portal: str) -> Iterator[Digest]:
    """To each manager all of these claims, to each other person those assigned to them; who has no e-mail gets none.

    `portal`: the address of the portal, such as https://portal.example, before the addresses of its pages.
    """
    people = get_user_model().objects
    managers = list(
        people.with_perm("claims.approve_claim", backend=SIGN_IN, include_superusers=False).exclude(email="")
    )
    assigned = overdue.order_by().values("assigned_to").union(due_soon.order_by().values("assigned_to"))
    ids = [row["assigned_to"] for row in assigned if row["assigned_to"] is not None]
    others = people.filter(pk__in=ids, is_active=True).exclude(email="").exclude(pk__in=[one.pk for one in managers])
    for manager in managers:
        yield from _digest(manager, overdue, due_soon, portal)
    for person in others.order_by("pk"):
        late, soon = overdue.filter(assigned_to=person), due_soon.filter(assigned_to=person)
        yield from _digest(person, late, soon, portal)


def _digest(person, overdue: QuerySet[Claim], due_soon: QuerySet[Claim], portal: str) -> Iterator[Digest]:
    late, soon = overdue.count(), due_soon.count()
    if not late and not soon:
        return
    queue = portal + reverse("admin:claims_claim_changelist")
    parts = [
        *_part(
            ngettext("%(n)s claim is overdue:", "%(n)s claims are overdue:", late) % {"n": late}, overdue, late, portal
        ),
        *_part(
            ngettext("%(n)s claim is due soon:", "%(n)s claims are due soon:", soon) % {"n": soon},
            due_soon,
            soon,
            portal,
        ),
        gettext("The queue: %(address)s") % {"address": f"{queue}?show=overdue" if late else queue},
    ]
    subject = gettext("Claims: %(late)s overdue, %(soon)s due soon") % {"late": late, "soon": soon}
    yield Digest(to=person.email, subject=subject, body="\n".join(parts))


def _part(title: str, claims: QuerySet[Claim], number: int, portal: str) -> Iterator[str]:
    if not number:
        return
    yield title
    for claim in claims.select_related("assigned_to", "incident")[:LISTED]:
        who = claim.assigned_to.get_username() if claim.assigned_to else gettext("assigned to nobody")
        yield f"  {claim.reference}  {claim.incident.reference}  {shown.instant(claim.due_at)}  {who}"
        yield f"    {portal}{claim.get_absolute_url()}"
    if number > LISTED:
        yield "  " + gettext("and %(n)s more: the queue lists them all") % {"n": number - LISTED}
    yield ""
