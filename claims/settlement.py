"""The only door to `ledger`: which accounts an award and a goodwill bonus move, under which reference."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat

from claims.models import Award, Bonus, Claim, PayoutLine
from ledger import reports, sealing, verification
from ledger.journal import (
    COMPENSATION,
    COMPENSATION_APPROVED,
    COMPENSATION_PAID,
    GOODWILL,
    GOODWILL_GRANTED,
    GOODWILL_PAID,
    TOPPED_UP,
    Draft,
    Fact,
)
from ledger.models import JournalEntry, Seal, Transfer, Verification
from ledger.posting import PostingError, post, post_selected, reverse
from ledger.verification import Findings, Progress

__all__ = [
    "Findings",
    "PostingError",
    "Progress",
    "CATEGORIES",
    "Verification",
    "award",
    "balances",
    "booked",
    "bring_what_lacks",
    "broken_laws",
    "checked",
    "goodwill",
    "keep_verification",
    "last_seal",
    "mismatched",
    "mispaid",
    "named",
    "one_moment",
    "paid_without_line",
    "pay",
    "payments",
    "reference_of",
    "reversed_lines",
    "seal_everything",
    "take_back",
    "undone",
    "unexplained",
]

CATEGORIES = dict(JournalEntry.Category.choices)
PAYING = (COMPENSATION_PAID.category, GOODWILL_PAID.category)
PAID = "/paid"  # what pays an award's or a bonus's entry has the entry's reference with this at its end
RETURNED = "/returned"  # what takes a payment back has the payment's reference with this at its end

# A row an entry: what pays the award or the bonus of a line, under the reference of the entry that owes it.
PAYMENTS = """
    SELECT line.paid_as AS reference, owed.category, %s::date AS effective_on,
           'Paid in ' || batch.reference || ', line ' || line.number AS description,
           CASE WHEN line.bonus_id IS NULL THEN %s ELSE %s END AS debit,
           CASE WHEN line.bonus_id IS NULL THEN %s ELSE %s END AS credit, line.amount, line.asset
      FROM ({}) AS line JOIN claims_payoutbatch batch ON batch.id = line.batch_id
      LEFT JOIN claims_award award ON award.id = line.award_id LEFT JOIN claims_bonus bonus ON bonus.id = line.bonus_id
      JOIN ledger_journalentry owed ON owed.id = coalesce(award.entry_id, bonus.entry_id)
     ORDER BY line.batch_id, line.number
"""
LINE = ("paid_as", "batch_id", "number", "award_id", "bonus_id", "amount", "asset")


def named() -> dict[str, str]:
    """Accounts and categories, as the reports of this room ask for them."""
    return {
        "expense": COMPENSATION_APPROVED.debit,
        "payable": COMPENSATION_APPROVED.credit,
        "cash": COMPENSATION_PAID.credit,
        "topup": TOPPED_UP.category,
    }


def _says(fact: Fact) -> dict[str, str]:
    """What the entry of an award or a bonus looks like, in the words of a query over the awards or bonuses."""
    return {
        "entry__category": fact.category,
        "entry__transfers__debit__name": fact.debit,
        "entry__transfers__credit__name": fact.credit,
    }


def award(claim: Claim, amounts: dict[str, Decimal], *, number: int, by, now: datetime) -> dict[str, JournalEntry]:
    """Owe the customer an approved compensation: the entry of each asset. `number` counts the claim's approvals."""
    drafts = {
        asset: Draft(
            reference=f"{claim.reference}/award-{number}/{asset}",
            category=COMPENSATION_APPROVED.category,
            effective_on=now.date(),
            description=f"Compensation approved, {claim.incident.reference}",
            moves=(COMPENSATION_APPROVED.move(amount, asset),),
        )
        for asset, amount in sorted(amounts.items())
    }
    entries = post(list(drafts.values()), by=by, now=now)
    return {asset: entries[draft.reference] for asset, draft in drafts.items()}


def goodwill(claims: list[Claim], *, amount: Decimal, asset: str, by, now: datetime) -> dict[int, JournalEntry]:
    """Owe each claim's customer the goodwill bonus, apart from any verdict: the entries by claim id."""
    drafts = {
        claim.pk: Draft(
            reference=f"{claim.reference}/goodwill",
            category=GOODWILL_GRANTED.category,
            effective_on=now.date(),
            description=f"Goodwill bonus, {claim.incident.reference}",
            moves=(GOODWILL_GRANTED.move(amount, asset),),
        )
        for claim in claims
    }
    entries = post(list(drafts.values()), by=by, now=now)
    return {pk: entries[draft.reference] for pk, draft in drafts.items()}


def bring_what_lacks(reference: str, amount: Decimal, asset: str, *, by, now: datetime) -> Decimal:
    """Before this much leaves the fund's cash: what it lacks, the company brings (rules §5). How much that was."""
    [fund] = reports.fund(asset) or [reports.Fund(asset, Decimal(0), Decimal(0))]
    lacking = max(amount - fund.cash, Decimal(0))
    if lacking:
        draft = Draft(
            reference=f"{reference}/topup-{asset}",
            category=TOPPED_UP.category,
            effective_on=now.date(),
            description=f"The company tops up the fund for {reference}",
            moves=(TOPPED_UP.move(lacking, asset),),
        )
        post([draft], by=by, now=now)
    return lacking


def payments(lines: QuerySet[PayoutLine]) -> QuerySet[PayoutLine]:
    """The lines with `paid_as`, the reference of the entry that pays each: that of what is owed, `/paid` and, once a payment
    came back, which one it is (`/paid-2`)."""
    same = Q(award=OuterRef("award")) | Q(bonus=OuterRef("bonus"))
    earlier = PayoutLine.objects.filter(same, claim=OuterRef("claim"), pk__lt=OuterRef("pk"), returned_at__isnull=False)
    nth = Concat(Value("-"), Cast(Count("pk") + 1, TextField()), output_field=TextField())
    again = Subquery(earlier.order_by().values("claim").annotate(nth=nth).values("nth"))
    owed = Coalesce("award__entry__reference", "bonus__entry__reference")
    paid_as = Concat(owed, Value(PAID), Coalesce(again, Value(""), output_field=TextField()), output_field=TextField())
    return lines.annotate(paid_as=paid_as)


def pay(lines: QuerySet[PayoutLine], *, by, now: datetime) -> int:
    """Book that these lines were paid: each the payable against the fund's cash, once. How many."""
    rows, params = payments(lines).values(*LINE).order_by().query.sql_with_params()
    compensation, bonus = COMPENSATION_PAID, GOODWILL_PAID
    moves = [compensation.debit, bonus.debit, compensation.credit, bonus.credit]
    return post_selected(PAYMENTS.format(rows), [now.date(), *moves, *params], by=by, now=now)


def balances(assets: Iterable[str]) -> dict[str, tuple[Decimal, Decimal]]:
    """By asset, what the fund has available and what is committed; nothing of an asset it never held (rules §5)."""
    found = {fund.asset: (fund.available, fund.committed) for fund in reports.fund()}
    return {asset: found.get(asset, (Decimal(0), Decimal(0))) for asset in sorted(assets)}


one_moment, broken_laws = verification.one_moment, verification.broken_laws


def checked() -> dict[str, int]:
    """How many entries, transfers and seals the books have, and how many entries wait for a seal."""
    return verification.checked()


def seal_everything(*, now: datetime) -> Seal | None:
    """Seal every entry that has no seal yet."""
    return sealing.seal(now=now, everything=True)


def take_back(line: PayoutLine, *, by, now: datetime) -> JournalEntry:
    """Book that this line's payment came back: the reversal of its entry, or the one that is in the books already."""
    if booked := JournalEntry.objects.filter(reverses=line.entry_id).first():
        return booked
    paid_as = line.entry.reference
    draft = reverse(
        paid_as,
        new_reference=paid_as + RETURNED,
        description=f"Came back: {line.batch.reference}, line {line.number}",
        effective_on=now.date(),
    )
    return post([draft], by=by, now=now)[draft.reference]


def last_seal() -> Seal | None:
    """The newest link of the chain."""
    return verification.last_seal()


def keep_verification(
    findings: Findings, checked: dict[str, int], *, seal: Seal | None, by, started_at: datetime, finished_at: datetime
) -> Verification:
    """Keep a verification that was carried out."""
    return verification.keep(findings, checked, seal=seal, by=by, started_at=started_at, finished_at=finished_at)


def mismatched(rows: QuerySet[Award] | QuerySet[Bonus]) -> QuerySet:
    """Those awards or bonuses whose entry does not owe exactly their amount, in their asset, on the right accounts."""
    booked = rows.filter(
        **_says(COMPENSATION_APPROVED if rows.model is Award else GOODWILL_GRANTED),
        entry__transfer_count=1,
        entry__transfers__amount=F("amount"),
        entry__transfers__asset=F("asset"),
    )
    return rows.exclude(pk__in=booked.values("pk"))


def undone(lines: QuerySet[PayoutLine]) -> QuerySet[PayoutLine]:
    """Those lines whose payment was taken back in the books."""
    return lines.filter(entry__reversed_by__isnull=False)


def reversed_lines(lines: QuerySet[PayoutLine]) -> QuerySet[PayoutLine]:
    """Those lines whose award or bonus was taken back in the books."""
    return lines.filter(Q(award__entry__reversed_by__isnull=False) | Q(bonus__entry__reversed_by__isnull=False))


def mispaid(lines: QuerySet[PayoutLine]) -> QuerySet[PayoutLine]:
    """Those paid lines whose entry does not pay exactly their award or bonus, under its reference, in its asset; or the
    award or bonus was taken back."""
    right = Q(**_says(COMPENSATION_PAID), award__amount=F("amount"), award__asset=F("asset")) | Q(
        **_says(GOODWILL_PAID), bonus__amount=F("amount"), bonus__asset=F("asset")
    )
    booked = payments(lines).filter(
        right,
        entry__reference=F("paid_as"),
        entry__transfer_count=1,
        entry__transfers__amount=F("amount"),
        entry__transfers__asset=F("asset"),
        award__entry__reversed_by__isnull=True,
        bonus__entry__reversed_by__isnull=True,
    )
    return lines.exclude(pk__in=booked.values("pk"))


def paid_without_line() -> QuerySet[JournalEntry]:
    """Entries that pay a customer and are no payout's."""
    pairs = Q(debit__name=COMPENSATION_PAID.debit) | Q(debit__name=GOODWILL_PAID.debit)
    pays = Exists(Transfer.objects.filter(pairs, entry=OuterRef("pk"), credit__name=COMPENSATION_PAID.credit))
    return JournalEntry.objects.filter(pays, category__in=PAYING, payout__isnull=True)


def reference_of(entry_id: int | None) -> str:
    """The entry's reference, or its number where the entry is gone."""
    found = JournalEntry.objects.filter(pk=entry_id).values_list("reference", flat=True).first()
    return found or f"entry {entry_id}"


def booked(entry_id: int | None) -> str:
    """What an entry says, for a message: 'outage compensation, Expenses:… USDT ← Liabilities:… USDT 12.5'."""
    entry = JournalEntry.objects.filter(pk=entry_id).first()
    if entry is None:
        return "nothing: there is no such entry"
    moves = map(str, entry.transfers.select_related("debit", "credit").order_by("line"))
    return ", ".join([entry.get_category_display(), *moves])


def unexplained() -> QuerySet[JournalEntry]:
    """Entries that compensate a customer without an award or a bonus that says why."""
    spends = Exists(Transfer.objects.filter(entry=OuterRef("pk"), debit__name__in=(COMPENSATION, GOODWILL)))
    granted = Exists(
        Transfer.objects.filter(
            entry=OuterRef("pk"), credit__name__in=(COMPENSATION_APPROVED.credit, GOODWILL_GRANTED.credit)
        )
    )
    ours = Q(spends) | Q(granted, category__in=(COMPENSATION_APPROVED.category, GOODWILL_GRANTED.category))
    return JournalEntry.objects.filter(ours, award__isnull=True, bonus__isnull=True)
