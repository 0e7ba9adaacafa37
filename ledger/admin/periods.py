"""Periods on screen: one manager proposes to close the books through a day, another one closes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from jobs import office
from ledger import closing
from ledger.admin.pages import BooksPages
from ledger.forms import ProposalForm
from ledger.models import Period
from ledger.screens import periods


@admin.register(Period)
class PeriodAdmin(BooksPages, office.ReadOnlyScreen):
    empty_says = gettext_lazy("No period is closed or proposed yet: every day is open.")
    list_display = ["last_day", "state", "prepared_by", "prepared", "closed_by", "closed"]
    list_select_related = ["prepared_by", "closed_by"]
    list_before_template = "ledger/periods_head.html"
    ordering = ["-last_day"]
    prepared = office.moment("prepared_at", gettext_lazy("proposed at"))
    closed = office.moment("closed_at", gettext_lazy("books closed at"))

    @display(description=gettext_lazy("status"))
    def state(self, period):
        return office.badge("done", _("books closed")) if period.closed_at else office.badge("draft", _("proposed"))

    def get_urls(self):
        return [
            self.at("propose/", self.propose_view, "propose"),
            self.at("<int:pk>/close/", self.close_view, "close"),
            self.at("<int:pk>/take-back/", self.take_back_view, "take_back"),
            *super().get_urls(),
        ]

    def changelist_view(self, request, extra_context=None):
        self.may_read(request)
        extra = {
            "title": _("Periods"),
            "closed_through": Period.objects.closed_through(),
            "may_close": request.user.has_perm(closing.PERMISSION),
            "form": ProposalForm(initial={"last_day": periods.next_to_close(timezone.now().astimezone(UTC).date())}),
        }
        return super().changelist_view(request, extra | (extra_context or {}))

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """The balances at the period's end; of a proposal as they would be, with the buttons."""
        self.may_read(request)
        period = self.found(Period.objects.select_related("prepared_by", "closed_by"), object_id)
        may_close = request.user.has_perm(closing.PERMISSION) and period.closed_at is None
        return self.page(
            request,
            "ledger/period.html",
            _("Through %(day)s") % {"day": period},
            original=period,
            period=period,
            tree=periods.tree_of(period),
            may_close=may_close,
            proposed_it=period.prepared_by_id == request.user.pk,
        )

    def propose_view(self, request):
        self._may_close(request)
        form = ProposalForm(request.POST)
        if not form.is_valid():
            messages.error(request, " ".join(map(str, form.errors["last_day"])))
            return redirect("admin:ledger_period_changelist")

        def verb():
            period = closing.propose(form.cleaned_data["last_day"], by=request.user, now=timezone.now())
            return _("Proposed to close the books through %(day)s; another manager is to close them.") % {"day": period}

        return self._told(request, verb)

    def close_view(self, request, pk):
        def verb():
            period = closing.close(pk, by=request.user, now=timezone.now())
            return _("The books are closed through %(day)s.") % {"day": period}

        self._may_close(request)
        return self._told(request, verb)

    def take_back_view(self, request, pk):
        def verb():
            closing.take_back(pk, by=request.user)
            return _("Taken back: nothing was closed.")

        self._may_close(request)
        return self._told(request, verb)

    @staticmethod
    def _may_close(request) -> None:
        if request.method != "POST" or not request.user.has_perm(closing.PERMISSION):
            raise PermissionDenied

    @staticmethod
    def _told(request, verb: Callable[[], str]) -> HttpResponse:
        """Do it and say so, or say why it is refused."""
        try:
            messages.success(request, verb())
        except (closing.ClosingError, Period.DoesNotExist) as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:ledger_period_changelist")
