"""For superusers: the clusters, the task queue's own tables, and who works here."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from jobs import office
from jobs.models import Heartbeat


@admin.register(Heartbeat)
class HeartbeatAdmin(office.SuperusersOnly, office.ReadOnlyScreen):
    list_display = ["cluster", "since", "seen_at"]


class QueueScreen(office.SuperusersOnly, office.ReadOnlyScreen):
    """The task queue's own tables, to read: whoever could edit a schedule could run any code."""


for model, columns in {
    OrmQ: ["id", "key", "lock"],
    Schedule: ["id", "name", "func", "schedule_type", "next_run"],
    Success: ["name", "func", "started", "stopped"],
    Failure: ["name", "func", "started", "stopped", "attempt_count"],
}.items():
    admin.site.unregister(model)
    admin.site.register(model, QueueScreen, list_display=columns)

admin.site.unregister(User)
admin.site.unregister(Group)


class ForSuperusers(office.SuperusersOnly):
    """Who works here and what they may do is the operator's business alone."""

    def has_add_permission(self, request, obj=None) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request, obj=None) -> bool:
        return self.has_view_permission(request)


@admin.register(User)
class UserAdmin(ForSuperusers, office.NothingDeleted, StockUserAdmin, office.ModelAdmin):
    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    actions = None


@admin.register(Group)
class GroupAdmin(ForSuperusers, office.NothingDeleted, StockGroupAdmin, office.ModelAdmin):
    actions = None
