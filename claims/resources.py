"""What auditors take away of this room: claims, verdicts, bonuses."""

from __future__ import annotations

from import_export.fields import Field

from claims.models import Bonus, Claim, Verdict
from jobs.sheets import Codes, Instant, Number, Sheet, Text


class ClaimSheet(Sheet):
    """One row a claim."""

    claim = Field("reference", "claim", Text())
    incident = Field("incident__reference", "incident", Text())
    customer = Field("customer__code", "customer", Text())
    status = Field("status", "status", Text())
    submitted_at = Field("submitted_at", "submitted_at", Instant())
    due_at = Field("due_at", "due_at", Instant())
    entered_by = Field("entered_by__username", "entered_by", Text())
    assigned_to = Field("assigned_to__username", "assigned_to", Text())

    class Meta:
        model = Claim
        fields = export_order = (
            "claim", "incident", "customer", "status", "submitted_at", "due_at", "entered_by", "assigned_to",
        )  # fmt: skip


class VerdictSheet(Sheet):
    """One row a claim and order, as `export_verdicts` writes it (interfaces, Files)."""

    claim = Field("claim__reference", "claim", Text())
    customer = Field("claim__customer__code", "customer", Text())
    order_id = Field("order__order_id", "order_id", Text())
    leg = Field("order__leg", "leg", Text())
    symbol = Field("order__instrument__symbol", "symbol", Text())
    side = Field("order__side", "side", Text())
    outcome = Field("outcome", "outcome", Text())
    clause = Field("clause", "clause", Text())
    reasons = Field("reasons", "reasons", Codes())
    reference_price = Field("reference_price", "reference_price", Number())
    reference_bid = Field("reference_bid", "reference_bid", Number())
    reference_ask = Field("reference_ask", "reference_ask", Number())
    reference_at = Field("reference_at", "reference_at", Instant())
    amount = Field("amount", "amount", Number())
    asset = Field("asset", "asset", Text())
    policy_version = Field("assessment__policy__version", "policy_version", Number())
    assessed_at = Field("assessment__requested_at", "assessed_at", Instant())

    class Meta:
        model = Verdict
        fields = export_order = (
            "claim", "customer", "order_id", "leg", "symbol", "side", "outcome", "clause", "reasons", "reference_price",
            "reference_bid", "reference_ask", "reference_at", "amount", "asset", "policy_version", "assessed_at",
        )  # fmt: skip


class BonusSheet(Sheet):
    """One row a goodwill bonus."""

    claim = Field("claim__reference", "claim", Text())
    customer = Field("claim__customer__code", "customer", Text())
    amount = Field("amount", "amount", Number())
    asset = Field("asset", "asset", Text())
    entry = Field("entry__reference", "entry", Text())
    granted_by = Field("granted_by__username", "granted_by", Text())
    granted_at = Field("granted_at", "granted_at", Instant())

    class Meta:
        model = Bonus
        fields = export_order = ("claim", "customer", "amount", "asset", "entry", "granted_by", "granted_at")
