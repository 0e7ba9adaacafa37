"""What an auditor looks at twice: reversals, manual entries, top-ups, who approved with whom, prices by hand, fees, findings."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from django.utils.translation import gettext_lazy as _

from claims import origins, settlement
from claims.papers import asked, looked_at
from jobs.paper import Column, Moment, Paper, Query, Table, by_then

ENTRY = Column("entry", "")
REFERENCE = Column("reference", _("reference"), link=lambda row: asked.entry(row[0]))
CATEGORY = Column("category", _("category"), settlement.CATEGORIES)
EFFECTIVE, DESCRIPTION = Column("effective_on", _("effective on")), Column("description", _("description"))
AMOUNT, ASSET = Column("amount", _("amount")), Column("asset", _("asset"))
BY, AT = Column("posted_by", _("posted by")), Column("posted_at", _("posted at"))
PREPARED, APPROVED = Column("prepared_by", _("prepared by")), Column("approved_by", _("approved by"))
# Each table: its name, its title, its columns, its question, and what to say of none.
TABLES = (
    ("reversals", _("Reversals"), (
        ENTRY, REFERENCE, Column("reverses", _("reverses")), CATEGORY, Column("originally_on", _("originally on")), EFFECTIVE,
        DESCRIPTION, AMOUNT, ASSET, BY, AT,
    ), looked_at.REVERSALS, _("Nothing was reversed.")),
    ("manual", _("Manual entries"), (
        ENTRY, REFERENCE, CATEGORY, EFFECTIVE, DESCRIPTION, Column("debit", _("debit")), Column("credit", _("credit")),
        AMOUNT, ASSET, BY, AT,
    ), looked_at.MANUAL, _("Nobody posted by hand.")),
    ("topups", _("Company top-ups"), (
        ENTRY, REFERENCE, Column("for", _("brought for")), EFFECTIVE, DESCRIPTION, AMOUNT, ASSET, BY, AT,
    ), looked_at.TOPUPS, _("The company had to top up nothing in this time.")),
    ("above_limit", _("Awards above the limit for one manager"), (
        Column("claim", _("claim"), link=lambda row: asked.claim(row[10])), AMOUNT,
        Column("so_far", _("with earlier awards")), Column("limit", _("limit")), ASSET, PREPARED,
        Column("endorsed_by", _("first approved by")), APPROVED, Column("approved_at", _("approved at")),
        Column("reference", _("reference"), link=lambda row: asked.entry(row[11])), Column("claim_id", ""),
        ENTRY,
    ), looked_at.ABOVE, _("No award was above a limit.")),
    ("pairs", _("Who prepared and who approved"), (
        PREPARED, APPROVED, ASSET, Column("awards", _("awards")), AMOUNT,
    ), looked_at.PAIRS, _("Nothing is approved yet.")),
    ("prices_by_hand", _("Prices by hand"), (
        Column("incident", _("incident")), Column("instrument", _("instrument")), Column("bid", _("bid")),
        Column("ask", _("ask")), Column("at", _("at")), Column("source", _("source")),
        Column("entered_by", _("entered by")), Column("entered_at", _("entered at")),
        Column("confirmed_by", _("confirmed by")), Column("confirmed_at", _("confirmed at")),
        Column("withdrawn_by", _("withdrawn by")), Column("withdrawn_at", _("withdrawn at")),
    ), looked_at.PRICES, _("No price was given by hand.")),
    ("fees", _("Fees that are not the formula's"), (
        Column("liquidation_id", _("liquidation")), Column("instrument", _("instrument")),
        Column("liquidated_at", _("liquidated at")), Column("price", _("price")), Column("quantity", _("quantity")),
        Column("rate", _("rate")), Column("fee", _("fee")), Column("formula", _("by the formula")),
        Column("difference", _("difference")), ASSET,
    ), looked_at.FEES, _("Every fee is what the formula says.")),
    ("findings", _("What the last verification found"), (
        Column("started_at", _("started at")), Column("finished_at", _("finished at")), Column("problem", _("problem")),
    ), looked_at.FOUND, _("Nothing, or no verification was carried out yet.")),
)  # fmt: skip


def exceptions(*, first: date | None = None, as_of: Moment = None) -> Paper:
    """From a day on, up to an instant or the end of a day: by when it was posted, decided, entered or liquidated."""
    bounds = {"since": first and datetime.combine(first, time.min, UTC), "at": by_then(as_of)}
    by_hand, values = origins.by_hand_in_sql()
    tables = (
        Table(name, title, columns, Query(sql.format(by_hand=by_hand), settlement.named() | bounds | values), empty)
        for name, title, columns, sql, empty in TABLES
    )
    return Paper("exceptions", _("Exceptions"), {"from": first, "as_of": as_of}, tuple(tables))
