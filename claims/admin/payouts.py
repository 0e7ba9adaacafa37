"""Payouts on screen: propose, look twice and type the total, hand to treasury, take its word line by line; and the limits."""

from __future__ import annotations

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from claims import gate, treasury, workflow
from claims.admin import carried
from claims.admin.incident_pages import IncidentPages
from claims.assessment import incidents
from claims.models import PayoutBatch, PayoutLimit
from claims.screens import payouts
from claims.settlement import PostingError
from jobs import office, shown

SALT = "claims.admin.payouts"


class ProposalForm(forms.Form):
    """Which asset, and at most how many lines."""

    asset = forms.CharField(max_length=23)
    at_most = forms.IntegerField(min_value=1, required=False)


class ConfirmationForm(forms.Form):
    """Treasury's file."""

    file = forms.FileField(
        label=gettext_lazy("Treasury's confirmation (CSV)"),
        allow_empty_file=True,  # what is wrong with a file is said by the one who reads it
        widget=forms.FileInput(attrs={"class": "mg-input", "accept": ".csv,.gz,.zip"}),
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > carried.LARGEST:
            raise forms.ValidationError(
                _(
                    "More than 1 MiB: the command takes files of any size (manage.py confirm_payout BATCH FILE --by USER)."
                )
            )
        return file


class LimitForm(forms.Form):
    """The most that one line and one batch of an asset pay."""

    asset = forms.CharField(label=gettext_lazy("asset"), max_length=23)
    per_line = forms.DecimalField(label=gettext_lazy("per line"), max_digits=28, decimal_places=8)
    per_batch = forms.DecimalField(label=gettext_lazy("per batch"), max_digits=28, decimal_places=8)
    reason = forms.CharField(label=gettext_lazy("reason"), max_length=200)

    def __init__(self, data=None):
        super().__init__(data)
        for name in ("per_line", "per_batch"):
            self.fields[name].widget = forms.TextInput(attrs={"inputmode": "decimal"})
        for field in self.fields.values():
            field.widget.attrs |= {"class": "mg-input", "autocomplete": "off"}


@admin.register(PayoutBatch)
class PayoutBatchAdmin(IncidentPages, office.ReadOnlyScreen):
    """Batches are proposed, released and confirmed here, never edited: each button is one verb of the workflow."""

    empty_says = gettext_lazy("No payout yet: when awards or goodwill bonuses are granted, a manager proposes one.")
    list_display = ["reference", "for_incident", "state", "line_count", "sum", "proposed_by", "proposed", "released_by"]
    list_filter = ["status", "asset", ("incident", RelatedDropdownFilter)]
    list_select_related = ["incident", "proposed_by", "released_by"]
    list_before_template = "claims/payouts_head.html"
    search_fields = ["reference__iexact", "lines__claim__reference__exact"]
    search_help_text = gettext_lazy("Payout or claim")
    sum = office.numeric("total", gettext_lazy("total"), asset="asset")
    proposed = office.moment("proposed_at", gettext_lazy("proposed at"))

    @display(description=gettext_lazy("incident"), ordering="incident__reference")
    def for_incident(self, batch):
        return batch.incident.reference

    @display(description=gettext_lazy("status"), ordering="status")
    def state(self, batch):
        return office.badge(payouts.COLOURS[batch.status], batch.get_status_display())

    def get_urls(self):
        def at(route, view, name):
            return path(route, self.admin_site.admin_view(view), name=f"claims_payout_{name}")

        return [
            at("propose/", self.choose_view, "choose"),
            at("propose/<str:reference>/", self.propose_view, "propose"),
            at("<int:pk>/release/", self.release_view, "release"),
            at("<int:pk>/cancel/", self.cancel_view, "cancel"),
            at("<int:pk>/treasury.csv", self.treasury_view, "treasury"),
            at("<int:pk>/confirm/", self.confirm_view, "confirm"),
            at("<int:pk>/lines/<int:number>/returned/", self.returned_view, "returned"),
            *super().get_urls(),
        ]

    def changelist_view(self, request, extra_context=None):
        extra = {"title": _("Payouts"), "may_propose": request.user.has_perm("claims.propose_payout")}
        return super().changelist_view(request, extra | (extra_context or {}))

    # --- a proposal

    def choose_view(self, request) -> HttpResponse:
        """Of which incident: those with something to pay first told, the page of one of them next."""
        self._may(request, "claims.propose_payout")
        owing = [(incident, due) for incident in incidents().order_by("-pk") if (due := payouts.proposals(incident))]
        if len(owing) == 1:
            return redirect("admin:claims_payout_propose", owing[0][0].reference)
        return self._page(request, "claims/payout_choose.html", _("Propose a payout"), owing=owing)

    def propose_view(self, request, reference) -> HttpResponse:
        """What it would pay, per asset; posted, the batch."""
        self._may(request, "claims.propose_payout")
        incident = get_object_or_404(incidents(), reference=reference)
        form = ProposalForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                batch = workflow.propose_payout(incident, **form.cleaned_data, by=request.user, now=timezone.now())
            except gate.Refused as refusal:
                messages.error(request, str(refusal))
                return redirect("admin:claims_payout_propose", reference)
            messages.success(
                request, _("%(batch)s is proposed; another manager looks at it and releases it.") % {"batch": batch}
            )
            return redirect(batch)
        found = payouts.proposals(incident)
        return self._page(request, "claims/payout_propose.html", _("Propose a payout"), incident=incident, found=found)

    # --- a batch

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if request.method != "GET":
            raise PermissionDenied
        return self._batch_page(request, object_id)

    def release_view(self, request, pk) -> HttpResponse:
        def verb(batch, now):
            workflow.release_payout(batch, typed_total=request.POST.get("total", ""), by=request.user, now=now)
            return _("Released: treasury can have its file.")

        return self._act(request, pk, "claims.release_payout", verb)

    def cancel_view(self, request, pk) -> HttpResponse:
        def verb(batch, now):
            workflow.cancel_payout(batch, reason=request.POST.get("reason", ""), by=request.user, now=now)
            return _("Cancelled: what it would have paid is free for the next payout.")

        return self._act(request, pk, "claims.propose_payout", verb)

    def treasury_view(self, request, pk) -> HttpResponse | StreamingHttpResponse:
        """The file for treasury, streamed; posted, because each time is recorded."""
        self._may(request, "claims.export_payoutbatch", post=True)
        batch = get_object_or_404(PayoutBatch, pk=pk)
        try:
            pieces = treasury.hand_out(batch, by=request.user, now=timezone.now())
        except gate.Refused as refusal:
            messages.error(request, str(refusal))
            return redirect(batch)
        headers = {"Content-Disposition": f'attachment; filename="{batch.reference}.csv"'}
        return StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8", headers=headers)

    def confirm_view(self, request, pk) -> HttpResponse:
        """With a file, what it would do; confirmed, it is done if it still does that."""
        self._may(request, "claims.confirm_payout", post=True)
        batch = get_object_or_404(PayoutBatch, pk=pk)
        if "seen" in request.POST:
            try:
                name, content, seen = carried.unseal(request.POST["seen"], salt=f"{SALT}.{pk}")
            except carried.BadSignature:
                messages.error(request, _("This preview is too old: choose the file once more."))
                return redirect(batch)
            return self._confirmed(request, batch, name, content, seen)
        form = ConfirmationForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._batch_page(request, pk, form=form)
        file = form.cleaned_data["file"]
        return self._confirmed(request, batch, file.name, file.read(), None)

    def _confirmed(self, request, batch, name: str, content: bytes, seen: dict | None) -> HttpResponse:
        try:
            with carried.as_file(name, content) as file:
                found, done = workflow.confirm_payout_as_seen(batch, file, seen, by=request.user, now=timezone.now())
        except (gate.Refused, PostingError) as refusal:
            messages.error(request, str(refusal))
            return redirect(batch)
        if done:
            text = _("Taken over: %(paid)s paid and posted, %(failed)s failed.")
            messages.success(request, text % {name: f"{found[name]:,}" for name in ("paid", "failed")})
            return redirect(batch)
        sealed = carried.seal(name, content, workflow.confirmed_figures(found), salt=f"{SALT}.{batch.pk}")
        return self._batch_page(request, batch.pk, found=found, name=name, seen=sealed, changed=seen is not None)

    def returned_view(self, request, pk, number) -> HttpResponse:
        """A paid line of which the money came back."""

        def verb(batch, now):
            line = get_object_or_404(batch.lines, number=number)
            workflow.return_payment(line, reason=request.POST.get("reason", ""), by=request.user, now=now)
            return _("Recorded: %(line)s came back. What it paid goes with the next payout.") % {"line": line}

        return self._act(request, pk, "claims.confirm_payout", verb)

    def _batch_page(self, request, pk, *, form=None, **more) -> TemplateResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = PayoutBatch.objects.select_related("incident", "proposed_by", "released_by", "ended_by")
        batch = get_object_or_404(rows, pk=pk)
        page = payouts.Batch(batch, request.user, status=request.GET.get("status", ""))
        lines = Paginator(page.lines, payouts.PAGE).get_page(request.GET.get("page"))
        more |= {"original": batch, "batch": batch, "page": page, "lines": lines, "form": form or ConfirmationForm()}
        more["may_see_books"] = request.user.has_perm("ledger.view_journalentry")
        return self._page(request, "claims/payout_batch.html", batch.reference, **more)

    def _page(self, request, template: str, title: str, **more) -> TemplateResponse:
        return self.framed(request, template, title=title, **more)

    def _act(self, request, pk, permission: str, verb) -> HttpResponse:
        self._may(request, permission, post=True)
        batch = get_object_or_404(PayoutBatch, pk=pk)
        self.told(request, lambda: verb(batch, timezone.now()))
        return redirect(batch)

    @staticmethod
    def _may(request, permission: str, *, post: bool = False) -> None:
        if (post and request.method != "POST") or not request.user.has_perm(permission):
            raise PermissionDenied


@admin.register(PayoutLimit)
class PayoutLimitAdmin(office.Screen):
    """What stops a wrong unit. A limit is changed by a new row, with a reason."""

    empty_says = gettext_lazy("No limit is set: nothing can be paid out before.")
    list_display = ["asset", "line", "batch", "reason", "set_by", "since"]
    list_filter = ["asset"]
    list_select_related = ["set_by"]
    fields = readonly_fields = ["asset", "line", "batch", "reason", "set_by", "since"]
    ordering = ["-set_at", "-id"]
    line = office.numeric("per_line", gettext_lazy("per line"), asset="asset")
    batch = office.numeric("per_batch", gettext_lazy("per batch"), asset="asset")
    since = office.moment("set_at", gettext_lazy("set at"))

    def has_add_permission(self, request) -> bool:
        return request.user.has_perm("claims.set_payout_limit")

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = LimitForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                limit = workflow.set_payout_limit(**form.cleaned_data, by=request.user, now=timezone.now())
                messages.success(request, _("In force from now on: %(limit)s.") % {"limit": _limited(limit)})
                return redirect("admin:claims_payoutlimit_changelist")
            except gate.Refused as refusal:
                form.add_error(None, str(refusal))
        return self.framed(request, "claims/payout_limit.html", title=_("Set a payout limit"), form=form)


def _limited(limit: PayoutLimit) -> str:
    line, batch = (f"{shown.number(amount, 2)} {limit.asset}" for amount in (limit.per_line, limit.per_batch))
    return _("%(line)s per line, %(batch)s per batch") % {"line": line, "batch": batch}
