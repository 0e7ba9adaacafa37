"""The steps at a claim's page: ask, hear, hold, release, withdraw, appeal; a button each, and the reason beside it."""

from __future__ import annotations

from django.urls import path
from django.utils.translation import gettext_lazy as _

from claims import workflow

STEPS = {  # by the gate's name: the workflow's verb, and what is said when it is done
    "ask": (workflow.ask_customer, _("Asked: the time to decide stands still until the customer answers.")),
    "reply": (workflow.record_answer, _("Recorded: the time to decide runs again.")),
    "hold": (workflow.put_on_hold, _("On hold: nobody decides on it until it is taken off.")),
    "release": (workflow.release, _("Off hold.")),
    "withdraw": (workflow.withdraw, _("Withdrawn: what was awarded before stands.")),
    "appeal": (workflow.appeal, _("Appealed: it is checked again, and another person decides.")),
}


class Steps:
    """The addresses, under the claims' own; `ClaimAdmin` brings `_act`, one verb on the claim as its page showed it."""

    def steps_urls(self):
        def at(name):
            view = self.admin_site.admin_view(self._step_view(name))
            return path(f"<int:pk>/{name}/", view, name=f"claims_claim_{name}")

        return [at(name) for name in STEPS]

    def _step_view(self, name):
        verb, said = STEPS[name]

        def view(request, pk):
            def step(claim, now):
                verb(claim, reason=reason_of(request.POST), by=request.user, now=now)
                return said

            return self._act(request, pk, name, step)

        return view


def reason_of(posted) -> str:
    """The reason that was chosen and the words that were added: 'Duplicate: see CLM-000012'."""
    parts = (posted.get(name, "").strip() for name in ("ground", "reason"))
    return ": ".join(part for part in parts if part)
