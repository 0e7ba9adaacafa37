"""The queue's list: its lanes, who looks after a claim, who has one open, the next one, and the filters that a person keeps."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.http import QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display
from unfold.views import ChangeList

from claims import gate, workflow
from claims.models import Claim, SavedFilter, Team
from claims.screens import lanes, queue

NOBODY = "nobody"
LIST = "admin:claims_claim_changelist"


def asker(request) -> lanes.Asker:
    return lanes.Asker(request.user, timezone.now(), settings.SLA_WARN_BEFORE)


class LaneFilter(admin.SimpleListFilter):
    """Which claims the list shows; without a choice the open ones, and all when something is searched for."""

    title, parameter_name = gettext_lazy("Show"), "show"

    def lookups(self, request, model_admin):
        return [(lane.code, lane.name) for lane in lanes.shown_to(request.user) if lane.code]

    def queryset(self, request, claims):
        if self.looks_everywhere(request):
            return claims
        return claims & lanes.lane_of(self.value()).claims(asker(request))

    @staticmethod
    def looks_everywhere(request) -> bool:
        """Searched for, or for a status, and in no lane: then in all claims."""
        asked = request.GET.get("status__exact") or request.GET.get("q")
        return bool(asked) and not request.GET.get("show")

    def choices(self, changelist):
        first, *rest = super().choices(changelist)
        return [first | {"display": lanes.BY_CODE[""].name}, *rest]


class QueueList(ChangeList):
    """A page of the queue, with what each claim waits for and who has it open."""

    result_list: list[Claim]
    empty_says: str | Promise = ""  # of a lane that nothing else narrows

    def get_results(self, request):
        super().get_results(request)
        if not set(request.GET) - {"show"}:
            self.empty_says = lanes.lane_of(request.GET.get("show")).empty
        claims, now = list(self.result_list), timezone.now()
        queue.describe(claims)
        here: dict[int, list[str]] = {}
        for presence in lanes.others_at([claim.pk for claim in claims], request.user, now=now):
            here.setdefault(presence.claim_id, []).append(presence.user.get_username())
        for claim in claims:
            claim.read_at, claim.open_with = now, here.get(claim.pk, [])
        self.result_list = claims


class Lanes:
    """The list's head and the addresses behind it, under the claims' own."""

    list_before_template, list_after_template = "claims/queue_head.html", "claims/queue_foot.html"
    paginator = lanes.CountedPaginator
    show_full_result_count = False
    sortable_by = ()  # due first, always
    ordering = ["due_at", "submitted_at", "id"]

    def lane_urls(self):
        return [
            self.at("next/", self.next_view, "next"),
            self.at("assign/", self.assign_view, "assign"),
            self.at("filters/", self.keep_filter_view, "keep_filter"),
            self.at("filters/<int:pk>/drop/", self.drop_filter_view, "drop_filter"),
            self.at("<int:pk>/here/", self.here_view, "here"),
        ]

    def get_changelist(self, request, **kwargs):
        return QueueList

    def get_list_display(self, request):
        return (["pick"] if request.user.has_perm("claims.assign_claim") else []) + super().get_list_display(request)

    def changelist_view(self, request, extra_context=None):
        response = super().changelist_view(request, {"title": _("Queue")} | (extra_context or {}))
        if shown_list := getattr(response, "context_data", {}).get("cl"):
            response.context_data |= self._head(request, shown_list)
        return response

    def _head(self, request, shown_list) -> dict:
        """The lanes with their counts, the filters, and whom a claim can be given to."""
        spec = next(spec for spec in shown_list.filter_specs if isinstance(spec, LaneFilter))
        counts, query = lanes.counts(asker(request)), kept(request.GET)
        if request.session.get("queue", "") != query:  # where `next` and the claim's way back go on
            request.session["queue"] = query
        looks_everywhere = LaneFilter.looks_everywhere(request)
        chips = []
        for lane, choice in zip(lanes.shown_to(request.user), spec.choices(shown_list), strict=True):
            count = counts.get(lane.code, 0)
            if looks_everywhere:
                choice |= {"selected": lane.code == "all"}
            chips.append(choice | {"count": lanes.in_words(count), "empty": not count, "code": lane.code})
        working = "mine" if (request.GET.get("show") or "") in lanes.UNWORKED else request.GET["show"]
        head = {
            "chips": chips,
            "to_take": lanes.in_words(counts.get(working, 0)) if counts.get(working) else "",
            "saved": lanes.saved_filters(request.user),
            "query": query,
        }
        return head | (givable() if request.user.has_perm("claims.assign_claim") else {})

    @display(description=format_html('<span class="mg-skip">{}</span>', gettext_lazy("choose")))
    def pick(self, claim):
        if claim.status not in Claim.OPEN:
            return ""
        label = _("Choose %(claim)s") % {"claim": claim.reference}
        box = '<input type="checkbox" class="mg-pick" name="claim" value="{}" form="mg-assign" aria-label="{}">'
        return format_html(box, claim.pk, label)

    @display(description=gettext_lazy("with"))
    def looked_after(self, claim):
        who = claim.assigned_to or claim.team or "–"
        if not claim.open_with:
            return who
        open_with = _("%(people)s has it open") % {"people": ", ".join(claim.open_with)}
        return format_html('{}<br><span class="mg-badge mg-is-late">{}</span>', who, open_with)

    # --- what the buttons do

    def next_view(self, request):
        """Open the claim of the list last seen that is due first and free; it is theirs then if it was nobody's."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return redirect(LIST)
        after = request.POST.get("after", "")
        where = lanes.to_work(QueryDict(request.session.get("queue", "")), asker(request))
        before = Claim.objects.filter(pk=after).first() if after.isdecimal() else None
        try:
            claim = workflow.take_next(where, after=before, by=request.user, now=timezone.now())
        except gate.Refused as refusal:
            raise PermissionDenied from refusal
        if claim is None:
            messages.info(request, _("Nothing else waits here that nobody has open. The list shows the whole queue."))
            return redirect(list_of(request))
        return redirect("admin:claims_claim_change", claim.pk)

    def here_view(self, request, pk):
        """An open page says so every twenty seconds, and is told who else is there."""
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        claim = get_object_or_404(Claim, pk=pk)
        return TemplateResponse(request, "claims/_present.html", self.presence(request, claim))

    def presence(self, request, claim) -> dict:
        """Who else has the claim open; whoever works on claims is seen from now on."""
        now = timezone.now()
        if request.user.has_perm("claims.assign_claim"):
            workflow.look_at(claim, by=request.user, now=now)
        return {"claim": claim, "others": lanes.others_at([claim.pk], request.user, now=now)}

    def assign_view(self, request):
        """The chosen claims, to whom the form says."""
        if request.method != "POST" or not request.user.has_perm("claims.assign_claim"):
            raise PermissionDenied
        claims = [int(pk) for pk in request.POST.getlist("claim") if pk.isdecimal() and len(pk) < 19]
        to = recipient(request.POST.get("to", ""))

        def verb():
            if not claims:
                raise gate.Refused("Choose the claims first: x on the keyboard, or the boxes on the left.")
            count = workflow.assign(claims, to=to, by=request.user)
            if to is None:
                return ngettext("%(n)s claim is nobody's now.", "%(n)s claims are nobody's now.", count) % {"n": count}
            words = ngettext("%(n)s claim is with %(to)s now.", "%(n)s claims are with %(to)s now.", count)
            return words % {"n": count, "to": to}

        self.told(request, verb)
        if request.POST.get("back", "").isdecimal():
            return redirect("admin:claims_claim_change", request.POST["back"])
        return redirect(list_of(request))

    def keep_filter_view(self, request):
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        query = kept(QueryDict(request.POST.get("query", "")))

        def verb():
            keep = workflow.keep_filter(request.POST.get("name", ""), query, by=request.user)
            return _("Kept as %(name)s.") % {"name": keep.name}

        self.told(request, verb)
        return redirect(list_of(request))

    def drop_filter_view(self, request, pk):
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        get_object_or_404(SavedFilter, pk=pk, user=request.user).delete()
        return redirect(list_of(request))


def givable() -> dict:
    """Whom a claim can be given to."""
    return {"people": lanes.people(), "teams": Team.objects.all()}


def recipient(code: str):
    """`person-3`, `team-2` or nobody, as the select says it."""
    kind, _dash, pk = code.partition("-")
    if kind == NOBODY:
        return None
    if not pk.isdecimal() or kind not in ("person", "team"):
        raise PermissionDenied
    return get_object_or_404(lanes.people() if kind == "person" else Team, pk=pk)


def kept(query) -> str:
    """A list's query without its page: what is worth coming back to."""
    copy = query.copy()
    copy.pop(PAGE_VAR, None)
    return copy.urlencode()


def list_of(request) -> str:
    """The list as the person last saw it."""
    query = request.session.get("queue", "")
    return reverse(LIST) + (f"?{query}" if query else "")
