"""Contacts in: a customer reaches us about an incident, and has a claim from then on (rules §1, S1-E5).

One claim per customer and incident, however many contacts. A new contact on an open claim sends it back to be assessed. The
time to decide runs from the earliest contact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext

from claims import gate, helpdesk, letters, workflow
from claims.deadlines import due
from claims.gate import Refused
from claims.models import Claim, Contact
from incidents.imports import remember
from incidents.models import Customer
from jobs import bulk
from jobs.cells import Column, Reading

NOTHING = {"claims_created": 0, "contacts_added": 0, "unchanged": 0}
SLICE = 10_000  # claims in one statement
EMAIL = r'[^\s@,;"\x00-\x1f\x7f\ud800-\udfff]{1,64}@[^\s@,;"\x00-\x1f\x7f\ud800-\udfff]{1,189}'
CONTACTS = (
    Column("customer"),
    Column("name", needed=False, blank=True, longest=200),
    Column("email", needed=False, blank=True, longest=254, pattern=EMAIL, expected="an e-mail address"),
    Column("language", needed=False, blank=True, pattern="[A-Za-z-]{2,10}", expected="a language such as en or zh"),
    Column("account", needed=False, blank=True),
    Column("order_ids", needed=False, blank=True, longest=2_000),
    Column("channel", choices=tuple(Contact.Channel.values)),
    Column("contacted_at", "instant"),
    Column("message", "prose", needed=False, blank=True, longest=20_000),
    Column("ticket", needed=False, blank=True),
)


# --- one contact


@transaction.atomic
def submit(
    *,
    incident,
    customer,
    channel: str,
    contacted_at: datetime,
    account: str = "",
    order_ids: Sequence[str] = (),
    message: str = "",
    ticket: str = "",
    by=None,
    now: datetime,
) -> Claim:
    """The customer's claim with this contact on it; the same contact again changes nothing.

    A customer who is not kept yet is met: known by their code from now on. `by`: the agent who enters it, None for the
    customer's own hand. Refused: no permission, a contact or a customer that cannot be.
    """
    if by is not None:
        gate.may(by, "claims.add_contact")
    customer = customer if customer.pk else _met(customer)
    within = _decide_within(incident)
    claim, created = Claim.objects.get_or_create(
        incident=incident,
        customer=customer,
        defaults={"submitted_at": contacted_at, "due_at": due(contacted_at, within), "entered_by": by},
    )
    claim = Claim.objects.locked().get(pk=claim.pk)
    contact = Contact(claim=claim, channel=channel, contacted_at=contacted_at, account=account, entered_by=by)
    contact.order_ids, contact.message, contact.ticket = list(order_ids), message, ticket
    _check(contact, now)
    key = {name: getattr(contact, name) for name in ("contacted_at", "channel", "ticket")}
    if not claim.contacts.filter(**key).exists():
        contact.save()
        _extend([] if created else [claim.pk], within, by=by, now=now)
    if created:
        letters.receipts([claim.pk], now=now)
    claim.refresh_from_db()
    return claim


def _met(customer: Customer) -> Customer:
    """The customer of this code, made if nobody was first; what we did not know of them is filled in."""
    _check_fields(customer)
    said = {name: getattr(customer, name) for name in ("name", "email", "language")}
    met, _created = Customer.objects.select_for_update().get_or_create(code=customer.code, defaults=said)
    for name, value in said.items():
        setattr(met, name, getattr(met, name) or value)
    met.save(update_fields=list(said))
    return met


def _check(contact: Contact, now: datetime) -> None:
    if contact.contacted_at > now:
        raise Refused("contacted at %(at)s: that is still to come", at=contact.contacted_at.isoformat())
    _check_fields(contact, but=("claim", "entered_by"))


def _check_fields(row: Contact | Customer, *, but: Sequence[str] = ()) -> None:
    try:
        row.clean_fields(exclude=but)
    except ValidationError as error:
        texts = [f"{name}: {' '.join(map(str, texts))}" for name, texts in error.message_dict.items()]
        raise Refused("; ".join(texts)) from error


def _decide_within(incident) -> timedelta | None:
    policy = incident.policies.in_force()
    return policy.terms.decide_within if policy else None


def _extend(claims: list[int], within: timedelta | None, *, by, now: datetime) -> None:
    """Claims with one more contact: back to be assessed, due as much earlier as the customer first reached us earlier (a pause
    that was taken stays), and an answer where they were asked before that contact."""
    for start in range(0, len(claims), SLICE):
        part = claims[start : start + SLICE]
        workflow.reopen(part)
        heard = Claim.objects.filter(pk__in=part, contacts__contacted_at__gte=F("asked_at"))
        workflow.answered(heard.values_list("pk", flat=True), reason=gettext("got in touch again"), by=by, now=now)
        _execute(
            """UPDATE claims_claim c
                  SET submitted_at = least(c.submitted_at, e.first),
                      due_at = coalesce(c.due_at - (c.submitted_at - least(c.submitted_at, e.first)),
                                        least(c.submitted_at, e.first) + %(within)s::interval)
                 FROM (SELECT claim_id, min(contacted_at) AS first FROM claims_contact WHERE claim_id = ANY(%(part)s)
                        GROUP BY claim_id) AS e
                WHERE c.id = e.claim_id
                  AND (e.first < c.submitted_at OR c.due_at IS NULL AND %(within)s::interval IS NOT NULL)""",
            {"part": part, "within": within},
        )


# --- a helpdesk's file


@transaction.atomic
def import_contacts(
    incident, path: Path, *, timezone: str = "", by=None, now: datetime, progress: bulk.Progress | None = None
) -> dict:
    """Put every contact of the file on its customer's claim: rows, claims_created, contacts_added, unchanged, rejected, errors.

    Unknown customers are created, what we did not know of a known one (name, e-mail, language) is filled in. An account that
    is not the customer's is kept as they wrote it: a finding for the desk, not an error of the file.
    """
    if by is not None:
        gate.may(by, "claims.add_contact")
    batch = load(path, timezone=timezone, now=now, progress=progress)
    if batch.refused():
        return batch.result(**NOTHING)
    counts = take_over(incident, by=by, now=now)
    result = batch.result(**counts, unchanged=batch.rows - counts["contacts_added"])
    finish(incident, path, batch, result, now=now)
    return result


def load(path: Path, *, timezone: str, now: datetime, progress: bulk.Progress | None = None) -> bulk.Batch:
    """The file's rows in `bulk_row` and all that is wrong with them. No other import of contacts goes on until the commit."""
    batch = bulk.load(path, CONTACTS, reading=Reading(timezone=timezone), reader=helpdesk.rows, progress=progress)
    bulk.lock("contacts")
    if batch.present:
        if "customer" not in batch.present:
            _find_customers(batch)
        _check_contacts(batch, now)
    return batch


def take_over(incident, *, by, now: datetime) -> dict[str, int]:
    """Every contact of `bulk_row`, which is without errors, onto its customer's claim: claims_created, contacts_added."""
    _meet_customers()
    within = _decide_within(incident)
    created = set(_open_claims(incident, within, by))
    added = _add_contacts(incident, by)
    _extend([claim for claim in added if claim not in created], within, by=by, now=now)
    letters.receipts(created, now=now)
    return {"claims_created": len(created), "contacts_added": sum(added.values())}


def finish(incident, path: Path, batch: bulk.Batch, result: dict, *, now: datetime) -> None:
    """Remember the file, and tell the planner what came in."""
    contacts = result["contacts_added"]
    remember("contacts", path, batch, result | {"incident": incident.reference}, changed=bool(contacts), now=now)
    if contacts:
        bulk.analyze("incidents_customer", "claims_claim", "claims_contact")


def _find_customers(batch: bulk.Batch) -> None:
    """Of a file that names no customers: by the e-mail, if it is one customer's alone, else by the account."""
    _execute("""
        UPDATE bulk_row r SET customer = c.code
          FROM (SELECT upper(email) AS email, min(code) AS code FROM incidents_customer
                 WHERE email <> '' AND upper(email) IN (SELECT upper(email) FROM bulk_row)
                 GROUP BY upper(email) HAVING count(*) = 1) AS c
         WHERE upper(r.email) = c.email
    """)
    _execute("""
        UPDATE bulk_row r SET customer = c.code FROM incidents_account a JOIN incidents_customer c ON c.id = a.customer_id
         WHERE r.customer IS NULL AND a.code = r.account
    """)
    batch.check(("customer", "customer IS NULL", "a customer: a code, or the e-mail or account of one that we know"))


def _check_contacts(batch: bulk.Batch, now: datetime) -> None:
    ids = "SELECT FROM regexp_split_to_table(order_ids, '\\s+') AS o (id) WHERE length(id) > 64"
    batch.check(
        ("contacted_at", f"contacted_at > '{now.isoformat()}'::timestamptz", "an instant that has been"),
        ("order_ids", f"EXISTS ({ids})", "order ids with spaces between them, each of 64 characters at most"),
    )
    batch.once(
        "contacted_at",
        ["customer", "contacted_at", "channel", "coalesce(ticket, '')"],
        "each contact (customer, instant, channel, ticket) once in a file",
    )


def _meet_customers() -> None:
    """In the order of their codes, so that two imports that wait never wait for each other."""
    said = {
        name: f"coalesce((array_agg({name} ORDER BY line) FILTER (WHERE {name} IS NOT NULL))[1], '')"
        for name in ("name", "email", "language")
    }
    fill = ", ".join(f"{name} = coalesce(nullif(c.{name}, ''), excluded.{name})" for name in said)
    missing = " OR ".join(f"c.{name} = '' AND excluded.{name} <> ''" for name in said)
    _execute(f"""
        INSERT INTO incidents_customer AS c (code, {", ".join(said)})
        SELECT customer, {", ".join(said.values())} FROM bulk_row GROUP BY customer ORDER BY customer
            ON CONFLICT (code) DO UPDATE SET {fill} WHERE {missing}
    """)  # noqa: S608 our own text


def _open_claims(incident, within: timedelta | None, by) -> Iterable[int]:
    """A claim for each customer of the file who has none; then hold all of them, in one order. Returns the new ones."""
    new = _column(
        """INSERT INTO claims_claim (incident_id, customer_id, status, revision, entered_by_id, submitted_at, due_at)
           SELECT %(incident)s, c.id, %(status)s, 0, %(by)s, min(contacted_at), min(contacted_at) + %(within)s::interval
             FROM bulk_row r JOIN incidents_customer c ON c.code = r.customer
            GROUP BY c.id ORDER BY c.id
               ON CONFLICT DO NOTHING RETURNING id""",
        {
            "incident": incident.pk,
            "status": Claim.Status.SUBMITTED,
            "by": by and by.pk,
            "within": within,
        },
    )
    _execute(
        """SELECT count(*) FROM (SELECT FROM claims_claim WHERE incident_id = %s AND customer_id IN (
               SELECT c.id FROM incidents_customer c JOIN bulk_row r ON r.customer = c.code
           ) ORDER BY id FOR NO KEY UPDATE) AS held""",
        [incident.pk],
    )
    return new


def _add_contacts(incident, by) -> dict[int, int]:
    """How many contacts each claim got that it had not."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH added AS (
                   INSERT INTO claims_contact
                          (claim_id, channel, contacted_at, account, order_ids, message, ticket, entered_by_id)
                   SELECT claim.id, r.channel, r.contacted_at, coalesce(r.account, ''),
                          coalesce(regexp_split_to_array(r.order_ids, '\\s+'), '{}'), coalesce(r.message, ''),
                          coalesce(r.ticket, ''), %(by)s
                     FROM bulk_row r
                     JOIN incidents_customer c ON c.code = r.customer
                     JOIN claims_claim claim ON claim.customer_id = c.id AND claim.incident_id = %(incident)s
                    ORDER BY r.line
                       ON CONFLICT DO NOTHING RETURNING claim_id
               )
               SELECT claim_id, count(*) FROM added GROUP BY claim_id ORDER BY claim_id""",
            {"by": by and by.pk, "incident": incident.pk},
        )
        return dict(cursor.fetchall())


def _execute(sql: str, params=()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def _column(sql: str, params) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [value for (value,) in cursor.fetchall()]
