"""What the sidebar of the back office shows, and to whom: each line to those who may see what is behind it."""

from typing import Any

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def nav(title: Any, icon: str, name: str, permission: str | None) -> dict[str, Any]:
    """A line of the sidebar, for whoever has the permission; without one, for superusers."""

    def allowed(request: Any) -> bool:
        return request.user.has_perm(permission) if permission else request.user.is_superuser

    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}"), "permission": allowed}


NAVIGATION = [
    {
        "items": [
            nav(_("Today"), "today", "index", "claims.view_claim"),
            nav(_("Queue"), "inbox", "claims_claim_changelist", "claims.view_claim"),
            nav(_("Teams"), "groups", "claims_team_changelist", "claims.change_team"),
            nav(_("Incidents"), "bolt", "incidents_incident_changelist", "incidents.view_incident"),
            nav(_("Policies"), "gavel", "claims_policy_changelist", "claims.view_policy"),
            nav(_("Payouts"), "payments", "claims_payoutbatch_changelist", "claims.view_payoutbatch"),
        ]
    },
    {
        "title": _("Record"),
        "separator": True,
        "items": [
            nav(_("Verdicts"), "fact_check", "claims_verdict_changelist", "claims.view_verdict"),
            nav(_("Assessments"), "rule", "claims_assessment_changelist", "claims.view_assessment"),
            nav(_("Decisions"), "how_to_reg", "claims_decision_changelist", "claims.view_decision"),
            nav(_("Letters"), "mail", "claims_letter_changelist", "claims.view_letter"),
            nav(_("Goodwill bonuses"), "redeem", "claims_bonus_changelist", "claims.view_bonus"),
            nav(_("History"), "history", "claims_change_changelist", "claims.view_history"),
        ],
    },
    {
        "title": _("Books"),
        "separator": True,
        "items": [
            nav(_("Accounts"), "account_balance", "ledger_account_changelist", "ledger.view_account"),
            nav(_("Journal"), "menu_book", "ledger_journalentry_changelist", "ledger.view_journalentry"),
            nav(_("Reports"), "summarize", "jobs_reports", "ledger.view_journalentry"),
            nav(_("Periods"), "event_available", "ledger_period_changelist", "ledger.view_period"),
            nav(_("Rates"), "currency_exchange", "ledger_rate_changelist", "ledger.view_rate"),
            nav(_("Verification"), "verified", "ledger_verification_changelist", "ledger.view_verification"),
            nav(_("Seals"), "lock", "ledger_seal_changelist", "ledger.view_seal"),
        ],
    },
    {
        "title": _("Facts"),
        "separator": True,
        "items": [
            nav(_("Orders"), "receipt_long", "incidents_order_changelist", "incidents.view_order"),
            nav(_("Quotes"), "show_chart", "incidents_quote_changelist", "incidents.view_quote"),
            nav(_("Customers"), "group", "incidents_customer_changelist", "incidents.view_customer"),
            nav(
                _("Liquidations"),
                "trending_down",
                "incidents_liquidation_changelist",
                "incidents.view_liquidation",
            ),
            nav(
                _("Liquidations explained"),
                "troubleshoot",
                "incidents_explain_liquidation",
                "incidents.view_liquidationratio",
            ),
            nav(_("Instruments"), "category", "incidents_instrument_changelist", "incidents.view_instrument"),
            nav(
                _("Imported files"),
                "upload_file",
                "incidents_importedfile_changelist",
                "incidents.view_importedfile",
            ),
        ],
    },
    {
        "title": _("Engine room"),
        "separator": True,
        "items": [
            nav(_("Jobs"), "manufacturing", "jobs_job_changelist", "jobs.view_job"),
            nav(_("Workers"), "monitor_heart", "jobs_heartbeat_changelist", None),
            nav(_("Staff"), "badge", "auth_user_changelist", None),
            nav(_("Roles"), "shield_person", "auth_group_changelist", None),
        ],
    },
]
