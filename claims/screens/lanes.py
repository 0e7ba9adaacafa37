"""The queue's lanes: what waits where and for whom, counted up to a limit, so that a million claims cost what a thousand do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.core.exceptions import EmptyResultSet
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext_lazy as _

from claims.models import Claim, Presence, SavedFilter, Team
from claims.screens import queue

COUNTED_TO = 1_000
S = Claim.Status
NARROW = ("incident__id__exact", "assigned_to__id__exact", "status__exact")  # what else a list may be narrowed by


@dataclass(frozen=True)
class Asker:
    """Who asks, when, and how soon is soon."""

    user: object
    now: datetime
    soon: timedelta


def customer(asker: Asker) -> QuerySet[Claim]:
    """Asked for something, or offered what they have not answered: either makes the clock stand still."""
    return Claim.objects.open().filter(asked_at__isnull=False)


def soon(asker: Asker) -> QuerySet[Claim]:
    return Claim.objects.on_the_clock().filter(due_at__gte=asker.now, due_at__lt=asker.now + asker.soon)


def team(asker: Asker) -> QuerySet[Claim]:
    """Of their teams: asked for first, so that who is in none does not walk down the whole queue."""
    mine = list(Team.objects.filter(members=asker.user).values_list("pk", flat=True))
    return Claim.objects.open().filter(team__in=mine)


@dataclass(frozen=True)
class Lane:
    """A part of the queue that a person works down."""

    code: str
    name: str | Promise
    claims: Callable[[Asker], QuerySet[Claim]]
    permission: str = ""  # shown to whoever has it
    empty: str | Promise = _("No claim is in this list now.")


LANES = (
    Lane(
        "",
        _("Open"),
        lambda asker: Claim.objects.open(),
        empty=_("No claim waits. Claims come with contacts, entered or imported; All shows the closed ones."),
    ),
    Lane("mine", _("Waits for me"), lambda asker: Claim.objects.filter(pk__in=queue.for_me(asker.user))),
    Lane("assigned", _("Assigned to me"), lambda asker: Claim.objects.open().filter(assigned_to=asker.user)),
    Lane("team", _("My team"), team, empty=_("Nothing waits for your team. Who is in which team is a manager's to say.")),
    Lane("unassigned", _("Unassigned"), lambda asker: Claim.objects.open().filter(assigned_to__isnull=True)),
    Lane("review", _("Evidence to review"), lambda asker: queue.to_review()),
    Lane("customer", _("With the customer"), customer),
    Lane("ready", _("Ready to decide"), lambda asker: queue.ready()),
    Lane("soon", _("Due soon"), soon),
    Lane("overdue", _("Overdue"), lambda asker: Claim.objects.overdue(asker.now)),
    Lane(
        "escalated",
        _("Escalated"),
        lambda asker: Claim.objects.open().filter(escalated_at__isnull=False),
        permission="claims.approve_claim",
    ),
    Lane("closed", _("Closed"), lambda asker: Claim.objects.filter(status__in=(S.APPROVED, S.DENIED, S.WITHDRAWN))),
    Lane("all", _("All"), lambda asker: Claim.objects.all()),
)  # fmt: skip
BY_CODE = {lane.code: lane for lane in LANES}
UNWORKED = {"", "closed", "all"}  # from these, the next claim is the next that waits for the person


def shown_to(user) -> list[Lane]:
    return [lane for lane in LANES if not lane.permission or user.has_perm(lane.permission)]


def lane_of(code: str | None) -> Lane:
    return BY_CODE.get(code or "", BY_CODE[""])


def to_work(query, asker: Asker) -> QuerySet[Claim]:
    """The claims of a list's query that can be worked down: its lane, narrowed by incident, person and status."""
    code = query.get("show", "")
    claims = lane_of("mine" if code in UNWORKED else code).claims(asker)
    return claims.filter(**{name: query[name] for name in NARROW if query.get(name)})


def counts(asker: Asker) -> dict[str, int]:
    """How many claims each lane has, counted to COUNTED_TO and one more: one question for all of them."""
    asked, values, codes = [], [], []
    for lane in shown_to(asker.user):
        limited = lane.claims(asker).order_by().values("pk")[: COUNTED_TO + 1]
        try:
            sql, params = limited.query.sql_with_params()
        except EmptyResultSet:  # nobody has this lane: no permission makes it theirs
            continue
        asked.append(f"(SELECT count(*) FROM ({sql}) AS lane)")  # noqa: S608 Django's own SQL
        values += params
        codes.append(lane.code)
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(asked), values)
        return dict(zip(codes, cursor.fetchone(), strict=True))


def in_words(count: int) -> str:
    """A count as people read it: past the limit it says so."""
    return f"{COUNTED_TO:,}+" if count > COUNTED_TO else f"{count:,}"


class CountedPaginator(Paginator):
    """Pages of the first COUNTED_TO rows: nobody reads further, and to count the rest costs the more the longer it is."""

    template_name = "claims/queue_pages.html"

    @cached_property
    def counted(self) -> int:
        return self.object_list.order_by()[: COUNTED_TO + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self.counted, COUNTED_TO)

    @property
    def words(self) -> str:
        return in_words(self.counted)


def people() -> QuerySet:
    """Whoever works at the desk, and may be given a claim."""
    backend = "django.contrib.auth.backends.ModelBackend"
    found = get_user_model().objects.with_perm("claims.assign_claim", include_superusers=False, backend=backend)
    return found.order_by("username")


def saved_filters(user) -> QuerySet[SavedFilter]:
    return SavedFilter.objects.filter(user=user)


def others_at(claims: Iterable[int], user, *, now: datetime) -> QuerySet[Presence]:
    """Who else has these claims open now."""
    return Presence.objects.here(now).filter(claim__in=claims).exclude(user=user).select_related("user")
