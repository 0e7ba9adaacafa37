"""At the end of the day: was anything lost, or done twice? Asked of the rows, the files and the letters that went out."""

from __future__ import annotations

import email
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from django.db.models import Count, F, Q

from bench.day.facts import World
from claims.models import Award, Bonus, Claim, Contact, Evidence, Letter, PayoutLine

FAULTS_SHOWN = 20


def contacts(world: World) -> Iterator[str]:
    """Each ticket of the helpdesk on exactly one claim, that of its customer."""
    found = Contact.objects.filter(ticket__in=world.tickets).values_list("ticket", "claim__customer__code")
    on = Counter(found)
    for ticket, customer in world.tickets.items():
        if on.pop((ticket, customer), 0) != 1:
            yield f"contact {ticket} of {customer} is not on exactly one claim"
    yield from (f"contact {ticket} stands on the claim of {customer}" for ticket, customer in on)
    claims = Claim.objects.filter(incident=world.incident).count()
    if claims != len(set(world.tickets.values())):
        yield f"{claims} claims of {len(set(world.tickets.values()))} customers"


def uploads(said: list[tuple[int, str, str]]) -> Iterator[str]:
    """Each upload stored once, byte for byte, or refused with a reason."""
    rows = {(row.claim_id, row.sha256): row for row in Evidence.objects.all()}
    stored = {(claim, sha256): refusal for claim, sha256, refusal in said}
    for (claim, sha256), refusal in stored.items():
        row = rows.pop((claim, sha256), None)
        if (row is None) != bool(refusal):
            yield f"upload {sha256[:12]} for claim {claim}: {'not stored, no reason' if row is None else refusal}"
        elif row is not None and hashlib.sha256(row.original.open().read()).hexdigest() != sha256:
            yield f"evidence {row.pk} is not what was received"
    yield from (f"evidence {row.pk} was never uploaded" for row in rows.values())


def sent(mail: Path) -> Iterator[tuple[str, str]]:
    """(message id, to) of every letter that left: the backend writes them into files, one after the other."""
    for path in sorted(mail.iterdir()) if mail.is_dir() else ():
        for part in path.read_bytes().split(b"\n" + b"-" * 79 + b"\n"):
            if part.strip():
                message = email.message_from_bytes(part.lstrip(b"\n"))
                yield message["Message-ID"], message["To"]


def letters(mail: Path) -> Iterator[str]:
    """Every letter left once; of what is neither sent nor unsendable nor in doubt there is none."""
    left = Counter(message_id for message_id, _to in sent(mail))
    yield from (f"letter {message_id} left {times} times" for message_id, times in left.items() if times > 1)
    status = dict(Letter.objects.order_by().values_list("status").annotate(Count("pk")))
    certain, doubtful = status.get("sent", 0), status.get("sending", 0)
    if not certain <= len(left) <= certain + doubtful:
        yield f"{len(left)} letters left, {certain} are kept as sent and {doubtful} as in doubt"
    waiting = sum(number for name, number in status.items() if name in ("waits", "failed"))
    if waiting:
        yield f"{waiting} letters did not leave"
    receipts = Letter.objects.filter(event="receipt").values("claim").distinct().count()
    if receipts != Claim.objects.count():
        yield f"{receipts} receipts for {Claim.objects.count()} claims"


def doubtful() -> list[str]:
    """Letters that were perhaps sent, for a person to look at."""
    return [f"letter {row.key}: perhaps sent" for row in Letter.objects.filter(status=Letter.Status.SENDING)]


def money(world: World) -> Iterator[str]:
    """Each customer's bonus once, with an entry of its own; each award and bonus in one payout at most."""
    for row in Bonus.objects.values("claim__customer").annotate(times=Count("pk")).filter(times__gt=1):
        yield f"customer {row['claim__customer']} has {row['times']} bonuses"
    bonuses = Bonus.objects.count()
    if bonuses != Claim.objects.filter(incident=world.incident).count():
        yield f"{bonuses} bonuses for {Claim.objects.count()} customers in touch"
    for model in (Award, Bonus):
        if model.objects.values("entry").distinct().count() != model.objects.count():
            yield f"two of {model._meta.verbose_name_plural} share an entry"
    live = PayoutLine.objects.exclude(status=PayoutLine.Status.FAILED)
    for name in ("award", "bonus"):
        for row in live.filter(**{f"{name}__isnull": False}).values(name).annotate(n=Count("pk")).filter(n__gt=1):
            yield f"{name} {row[name]} is paid {row['n']} times"
    unpaid = live.filter(status=PayoutLine.Status.PAID).exclude(
        Q(amount=F("award__amount")) | Q(amount=F("bonus__amount"))
    )
    yield from (f"line {line} pays another amount" for line in unpaid)
