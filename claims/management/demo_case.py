"""The demo's story, told by the portal's own commands: whatever they refuse, the demo refuses.

Each command is a commit of its own, as in life, so that the history of a claim has its times. A story that was broken off goes
on when it is told again: what was told already changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from claims import workflow
from claims.demo.files import LAST_TICKET, OUTAGE, STALL, Case, Picture
from claims.management.named import incident_named
from claims.models import Claim, Contact, Decision
from jobs.console import Refusal, staff_named

APPROVALS = {"mia": 30, "max": 14}
DENIAL = "No order meets the published terms; each order shows its clauses."
Say = Callable[[str], None]


def is_told() -> bool:
    """The mailbox comes last."""
    return Contact.objects.filter(claim__incident__reference=OUTAGE, ticket=LAST_TICKET).exists()


def tell(case: Case, say: Say) -> None:
    """The whole story."""
    _facts(case, say)
    _outage_is_declared(case, say)
    _customers_write(case, say)
    _eligibility_is_checked(case, say)
    _managers_decide(say)
    mailbox = run("import_contacts", OUTAGE, case["mailbox.csv"], "--by", "max")
    say(f"{mailbox['rows']} more claims from a mailbox that was found later: nobody has assessed them yet")


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


def _managers_decide(say: Say) -> None:
    """Some of what is ready to be paid, one denial, every bonus; the rest is for the visitor."""
    incident = incident_named(OUTAGE)
    ready = Claim.objects.filter(incident=incident, status=Claim.Status.ASSESSED).in_queue_order()
    payable = workflow.payable_claims(incident).values("pk")
    for name, many in APPROVALS.items():
        missing = many - Decision.objects.filter(verb=Decision.Verb.APPROVE, decided_by__username=name).count()
        for reference in list(ready.filter(pk__in=payable).values_list("reference", flat=True)[: max(missing, 0)]):
            run("approve", OUTAGE, "--claim", reference, "--by", name)
    if not Decision.objects.filter(verb=Decision.Verb.DENY).exists():
        workflow.deny(ready.exclude(pk__in=payable)[0], by=staff_named("max"), reason=DENIAL, now=timezone.now())
    bonuses = run("grant_bonuses", OUTAGE, "--by", "max")
    say(f"{sum(APPROVALS.values())} claims approved, one denied, {bonuses['granted']} goodwill bonuses granted")


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
