"""Post and reverse: the only writers of accounts, entries and transfers.

Whoever takes from the fund waits for whoever took before (a lock on the asset), so the available balance never goes below zero
unnoticed: what is missing is booked as a company top-up first, in the same commit (S3-6: the company bears 100 %).
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from ledger.journal import CASH, CHART, COMMITTED, COMPANY_TOPUP, Draft, Move
from ledger.models import Account, Asset, JournalEntry, Transfer


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
    try:
        with transaction.atomic():
            _write([draft for draft in _new(wanted)], by=by, now=now)
    except IntegrityError as error:  # somebody posted one of them at the same moment: then it is there now
        if _new(wanted):
            raise PostingError(f"the books refuse this entry: {error}") from error
    return {entry.reference: entry for entry in JournalEntry.objects.filter(reference__in=wanted)}


def reverse(reference: str, *, new_reference: str, description: str, effective_on: date) -> Draft:
    """The draft that undoes an entry by mirrored transfers; to be posted like any other. An entry is reversed once."""
    entry = JournalEntry.objects.filter(reference=reference).first()
    if entry is None:
        raise PostingError(f"there is no entry {reference!r} to reverse")
    if entry.reverses_id:
        raise PostingError(f"{reference!r} is itself a reversal; post the original fact again under a new reference")
    moves = tuple(dataclasses.replace(move, debit=move.credit, credit=move.debit) for move in _moves(entry))
    return Draft(new_reference, JournalEntry.Category.CORRECTION, effective_on, description, moves, reverses=reference)


def _moves(entry: JournalEntry) -> tuple[Move, ...]:
    rows = entry.transfers.order_by("line").values_list("debit__name", "credit__name", "amount", "asset_id")
    return tuple(Move(*row) for row in rows)


def _check(draft: Draft) -> None:
    if draft.category not in JournalEntry.Category.values:
        raise PostingError(
            f"{draft.reference}: unknown category {draft.category!r}; known: {', '.join(JournalEntry.Category.values)}"
        )
    if not draft.moves:
        raise PostingError(f"{draft.reference}: an entry needs at least one transfer")
    for move in draft.moves:
        unknown = {move.debit, move.credit} - set(CHART)
        if unknown:
            raise PostingError(
                f"{draft.reference}: unknown account {min(unknown)!r}; the chart of accounts has: {', '.join(CHART)}"
            )
        if move.debit == move.credit:
            raise PostingError(f"{draft.reference}: debit and credit are the same account, {move.debit}")
        if move.amount <= 0:
            raise PostingError(f"{draft.reference}: amount {move.amount} is not positive")


def _new(wanted: dict[str, Draft]) -> list[Draft]:
    """Those drafts that are not in the books yet; PostingError where a reference stands for another fact."""
    known = {
        entry.reference: entry for entry in JournalEntry.objects.filter(reference__in=wanted).select_related("reverses")
    }
    for reference, entry in known.items():
        if _fact(wanted[reference]) != _fact_of(entry):
            raise PostingError(f"{reference!r} is already in the books as another fact: {entry.description}")
    return [draft for reference, draft in wanted.items() if reference not in known]


def _fact(draft: Draft) -> tuple:
    return (draft.category, draft.effective_on, draft.description, draft.reverses, draft.moves)


def _fact_of(entry: JournalEntry) -> tuple:
    reverses = entry.reverses.reference if entry.reverses else ""
    return (entry.category, entry.effective_on, entry.description, reverses, _moves(entry))


def _write(drafts: list[Draft], *, by, now: datetime) -> None:
    if not drafts:
        return
    assets = _open_assets({move.asset for draft in drafts for move in draft.moves})
    for draft in drafts:
        _check_decimals(draft, assets)
    taken = _taken(drafts)
    # In one order, so that two who take from two assets cannot wait for each other.
    list(Asset.objects.select_for_update().filter(code__in=taken).order_by("code"))
    drafts = _top_ups(drafts, taken) + drafts
    originals = dict(
        JournalEntry.objects.filter(reference__in=[d.reverses for d in drafts]).values_list("reference", "pk")
    )
    entries = JournalEntry.objects.bulk_create(
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
    """By asset, what the drafts take from the available balance (cash less what is committed), where it is positive."""
    taken: dict[str, Decimal] = defaultdict(Decimal)
    for move in (move for draft in drafts for move in draft.moves):
        taken[move.asset] += move.amount * ((move.credit in (CASH, *COMMITTED)) - (move.debit in (CASH, *COMMITTED)))
    return {asset: amount for asset, amount in taken.items() if amount > 0}


def available(asset: str) -> Decimal:
    """Cash less what is committed: approved and not yet paid (rules §5)."""
    return Account.objects.filter(name__in=(CASH, *COMMITTED), asset=asset).balance()


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
