"""Verifications and seals on screen: what was found last, whether anybody asks again, and what an auditor keeps."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from jobs import office, shown
from ledger.admin.pages import BooksPages
from ledger.models import Seal, Verification
from ledger.screens.integrity import Run, unsealed

LATE = timedelta(minutes=5)  # an entry is sealed within a minute, where the workers run


@admin.register(Verification)
class VerificationAdmin(BooksPages, office.ReadOnlyScreen):
    """Each run is kept. A new one is asked for through the address that the settings name, and done by a worker."""

    empty_says = gettext_lazy("Nobody has verified the books yet; it is also done every night.")
    list_display = ["started", "outcome", "took", "looked_at", "through", "for_whom"]
    list_select_related = ["last_seal", "asked_by"]
    list_before_template = "ledger/verification_head.html"
    ordering = ["-started_at"]
    started = office.moment("started_at", gettext_lazy("started at"))

    def changelist_view(self, request, extra_context=None):
        self.may_read(request)
        latest = Verification.objects.select_related("last_seal", "asked_by").first()
        waiting = unsealed()
        extra = {
            "title": _("Verification"),
            "run": latest and Run(latest),
            "seal": Seal.objects.first(),
            "unsealed": waiting,
            "waits_for_long": waiting.since is not None and timezone.now() - waiting.since > LATE,
            "verify": reverse(settings.LEDGER_VERIFY),
        }
        return super().changelist_view(request, extra | (extra_context or {}))

    def change_view(self, request, object_id, form_url="", extra_context=None):
        self.may_read(request)
        found = self.found(Verification.objects.select_related("last_seal", "asked_by"), object_id)
        return self.page(request, "ledger/verification.html", _("Verification"), original=found, run=Run(found))

    @display(description=gettext_lazy("result"), ordering="problem_count")
    def outcome(self, found):
        if found.ok:
            return office.badge("holds", _("no problem"))
        return office.badge("failed", _("problems: %(n)s") % {"n": found.problem_count})

    @display(description=gettext_lazy("took"))
    def took(self, found):
        return shown.duration(Run(found).took)

    @display(description=gettext_lazy("checked"))
    def looked_at(self, found):
        return ", ".join(f"{number:,} {kind}" for kind, number in Run(found).checked)

    @display(description=gettext_lazy("last seal"))
    def through(self, found):
        return found.last_seal.number if found.last_seal else "–"

    @display(description=gettext_lazy("asked by"))
    def for_whom(self, found):
        return found.asked_by or _("the system")


@admin.register(Seal)
class SealAdmin(BooksPages, office.ReadOnlyScreen):
    empty_says = gettext_lazy("Nothing is sealed yet: a job seals what was posted, every minute.")
    list_display = ["number", "sealed", "entry_count", "entries", "seal"]
    search_fields = ["number__exact", "hash__exact"]
    search_help_text = gettext_lazy("Number or hash")
    sealed = office.moment("sealed_at", gettext_lazy("sealed at"))

    def change_view(self, request, object_id, form_url="", extra_context=None):
        self.may_read(request)
        found = self.found(Seal.objects.all(), object_id)
        return self.page(
            request,
            "ledger/seal.html",
            _("Seal %(number)s") % {"number": found.number},
            original=found,
            found=found,
            before=Seal.objects.filter(number=found.number - 1).first(),
            after=Seal.objects.filter(number=found.number + 1).first(),
        )

    @display(description=gettext_lazy("entries from – to"))
    def entries(self, found):
        return f"{found.first_entry} – {found.last_entry}"

    @display(description=gettext_lazy("hash"))
    def seal(self, found):
        return format_html('<span class="mg-mono">{}</span>', found.hash)
