"""What a policy would come to, before it is published: a rehearsal over all orders of its incident, of which nothing remains.

The policy and the version in force are run like an assessment into temporary tables, in one transaction that is rolled back
at its end; only the sums are kept, in a second one (rules §3).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from claims import assessment as facts
from claims import gate, settlement
from claims.gate import Refused
from claims.models import Assessment, Bonus, Claim, Contact, Policy, Preview
from claims.terms import Terms
from jobs.models import Job
from jobs.queue import AT_MOST, enqueue

COLUMNS = {  # of a rehearsal's table: name -> (name in the policy's query, type)
    "order_id": ("order_pk", "bigint"),
    "claim_id": ("claim_pk", "bigint"),
    "customer_id": ("customer_id", "bigint"),
    "asset": ("asset", "text"),
    "outcome": ("outcome", "text"),
    "clause": ("deciding", "text"),
    "reasons": ("reasons", "text[]"),
    "amount": ("amount", "numeric"),
    "restore_amount": ("restore_amount", "numeric"),
}
PREVIEW_AT_MOST = timedelta(minutes=14)  # one piece of work, one transaction: a million orders on a busy machine
NOTHING = Decimal(0)
LARGEST = 10  # of each asset: amounts of two assets are not compared

OUTCOMES = """
    SELECT outcome, asset, claim_id IS NOT NULL AS claimed, count(*) AS orders, count(DISTINCT customer_id) AS customers,
           sum(amount) AS amount
      FROM rehearsed GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 DESC"""
CLAUSES = """
    SELECT clause, asset, count(*) AS orders, count(DISTINCT customer_id) AS customers,
           count(*) FILTER (WHERE outcome = 'pay') AS paying, count(*) FILTER (WHERE outcome = 'nil') AS nil,
           count(*) FILTER (WHERE outcome LIKE 'needs%%') AS waiting,
           coalesce(sum(amount) FILTER (WHERE claim_id IS NOT NULL), 0) AS claimed,
           coalesce(sum(amount) FILTER (WHERE claim_id IS NULL), 0) AS unclaimed
      FROM rehearsed WHERE clause <> '' GROUP BY 1, 2 ORDER BY 1, 2"""
EXCLUSIONS = """
    SELECT code, count(*) AS orders, count(DISTINCT customer_id) AS customers,
           count(*) FILTER (WHERE cardinality(reasons) = 1) AS alone
      FROM rehearsed, unnest(reasons) AS code GROUP BY 1 ORDER BY 1"""
CROWD = """
    SELECT claim_id IS NOT NULL AS claimed, count(*) AS orders, count(DISTINCT customer_id) AS customers
      FROM rehearsed GROUP BY 1 ORDER BY 1 DESC"""
TOP = """
    SELECT order_id, claim_id IS NOT NULL AS claimed, clause, amount, asset
      FROM (SELECT *, row_number() OVER (PARTITION BY asset ORDER BY amount DESC, order_id) AS place
              FROM rehearsed WHERE outcome = 'pay') AS paying
     WHERE place <= %s ORDER BY asset, place"""
# What an order had already is topped up, never paid again. Dearest: should every customer choose the remedy that costs more.
OWED = """
    SELECT asset, claim_id IS NOT NULL AS claimed, sum(greatest(rehearsed.amount - coalesce(had.amount, 0), 0)) AS amount,
           sum(greatest(rehearsed.amount - coalesce(had.amount, 0), restore_amount - coalesce(had.amount, 0), 0)) AS dearest
      FROM rehearsed LEFT JOIN (SELECT order_id, sum(amount) AS amount FROM claims_compensation GROUP BY 1) AS had
           ON had.order_id = rehearsed.order_id
     WHERE outcome = 'pay' OR restore_amount > 0 GROUP BY 1, 2 ORDER BY 1, 2"""
MOVES = """
    SELECT was.outcome AS was_outcome, was.clause AS was_clause, now.outcome, now.clause, now.asset, count(*) AS orders,
           sum(was.amount) AS was_amount, sum(now.amount) AS amount
      FROM rehearsed AS now JOIN in_force AS was ON was.order_id = now.order_id
     WHERE (was.outcome, was.clause, was.amount) <> (now.outcome, now.clause, now.amount)
     GROUP BY 1, 2, 3, 4, 5 ORDER BY abs(sum(now.amount) - sum(was.amount)) DESC, 1, 2, 3, 4, 5"""


@transaction.atomic
def request_preview(policy: Policy, *, by, now: datetime) -> Preview:
    """Ask for a preview of the policy as it is; a worker carries it out. One that is under way for the same terms is returned."""
    gate.may(by, "claims.add_preview")
    incident = type(policy.incident).objects.select_for_update(no_key=True).get(pk=policy.incident_id)
    if not facts.windows_of(incident):
        raise Refused("%(incident)s has no outage window: enter one first", incident=incident.reference)
    asked = {"sha256": policy.sha256}
    for waiting in policy.previews.filter(finished_at__isnull=True, result=asked):
        if Job.objects.unfinished().filter(key=waiting.job_key).exists():
            return waiting
    preview = Preview.objects.create(policy=policy, requested_by=by, requested_at=now, result=asked)
    argument = {"preview": preview.pk, AT_MOST: int(PREVIEW_AT_MOST.total_seconds())}
    enqueue(key=preview.job_key, task="claims.tasks.preview", argument=argument, total=1, now=now)
    return preview


def rehearse(preview: Preview, *, now: datetime) -> dict[str, Any]:
    """Carry a preview out: its figures, as JSON. Leaves no row behind."""
    policy = Policy.objects.select_related("incident").get(pk=preview.policy_id)
    with transaction.atomic():
        figures = _figures(policy, now=now)
        transaction.set_rollback(True)
    return figures


def keep_preview(preview: Preview, figures: dict[str, Any], *, now: datetime) -> Preview:
    """Keep the figures; meant to share its commit with the end of the job."""
    preview.result, preview.finished_at = figures, now
    preview.save(update_fields=["result", "finished_at"])
    return preview


def _figures(policy: Policy, *, now: datetime) -> dict[str, Any]:
    incident = policy.incident
    run = _priced(policy, now=now)
    _judged(run, policy, "rehearsed")
    in_force = incident.policies.in_force()
    against = None
    if in_force and in_force.sha256 != policy.sha256:
        same = _priced_alike(policy.terms, in_force.terms)
        _judged(run if same else _priced(in_force, now=now), in_force, "in_force")
        against = {"version": in_force.version, "moves": _rows(MOVES)}
    crowd = _rows(CROWD)
    return {
        "sha256": policy.sha256,
        "in_force": in_force.sha256 if in_force else "",
        "windows": facts.windows_of(incident),
        "claims": Claim.objects.filter(incident=incident).count(),
        "crowd": crowd,
        "outcomes": _rows(OUTCOMES),
        "clauses": _rows(CLAUSES),
        "exclusions": _rows(EXCLUSIONS),
        "largest": _largest(),
        "against": against,
        "fund": _fund(policy, unclaimed=sum(row["customers"] for row in crowd if not row["claimed"])),
    }


def _priced(policy: Policy, *, now: datetime) -> Assessment:
    """A run of the policy with its prices."""
    run = Assessment.objects.create(
        incident=policy.incident, policy=policy, windows=facts.windows_of(policy.incident), requested_at=now
    )
    facts.price(run, facts.instruments_to_price(run))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE claims_referenceprice")  # its rows are as new as this transaction
    return run


def _priced_alike(one: Terms, other: Terms) -> bool:
    """Whether what the first is priced by prices the other, too: millions of quotes are walked once."""
    alike = (one.reference, one.at, one.carry_in) == (other.reference, other.at, other.carry_in)
    return alike and (one.values_open_orders or not other.values_open_orders)


def _judged(run: Assessment, policy: Policy, table: str) -> None:
    """The policy's verdicts on all orders, by the run's prices, in a temporary table of that name."""
    run.policy = policy  # in memory: the row goes with the transaction
    cast = ", ".join(f"{name}::{kind}" for name, (_theirs, kind) in COLUMNS.items())  # a NULL has no type of its own
    names = [theirs for theirs, _kind in COLUMNS.values()]
    halves, params = [], []
    for claimed in (True, False):
        query, values = facts.rehearsed(run, claimed=claimed).values_list(*names).query.sql_with_params()
        halves.append(f"SELECT {cast} FROM ({query}) AS row ({', '.join(COLUMNS)})")  # noqa: S608 our own text
        params += values
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {table} AS {' UNION ALL '.join(halves)}", params)
        cursor.execute(f"ANALYZE {table}")


def _rows(query: str, params: tuple = ()) -> list[dict[str, Any]]:
    """The query's rows as JSON keeps them: amounts as text."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchall()]


def _plain(value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    return f"{value.normalize():f}" if value else "0"


def _largest() -> list[dict[str, Any]]:
    """The orders that would cost most, ten of each asset, with what a person knows them by."""
    rows = _rows(TOP, (LARGEST,))
    named = facts.named_orders([row["order_id"] for row in rows])
    return [row | named[row["order_id"]] for row in rows]


def _fund(policy: Policy, *, unclaimed: int) -> list[dict[str, Any]]:
    """By asset: what the fund has, and what this policy would take, from those who claim and if everybody did."""
    taken: dict[str, dict[bool, tuple[Decimal, Decimal]]] = {}
    for row in _rows(OWED):
        taken.setdefault(row["asset"], {})[row["claimed"]] = (Decimal(row["amount"]), Decimal(row["dearest"]))
    bonuses = _bonuses(policy, unclaimed=unclaimed)
    if any(bonuses.values()):
        taken.setdefault(policy.terms.bonus_asset, {})
    found = []
    for asset, (available, committed) in settlement.balances(taken).items():
        bonus = bonuses if asset == policy.terms.bonus_asset else {}
        (ours, dearest), (others, _dearest) = (
            taken[asset].get(claimed, (NOTHING, NOTHING)) for claimed in (True, False)
        )
        claimed = ours + bonus.get(True, NOTHING)
        everybody = claimed + others + bonus.get(False, NOTHING)
        figures = {
            "available": available,
            "committed": committed,
            "claimed": claimed,
            "dearest": dearest + bonus.get(True, NOTHING),
            "everybody": everybody,
            "bonuses": bonus.get(True, NOTHING),
            "shortfall": max(claimed - available, NOTHING),
            "shortfall_of_everybody": max(everybody - available, NOTHING),
        }
        found.append({"asset": asset} | {name: _plain(figure) for name, figure in figures.items()})
    return found


def _bonuses(policy: Policy, *, unclaimed: int) -> dict[bool, Decimal]:
    """What the goodwill bonuses would still cost: of claims in touch in time, and of everybody else who has an order."""
    outage, amount = facts.current_outage(policy.incident), policy.terms.bonus_amount
    if not amount or outage is None:
        return {}
    contacts = Contact.objects.filter(claim__incident=policy.incident_id).in_time(outage, policy.terms.bonus_within)
    had = Bonus.objects.filter(claim__incident=policy.incident_id).values("claim")
    due = contacts.exclude(claim__in=had).order_by().values("claim").distinct().count()
    return {True: due * amount, False: unclaimed * amount}
