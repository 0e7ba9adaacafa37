"""The claim's files on screen: brought, looked at one by one or side by side, accepted or rejected."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from claims import gate, workflow
from claims.models import Claim, Evidence
from claims.receiving import EvidenceRefused, Sizes, attach_evidence
from claims.screens import evidence as screen


class EvidenceReview:
    """The addresses of a claim's files, under the claims' own. `_act` is the claim page's."""

    def evidence_urls(self):
        return [
            self.at("<int:pk>/evidence/", self.attach_view, "attach"),
            self.at("evidence/<int:pk>/", self.look_view, "look"),
            self.at("evidence/<int:pk>/review/", self.review_view, "review"),
        ]

    def look_view(self, request, pk):
        """One file, with `?beside=` another one that resembles it."""
        if request.method != "GET" or not request.user.has_perm("claims.view_evidence"):
            raise PermissionDenied
        evidence = get_object_or_404(screen.files(), pk=pk)
        beside = request.GET.get("beside", "")
        other = get_object_or_404(screen.files(), pk=beside) if beside.isdecimal() else None
        page = screen.EvidencePage(evidence, request.user, other)
        return self.framed(
            request,
            "claims/evidence.html",
            title=evidence.name,
            original=evidence.claim,
            page=page,
            item=evidence,
            is_fullwidth="1",
            **self.presence(request, evidence.claim),
        )

    def review_view(self, request, pk):
        evidence = get_object_or_404(Evidence, pk=pk)
        evidence.status = request.POST.get("seen", "")  # as the page showed it: refused if somebody reviewed it since
        accept = request.POST.get("verdict") == "accept"
        said = {name: request.POST.get(name, "") for name in ("reason", "ground")}

        def verb(claim, now):
            if request.POST.get("verdict") not in ("accept", "reject"):
                raise gate.Refused("choose whether the file is accepted or rejected")
            workflow.review_evidence(evidence, accept=accept, by=request.user, now=now, **said)
            return _("Accepted; the claim is checked again.") if accept else _("Rejected; the claim is checked again.")

        answer = self._act(request, evidence.claim_id, "review", verb)
        if "one_by_one" not in request.POST:
            return answer
        evidence.refresh_from_db()
        if evidence.status == Evidence.Status.RECEIVED:  # refused: the message says why
            return redirect("admin:claims_claim_look", pk)
        following = screen.next_to_review(evidence.claim_id)
        return redirect("admin:claims_claim_look", following.pk) if following else answer

    def attach_view(self, request, pk):
        """A file that came in by chat or e-mail; its preview and findings show at once, a recording's in a moment."""
        if request.method != "POST" or not request.user.has_perm("claims.add_evidence"):
            raise PermissionDenied
        claim = get_object_or_404(Claim, pk=pk)
        files = [(file.name, file) for file in request.FILES.getlist("file")]
        sizes = Sizes(settings.EVIDENCE_MAX_BYTES, settings.EVIDENCE_MAX_VIDEO_BYTES)
        try:
            attach_evidence(claim, files=files, by=request.user, now=timezone.now(), sizes=sizes)
            messages.success(request, _("On the claim now; somebody is to review it."))
        except EvidenceRefused as refusal:
            for error in refusal.errors:
                messages.error(request, error)
        except gate.Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:claims_claim_change", pk)
