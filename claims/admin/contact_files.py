"""A helpdesk's file on screen: choose it, see what it would do and every error, confirm it, watch a worker take it in."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.admin import ImportMixin
from import_export.formats.base_formats import CSV, XLSX

from claims import callers, contact_files, gate, helpdesk
from claims.admin.intake import zones
from claims.models import ContactFile
from claims.screens.contact_files import Import
from jobs import office

LARGEST = 32 << 20  # bytes of an upload; the command takes files of any size
STOP_POLLING = 286  # htmx: swap this answer in and ask no more


class ContactsForm(forms.Form):
    """The file, and what it does not say itself."""

    incident = forms.ModelChoiceField(
        callers.incidents().none(),
        label=gettext_lazy("Incident"),
        to_field_name="reference",
        empty_label=None,
        widget=forms.Select(attrs={"class": "mg-input"}),
    )
    timezone = forms.ChoiceField(
        label=gettext_lazy("Time zone of times without an offset"),
        required=False,
        choices=lambda: [("", _("none: such times are refused")), *zones()],
        widget=forms.Select(attrs={"class": "mg-input"}),
    )
    file = forms.FileField(
        label=gettext_lazy("The helpdesk's file (CSV, XLSX)"),
        allow_empty_file=True,  # what is wrong with a file is said by the one who reads it
        widget=forms.FileInput(attrs={"class": "mg-input", "accept": ".csv,.xlsx,.gz,.zip"}),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["incident"].queryset = callers.incidents()

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError(
                _("More than 32 MiB: the command takes files of any size (manage.py import_contacts INCIDENT FILE).")
            )
        return file


class ContactImport(ImportMixin):
    """The import of the claims' list, by the permission of django-import-export; what it does is `intake`'s, as the command's."""

    import_formats = [CSV, XLSX]
    import_export_change_list_template = "admin/import_export/change_list_import_export.html"

    def contact_file_urls(self):
        def at(route, view, name):
            return path(f"contact-files/{route}", self.admin_site.admin_view(view), name=name)

        return [
            at("<int:pk>/", self.contact_file_view, "claims_contact_file"),
            at("<int:pk>/progress/", self.contact_file_progress_view, "claims_contact_file_progress"),
        ]

    def has_import_permission(self, request) -> bool:
        return super().has_import_permission(request) and request.user.has_perms(contact_files.PERMISSIONS)

    def import_action(self, request, **kwargs):
        """The form; with a file, a look at it, kept under an address of its own."""
        self._may_import(request)
        form = ContactsForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            file = contact_files.look_at(
                said["incident"],
                name=said["file"].name,
                content=said["file"],
                timezone=said["timezone"],
                by=request.user,
                now=timezone.now(),
            )
            return redirect("admin:claims_contact_file", file.pk)
        recent = ContactFile.objects.select_related("incident", "added_by")[:10]
        more = {"form": form, "recent": recent, "synonyms": helpdesk.SYNONYMS, "at_most": LARGEST >> 20}
        return self.framed(request, "claims/intake_import.html", title=_("Import contacts"), **more)

    def process_import(self, request, **kwargs):
        """Confirmed: a worker takes the file in."""
        self._may_import(request)
        if request.method != "POST":
            raise PermissionDenied
        file = office.row_or_404(ContactFile.objects.all(), request.POST.get("file", ""))
        try:
            contact_files.confirm(file, by=request.user, now=timezone.now())
            messages.success(request, _("A worker takes the file in; its progress is shown below."))
        except gate.Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:claims_contact_file", file.pk)

    def contact_file_view(self, request, pk):
        found = self._import_of(request, pk)
        return self.framed(request, "claims/intake_file.html", title=found.file.name, found=found)

    def contact_file_progress_view(self, request, pk):
        """The small fragment that the page asks for while the work is under way."""
        found = self._import_of(request, pk)
        status = 200 if found.under_way else STOP_POLLING
        context = {"found": found, "ended": not found.under_way}
        return TemplateResponse(request, "claims/intake_progress.html", context, status=status)

    def _import_of(self, request, pk) -> Import:
        self._may_import(request)
        return Import(get_object_or_404(ContactFile.objects.select_related("incident", "added_by"), pk=pk))

    def _may_import(self, request) -> None:
        if not self.has_import_permission(request):
            raise PermissionDenied
