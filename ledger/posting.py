"""Post and reverse: the only writers of accounts, entries and transfers.

Whoever takes from the fund waits for whoever took before (a lock on the asset), so the available balance never goes below zero
unnoticed: what is missing is booked as a company top-up first, in the same commit (S3-6: the company bears 100 %).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from ledger.journal import (
    ASSET,
    AVAILABLE,
    CASH,
    CHART,
    COMPANY_TOPUP,
    CORRECTION,
    LARGEST,
    REFERENCE,
    Draft,
    Move,
    objection,
)
from ledger.models import Account, Asset, JournalEntry, Transfer

PERMISSION = "ledger.post_journalentry"


class PostingError(Exception):
    """An entry that the books refuse; the message says which and what would be right."""


def post(drafts: Sequence[Draft], *, by, now: datetime) -> dict[str, JournalEntry]:
    """Write the drafts that are not yet in the books and return every draft's entry by its reference.

    One transaction (the caller's, if there is one). Posting the same fact again returns the first entry; another fact under a
    used reference raises PostingError, and so does anything the books refuse.
    """
    wanted = {draft.reference: draft for draft in drafts}
    if len(wanted) != len(drafts):
        raise PostingError("two drafts share one reference")
    for draft in drafts:
        _check(draft)
    new = _new(wanted)
    while new:
        try:
            with transaction.atomic():
                _write(new, by=by, now=now)
            break
        except IntegrityError as error:
            left = _new(wanted)
            if len(left) == len(new):  # otherwise somebody posted some of them at the same moment: write the rest
                raise PostingError(f"the books refuse {new[0].reference}: {error}") from error
            new = left
    return {entry.reference: entry for entry in JournalEntry.objects.filter(reference__in=wanted)}


def post_manual(draft: Draft, *, by, now: datetime) -> JournalEntry:
    """Post what a person wrote by hand: a category and accounts that are theirs to post, or the reversal of an entry.

    Raises PostingError without the permission, for another's category (a compensation is posted by its decision), and as `post`.
    """
    if by is None or not by.has_perm(PERMISSION):
        raise PostingError(f"{by.get_username() if by else 'nobody'} has not the permission {PERMISSION}")
    if draft.reverses and draft.category == CORRECTION and not draft.moves:
        draft = reverse(
            draft.reverses,
            new_reference=draft.reference,
            description=draft.description,
            effective_on=draft.effective_on,
        )
    else:
        for wrong in (objection(draft.category, move.debit, move.credit) for move in draft.moves):
            if wrong:
                raise PostingError(f"{draft.reference}: {wrong}")
    return post([draft], by=by, now=now)[draft.reference]


def reverse(reference: str, *, new_reference: str, description: str, effective_on: date) -> Draft:
    """The draft that undoes an entry by mirrored transfers; to be posted like any other. An entry is reversed once."""
    entry = JournalEntry.objects.filter(reference=reference).first()
    if entry is None:
        raise PostingError(f"there is no entry {reference!r} to reverse")
    original = Draft(reference, entry.category, entry.effective_on, entry.description, _moves([entry])[entry.pk])
    return Draft(new_reference, CORRECTION, effective_on, description, original.mirrored(), reverses=reference)


def _moves(entries: Iterable[JournalEntry]) -> dict[int, tuple[Move, ...]]:
    """The moves of entries, by entry id, in their order."""
    rows = Transfer.objects.filter(entry__in=[entry.pk for entry in entries]).order_by("entry", "line")
    moves: dict[int, tuple[Move, ...]] = defaultdict(tuple)
    for entry, debit, credit, amount, asset in rows.values_list(
        "entry", "debit__name", "credit__name", "amount", "asset_id"
    ):
        moves[entry] += (Move(debit, credit, amount, asset),)
    return moves


def _check(draft: Draft) -> None:
    """Raise PostingError for what can be seen without the books."""
    wrong = _wrong(draft) or next(filter(None, map(_wrong_move, draft.moves)), None)
    if wrong:
        raise PostingError(f"{draft.reference}: {wrong}")


def _wrong(draft: Draft) -> str | None:
    if not REFERENCE.fullmatch(draft.reference):
        return f"{draft.reference!r} is no reference: letters, digits and . _ : / # -, 100 at most"
    if draft.category not in JournalEntry.Category.values:
        return f"unknown category {draft.category!r}; known: {', '.join(JournalEntry.Category.values)}"
    if not draft.description or len(draft.description) > 200 or not draft.description.isprintable():
        return "a description is one line of text, 1 to 200 characters"
    if not draft.moves:
        return "an entry needs at least one transfer"
    if bool(draft.reverses) != (draft.category == CORRECTION):
        return f"a {CORRECTION} reverses an entry, and nothing else does"
    return None


def _wrong_move(move: Move) -> str | None:
    unknown = {move.debit, move.credit} - set(CHART)
    if unknown:
        return f"unknown account {min(unknown)!r}; the chart of accounts has: {', '.join(CHART)}"
    if move.debit == move.credit:
        return f"debit and credit are the same account, {move.debit}"
    if not ASSET.fullmatch(move.asset):
        return f"{move.asset!r} is no asset: capital letters and digits, such as USDT"
    if not (move.amount.is_finite() and 0 < move.amount < LARGEST):
        return f"amount {move.amount} is not positive or has more than 16 digits before the point"
    return None


def _new(wanted: dict[str, Draft]) -> list[Draft]:
    """Those drafts that are not in the books yet; PostingError where a reference stands for another fact."""
    known = {
        entry.reference: entry for entry in JournalEntry.objects.filter(reference__in=wanted).select_related("reverses")
    }
    moves = _moves(known.values())
    for reference, entry in known.items():
        if _fact(wanted[reference]) != _fact_of(entry, moves[entry.pk]):
            raise PostingError(f"{reference!r} is already in the books as another fact: {entry.description}")
    return [draft for reference, draft in wanted.items() if reference not in known]


def _fact(draft: Draft) -> tuple:
    return (draft.category, draft.effective_on, draft.description, draft.reverses, draft.moves)


def _fact_of(entry: JournalEntry, moves: tuple[Move, ...]) -> tuple:
    reverses = entry.reverses.reference if entry.reverses else ""
    return (entry.category, entry.effective_on, entry.description, reverses, moves)


def _write(drafts: list[Draft], *, by, now: datetime) -> None:
    assets = _open_assets({move.asset for draft in drafts for move in draft.moves})
    for draft in drafts:
        _check_decimals(draft, assets)
    taken = _taken(drafts)
    # In one order, so that two who take from two assets cannot wait for each other; a key lock, which no mere inflow waits for.
    list(Asset.objects.select_for_update(no_key=True).filter(code__in=taken).order_by("code"))
    drafts = _top_ups(drafts, taken) + drafts
    entries = _write_entries(drafts, _originals(drafts), by=by, now=now)
    accounts = _open_accounts(
        {(name, move.asset) for d in drafts for move in d.moves for name in (move.debit, move.credit)}
    )
    Transfer.objects.bulk_create(
        Transfer(
            entry=entry,
            line=line,
            debit_id=accounts[move.debit, move.asset],
            credit_id=accounts[move.credit, move.asset],
            amount=move.amount,
            asset_id=move.asset,
        )
        for draft, entry in zip(drafts, entries, strict=True)
        for line, move in enumerate(draft.moves, start=1)
    )


def _write_entries(drafts: list[Draft], originals: dict[str, int], *, by, now: datetime) -> list[JournalEntry]:
    return JournalEntry.objects.bulk_create(
        JournalEntry(
            reference=draft.reference,
            category=draft.category,
            effective_on=draft.effective_on,
            description=draft.description,
            reverses_id=originals.get(draft.reverses),
            transfer_count=len(draft.moves),
            posted_at=now,
            posted_by=by,
        )
        for draft in drafts
    )


def _originals(drafts: list[Draft]) -> dict[str, int]:
    """The ids of what the drafts reverse; PostingError unless each mirrors an entry that can still be reversed."""
    reversals = {draft.reverses: draft for draft in drafts if draft.reverses}
    entries = JournalEntry.objects.filter(reference__in=reversals).select_related("reversed_by")
    found = {entry.reference: entry for entry in entries}
    moves = _moves(found.values())
    for reference, draft in reversals.items():
        entry = found.get(reference)
        if entry is None:
            raise PostingError(f"{draft.reference}: there is no entry {reference!r} to reverse")
        if entry.reverses_id:
            raise PostingError(f"{reference!r} is itself a reversal; post the fact again under a new reference")
        if hasattr(entry, "reversed_by"):
            raise PostingError(f"{reference!r} is reversed already, by {entry.reversed_by.reference!r}")
        if moves[entry.pk] != draft.mirrored():
            raise PostingError(f"{draft.reference} does not mirror {reference!r}: same lines, debit and credit swapped")
    return {reference: entry.pk for reference, entry in found.items()}


def _open_assets(codes: set[str]) -> dict[str, int]:
    """Decimals by asset. An asset met for the first time is a coin until somebody says otherwise (rules §1: 8 decimals)."""
    Asset.objects.bulk_create([Asset(code=code) for code in sorted(codes)], ignore_conflicts=True)
    return dict(Asset.objects.filter(code__in=codes).values_list("code", "decimals"))


def _open_accounts(wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    names, assets = {name for name, _asset in wanted}, {asset for _name, asset in wanted}

    def known() -> dict[tuple[str, str], int]:
        rows = Account.objects.filter(name__in=names, asset__in=assets).values_list("name", "asset_id", "pk")
        return {(name, asset): pk for name, asset, pk in rows}

    missing = wanted - known().keys()
    if missing:
        Account.objects.bulk_create([Account(name=n, asset_id=a) for n, a in sorted(missing)], ignore_conflicts=True)
    return known()


def _check_decimals(draft: Draft, assets: dict[str, int]) -> None:
    for move in draft.moves:
        if move.amount != round(move.amount, assets[move.asset]):
            raise PostingError(
                f"{draft.reference}: {move.amount:f} {move.asset} has more than the {assets[move.asset]} decimals of {move.asset}"
            )


def _taken(drafts: Sequence[Draft]) -> dict[str, Decimal]:
    """By asset, the most that the available balance falls by while the drafts are posted one after the other; if it falls."""
    fallen: dict[str, Decimal] = defaultdict(Decimal)
    deepest: dict[str, Decimal] = defaultdict(Decimal)
    for draft in drafts:
        for move in draft.moves:
            fallen[move.asset] += move.amount * ((move.credit in AVAILABLE) - (move.debit in AVAILABLE))
        deepest |= {asset: max(deepest[asset], fallen[asset]) for asset in {move.asset for move in draft.moves}}
    return {asset: amount for asset, amount in deepest.items() if amount > 0}


def available(asset: str) -> Decimal:
    """Cash less what is committed: approved and not yet paid (rules §5)."""
    return Account.objects.filter(name__in=AVAILABLE, asset=asset).balance()


def _top_ups(drafts: Sequence[Draft], taken: dict[str, Decimal]) -> list[Draft]:
    """For each asset that would go below zero, the company's top-up of exactly the shortage."""
    shortages = {asset: amount - available(asset) for asset, amount in taken.items()}
    return [
        Draft(
            reference=f"{drafts[0].reference}/topup-{asset}",
            category=JournalEntry.Category.COMPANY_TOPUP,
            effective_on=drafts[0].effective_on,
            description=f"The company tops up the fund for {drafts[0].reference}",
            moves=(Move(CASH, COMPANY_TOPUP, shortage, asset),),
        )
        for asset, shortage in sorted(shortages.items())
        if shortage > 0
    ]
