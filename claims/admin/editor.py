"""The policy editor: a form that every button sends whole, so that nothing typed is lost, with scripts or without."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _

from claims import editing, gate, terms, workflow
from claims.assessment import incidents
from claims.models import Policy
from claims.screens import drafts
from claims.screens.editor import Editor

NOT_FIELDS = {"csrfmiddlewaretoken", "do", "sha256", "reason", "checked"}


class PolicyEditor:
    """The editor's addresses, under the policies' own."""

    def editor_urls(self):
        return [
            path("write/", self.admin_site.admin_view(self.write_view), name="claims_policy_write"),
            path("<int:pk>/edit/", self.admin_site.admin_view(self.edit_view), name="claims_policy_edit"),
        ]

    def write_view(self, request):
        """A new draft, begun from `start`: a preset, a policy, or nothing."""
        self._may_draft(request)
        incident = get_object_or_404(incidents(), reference=request.GET.get("incident", ""))
        if request.method == "POST":
            return self._written(request, incident, draft=None)
        fields = drafts.begun_from(request.GET.get("start", ""))
        if fields is None:
            messages.error(request, _("There is nothing of this name to start from."))
            return redirect("admin:claims_policy_add")
        return self._editor(request, Editor(fields, incident=incident), draft=None)

    def edit_view(self, request, pk):
        """The same draft again. What is published is corrected by a new version."""
        self._may_draft(request)
        policy = get_object_or_404(Policy.objects.select_related("incident"), pk=pk)
        if request.method == "POST":
            return self._written(request, policy.incident, draft=policy)
        if policy.status != Policy.Status.DRAFT:
            return redirect(drafts.correction_address(policy))
        editor = Editor(editing.fields_of(policy.document), incident=policy.incident)
        return self._editor(request, editor, draft=policy, sha256=policy.sha256, reason=policy.reason)

    def _written(self, request, incident, *, draft: Policy | None) -> HttpResponse:
        """What a button asks: tell it in words, change the form, or save it."""
        do, fields = request.POST.get("do", ""), _fields(request)
        checked = bool(request.POST.get("checked"))
        if do == "tell":
            editor = Editor(fields, incident=incident, checked=checked)
            return TemplateResponse(request, "claims/editor_told.html", {"editor": editor})
        if do:
            after = editing.act(fields, do)
            editor = Editor(after, incident=incident, checked=checked, focus=_focus(do, fields, after))
            return self._editor(request, editor, draft=draft, unsaved=True)
        editor = Editor(fields, incident=incident, checked=True)
        if not editor.faults:
            try:
                return self._saved(request, incident, terms.write(editing.document_of(fields)), draft)
            except (gate.Refused, terms.TermsError) as refusal:
                messages.error(request, str(refusal))
        return self._editor(request, editor, draft=draft, unsaved=True)

    def _saved(self, request, incident, text: str, draft: Policy | None) -> HttpResponse:
        given = {"by": request.user, "reason": _plain(request.POST.get("reason", "")).strip(), "now": timezone.now()}
        if draft is None:
            policy = workflow.draft_policy(incident, text, **given)
        else:
            policy = workflow.revise_draft(draft, text, sha256=request.POST.get("sha256", ""), **given)
        messages.success(request, _("Version %(version)s is a draft: read it, then publish it.") % vars(policy))
        return redirect("admin:claims_policy_change", policy.pk)

    def _editor(self, request, editor: Editor, *, draft: Policy | None, unsaved: bool = False, **kept) -> HttpResponse:
        """The whole page, or, where a script asked, its form alone."""
        template = "claims/_editor.html" if request.htmx else "claims/policy_editor.html"
        return self.framed(
            request,
            template,
            title=_("Edit the draft") if draft else _("A new version of an incident's policy"),
            editor=editor,
            draft=draft,
            unsaved=unsaved,
            needs_reason=editor.incident.policies.published().exists(),
            sha256=kept.get("sha256", request.POST.get("sha256", "")),
            reason=kept.get("reason", request.POST.get("reason", "")),
        )

    def _may_draft(self, request) -> None:
        if not self.has_add_permission(request):
            raise PermissionDenied


def _fields(request) -> editing.Fields:
    """What the form says: line ends as we keep them, and nothing that the database cannot keep."""
    return {name: [_plain(text) for text in texts] for name, texts in request.POST.lists() if name not in NOT_FIELDS}


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\0", "")


def _focus(do: str, before: editing.Fields, after: editing.Fields) -> str:
    """Which field the button's person wants next: that of the new clause or condition; else they stay where they are."""
    new = [key for key in after.get("clause", []) if key not in before.get("clause", [])]
    if new:
        return f"{new[0]}-code"
    verb, _dot, rest = do.partition(".")
    return rest.replace(".", "-") if verb == "with" else ""
