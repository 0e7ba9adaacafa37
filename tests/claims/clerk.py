"""A process of its own that does what it is told: a line of JSON in, its answer out. Started by test_pairs.py."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402 the rooms can be opened only now
from django.db import connection  # noqa: E402

from claims import workflow  # noqa: E402
from claims.gate import Refused  # noqa: E402
from claims.models import Claim  # noqa: E402

STEPS = {
    "ask": workflow.ask_customer,
    "reply": workflow.record_answer,
    "hold": workflow.put_on_hold,
    "release": workflow.release,
    "withdraw": workflow.withdraw,
    "appeal": workflow.appeal,
    "deny": workflow.deny,
    "approve": workflow.approve,
}


def done(verb: str, claim: int, revision: int, by: str, now: str) -> str:
    """The verb on the claim as it was at this revision: 'done', or why it was refused."""
    who, at = User.objects.get(username=by), datetime.fromisoformat(now)
    seen = Claim.objects.select_related("incident").get(pk=claim)
    seen.revision = revision
    try:
        _do(verb, seen, who, at)
    except Refused as refusal:
        return f"refused: {refusal}"
    return "done"


def _do(verb: str, claim: Claim, who: User, at: datetime) -> Any:
    if verb == "offer":
        return workflow.make_offer(claim, by=who, now=at)
    if verb in ("accept", "decline"):
        offer = claim.offers.latest("pk")
        return workflow.answer_offer(offer, accept=verb == "accept", note="call", by=who, now=at)
    return STEPS[verb](claim, reason=f"{verb} by {who}", by=who, now=at)


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            answer = done(**json.loads(line))
        except Exception as error:
            answer = f"failed: {error!r}"
        print(json.dumps(answer), flush=True)
        connection.close()  # the test empties the tables in between
