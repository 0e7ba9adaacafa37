"""Who looks after a claim, and who has it open: it decides nothing, and keeps two people from doing the same work."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from claims import gate
from claims.gate import Refused
from claims.models import Claim, Presence, SavedFilter, Team
from claims.models.steps import GONE_AFTER

DESK = "claims.assign_claim"
LONGEST_FILTER = 500  # characters, as the model keeps them
FILTERS_AT_MOST = 30  # of a person: more is no longer a row of chips


@transaction.atomic
def take_next(claims: QuerySet[Claim], *, after: Claim | None = None, by, now: datetime) -> Claim | None:
    """The claim of these that is due first and nobody else has open, opened by this person and theirs if it was nobody's.

    Behind `after` first, so that 'next' walks down the queue. Two people at once get two claims; None: there is none.
    """
    gate.may(by, DESK)
    free = _free(claims, by, now)
    if after is not None:
        Presence.objects.filter(claim=after, user=by).delete()
        free = free.exclude(pk=after.pk)
        claim = _take(free.filter(_behind(after)), by, now) or _take(free, by, now)
    else:
        claim = _take(free, by, now)
    if claim is None:
        return None
    look_at(claim, by=by, now=now)
    if claim.assigned_to_id is None:
        Claim.objects.filter(pk=claim.pk).update(assigned_to=by)
    return claim


def _free(claims: QuerySet[Claim], by, now: datetime) -> QuerySet[Claim]:
    """Nobody else has it open; nor is it somebody else's, but for whoever decides: a decision is another person's anyway."""
    free = claims.filter(~Exists(_others(by, now).filter(claim=OuterRef("pk"))))
    return free if by.has_perm("claims.approve_claim") else free.filter(Q(assigned_to=by) | Q(assigned_to=None))


def _others(by, now: datetime) -> QuerySet[Presence]:
    return Presence.objects.here(now).exclude(user=by)


def _take(claims: QuerySet[Claim], by, now: datetime) -> Claim | None:
    """Locked: whoever is at a claim this very moment is passed over, and so is what they took since we began to look."""
    passed: list[int] = []
    rows = claims.in_queue_order().locked(skip_locked=True)
    while (claim := rows.exclude(pk__in=passed).first()) is not None:
        if not _others(by, now).filter(claim=claim).exists():
            return claim
        passed.append(claim.pk)
    return None


def _behind(claim: Claim) -> Q:
    """What stands behind a claim in queue order."""
    later = Q(submitted_at__gt=claim.submitted_at) | Q(submitted_at=claim.submitted_at, pk__gt=claim.pk)
    if claim.due_at is None:
        return Q(due_at__isnull=True) & later
    return Q(due_at__gt=claim.due_at) | Q(due_at__isnull=True) | (Q(due_at=claim.due_at) & later)


def look_at(claim: Claim, *, by, now: datetime) -> None:
    """This person has the claim open: since the first time they said so without a break."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO claims_presence AS p (claim_id, user_id, since, seen_at)
               VALUES (%(claim)s, %(by)s, %(now)s, %(now)s)
                   ON CONFLICT (claim_id, user_id) DO UPDATE
                      SET seen_at = greatest(p.seen_at, excluded.seen_at),
                          since = CASE WHEN p.seen_at > %(gone)s THEN p.since ELSE excluded.since END""",
            {"claim": claim.pk, "by": by.pk, "now": now, "gone": now - GONE_AFTER},
        )


def forget_who_left(*, now: datetime) -> int:
    """Remove whoever has not had a claim open for a while; how many."""
    return Presence.objects.gone(now).delete()[0]


@transaction.atomic
def assign(claims: Iterable[int], *, to, by) -> int:
    """Give these open claims (ids) to a person, to a team (whose members take them one by one) or to nobody; how many.

    What a decision stands on does not change, so their revision stays; the database's history says who did it.
    """
    gate.may(by, DESK)
    if isinstance(to, Team):
        change = {"team": to, "assigned_to": None}
    elif to is None:
        change = {"team": None, "assigned_to": None}
    elif to.has_perm(DESK):
        change = {"assigned_to": to}
    else:
        raise Refused("%(user)s does not work on claims", user=to.get_username())
    # In one order, so that two people who assign the same claims never wait for each other.
    held = Claim.objects.open().filter(pk__in=claims).order_by("pk").locked()
    return Claim.objects.filter(pk__in=[claim.pk for claim in held]).update(**change)


def keep_filter(name: str, query: str, *, by) -> SavedFilter:
    """A list's query under a name, for this person alone; the same name again changes it."""
    name = name.replace("\0", "").strip()[:60]
    if not name:
        raise Refused("a filter needs a name")
    if not query:
        raise Refused("this list is not filtered: there is nothing to keep")
    if len(query) > LONGEST_FILTER:
        raise Refused("this filter is too long to keep")
    if by.saved_filters.exclude(name=name).count() >= FILTERS_AT_MOST:
        raise Refused("%(n)s filters are kept at most: remove one first", n=FILTERS_AT_MOST)
    return SavedFilter.objects.update_or_create(user=by, name=name, defaults={"query": query})[0]
