"""Policies: read clause by clause in both languages, compared, previewed, published once and frozen."""

from __future__ import annotations

from io import BytesIO

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from claims import gate, workflow
from claims.admin.editor import PolicyEditor
from claims.forms import PolicyForm, StartForm
from claims.models import Policy
from claims.screens.drafts import correction_address, suggested_start
from claims.screens.policy import PolicyPage
from claims.terms import TermsError
from jobs import office

STOP_POLLING = 286  # htmx: swap this answer in and ask no more


@admin.register(Policy)
class PolicyAdmin(PolicyEditor, office.ReadOnlyScreen):
    """A version is drafted, previewed and published; from then on a correction is a new version that says why."""

    empty_says = gettext_lazy("No policy yet: a manager drafts one with the plus sign above.")
    list_display = ["name", "for_incident", "version", "state", "moment_published", "published_by"]
    list_filter = ["status"]
    list_select_related = ["incident", "published_by"]
    search_fields = ["name", "incident__reference"]
    moment_published = office.moment("published_at", gettext_lazy("published at"))

    @display(description=gettext_lazy("incident"), ordering="incident__reference")
    def for_incident(self, policy):
        return policy.incident.reference

    @display(description=gettext_lazy("status"), ordering="status")
    def state(self, policy):
        return office.badge(policy.status, policy.get_status_display())

    def has_add_permission(self, request) -> bool:
        return request.user.has_perm("claims.add_policy")

    def get_urls(self):
        return [
            self.at("<int:pk>/publish/", self.publish_view, "publish"),
            self.at("<int:pk>/preview/", self.preview_view, "preview"),
            self.at("<int:pk>/file/", self.file_view, "file"),
            *self.editor_urls(),
            *super().get_urls(),
        ]

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        begin = {"incident": request.GET.get("incident")}
        form = PolicyForm(request.POST or None, initial=begin)
        start = StartForm(initial=begin | {"start": suggested_start(begin["incident"])})
        if request.method == "POST" and form.is_valid():
            data, now = form.cleaned_data, timezone.now()
            try:
                policy = workflow.draft_policy(
                    data["incident"], data["text"], by=request.user, reason=data["reason"], now=now
                )
                messages.success(request, _("Version %(version)s is a draft: read it, then publish it.") % vars(policy))
                return redirect("admin:claims_policy_change", policy.pk)
            except (gate.Refused, TermsError) as refusal:
                form.add_error(None, getattr(refusal, "errors", str(refusal)))
        return self.framed(request, "claims/policy_form.html", title=_("Draft a policy"), form=form, start=start)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        policy = self._policy(object_id)
        page = PolicyPage(policy, request.user, against=request.GET.get("against", ""))
        return self.framed(
            request,
            "claims/policy.html",
            title=policy.name,
            original=policy,
            page=page,
            policy=policy,
            correction=correction_address(policy),
        )

    def file_view(self, request, pk):
        """The policy's TOML file, to the byte as it was loaded."""
        if not request.user.has_perm("claims.export_policy"):
            raise PermissionDenied
        policy = self._policy(pk)
        name = f"{policy.incident.reference}-policy-v{policy.version}.toml"
        return FileResponse(
            BytesIO(policy.file.encode()), as_attachment=True, filename=name, content_type="application/toml"
        )

    def preview_view(self, request, pk):
        """Asked for by a button; then the small fragment that the page asks for every two seconds while it is under way."""
        policy = self._policy(pk)
        if request.method == "POST":
            if not request.user.has_perm("claims.add_preview"):
                raise PermissionDenied
            try:
                workflow.request_preview(policy, by=request.user, now=timezone.now())
            except gate.Refused as refusal:
                messages.error(request, str(refusal))
            return redirect("admin:claims_policy_change", pk)
        if not self.has_view_permission(request):
            raise PermissionDenied
        page = PolicyPage(policy, request.user)
        under_way = bool(page.preview and page.preview.under_way)
        response = self.framed(request, "claims/_preview.html", page=page, policy=policy, ended=not under_way)
        response.status_code = 200 if under_way else STOP_POLLING
        return response

    def publish_view(self, request, pk):
        """The clauses once more, then the one click that freezes them; who has seen no preview of them says so."""
        if not request.user.has_perm("claims.publish_policy"):
            raise PermissionDenied
        policy = self._policy(pk)
        page = PolicyPage(policy, request.user)
        if request.method != "POST" or not (page.was_previewed or request.POST.get("unseen")):
            title = _("Publish this policy?")
            return self.framed(request, "claims/policy_publish.html", title=title, page=page, policy=policy)
        try:
            policy.sha256 = request.POST.get("sha256") or policy.sha256
            workflow.publish_policy(policy, by=request.user, now=timezone.now())
            messages.success(request, _("Version %(version)s is in force and frozen.") % vars(policy))
        except (gate.Refused, TermsError) as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:claims_policy_change", pk)

    def _policy(self, pk) -> Policy:
        return get_object_or_404(Policy.objects.select_related("incident", "drafted_by", "published_by"), pk=pk)
