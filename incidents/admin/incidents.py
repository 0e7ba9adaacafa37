"""Incidents with their windows, on screen."""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from incidents import workflow
from incidents.admin.prices import Prices
from incidents.models import Incident, OutageWindow
from jobs import office, shown


class IncidentForm(forms.ModelForm):
    class Meta:
        widgets = {
            "cause": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "services": UnfoldAdminTextInputWidget,
            "products": UnfoldAdminTextInputWidget,
            "instruments": UnfoldAdminTextInputWidget,
        }
        help_texts = {
            "services": gettext_lazy("such as login, trading; a comma between them"),
            "products": gettext_lazy("empty: all; a comma between them"),
            "instruments": gettext_lazy("empty: all; a comma between them"),
        }

    def clean_timezone(self):
        zone = self.cleaned_data["timezone"]
        if zone not in available_timezones():
            raise forms.ValidationError(_("There is no time zone of this name; one is written Asia/Shanghai."))
        return zone


class WindowInline(TabularInline):
    model = OutageWindow
    extra = 0
    min_num = 1
    tab = False
    fields = ["starts_at", "ends_at", "in_its_zone"]
    readonly_fields = ["in_its_zone"]
    verbose_name_plural = gettext_lazy("outage windows (times in UTC)")

    @display(description=gettext_lazy("in its own time zone"))
    def in_its_zone(self, window):
        if window.pk is None:
            return "–"
        return local(window)


def local(window: OutageWindow) -> str:
    """The window in its incident's display zone, with the offset said."""
    zone = ZoneInfo(window.incident.timezone)
    starts, ends = (at and at.astimezone(zone).isoformat(" ", "seconds") for at in (window.starts_at, window.ends_at))
    return format_html('<span class="mg-instant mg-small">{}<br>– {}</span>', starts, ends or _("lasts"))


def _until(window: OutageWindow) -> str:
    return shown.instant(window.ends_at) if window.ends_at else _("lasts")


@admin.register(Incident)
class IncidentAdmin(Prices, office.Screen):
    """A manager declares and publishes; what follows from it is decided at the desk."""

    form = IncidentForm
    empty_says = gettext_lazy("No incident is declared; a manager declares one with the plus sign above.")
    list_display = ["reference", "title", "state", "outage", "declared_at", "desk"]
    list_filter = ["status"]
    search_fields = ["reference", "title"]
    inlines = [WindowInline]
    change_form_outer_before_template = "incidents/incident_head.html"
    readonly_fields = ["state", "declared_by", "declared_at", "published_at"]
    fieldsets = [
        (None, {"fields": ["reference", "title", "cause", "timezone"]}),
        (gettext_lazy("What it affected"), {"fields": ["services", "products", "instruments"]}),
        (gettext_lazy("Record"), {"fields": ["state", "declared_by", "declared_at", "published_at"]}),
    ]

    def get_fieldsets(self, request, obj=None):
        return self.fieldsets if obj else self.fieldsets[:2]

    def get_readonly_fields(self, request, obj=None):
        return [*self.readonly_fields, "reference"] if obj else self.readonly_fields

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("windows")

    def save_model(self, request, obj, form, change):
        if not change:
            obj.declared_by, obj.declared_at = request.user, timezone.now()
        super().save_model(request, obj, form, change)

    def get_urls(self):
        publish = self.admin_site.admin_view(self.publish_view)
        return [
            path("<int:pk>/publish/", publish, name="incidents_incident_publish"),
            *self.prices_urls(),
            *super().get_urls(),
        ]

    def publish_view(self, request, pk):
        if request.method != "POST" or not request.user.has_perm("incidents.publish_incident"):
            raise PermissionDenied
        incident = get_object_or_404(Incident, pk=pk)
        try:
            workflow.publish(incident, by=request.user, now=timezone.now())
            messages.success(request, _("Published: the notice is public now."))
        except workflow.Refused as refusal:
            messages.error(request, str(refusal))
        return redirect(incident)

    @display(description=gettext_lazy("status"), ordering="status")
    def state(self, incident):
        return office.badge(incident.status, incident.get_status_display())

    @display(description=gettext_lazy("outage windows"))
    def outage(self, incident):
        windows = incident.windows.all()
        spans = ((shown.instant(window.starts_at), _until(window)) for window in windows)
        return office.lines('<span class="mg-instant">{} –</span> <span class="mg-instant">{}</span>', spans)

    @display(description=gettext_lazy("claims"))
    def desk(self, incident):
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:claims_desk", args=[incident.reference]), _("Open the desk")
        )
