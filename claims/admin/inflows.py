"""A small file of liquidations on screen: what it would bring the fund and cost it, then the one click that posts it."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from claims import assessment as facts
from claims import gate, liquidations
from claims.admin import carried
from claims.inflows import PostingError

SALT = "claims.admin.inflows"


class LiquidationsForm(forms.Form):
    """The file."""

    file = forms.FileField(
        label=gettext_lazy("File of liquidations (CSV)"),
        allow_empty_file=True,  # what is wrong with a file is said by the one who reads it
        widget=forms.FileInput(attrs={"class": "mg-input", "accept": ".csv,.gz,.zip"}),
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > carried.LARGEST:
            raise forms.ValidationError(
                _(
                    "More than 1 MiB: the command takes files of any size (manage.py import_liquidations FILE --by USER)."
                )
            )
        return file


class LiquidationImport:
    """The address of the page, under the claims' own."""

    def liquidation_urls(self):
        view = self.admin_site.admin_view(self.import_liquidations_view)
        return [path("liquidations/", view, name="claims_import_liquidations")]

    def import_liquidations_view(self, request) -> HttpResponse:
        """The form; with a file, what it would do; confirmed, it is done if it still does that."""
        if not request.user.has_perms(liquidations.PERMISSIONS):
            raise PermissionDenied
        if "seen" in request.POST:
            return self._confirmed(request)
        form = LiquidationsForm(request.POST or None, request.FILES or None)
        if not form.is_valid():
            return self._liquidations_page(request, form=form)
        file = form.cleaned_data["file"]
        return self._previewed(request, file.name, file.read(), seen=None)

    def _confirmed(self, request) -> HttpResponse:
        try:
            name, content, seen = carried.unseal(request.POST["seen"], salt=SALT)
        except carried.BadSignature:
            messages.error(request, _("This preview is too old: choose the file once more."))
            return redirect("admin:claims_import_liquidations")
        return self._previewed(request, name, content, seen=seen)

    def _previewed(self, request, name: str, content: bytes, *, seen: dict | None) -> HttpResponse:
        try:
            with carried.as_file(name, content) as file:
                found, done = liquidations.take_in_as_seen(file, seen, by=request.user, now=timezone.now())
        except (gate.Refused, PostingError) as refusal:
            messages.error(request, str(refusal))
            return redirect("admin:claims_import_liquidations")
        if done:
            messages.success(request, _told(found))
            return redirect("admin:incidents_liquidation_changelist")
        page = {"name": name, "found": found, "sums": _by_asset(found), "changed": seen is not None}
        sealed = carried.seal(name, content, liquidations.figures(found), salt=SALT)
        return self._liquidations_page(request, form=LiquidationsForm(), seen=sealed, **page)

    def _liquidations_page(self, request, **more) -> TemplateResponse:
        context = self.admin_site.each_context(request) | {"title": _("Import liquidations")}
        context |= {"opts": facts.liquidations().model._meta, "at_most": liquidations.ON_SCREEN}
        return TemplateResponse(request, "claims/import_liquidations.html", context | more)


def _by_asset(found: dict) -> dict:
    """The sums of a file as a table: a row a kind, a column an asset; a phone has room for it."""
    kinds = {
        "totals": _("fees, into the fund"),
        "surplus": _("surplus, into the fund"),
        "cover": _("cover, out of the fund"),
        "topup": _("brought by the company"),
    }
    assets = sorted({asset for kind in kinds for asset in found[kind]})
    rows = [(label, [found[kind].get(asset) for asset in assets]) for kind, label in kinds.items() if found[kind]]
    return {"assets": assets, "rows": rows}


def _told(found: dict) -> str:
    count = found["posted"]
    text = ngettext("%(n)s liquidation is taken in and posted.", "%(n)s liquidations are taken in and posted.", count)
    return text % {"n": f"{count:,}"}
