"""An account's statement as a table: one question, read row by row however long the account is."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext_lazy as _

from jobs.paper import Asked, Column, Moment, Paper, Query, Table
from ledger.journal import CHART
from ledger.models import Account
from ledger.papers import asked
from ledger.papers.asked import CATEGORIES

OPENING, CLOSING = "opening", "closing"
LINES = {OPENING: _("opening balance"), CLOSING: _("closing balance"), **CATEGORIES}

# The opening balance stands on the last period closed before the first day. Order and balance are found on thin rows; words are
# joined to what is left of them.
STATEMENT = """
WITH mine AS (
    SELECT account.id, asset.code, asset.decimals
      FROM ledger_account account JOIN ledger_asset asset ON asset.code = account.asset_id
     WHERE account.name = %(account)s AND (%(asset)s::text IS NULL OR asset.code = %(asset)s)
), closed AS (
    SELECT id, last_day FROM ledger_period WHERE closed_at IS NOT NULL AND last_day < %(first)s::date
     ORDER BY last_day DESC LIMIT 1
), leg AS (
    SELECT mine.id AS account, entry.effective_on, transfer.entry_id, transfer.line, transfer.credit_id AS other,
           transfer.amount AS debit, NULL::numeric AS credit
      FROM mine JOIN ledger_transfer transfer ON transfer.debit_id = mine.id
      JOIN ledger_journalentry entry ON entry.id = transfer.entry_id WHERE {bounds}
    UNION ALL
    SELECT mine.id, entry.effective_on, transfer.entry_id, transfer.line, transfer.debit_id, NULL, transfer.amount
      FROM mine JOIN ledger_transfer transfer ON transfer.credit_id = mine.id
      JOIN ledger_journalentry entry ON entry.id = transfer.entry_id WHERE {bounds}
)
"""
BOUNDS = """(%(last)s::date IS NULL OR entry.effective_on <= %(last)s)
       AND (%(posted)s::timestamptz IS NULL OR entry.posted_at <= %(posted)s)
       AND (%(first)s::date IS NULL OR entry.effective_on > coalesce((SELECT last_day FROM closed), '-infinity'))"""
STATEMENT = STATEMENT.format(bounds=BOUNDS)
LINE = """, opening AS (
    SELECT mine.id AS account, coalesce((SELECT debits - credits FROM ledger_closingbalance kept
                                          WHERE kept.account_id = mine.id AND kept.period_id = (SELECT id FROM closed)), 0)
           + coalesce((SELECT sum(coalesce(debit, 0) - coalesce(credit, 0)) FROM leg
                        WHERE leg.account = mine.id AND effective_on < %(first)s::date), 0) AS balance
      FROM mine
), inside AS NOT MATERIALIZED (
    SELECT * FROM leg WHERE %(first)s::date IS NULL OR effective_on >= %(first)s
), line AS (
    SELECT 0 AS place, account, NULL::date AS effective_on, NULL::bigint AS entry_id, NULL::integer AS line,
           NULL::bigint AS other, NULL::numeric AS debit, NULL::numeric AS credit, balance
      FROM opening
    UNION ALL
    SELECT 1, account, effective_on, entry_id, inside.line, other, debit, credit,
           opening.balance + sum(coalesce(debit, 0) - coalesce(credit, 0))
                             OVER (PARTITION BY account ORDER BY effective_on, entry_id, inside.line)
      FROM inside JOIN opening USING (account)
    UNION ALL
    SELECT 2, account, NULL, NULL, NULL, NULL, coalesce(moved.debit, 0), coalesce(moved.credit, 0),
           balance + coalesce(moved.debit, 0) - coalesce(moved.credit, 0)
      FROM opening
      LEFT JOIN (SELECT account, sum(debit) AS debit, sum(credit) AS credit FROM inside GROUP BY account) AS moved USING (account)
), shown AS (
    SELECT mine.code AS asset, mine.decimals, line.*
      FROM line JOIN mine ON mine.id = line.account
     ORDER BY mine.code, place, effective_on, entry_id, line.line LIMIT %(limit)s OFFSET %(offset)s
)
SELECT CASE place WHEN 0 THEN 'opening' WHEN 1 THEN entry.category ELSE 'closing' END,
       shown.effective_on, entry.posted_at, shown.entry_id, entry.reference, entry.description, other.name,
       {debit}, {credit}, {balance}, shown.asset
  FROM shown
  LEFT JOIN ledger_journalentry entry ON entry.id = shown.entry_id
  LEFT JOIN ledger_account other ON other.id = shown.other
 ORDER BY shown.asset, place, shown.effective_on, shown.entry_id, shown.line
"""
ALL_DECIMALS = "round(shown.{0}, greatest(shown.decimals, scale(trim_scale(shown.{0}))))"
LINE = LINE.format(**{amount: ALL_DECIMALS.format(amount) for amount in ("debit", "credit", "balance")})
COUNTED = """
SELECT (SELECT count(*) FROM leg WHERE %(first)s::date IS NULL OR effective_on >= %(first)s) + 2 * count(*) FROM mine
"""


def statement(
    *, account: str, asset: str | None = None, first: date | None = None, last: date | None = None, as_of: Moment = None
) -> Paper:
    """An account, asset by asset: opening balance, each transfer by day with the balance after it, closing balance.

    From `first` to `last`, both inside, by effective date; or as of an instant, by posting. Raises Asked for an unknown account
    or asset, and for bounds that exclude each other.
    """
    posted, last = asked.until(first, last, as_of)
    found = Account.objects.filter(name=account, **({"asset": asset} if asset else {}))
    if account not in CHART:
        raise Asked(f"there is no account {account!r}; the chart of accounts has: {', '.join(CHART)}")
    if not found.exists():
        raise Asked(f"{account} was never posted to" + (f" in {asset}" if asset else ""))
    named = {"account": account, "asset": asset, "first": first, "last": last, "posted": posted}
    rows = Query(STATEMENT + LINE, named, count=STATEMENT + COUNTED)
    table = Table("rows", _("Statement"), STATEMENT_COLUMNS, rows, strong=lambda row: row[0] in (OPENING, CLOSING))
    told = {"account": account, "asset": asset, "from": first, "to": last, "as_of": posted}
    return Paper("statement", _("Account statement"), told, (table,))


STATEMENT_COLUMNS = (
    Column("category", _("category"), LINES),
    Column("effective_on", _("effective on")),
    Column("posted_at", ""),
    Column("entry", ""),
    Column("reference", _("reference"), link=lambda row: asked.entry(row[3])),
    Column("description", _("description")),
    Column("account", _("other account")),
    Column("debit", _("debit")),
    Column("credit", _("credit")),
    Column("balance", _("balance (debits less credits)")),
    Column("asset", _("asset")),
)
