"""The record: verdicts, assessments, decisions, awards and bonuses, to read and to export."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from claims.models import Assessment, Award, Bonus, Decision, Verdict
from claims.resources import BonusSheet, VerdictSheet
from jobs import office
from jobs.sheets import Exports


class OfClaim:
    """A column that leads to the claim's page."""

    @display(description=_("claim"), ordering="claim")
    def of_claim(self, row):
        if row.claim_id is None:
            return "–"
        return format_html('<a href="{}">{}</a>', reverse("admin:claims_claim_change", args=[row.claim_id]), row.claim)


class Booked(OfClaim):
    """A column that leads to the journal entry."""

    @display(description=_("journal entry"), ordering="entry")
    def booked(self, row):
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:ledger_journalentry_change", args=[row.entry_id]), row.entry
        )


class InForce(admin.SimpleListFilter):
    """Verdicts of the assessments that claims stand on now, or every verdict ever."""

    title, parameter_name = _("Show"), "show"

    def lookups(self, request, model_admin):
        return [("all", _("All, older assessments included"))]

    def queryset(self, request, verdicts):
        return verdicts if self.value() == "all" else verdicts.in_force()

    def choices(self, changelist):
        first, *rest = super().choices(changelist)
        return [first | {"display": _("In force")}, *rest]


@admin.register(Verdict)
class VerdictAdmin(Exports, OfClaim, office.ReadOnlyScreen):
    resource_classes = [VerdictSheet]
    empty_says = _("No order is assessed yet: a manager starts the assessment at the incident's desk.")
    list_display = ["order", "of_claim", "answer", "clause", "why", "price", "quoted_at", "sum"]
    list_filter = [InForce, "outcome", "clause", ("claim__incident", RelatedDropdownFilter)]
    list_select_related = ["order__instrument", "claim__customer", "assessment__policy"]
    search_fields = ["claim__reference__exact", "order__order_id__exact", "claim__customer__code__exact"]
    search_help_text = _("Claim, order or customer")
    fields = [
        "order", "of_claim", "assessment", "answer", "clause", "why", "holding", "flagged", "price", "bid", "ask", "quoted_at",
        "sum",
    ]  # fmt: skip
    readonly_fields = fields
    price = office.numeric("reference_price", _("reference price"))
    bid = office.numeric("reference_bid", _("bid"))
    ask = office.numeric("reference_ask", _("ask"))
    quoted_at = office.moment("reference_at", _("quote at"))
    sum = office.numeric("amount", _("amount"), asset="asset")

    @display(description=_("outcome"), ordering="outcome")
    def answer(self, verdict):
        return office.badge(verdict.outcome, verdict.get_outcome_display())

    @display(description=_("reasons"))
    def why(self, verdict):
        return " ".join(verdict.reasons) or "–"

    @display(description=_("clauses that hold"))
    def holding(self, verdict):
        return " ".join(verdict.holds) or "–"

    @display(description=_("flags"))
    def flagged(self, verdict):
        return " ".join(verdict.flags) or "–"


@admin.register(Assessment)
class AssessmentAdmin(OfClaim, office.ReadOnlyScreen):
    empty_says = _("No assessment was started: a manager does it at the incident's desk.")
    list_display = [
        "id",
        "incident",
        "of_claim",
        "policy",
        "requested_by",
        "requested_at",
        "finished_at",
        "claims_assessed",
    ]
    list_filter = [("incident", RelatedDropdownFilter)]
    list_select_related = ["incident", "claim", "policy", "requested_by"]
    fields = [
        "incident", "of_claim", "waiting_only", "policy", "windows", "fingerprint", "requested_by", "requested_at", "finished_at",
        "claims_assessed", "outcomes", "totals",
    ]  # fmt: skip
    readonly_fields = fields


@admin.register(Decision)
class DecisionAdmin(OfClaim, office.ReadOnlyScreen):
    empty_says = _("Nobody decided on a claim yet.")
    list_display = ["decided_at", "of_claim", "verb", "decided_by", "reason"]
    list_filter = ["verb", ("decided_by", RelatedDropdownFilter)]
    list_select_related = ["claim", "decided_by"]
    search_fields = ["claim__reference__exact"]
    search_help_text = _("Claim, in full")
    ordering = ["-decided_at"]
    fields = ["of_claim", "verb", "decided_by", "decided_at", "reason", "assessment", "prepared_by"]
    readonly_fields = fields


@admin.register(Award)
class AwardAdmin(Booked, office.ReadOnlyScreen):
    list_display = ["id", "of_claim", "sum", "booked"]
    list_select_related = ["claim", "entry"]
    search_fields = ["claim__reference__exact", "entry__reference__exact"]
    search_help_text = _("Claim or journal entry")
    fields = readonly_fields = ["of_claim", "decision", "sum", "booked"]
    sum = office.numeric("amount", _("amount"), asset="asset")


@admin.register(Bonus)
class BonusAdmin(Exports, Booked, office.ReadOnlyScreen):
    resource_classes = [BonusSheet]
    empty_says = _("No bonus is granted yet: a manager does it at the incident's desk.")
    list_display = ["id", "of_claim", "for_customer", "sum", "granted_by", "granted_at", "booked"]
    list_filter = [("claim__incident", RelatedDropdownFilter)]
    list_select_related = ["claim__customer", "granted_by", "entry"]
    search_fields = ["claim__reference__exact", "claim__customer__code__exact"]
    search_help_text = _("Claim or customer")
    fields = readonly_fields = ["of_claim", "for_customer", "sum", "granted_by", "granted_at", "booked"]
    sum = office.numeric("amount", _("amount"), asset="asset")

    @display(description=_("customer"))
    def for_customer(self, bonus):
        return bonus.claim.customer
