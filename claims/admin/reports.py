"""The reports that hold decisions against the books, for the page that shows all reports."""

from __future__ import annotations

from django.forms import Field
from django.utils.translation import gettext_lazy as _

from claims import papers
from claims.assessment import incidents
from jobs.report_pages import Kind, as_of, choice, day, register

SEEN_BY, TAKEN_BY = "ledger.view_journalentry", "ledger.export_journalentry"


def references() -> list[str]:
    """The incidents, the latest declared first."""
    return list(incidents().order_by("-declared_at").values_list("reference", flat=True))


def of_an_incident() -> dict[str, Field]:
    return {"reference": choice(_("incident"), references()), "as_of": as_of()}


def of_bonuses() -> dict[str, Field]:
    return {"reference": choice(_("incident"), references(), none=_("all")), "as_of": as_of()}


def of_a_time() -> dict[str, Field]:
    return {"first": day(_("from")), "as_of": as_of()}


for name, title, says, make, fields in (
    ("incident", _("Incident report"), _("Claim by claim: computed, adjusted, approved, posted, paid, and what is missing."),
     papers.incident, of_an_incident),
    ("bonuses", _("Goodwill bonuses"), _("Who got a bonus, who decided, and the entry that owes it."),
     papers.bonuses, of_bonuses),
    ("exceptions", _("Exceptions"),
     _("What is looked at twice: reversals, manual entries, pairs of people, prices by hand, fees, findings."),
     papers.exceptions, of_a_time),
):  # fmt: skip
    register(Kind(name, title, says, make, fields, SEEN_BY, TAKEN_BY))
