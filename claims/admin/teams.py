"""Teams: people who share a part of the queue; a manager makes them."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from claims.models import Claim, Team
from claims.screens import lanes
from jobs import office


@admin.register(Team)
class TeamAdmin(office.Screen):
    """A name and its people: whoever may be given a claim."""

    list_display = ["name", "people", "open_claims"]
    search_fields = ["name"]
    empty_says = _(
        "No team yet. A claim that is given to a team stands in the lane of all its members until one takes it."
    )

    def get_queryset(self, request):
        still_open = Count("claims", filter=Q(claims__status__in=Claim.OPEN))
        return super().get_queryset(request).prefetch_related("members").annotate(open_claims=still_open)

    def formfield_for_manytomany(self, db_field, request, **kwargs):
        boxes = UnfoldAdminCheckboxSelectMultipleWidget()  # a desk has dozens of people, not hundreds
        return super().formfield_for_manytomany(db_field, request, queryset=lanes.people(), widget=boxes, **kwargs)

    @display(description=_("people"))
    def people(self, team):
        return ", ".join(sorted(member.get_username() for member in team.members.all())) or "–"

    @display(description=_("open claims"))
    def open_claims(self, team):
        return team.open_claims
