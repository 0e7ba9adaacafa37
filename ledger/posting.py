"""Post and reverse: the only road to accounts, entries and transfers. It ends in the database's own function (laws.py).

Whoever takes from the fund waits for whoever took before (a lock on the asset), so the available balance never goes below zero
unnoticed: what is missing is booked as a company top-up first, in the same commit (S3-6: the company bears 100 %).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from datetime import date, datetime
from decimal import Decimal
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper

from ledger.functions import COLUMNS
from ledger.journal import ASSET, CHART, CORRECTION, LARGEST, REFERENCE, Draft, Move, objection
from ledger.laws import REFUSED
from ledger.models import JournalEntry, Transfer

PERMISSION = "ledger.post_journalentry"
CATEGORIES = tuple(JournalEntry.Category.values)


class PostingError(Exception):
    """An entry that the books refuse; the message says which and what would be right."""


DEADLOCK, TWIN = "40P01", "23505"  # SQLSTATE: each waits for the other; somebody had the same reference first
DATA_AND_INTEGRITY = ("22", "23")  # classes of SQLSTATE: too long, out of range; a constraint
POST = "SELECT * FROM ledger_post(%s::ledger_draft[], %s, %s)"
ENTRY = [field.attname for field in JournalEntry._meta.concrete_fields]
POST_ONE = "SELECT ledger_post_one(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


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
    _originals(drafts)
    poster = by.pk if by else None
    if len(drafts) == 1 and len(drafts[0].moves) == 1 and not drafts[0].reverses and not drafts[0].moves[0].takes:
        [draft], [move] = drafts, drafts[0].moves
        fact = (draft.reference, draft.category, draft.effective_on, draft.description)
        values = [*fact, move.debit, move.credit, move.amount, move.asset, poster, now]
        [(key,)] = _written(POST_ONE, values, prepared=True)
        if key is not None:
            return {draft.reference: _entry(draft, key, None, now, poster)}
    rows = _written(POST, [list(_rows(drafts)), poster, now])
    return {reference: _entry(wanted[reference], *row) for reference, *row in rows}


def _rows(drafts: Sequence[Draft]) -> Iterator[tuple]:
    """The drafts as the type `ledger_draft` has them: a row for each transfer."""
    for nth, draft in enumerate(drafts, start=1):
        head = (nth, draft.reference, draft.category, draft.effective_on, draft.description, draft.reverses)
        for line, move in enumerate(draft.moves, start=1):
            yield (*head, len(draft.moves), line, move.debit, move.credit, move.amount, move.asset)


def _written(sql: str, params: Sequence, *, prepared: bool = False, patience: int = 3) -> list[tuple]:
    """Ask the database's function: one round trip, and a savepoint where the caller has a transaction that must survive.

    Two who post the same new references at the same moment may get in each other's way; the database lets one go on, and the
    other, trying again, finds them in the books.
    """
    books = connections[connection.alias]  # itself: `connection` looks it up again at every word
    try:
        with transaction.atomic() if books.in_atomic_block else nullcontext():
            cursor = _prepared(books) if prepared else books.cursor()
            cursor.execute(sql, params)
            return cursor.fetchall()
    except DatabaseError as error:
        if patience and _state(error) in (DEADLOCK, TWIN):
            return _written(sql, params, prepared=prepared, patience=patience - 1)
        if told := _told(error):
            raise told from error
        raise


def _prepared(books: BaseDatabaseWrapper) -> CursorWrapper:
    """The connection's own cursor for what is asked all day: its statement is parsed once (settings: prepare_threshold)."""
    books.close_if_health_check_failed()
    books.ensure_connection()
    if books.connection not in _kept:
        _kept[books.connection] = ServerBindingCursor(books.connection)  # type: ignore[call-arg]  # no stubs
    return books.make_cursor(_kept[books.connection])  # type: ignore[arg-type]


_kept: WeakKeyDictionary = WeakKeyDictionary()


def _state(error: DatabaseError) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


def _told(error: DatabaseError) -> PostingError | None:
    """A refusal of the books in their own words; None for what is no refusal (a lost connection)."""
    state = _state(error)
    if state == REFUSED:
        return PostingError(error.__cause__.diag.message_primary)
    return PostingError(f"the books refuse: {error}") if state[:2] in DATA_AND_INTEGRITY else None


def _entry(draft: Draft, key: int, reverses: int | None, posted_at: datetime, posted_by: int | None) -> JournalEntry:
    """The row as the books have it, without asking again."""
    values = (
        key,
        draft.reference,
        draft.category,
        draft.effective_on,
        draft.description,
        reverses,
        len(draft.moves),
        1,
    )
    return JournalEntry.from_db(connection.alias, ENTRY, (*values, posted_at, posted_by))


STAGE = f"""
    INSERT INTO ledger_staged ({COLUMNS})
    SELECT row_number() OVER (), reference, category, effective_on, description, '', 1, 1, debit, credit, amount, asset
      FROM ({{}}) AS selected
"""  # noqa: S608 our own text


def post_selected(sql: str, params: Sequence, *, by, now: datetime) -> int:
    """Post what a query selects, in its order, without a row of it passing through here; how many entries it stands for.

    Each row is an entry of one transfer: reference, category, effective_on, description, debit, credit, amount, asset. The
    query is ours, what it selects was checked when it came in. Everything else is as with `post`.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(STAGE.format(sql), params)
        [(count,)] = _written("SELECT ledger_post_staged(%s, %s)", [by.pk if by else None, now])
    return count


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
    wrong = _wrong(draft) or next(filter(None, (_wrong_move(move, draft.category) for move in draft.moves)), None)
    if wrong:
        raise PostingError(f"{draft.reference}: {wrong}")


def _wrong(draft: Draft) -> str | None:
    if not REFERENCE.fullmatch(draft.reference):
        return f"{draft.reference!r} is no reference: letters, digits and . _ : / # -, 100 at most"
    if draft.category not in CATEGORIES:
        return f"unknown category {draft.category!r}; known: {', '.join(CATEGORIES)}"
    if not draft.description or len(draft.description) > 200 or not draft.description.isprintable():
        return "a description is one line of text, 1 to 200 characters"
    if not draft.moves:
        return "an entry needs at least one transfer"
    if bool(draft.reverses) != (draft.category == CORRECTION):
        return f"a {CORRECTION} reverses an entry, and nothing else does"
    return None


def _wrong_move(move: Move, category: str) -> str | None:
    unknown = {move.debit, move.credit} - set(CHART)
    if unknown:
        return f"unknown account {min(unknown)!r}; the chart of accounts has: {', '.join(CHART)}"
    if move.debit == move.credit:
        return f"debit and credit are the same account, {move.debit}"
    if not ASSET.fullmatch(move.asset):
        return f"{move.asset!r} is no asset: capital letters and digits, such as USDT"
    if not (move.amount.is_finite() and 0 < move.amount < LARGEST):
        return f"amount {move.amount} is not positive or has more than 16 digits before the point"
    if move.amount != round(move.amount, 8):
        return f"amount {move.amount} has more than 8 decimals; no asset has"
    return None if category == CORRECTION else objection(category, move.debit, move.credit, by_hand=False)


def _originals(drafts: Sequence[Draft]) -> None:
    """PostingError unless each reversal that is not in the books yet mirrors an entry that can still be reversed."""
    reversals = {draft.reverses: draft for draft in drafts if draft.reverses}
    if not reversals:
        return
    entries = JournalEntry.objects.filter(reference__in=reversals).select_related("reversed_by")
    found = {entry.reference: entry for entry in entries}
    moves = _moves(found.values())
    for reference, draft in reversals.items():
        entry = found.get(reference)
        if entry is None:
            raise PostingError(f"{draft.reference}: there is no entry {reference!r} to reverse")
        if entry.reverses_id:
            raise PostingError(f"{reference!r} is itself a reversal; post the fact again under a new reference")
        reversed_by = getattr(entry, "reversed_by", None)
        if reversed_by and reversed_by.reference != draft.reference:
            raise PostingError(f"{reference!r} is reversed already, by {reversed_by.reference!r}")
        if moves[entry.pk] != draft.mirrored():
            raise PostingError(f"{draft.reference} does not mirror {reference!r}: same lines, debit and credit swapped")


KEPT = "SELECT coalesce(sum(debits - credits), 0) FROM ledger_balance JOIN ledger_account account ON account.id = account_id"
AVAILABLE = f"{KEPT} WHERE available AND asset_id = %s"
BALANCE = f"{KEPT} WHERE (name, asset_id) = (%s, %s)"


def available(asset: str) -> Decimal:
    """Cash less what is committed: approved and not yet paid (rules §5)."""
    return _kept_balance(AVAILABLE, [asset])


def balance(account: str, asset: str) -> Decimal:
    """Debits less credits of an account, now; 0 of one that was never posted to."""
    return _kept_balance(BALANCE, [account, asset])


def _kept_balance(sql: str, params: Sequence) -> Decimal:
    with connection.cursor() as cursor:  # asked all the time: the words of a query are written faster than composed
        cursor.execute(sql, params)
        return cursor.fetchone()[0]
