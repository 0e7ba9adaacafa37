"""Do the books still keep every law? From the stored rows and the database's own catalogue alone, trusting no code of ours.

Each check is a query for what breaks one law; nothing found is the good answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.apps import apps
from django.db import connection

from ledger.journal import AVAILABLE
from ledger.models import JournalEntry, Transfer

FUND = ", ".join(f"'{name}'" for name in AVAILABLE)
# Each: the entry's reference, what is wrong. Rows only; a dropped constraint changes nothing here.
LAWS = (
    # whole
    """
    SELECT entry.reference, format('announces %s transfers and has %s', entry.transfer_count, count(transfer.id))
      FROM ledger_journalentry entry LEFT JOIN ledger_transfer transfer ON transfer.entry_id = entry.id
     GROUP BY entry.id HAVING count(transfer.id) <> entry.transfer_count ORDER BY entry.id
    """,
    """
    SELECT format('entry %s', transfer.entry_id), format('has transfer %s, but is not in the books', transfer.line)
      FROM ledger_transfer transfer LEFT JOIN ledger_journalentry entry ON entry.id = transfer.entry_id
     WHERE entry.id IS NULL ORDER BY transfer.entry_id, transfer.line
    """,
    """
    SELECT reference, format('stands for %s entries', count(*))
      FROM ledger_journalentry GROUP BY reference HAVING count(*) > 1 ORDER BY reference
    """,
    # each transfer: a positive amount that fits its asset, between two accounts of that asset
    """
    SELECT coalesce(entry.reference, format('entry %s', transfer.entry_id)),
           format('transfer %s: %s', transfer.line, concat_ws('; ',
               CASE WHEN transfer.amount > 0 THEN NULL
                    ELSE format('amount %s is not positive', trim_scale(transfer.amount)) END,
               CASE WHEN scale(trim_scale(transfer.amount)) > asset.decimals
                    THEN format('amount %s has more than the %s decimals of %s',
                                trim_scale(transfer.amount), asset.decimals, asset.code) END,
               CASE WHEN transfer.debit_id = transfer.credit_id THEN 'debit and credit are the same account' END,
               CASE WHEN debit.asset_id IS DISTINCT FROM transfer.asset_id OR credit.asset_id IS DISTINCT FROM transfer.asset_id
                    THEN format('moves %s between accounts of %s and %s', transfer.asset_id,
                                coalesce(debit.asset_id, 'nothing'), coalesce(credit.asset_id, 'nothing')) END,
               CASE WHEN asset.code IS NULL THEN format('asset %s is unknown', transfer.asset_id) END))
      FROM ledger_transfer transfer
      LEFT JOIN ledger_journalentry entry ON entry.id = transfer.entry_id
      LEFT JOIN ledger_account debit ON debit.id = transfer.debit_id
      LEFT JOIN ledger_account credit ON credit.id = transfer.credit_id
      LEFT JOIN ledger_asset asset ON asset.code = transfer.asset_id
     WHERE NOT transfer.amount > 0 OR transfer.debit_id = transfer.credit_id OR asset.code IS NULL
        OR scale(trim_scale(transfer.amount)) > asset.decimals
        OR debit.asset_id IS DISTINCT FROM transfer.asset_id OR credit.asset_id IS DISTINCT FROM transfer.asset_id
     ORDER BY transfer.entry_id, transfer.line
    """,
    # reversals
    """
    SELECT entry.reference,
           CASE WHEN entry.reverses_id IS NULL THEN 'is a correction and reverses nothing'
                WHEN original.id IS NULL THEN 'reverses an entry that is not in the books'
                WHEN original.reverses_id IS NOT NULL THEN format('reverses %s, itself a reversal', original.reference)
                ELSE 'reverses an entry and is no correction' END
      FROM ledger_journalentry entry LEFT JOIN ledger_journalentry original ON original.id = entry.reverses_id
     WHERE (entry.category = 'correction') <> (entry.reverses_id IS NOT NULL)
        OR entry.reverses_id IS NOT NULL AND (original.id IS NULL OR original.reverses_id IS NOT NULL)
     ORDER BY entry.id
    """,
    """
    SELECT original.reference, format('is reversed %s times', count(*))
      FROM ledger_journalentry reversal JOIN ledger_journalentry original ON original.id = reversal.reverses_id
     GROUP BY original.id, original.reference HAVING count(*) > 1 ORDER BY original.id
    """,
    """
    SELECT DISTINCT reversal.reference, format('does not mirror %s, which it reverses', original.reference)
      FROM ledger_journalentry reversal
      JOIN ledger_journalentry original ON original.id = reversal.reverses_id
      JOIN LATERAL (
          SELECT FROM (SELECT * FROM ledger_transfer WHERE entry_id = original.id) AS old
            FULL JOIN (SELECT * FROM ledger_transfer WHERE entry_id = reversal.id) AS new
              ON (new.line, new.debit_id, new.credit_id, new.amount, new.asset_id)
               = (old.line, old.credit_id, old.debit_id, old.amount, old.asset_id)
           WHERE old.id IS NULL OR new.id IS NULL
      ) AS odd ON true
     ORDER BY 1
    """,
    # the fund promises only what it has (rules §5): where its available balance falls below zero, entry by entry
    f"""
    WITH changed AS (
        SELECT transfer.entry_id, transfer.asset_id,
               sum(transfer.amount * ((debit.name IN ({FUND}))::int - (credit.name IN ({FUND}))::int)) AS change
          FROM ledger_transfer transfer
          JOIN ledger_account debit ON debit.id = transfer.debit_id
          JOIN ledger_account credit ON credit.id = transfer.credit_id
         GROUP BY transfer.entry_id, transfer.asset_id
    ), walked AS (
        SELECT entry_id, asset_id, change, sum(change) OVER (PARTITION BY asset_id ORDER BY entry_id) AS available FROM changed
    )
    SELECT entry.reference, format('takes the available %s from %s to %s, below zero', walked.asset_id,
                                   trim_scale(available - change), trim_scale(available))
      FROM walked JOIN ledger_journalentry entry ON entry.id = walked.entry_id
     WHERE available < 0 AND available - change >= 0 ORDER BY entry.id
    """,  # noqa: S608 our own text
    # every asset in balance: what all accounts hold together is nothing
    """
    SELECT 'trial balance', format('%s is out by %s', asset_id, trim_scale(sum(balance)))
      FROM (SELECT account.asset_id, transfer.amount AS balance
              FROM ledger_transfer transfer JOIN ledger_account account ON account.id = transfer.debit_id
            UNION ALL
            SELECT account.asset_id, -transfer.amount
              FROM ledger_transfer transfer JOIN ledger_account account ON account.id = transfer.credit_id) AS leg
     GROUP BY asset_id HAVING sum(balance) <> 0 ORDER BY asset_id
    """,
)

TRIGGER = """
    SELECT trigger.tgenabled::text, function.prosrc
      FROM pg_trigger trigger JOIN pg_proc function ON function.oid = trigger.tgfoid
     WHERE trigger.tgrelid = to_regclass(%s) AND trigger.tgname = %s
"""
FUNCTIONS = re.compile(r"FUNCTION\s+(\S+)\s*\(.*?\$\$(.*?)\$\$", re.DOTALL)


def problems() -> list[str]:
    """Every broken law as 'reference: what is wrong'; none in sound books."""
    return [*_broken_laws(), *_missing_guards()]


def checked() -> dict[str, int]:
    """How much there is to hold against the laws."""
    return {"entries": JournalEntry.objects.count(), "transfers": Transfer.objects.count()}


def _broken_laws() -> Iterator[str]:
    with connection.cursor() as cursor:
        for law in LAWS:
            cursor.execute(law.replace("%", "%%"), [])  # pghistory may add parameters of its own
            yield from (f"{reference}: {wrong}" for reference, wrong in cursor.fetchall())


def _missing_guards() -> Iterator[str]:
    """The triggers that keep the books append-only: there, enabled, and still saying what the migrations said."""
    bypass = set()
    for model in apps.get_app_config("ledger").get_models():
        for trigger in getattr(model._meta, "triggers", ()):
            name, table = trigger.get_pgid(model), model._meta.db_table
            (asked, ignore), (_name, body) = FUNCTIONS.findall(str(trigger.compile(model).install_sql))
            bypass.add((asked, _plain(ignore)))
            if wrong := _wrong_with(_row(TRIGGER, table, name), _plain(body)):
                yield f"{table}: its trigger {trigger.name} {wrong}"
    for function, body in bypass:
        found = _row("SELECT prosrc FROM pg_proc WHERE oid = to_regproc(%s)", function)
        if found is None or _plain(found[0]) != body:
            yield f"{function}: was rewritten: every trigger may be passed over"


def _row(sql: str, *params: str) -> tuple | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()


def _wrong_with(found: tuple | None, body: str) -> str | None:
    if found is None:
        return "is missing: rows can be changed without a trace"
    enabled, source = found
    if enabled not in ("O", "A"):
        return "is disabled: rows can be changed without a trace"
    return None if _plain(source) == body else "was rewritten: it is not the one that the migrations made"


def _plain(source: str) -> str:
    """Words only: white space is no difference."""
    return " ".join(source.split())
