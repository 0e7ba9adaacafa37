"""The queue: claims that wait, oldest due first; each opens on one screen with the buttons that are allowed now."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from claims import gate, workflow
from claims.admin.books import BooksAsked
from claims.admin.changes import Changes
from claims.admin.contact_files import ContactImport
from claims.admin.desk import Desk
from claims.admin.evidence import EvidenceReview
from claims.admin.history import ClaimHistory
from claims.admin.inflows import LiquidationImport
from claims.admin.intake import NewContact
from claims.admin.lanes import LaneFilter, Lanes, givable, list_of
from claims.admin.prices import HandPrices
from claims.admin.steps import Steps
from claims.admin.stuck import StuckWork
from claims.models import Claim, Offer
from claims.resources import ClaimSheet
from claims.screens import evidence as evidence_screen
from claims.screens import letters, page, payouts, queue
from jobs import office, shown
from jobs.sheets import Exports


@admin.register(Claim)
class ClaimAdmin(
    Lanes,
    NewContact,
    ContactImport,
    Exports,
    Desk,
    Changes,
    HandPrices,
    Steps,
    EvidenceReview,
    BooksAsked,
    LiquidationImport,
    StuckWork,
    ClaimHistory,
    office.ReadOnlyScreen,
):
    """Claims are shown and decided here, never edited: each button is one verb of the workflow."""

    resource_classes = [ClaimSheet]
    list_display = [
        "reference_and_customer",
        "for_incident",
        "state",
        "due",
        "looked_after",
        "orders",
        "to_pay",
        "in_touch",
    ]
    list_display_links = ["reference_and_customer"]
    list_filter = [LaneFilter, "status", ("incident", RelatedDropdownFilter), ("assigned_to", RelatedDropdownFilter)]
    list_select_related = ["customer", "incident", "assigned_to", "team"]
    search_fields = ["reference"]  # shows the box; `get_search_results` looks in more places
    search_help_text = gettext_lazy("Claim, customer, account, order or ticket")

    # --- the list

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("incident__windows")

    def get_search_results(self, request, queryset, search_term):
        return queue.found(queryset, search_term.strip()) if search_term.strip() else queryset, False

    @display(description=gettext_lazy("claim"), ordering="reference")
    def reference_and_customer(self, claim):
        return format_html(
            '<b class="mg-ref">{}</b><br><span class="mg-dim">{}</span>', claim.reference, claim.customer
        )

    @display(description=gettext_lazy("incident"), ordering="incident__reference")
    def for_incident(self, claim):
        return claim.incident.reference

    @display(description=gettext_lazy("waits for"))
    def state(self, claim):
        badge = office.badge(claim.status, claim.get_status_display())
        return format_html('<div>{}<br><span class="mg-dim">{}</span></div>', badge, queue.waits_for(claim))

    @display(description=gettext_lazy("due"), ordering="due_at")
    def due(self, claim):
        return due_words(claim, claim.read_at)

    @display(description=gettext_lazy("orders"))
    def orders(self, claim):
        count = format_html('<span class="mg-num">{}</span>', claim.waiting.orders if claim.assessment_id else "–")
        odd = claim.waiting.to_clear_up
        if not odd:
            return count
        words = ngettext("%(n)s order to clear up", "%(n)s orders to clear up", odd) % {"n": odd}
        return format_html("{}<br>{}", count, office.badge("late", words))

    @display(description=gettext_lazy("to pay"))
    def to_pay(self, claim):
        amounts = sorted(claim.waiting.payable.items())
        return office.lines("{}", ((office.cell(number, asset),) for asset, number in amounts))

    @display(description=gettext_lazy("contact in time"))
    def in_touch(self, claim):
        return {True: _("yes"), False: office.badge("late", _("no")), None: "–"}[claim.waiting.in_touch]

    # --- one claim

    def get_urls(self):
        return [
            self.at("<int:pk>/assess/", self.assess_view, "assess"),
            self.at("<int:pk>/approve/", self.approve_view, "approve"),
            self.at("<int:pk>/deny/", self.deny_view, "deny"),
            self.at("<int:pk>/offer/", self.offer_view, "offer"),
            self.at("offers/<int:pk>/answer/", self.answer_view, "answer"),
            *self.evidence_urls(),
            *self.steps_urls(),
            *self.lane_urls(),
            *self.new_contact_urls(),
            *self.contact_file_urls(),
            *self.desk_urls(),
            *self.changes_urls(),
            *self.price_urls(),
            *self.books_urls(),
            *self.liquidation_urls(),
            *self.stuck_urls(),
            *self.history_urls(),
            *super().get_urls(),
        ]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        claim = office.row_or_404(page.claims(), object_id)
        shown_page = page.ClaimPage(claim, request.user)
        context = {
            "title": claim.reference,
            "original": claim,
            "claim": claim,
            "page": shown_page,
            "evidence": evidence_screen.lines(shown_page.evidence),
            "now": timezone.now(),
            "due": due_words(claim, timezone.now()),
            "may_attach": request.user.has_perm("claims.add_evidence") and claim.status in Claim.OPEN,
            "may_see_books": request.user.has_perm("ledger.view_journalentry"),
            "payouts": payouts.of_claim(claim),
            "letters": letters.of_claim(claim, now=timezone.now()),
            "is_open": claim.status in Claim.OPEN,
            "back": list_of(request),
            "is_fullwidth": "1",
        }
        context |= self.presence(request, claim)
        if request.user.has_perm("claims.assign_claim"):
            context |= givable()
        return self.framed(request, "claims/claim.html", **context)

    def assess_view(self, request, pk):
        def verb(claim, now):
            workflow.queue_assessment(claim.incident, claim=claim, by=request.user, now=now)
            return _("The eligibility checks are queued; this page shows their answer in a moment.")

        return self._act(request, pk, "assess", verb)

    def approve_view(self, request, pk):
        def verb(claim, now):
            amounts = workflow.approve(claim, by=request.user, reason=request.POST.get("reason", ""), now=now)
            granted = ", ".join(f"{shown.number(amount, 2)} {asset}" for asset, amount in sorted(amounts.items()))
            if not granted:
                return _("Your approval is recorded; above the policy's limit a second manager approves as well.")
            return _("Approved: %(amounts)s, posted to the books.") % {"amounts": granted}

        return self._act(request, pk, "approve", verb)

    def deny_view(self, request, pk):
        def verb(claim, now):
            workflow.deny(claim, by=request.user, reason=request.POST.get("reason", ""), now=now)
            return _("Denied, with the reason.")

        return self._act(request, pk, "deny", verb)

    def offer_view(self, request, pk):
        def verb(claim, now):
            offer = workflow.make_offer(claim, by=request.user, now=now)
            if offer.expires_at is None:
                return _("Offered.")
            return _("Offered, until %(day)s.") % {"day": shown.instant(offer.expires_at)}

        return self._act(request, pk, "offer", verb)

    def answer_view(self, request, pk):
        offer = get_object_or_404(Offer, pk=pk)
        named = (name.removeprefix("remedy-") for name in request.POST if name.startswith("remedy-"))
        choices = {int(order): request.POST[f"remedy-{order}"] for order in named if order.isdecimal()}

        def verb(claim, now):
            accept = request.POST.get("answer") == "accept"
            workflow.answer_offer(
                offer, accept=accept, choices=choices, note=request.POST.get("note", ""), by=request.user, now=now
            )
            return _("Accepted: it can be approved now.") if accept else _("Declined: a manager looks at it.")

        return self._act(request, offer.claim_id, "answer", verb)

    def _act(self, request, pk, name, verb):
        """One verb on the claim as its page showed it: refused if somebody changed it since."""
        if request.method != "POST" or not request.user.has_perm(gate.TRANSITIONS[name].permission):
            raise PermissionDenied
        claim = get_object_or_404(Claim.objects.select_related("incident"), pk=pk)
        revision = request.POST.get("revision", "")
        claim.revision = int(revision) if revision.isdecimal() else -1
        self.told(request, lambda: verb(claim, timezone.now()))
        return redirect("admin:claims_claim_change", pk)


def due_words(claim, now):
    """When it is due: how long from now, and the instant; overdue stands out, in words too."""
    if claim.due_at is None:
        return "–"
    if claim.status not in Claim.OPEN:
        return shown.instant(claim.due_at)
    if claim.asked_at is not None:
        kind, words = "mg-dim", _("stands still: the customer was asked")
    elif claim.due_at < now:
        kind, words = "mg-overdue", _("overdue by %(time)s") % {"time": timesince(claim.due_at, now, depth=1)}
    else:
        kind, words = "mg-soon", _("in %(time)s") % {"time": timeuntil(claim.due_at, now, depth=1)}
    at = f"{claim.due_at:%Y-%m-%d %H:%M} UTC"
    return format_html('<div><span class="{}">{}</span><br><span class="mg-dim">{}</span></div>', kind, words, at)
