"""The books' reports, for the page that shows all reports."""

from __future__ import annotations

from typing import Any

from django.forms import Field
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.paper import Paper
from jobs.report_pages import Kind, as_of, choice, day, register
from ledger import papers
from ledger.journal import CHART
from ledger.models import Account, Asset, Rate

SEEN_BY, TAKEN_BY = "ledger.view_journalentry", "ledger.export_journalentry"


def fund(**asked: Any) -> Paper:
    """The fund now, or when it is asked for."""
    return papers.fund(**asked, now=timezone.now())


def of_a_moment() -> dict[str, Field]:
    return {"as_of": as_of()}


def of_a_statement() -> dict[str, Field]:
    posted = set(Account.objects.values_list("name", flat=True))
    return {
        "account": choice(_("account"), [name for name in CHART if name in posted] or list(CHART)),
        "asset": choice(_("asset"), held(), none=_("all")),
        "first": day(_("from")),
        "last": day(_("to")),
        "as_of": as_of(),
    }


def of_the_fund() -> dict[str, Field]:
    priced = set(Rate.objects.values_list("in_asset", flat=True).distinct())
    return {
        "first": day(_("from")),
        "last": day(_("to")),
        "as_of": as_of(),
        "in_asset": choice(_("valued in"), sorted({*held(), *priced}), none=_("not valued")),
    }


def held() -> list[str]:
    """The assets that were ever posted to."""
    return list(Asset.objects.filter(accounts__isnull=False).distinct().values_list("code", flat=True))


for name, title, says, make, fields in (
    ("trial-balance", _("Trial balance"), _("Every account's debits, credits and balance; per asset they sum to zero."),
     papers.trial_balance, of_a_moment),
    ("statement", _("Account statement"),
     _("One account line by line: opening, every transfer with the balance after it, closing."),
     papers.statement, of_a_statement),
    ("fund", _("The fund"),
     _("What came in and went out by category; cash, what is committed and what is available; and its worth."),
     fund, of_the_fund),
):  # fmt: skip
    register(Kind(name, title, says, make, fields, SEEN_BY, TAKEN_BY))
