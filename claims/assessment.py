"""The only door to `incidents`: gathers an outage's facts, prices it, runs the policy's query, keeps the verdicts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange as Range
from django.db.models import (
    BigIntegerField,
    Count,
    DateTimeField,
    DecimalField,
    Exists,
    F,
    FilteredRelation,
    Func,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextField,
    Value,
)
from django.db.models.functions import Cast

from claims import eligibility
from claims.deadlines import Outage
from claims.models import Assessment, Claim, Compensation, Contact, Evidence, GivenPrice, ReferencePrice, Verdict
from claims.terms import Terms
from incidents import market
from incidents.liquidation import fee_in_sql as fee_in_sql
from incidents.models import AbnormalRange, Asset, ImportedFile, Incident, Instrument, Liquidation, Order
from incidents.prices import reference_prices, values_at
from incidents.windows import merge

# Column of a verdict -> name in the policy's query.
COLUMNS = {
    "claim_id": "claim_pk",
    "order_id": "order_pk",
    "outcome": "outcome",
    "clause": "deciding",
    "reasons": "reasons",
    "holds": "holds",
    "flags": "flags",
    "amount": "amount",
    "asset": "asset",
    "restore_amount": "restore_amount",
} | {name: name for name in (*eligibility.REFERENCE, *eligibility.VALUATION)}
# What a verdict stands on, by table: an input that changes changes the run's fingerprint.
ORDER_FACTS = (
    "order_id", "leg", "side", "quantity", "entry_price", "opened_at", "exit_price", "closed_at", "close_reason", "take_profit",
    "stop_loss", "tpsl_set_at", "tpsl_cancelled_at", "liquidation_fee", "bankruptcy_cover", "instrument__symbol",
    "instrument__product", "instrument__margin", "instrument__contract_value", "instrument__settle__decimals",
)  # fmt: skip
CONTACT_FACTS = ("claim_id", "contacted_at")
EVIDENCE_FACTS = ("claim_id", "sha256", "status")


class EndsAt(Func):
    """The end of a range of instants."""

    function = "upper"
    output_field = DateTimeField()


def incidents() -> QuerySet[Incident]:
    """All incidents, for the doors that look one up by its reference."""
    return Incident.objects.all()


def windows_of(incident: Incident) -> list[list[str | None]]:
    """The outage windows as an assessment keeps them: ISO instants, so that a later edit does not change a run."""
    outage = current_outage(incident)
    return [[start.isoformat(), end.isoformat() if end else None] for start, end in outage.spans] if outage else []


def outage_of(assessment: Assessment) -> Outage:
    return Outage(
        tuple(
            (datetime.fromisoformat(start), datetime.fromisoformat(end) if end else None)
            for start, end in assessment.windows
        )
    )


def current_outage(incident: Incident) -> Outage | None:
    """The incident's outage as it stands now; None before a window is entered."""
    spans = merge(incident.windows.values_list("starts_at", "ends_at"))
    return Outage(spans) if spans else None


def traded_in(incident: Incident) -> list[tuple[str, str, str]]:
    """What the incident broke, for a person to choose from: (symbol, product, settlement asset) of each instrument."""
    found = affected_instruments(incident).order_by("symbol")
    return list(found.values_list("symbol", "product", "settle_id"))


def named_orders(ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """What a person knows these orders by, by key."""
    found = Order.objects.filter(pk__in=ids).select_related("instrument", "customer")
    return {
        row.pk: {
            "order": str(row),
            "symbol": row.instrument.symbol,
            "side": row.side,
            "customer": row.customer.code,
        }
        for row in found
    }


def imported_since(at: datetime) -> bool:
    """Whether facts came in by file after this instant."""
    return ImportedFile.objects.filter(imported_at__gt=at).exists()


def orders_of(claims: Sequence[int], incident: Incident) -> QuerySet:
    """The affected orders of the claims' customers, each with its claim's id as `claim_pk`."""
    return (
        Order.objects.affected_by(incident)
        .filter(customer__claims__in=claims, customer__claims__incident=incident)
        .annotate(claim_pk=F("customer__claims__id"))
        .order_by()
    )


def instruments_to_price(assessment: Assessment) -> list[int]:
    """The affected instruments, or those of the one claim; none while the outage lasts, and none once they are priced."""
    if outage_of(assessment).lasts or ReferencePrice.objects.filter(assessment=assessment).exists():
        return []
    instruments = Instrument.objects.affected_by(assessment.incident)
    if assessment.claim_id:
        instruments = instruments.filter(orders__customer__claims=assessment.claim_id).distinct()
    return list(instruments.order_by("pk").values_list("pk", flat=True))


def price(assessment: Assessment, ids: Sequence[int]) -> None:
    """Store what these instruments are priced by, once per assessment (rules §2)."""
    if not ids:
        return
    outage, terms = outage_of(assessment), assessment.policy.terms
    quoted = reference_prices(
        reference=terms.reference, instruments=ids, spans=outage.spans, carry_in=terms.carry_in, at=terms.at
    )
    _keep_prices(assessment, ReferencePrice.Use.REFERENCE, *quoted)
    _keep_given_prices(assessment, ids)
    if terms.values_open_orders:
        _keep_prices(assessment, ReferencePrice.Use.VALUATION, *values_at(assessment.requested_at, instruments=ids))


def _keep_prices(assessment: Assessment, use: str, query: str, params: dict) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO claims_referenceprice (assessment_id, instrument_id, use, side, opened, price, quote_id, bid, ask, at)
                SELECT %(assessment)s, instrument_id, %(use)s, side, tstzrange(opened_after, opened_until, '(]'),
                       price, quote_id, bid, ask, at
                  FROM ({query}) AS quoted""",  # noqa: S608 our own text, values are parameters
            params | {"assessment": assessment.pk, "use": use},
        )


def _keep_given_prices(assessment: Assessment, instruments: Sequence[int]) -> None:
    """What two people gave by hand prices the openings after the last that a quote prices: all, where no quote is usable."""
    given = GivenPrice.objects.confirmed().filter(incident=assessment.incident_id, instrument__in=instruments)
    quoted = ReferencePrice.objects.filter(assessment=assessment, instrument__in=instruments).order_by()
    until = dict(
        ((instrument, side), last)
        for instrument, side, last in quoted.values_list("instrument", "side").annotate(last=Max(EndsAt("opened")))
    )
    ReferencePrice.objects.bulk_create(
        ReferencePrice(
            assessment=assessment,
            instrument_id=row.instrument_id,
            side=side,
            opened=Range(until.get((row.instrument_id, side)), None, "(]"),
            price=price,
            given=row,
            bid=row.bid,
            ask=row.ask,
            at=row.at,
        )
        for row in given
        for side, price in (("long", row.bid), ("short", row.ask))
    )


def facts_of(claims: Sequence[int], *, terms: Terms, outage: Outage) -> eligibility.Facts:
    """What the claims' own rows say, as conditions on `claim_pk`. The claims' span of keys is what their rows are found by."""
    span = {"claim__gte": min(claims, default=0), "claim__lte": max(claims, default=0)}
    return _facts(Contact.objects.filter(**span), Evidence.objects.filter(**span), terms=terms, outage=outage)


def _facts(contacts: QuerySet, evidence: QuerySet, *, terms: Terms, outage: Outage) -> eligibility.Facts:
    elsewhere = Compensation.objects.filter(order=OuterRef("pk")).exclude(award__claim=OuterRef("claim_pk"))
    return eligibility.Facts(
        in_contact=_claim_in(contacts.in_time(outage, terms.contact_within))
        if terms.contact_required
        else eligibility.ALWAYS,
        evidence_accepted=_claim_in(evidence.accepted()),
        evidence_waits=_claim_in(evidence.unreviewed()) | ~_claim_in(evidence),
        already_compensated=Q(Exists(elsewhere)),
        opened_abnormally=_opened_abnormally(),
        reference="best",
        valuation="value",
    )


def _opened_abnormally() -> Q:
    """Opened in a range that was marked abnormal (S2). Nothing is asked of a million orders where none was marked."""
    if not AbnormalRange.objects.exists():
        return eligibility.NEVER
    opened = {"starts_at__lte": OuterRef("opened_at"), "ends_at__gte": OuterRef("opened_at")}
    return Q(Exists(AbnormalRange.objects.filter(instrument=OuterRef("instrument"), **opened)))


def _claim_in(rows: QuerySet) -> Q:
    return Q(claim_pk__in=rows.values("claim"))


def verdicts_of(assessment: Assessment, claims: Sequence[int]) -> QuerySet:
    """The policy's query over the claims' orders, ready to be read or inserted."""
    terms, outage = assessment.policy.terms, outage_of(assessment)
    facts = facts_of(claims, terms=terms, outage=outage)
    return _judged(assessment, orders_of(claims, assessment.incident), facts)


def rehearsed(assessment: Assessment, *, claimed: bool) -> QuerySet:
    """The same query over all orders that have a claim in the incident, or over all others, for a preview.

    Of a customer without a claim the best is supposed: in touch in time, the evidence still to come.
    """
    terms, outage, incident = assessment.policy.terms, outage_of(assessment), assessment.incident
    orders = Order.objects.affected_by(incident).order_by()
    contacts = Contact.objects.filter(claim__incident=incident)
    facts = _facts(contacts, Evidence.objects.filter(claim__incident=incident), terms=terms, outage=outage)
    if claimed:
        orders = orders.filter(customer__claims__incident=incident).annotate(claim_pk=F("customer__claims__id"))
        return _judged(assessment, orders, facts)
    had = Exists(Compensation.objects.filter(order=OuterRef("pk")))
    facts = replace(
        facts,
        in_contact=eligibility.ALWAYS,
        evidence_accepted=eligibility.NEVER,
        evidence_waits=eligibility.ALWAYS,
        already_compensated=Q(had),
    )
    has_claim = Exists(Claim.objects.filter(incident=incident, customer=OuterRef("customer")))
    orders = orders.filter(~has_claim).annotate(claim_pk=Value(None, BigIntegerField()))
    return _judged(assessment, orders, facts)


def _judged(assessment: Assessment, orders: QuerySet, facts: eligibility.Facts) -> QuerySet:
    outage = outage_of(assessment)
    if outage.lasts:
        return eligibility.held(orders)
    return eligibility.verdicts(_priced(orders, assessment), terms=assessment.policy.terms, outage=outage, facts=facts)


def _step(assessment: Assessment) -> QuerySet[ReferencePrice]:
    """Inside a query of orders: the last step of the stair that begins before the order was opened, by the stair's own index."""
    opened = Func(OuterRef("opened_at"), Value(None, DateTimeField()), Value("[)"), function="tstzrange")
    steps = ReferencePrice.objects.filter(
        assessment=assessment.pk,
        use=ReferencePrice.Use.REFERENCE,
        instrument=OuterRef("instrument"),
        side=OuterRef("side"),
        opened__lt=opened,
    )
    return steps.order_by("-opened")


def _priced(orders: QuerySet, assessment: Assessment) -> QuerySet:
    """Each order joined to the run's price for its instrument, side and opening, and to its value if it may be open still."""
    prices = "instrument__reference_prices"
    ours = {f"{prices}__assessment": assessment.pk, f"{prices}__side": F("side")}
    step = Subquery(_step(assessment).values("pk")[:1])
    reference = Q(**ours, **{f"{prices}__pk": step, f"{prices}__opened__contains": F("opened_at")})
    priced = orders.annotate(best=FilteredRelation(prices, condition=reference))
    if not assessment.policy.terms.values_open_orders:
        return priced
    value = Q(**ours, **{f"{prices}__use": ReferencePrice.Use.VALUATION})
    return priced.annotate(value=FilteredRelation(prices, condition=value))


def judge(assessment: Assessment, claims: Sequence[int]) -> int:
    """Insert a verdict for every order of the claims, in one statement. Returns how many."""
    if not claims:
        return 0
    rows = verdicts_of(assessment, claims).values_list(*COLUMNS.values())
    sql, params = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO claims_verdict (assessment_id, {", ".join(COLUMNS)})
                SELECT %s, row.* FROM ({sql}) AS row""",  # noqa: S608 our own text, values are parameters
            [assessment.pk, *params],
        )
        return cursor.rowcount


def in_full(amounts: dict[str, Decimal]) -> dict[str, str]:
    """Amounts by asset as files and scripts read them: with all decimals of the asset, so '35.50' for USDT."""
    decimals = dict(Asset.objects.filter(code__in=amounts).values_list("code", "decimals"))
    return {asset: f"{amount:.{decimals.get(asset, 8)}f}" for asset, amount in sorted(amounts.items())}


def tally(assessment: Assessment) -> None:
    """Fill in the run's outcomes, totals per asset and the fingerprint of what it stood on."""
    verdicts = Verdict.objects.filter(assessment=assessment).order_by()
    by_outcome = dict(verdicts.values_list("outcome").annotate(n=Count("pk")))
    assessment.outcomes = {outcome: by_outcome.get(outcome, 0) for outcome in Verdict.Outcome.values}
    totals = verdicts.payable().values_list("asset").annotate(total=Sum("amount")).order_by("asset")
    assessment.totals = in_full(dict(totals))
    assessment.fingerprint = fingerprint(assessment)


def fingerprint(assessment: Assessment) -> str:
    """SHA-256 over the policy's terms, the windows, orders, contacts, evidence, the quotes behind the prices
    and the ranges that were marked abnormal.

    Row order does not matter.
    """
    verdicts = Verdict.objects.filter(assessment=assessment)
    in_claims = {"claim__in": verdicts.values("claim")}
    facts = [
        _digest(Order.objects.filter(verdicts__in=verdicts), ORDER_FACTS),
        _digest(Contact.objects.filter(**in_claims), CONTACT_FACTS),
        _digest(Evidence.objects.filter(**in_claims), EVIDENCE_FACTS),
    ]
    quotes = (
        ReferencePrice.objects.filter(assessment=assessment)
        .order_by("quote", "given", "side")
        .values_list("quote", "side", "bid", "ask")
    )
    instruments = {"instrument__in": Instrument.objects.affected_by(assessment.incident)}
    ranges = AbnormalRange.objects.filter(**instruments).order_by("instrument__symbol", "starts_at", "ends_at")
    marked = list(ranges.values_list("instrument__symbol", "starts_at", "ends_at"))
    stood_on = [assessment.policy.sha256, assessment.windows, facts, list(quotes), marked]
    return hashlib.sha256(json.dumps(stood_on, default=str).encode()).hexdigest()


def _digest(rows: QuerySet, names: Sequence[str]) -> dict:
    """How many rows, and the sum of their hashes. As an array's text, so that an empty column keeps its place."""
    columns = (Cast(name, TextField()) for name in names)
    row = Func(*columns, template="ARRAY[%(expressions)s]::text", output_field=TextField())
    hashed = Func(Func(row, Value(0), function="hashtextextended"), template="(%(expressions)s)::numeric",
                  output_field=DecimalField(max_digits=60, decimal_places=0))  # fmt: skip
    return rows.order_by().aggregate(count=Count("pk"), digest=Sum(hashed))


def owners_of(order_ids: Iterable[str]) -> dict[str, set[int]]:
    """Whose orders these are: customer ids by order id; an id we have no order of is absent."""
    owners: dict[str, set[int]] = {}
    for order_id, customer in (
        Order.objects.filter(order_id__in=order_ids).values_list("order_id", "customer").distinct()
    ):
        owners.setdefault(order_id, set()).add(customer)
    return owners


def liquidations() -> QuerySet[Liquidation]:
    """All there are, with the asset of their amounts."""
    return Liquidation.objects.annotate(asset=F("instrument__settle"))


def affected_instruments(incident: Incident) -> QuerySet[Instrument]:
    """What the incident broke, for the doors that look one up by its key."""
    return Instrument.objects.affected_by(incident)


def chart_of(verdict: Verdict) -> dict:
    """The quotes around the verdict's outage, as its run saw the windows, with the order's own prices marked."""
    run = verdict.assessment
    spans = tuple((start, end or run.requested_at) for start, end in outage_of(run).spans)
    return market.chart_of_order(
        market.Outage(spans, carry_in=run.policy.terms.carry_in),
        verdict.order,
        zone=run.incident.timezone,
        reference=(verdict.reference_at, verdict.reference_price),
        value=(verdict.valued_at, verdict.valued_price),
    )
