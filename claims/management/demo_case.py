"""The demo's story, told by the portal's own commands: whatever they refuse, the demo refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command

from claims import workflow
from claims.demo.files import OUTAGE, STALL, STALL_POLICY, Case, Picture
from claims.models import Claim, Policy
from jobs.console import Refusal

BY_MIA, BY_MAX = 30, 14  # claims approved
Say = Callable[[str], None]


def is_loaded() -> bool:
    """The second incident's policy is the demo's own, and comes in with everything else or not at all."""
    return Policy.objects.filter(incident__reference=STALL, name=STALL_POLICY).exists()


def load(case: Case, *, now: datetime, say: Say) -> None:
    """The whole story; to be run in one transaction."""
    _facts(case, say)
    _outage_is_declared(case, say)
    _customers_write(case, say)
    _eligibility_is_checked(case, say)
    _managers_decide(now, say)
    run("import_contacts", OUTAGE, case["mailbox.csv"], "--by", "max")
    say("8 more claims from a mailbox that was found later: nobody has assessed them")


def _facts(case: Case, say: Say) -> None:
    instruments = run("import_instruments", case["instruments.csv"])
    quotes = run("import_quotes", case["quotes.csv"])
    say(f"{instruments['rows']} instruments, {quotes['rows']:,} quotes, {quotes['crossed']} of them crossed")
    orders = run("import_orders", case["orders.csv"])
    say(f"{orders['rows']:,} orders of {len(case.cases)} customers")


def _outage_is_declared(case: Case, say: Say) -> None:
    """And Ana looks at the first pictures; the notice with its policy comes after."""
    run("declare_incident", case["outage.toml"], "--publish", "--by", "mia")
    run("import_contacts", OUTAGE, case["first-contacts.csv"], "--by", "ana")
    reviewed = [picture for picture in case.pictures if picture.sent.verdict]
    for picture in reviewed:
        sent = picture.sent
        attach(picture, "--verdict", sent.verdict, "--reason", sent.reason, "--by", "ana")
    run("load_policy", OUTAGE, "s1-btcc", "--publish", "--by", "mia")
    say(f"{OUTAGE} and its policy published; {len(reviewed)} screenshots reviewed")


def _customers_write(case: Case, say: Say) -> None:
    contacts = run("import_contacts", OUTAGE, case["contacts.csv"], "--by", "ana")
    waiting = [picture for picture in case.pictures if not picture.sent.verdict]
    for picture in waiting:
        attach(picture)
    say(f"{contacts['rows']} support contacts, {len(waiting)} screenshots that nobody has looked at")
    run("declare_incident", case["stall.toml"], "--publish", "--by", "max")
    run("load_policy", STALL, case["stall-policy.toml"], "--publish", "--by", "max")
    run("import_contacts", STALL, case["stall-contacts.csv"], "--by", "ana")
    say(f"{STALL} published: it still lasts")


def _eligibility_is_checked(case: Case, say: Say) -> None:
    run("post_entry", case["seed.toml"], "--by", "mia")
    say("seed capital of the fund: 1,000,000.00 USDT and 50 BTC")
    for reference in (OUTAGE, STALL):
        done = run("assess", reference, "--wait")
        say(f"{reference}: {done['assessed']} claims with {done['orders']:,} orders assessed")


def _managers_decide(now: datetime, say: Say) -> None:
    """Some of what is ready to be paid, one denial, every bonus; the rest is for the visitor."""
    ready = Claim.objects.filter(incident__reference=OUTAGE, status=Claim.Status.ASSESSED)
    incident = ready[0].incident
    payable = workflow.payable_claims(incident).filter(pk__in=ready).in_queue_order()
    nothing = ready.exclude(pk__in=workflow.payable_claims(incident)).in_queue_order()[0]
    for number, reference in enumerate(payable.values_list("reference", flat=True)[: BY_MIA + BY_MAX]):
        run("approve", OUTAGE, "--claim", reference, "--by", "mia" if number < BY_MIA else "max")
    max_ = get_user_model().objects.get(username="max")
    workflow.deny(nothing, by=max_, reason="No order meets the published terms; see each one's clauses.", now=now)
    bonuses = run("grant_bonuses", OUTAGE, "--by", "max")
    say(f"{BY_MIA + BY_MAX} claims approved, one denied, {bonuses['granted']} goodwill bonuses granted")


def attach(picture: Picture, *review: str) -> None:
    claim = Claim.objects.get(incident__reference=OUTAGE, customer__code=picture.sent.customer)
    run("attach_evidence", claim.reference, picture.path, *review)


def run(command: str, *arguments: Any) -> dict[str, Any]:
    """One of the portal's commands; what it printed, or a Refusal of the whole demo."""
    printed = StringIO()
    try:
        call_command(command, *map(str, arguments), "--json", stdout=printed)
    except SystemExit as ended:
        result = json.loads(printed.getvalue())
        errors = result.get("errors") or result.get("problems") or [f"ended with code {ended.code}"]
        raise Refusal(*(f"{command}: {error}" for error in errors)) from ended
    return json.loads(printed.getvalue())
