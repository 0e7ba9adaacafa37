"""Which customers sent pictures, what they show, and what Ana made of some of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from claims.demo.fills import moment
from claims.demo.people import Customer
from claims.demo.quotes import END, START

BELONGS = ("late", "mixed")  # cases in which the notice asks for evidence
ACCEPTED, REJECTED, WAITING = 18, 6, 30
SEEN = {
    "login": "Login error with the time, inside the outage",
    "order": "Close order refused by the server during the outage",
    "page": "502 page of the trading platform with the clock, inside the outage",
}
UNFIT = {
    "clock": "Shows when, not that the service was unavailable; asked for another",
    "portfolio": "Shows a working account page",
    "old": "Taken two days before the failure",
}


@dataclass(frozen=True)
class Attachment:
    """One picture from one customer; `verdict` is empty while nobody has looked at it."""

    customer: str
    subject: str
    taken_at: datetime
    mark: str
    verdict: str = ""
    reason: str = ""


def sent(everybody: list[Customer], orders: list[dict[str, str]], rng: Random) -> list[Attachment]:
    """One picture each; two customers send the same one."""
    named = {order["customer"]: order["order_id"] for order in orders}
    senders = [customer.code for customer in everybody if customer.case in BELONGS]
    rng.shuffle(senders)
    plan = [("accepted", rng.choice(list(SEEN))) for _ in range(ACCEPTED)]
    plan += [("rejected", list(UNFIT)[n % len(UNFIT)]) for n in range(REJECTED)]
    plan += [("", rng.choice([*SEEN, *SEEN, "clock", "portfolio", "old"])) for _ in range(WAITING)]
    found = [
        _attachment(code, subject, verdict, named[code], rng)
        for code, (verdict, subject) in zip(senders, plan, strict=False)
    ]
    return [*found[:-1], replace(found[-2], customer=found[-1].customer)]


def _attachment(code: str, subject: str, verdict: str, order: str, rng: Random) -> Attachment:
    taken_at = moment((START + timedelta(minutes=1), END - timedelta(minutes=1)), rng).replace(microsecond=0)
    return Attachment(
        customer=code,
        subject="login" if subject == "old" else subject,
        taken_at=taken_at - timedelta(days=2) if subject == "old" else taken_at,
        mark=order,
        verdict=verdict,
        reason=(SEEN | UNFIT)[subject] if verdict else "",
    )
