"""Letters: what was written to whom and what became of it; and the words that managers edit, look at and try on themselves."""

from __future__ import annotations

from smtplib import SMTPException

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMultiAlternatives
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from claims import gate, letters, workflow
from claims.admin.incident_pages import IncidentPages
from claims.admin.record import OfClaim
from claims.letters import Words
from claims.models import Claim, Event, Letter, LetterTemplate
from claims.screens import letters as screens
from jobs import office, shown


class AstrayFilter(admin.SimpleListFilter):
    """Letters that a person has to look at."""

    title, parameter_name = gettext_lazy("Show"), "show"

    def lookups(self, request, model_admin):
        return [("astray", _("Did not go out")), ("doubtful", _("Perhaps sent"))]

    def queryset(self, request, found):
        if self.value() == "astray":
            return found.astray(timezone.now())
        return found.perhaps_sent(timezone.now()) if self.value() == "doubtful" else found

    def choices(self, changelist):
        first, *rest = super().choices(changelist)
        return [first | {"display": _("All")}, *rest]


@admin.register(Letter)
class LetterAdmin(IncidentPages, OfClaim, office.ReadOnlyScreen):
    """Every letter, newest first. A person sends again what did not go out."""

    empty_says = gettext_lazy("No letter was written yet: they come with the claims.")
    list_display = ["written", "about", "of_claim", "to_whom", "state", "sent", "trouble"]
    list_display_links = ["written"]
    list_filter = [AstrayFilter, "status", "event", "language", ("claim__incident", RelatedDropdownFilter)]
    list_select_related = ["claim__customer"]
    list_before_template = "claims/letters_head.html"
    ordering = ["-pk"]  # as they were written, by the key alone
    search_fields = ["claim__reference__exact", "claim__customer__code__exact", "to__exact"]
    search_help_text = gettext_lazy("Claim, customer or e-mail address")

    @display(description=gettext_lazy("event"), ordering="event")
    def about(self, letter):
        return letter.get_event_display()

    @display(description=gettext_lazy("written at"), ordering="written_at")
    def written(self, letter):
        return format_html('<span class="mg-instant">{}</span>', shown.instant(letter.written_at))

    @display(description=gettext_lazy("sent at"), ordering="sent_at")
    def sent(self, letter):
        return format_html('<span class="mg-instant">{}</span>', shown.instant(letter.sent_at))

    @display(description=gettext_lazy("recipient"), ordering="to")
    def to_whom(self, letter):
        return letter.to or letter.claim.customer.email or "–"

    @display(description=gettext_lazy("status"), ordering="status")
    def state(self, letter):
        words = _("perhaps sent") if letter.is_doubtful(timezone.now()) else letter.get_status_display()
        return office.badge(letter.status, words)

    @display(description=gettext_lazy("error"))
    def trouble(self, letter):
        return Truncator(letter.error).chars(60) or "–"

    def changelist_view(self, request, extra_context=None):
        extra = {
            "title": _("Letters"),
            "failed": Letter.objects.filter(status=Letter.Status.FAILED).count(),
            "doubtful": Letter.objects.perhaps_sent(timezone.now()).count(),
            "may_send": request.user.has_perm("claims.send_letter"),
        }
        return super().changelist_view(request, extra | (extra_context or {}))

    def get_urls(self):
        return [
            self.at("send-failed/", self.send_failed_view, "send_failed"),
            self.at("<int:pk>/send-again/", self.send_again_view, "send_again"),
            self.at("<int:pk>/mark-sent/", self.mark_sent_view, "mark_sent"),
            *super().get_urls(),
        ]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        letter = get_object_or_404(Letter.objects.select_related("claim__customer", "claim__incident"), pk=object_id)
        return self.framed(
            request,
            "claims/letter.html",
            title=letter.get_event_display(),
            subtitle=letter.claim.reference,
            original=letter,
            letter=letter,
            page=screens.LetterPage(letter, now=timezone.now()),
        )

    def send_again_view(self, request, pk):
        def verb():
            workflow.send_again([pk], by=request.user, now=timezone.now())
            return _("It is sent again: a worker takes it in a moment.")

        return self._act(request, verb, redirect("admin:claims_letter_change", pk))

    def send_failed_view(self, request):
        def verb():
            sent = workflow.send_again(None, by=request.user, now=timezone.now())
            text = ngettext("%(n)s letter is sent again.", "%(n)s letters are sent again.", sent)
            return text % {"n": sent}

        return self._act(request, verb, redirect("admin:claims_letter_changelist"))

    def mark_sent_view(self, request, pk):
        letter = get_object_or_404(Letter, pk=pk)

        def verb():
            workflow.mark_sent(letter, by=request.user, now=timezone.now())
            return _("Kept as sent.")

        return self._act(request, verb, redirect("admin:claims_letter_change", pk))

    def _act(self, request, verb, answer):
        if request.method != "POST" or not request.user.has_perm("claims.send_letter"):
            raise PermissionDenied
        self.told(request, verb)
        return answer


@admin.register(LetterTemplate)
class LetterTemplateAdmin(IncidentPages, office.ReadOnlyScreen):
    """The words of each event, both languages side by side. Saved words hold for letters that are sent from then on."""

    def changelist_view(self, request, extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.framed(
            request, "claims/letter_events.html", title=_("Words of the letters"), events=screens.events()
        )

    def get_urls(self):
        view = self.admin_site.admin_view(self.event_view)
        return [path("<slug:event>/words/", view, name="claims_lettertemplate_event"), *super().get_urls()]

    def event_view(self, request, event):
        """To read: for everybody who may. Every button sends both languages: look, save, try on oneself, ship's own words."""
        if event not in Event.values:
            raise Http404
        if not self.has_view_permission(request):
            raise PermissionDenied
        may_change = request.user.has_perm("claims.change_lettertemplate")
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        claim = self._claim(request)
        do, _dot, language = request.POST.get("do", "").partition(".")
        typed = _typed(request) if request.method == "POST" else {}
        if language in letters.LANGUAGES and do == "shipped":
            typed[language] = letters.shipped(event, language)
        page = screens.EventPage(event, claim=claim, typed=typed, seen=_seen(request))
        if do == "save" and self.told(request, lambda: self._saved(request, event, typed)):
            return redirect("admin:claims_lettertemplate_event", event)
        if language in letters.LANGUAGES and do == "test":
            self.told(request, lambda: self._tried(request, page, language))
        template = "claims/_letter_preview.html" if request.htmx else "claims/letter_words.html"
        return self.framed(request, template, title=page.name, page=page, may_change=may_change)

    def _claim(self, request) -> Claim | None:
        """The claim to look at the words with."""
        reference = (request.POST.get("claim") or request.GET.get("claim") or "").strip()
        if not reference:
            return None
        claim = Claim.objects.select_related("customer", "incident").filter(reference=reference.upper()).first()
        if claim is None and not request.htmx:
            messages.warning(
                request, _("There is no claim %(claim)s: made-up values are shown.") % {"claim": reference}
            )
        return claim

    def _saved(self, request, event: str, typed: dict[str, Words]) -> str:
        """Those languages that were changed; all of them or none."""
        seen = _seen(request)
        changed = {language: words for language, words in typed.items() if letters.mark(words) != seen[language]}
        if not changed:
            return _("Nothing was changed.")
        workflow.change_words(event, changed, seen=seen, by=request.user, now=timezone.now())
        return _("Saved: letters that are sent from now on have these words.")

    def _tried(self, request, page: screens.EventPage, language: str) -> str:
        """To whoever asks, and to nobody else."""
        if not request.user.email:
            raise gate.Refused("you have no e-mail address here: ask the operator to enter it")
        side = next(side for side in page.sides if side.language == language)
        message = EmailMultiAlternatives(
            f"[{_('test')}] {side.filled.subject}", side.filled.body, settings.DEFAULT_FROM_EMAIL, [request.user.email]
        )
        message.attach_alternative(letters.html(side.filled, language), "text/html")
        try:
            message.send()
        except (OSError, SMTPException, ValueError) as error:
            raise gate.Refused("the mail server did not take it: %(error)s", error=error) from error
        return _("Sent to %(address)s.") % {"address": request.user.email}


def _typed(request) -> dict[str, Words]:
    """What the form says, line ends as we keep them."""

    def plain(name: str) -> str:
        return request.POST.get(name, "").replace("\r\n", "\n").replace("\0", "").strip()

    return {
        language: Words(" ".join(plain(f"subject-{language}").split()), plain(f"body-{language}"))
        for language in letters.LANGUAGES
    }


def _seen(request) -> dict[str, str]:
    """Which words the form was opened with, by language; nothing on a page that is only looked at."""
    return {language: request.POST.get(f"seen-{language}", "") for language in letters.LANGUAGES}
