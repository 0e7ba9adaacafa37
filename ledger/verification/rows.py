"""The laws of the rows, each a query of the entry's reference and what is wrong. A dropped constraint changes nothing here."""

from __future__ import annotations

from ledger.journal import AVAILABLE, COMMITTED, CORRECTION, FACTS

FUND = ", ".join(f"'{name}'" for name in AVAILABLE)
PAYABLE = ", ".join(f"'{name}'" for name in COMMITTED)
KNOWN = ", ".join(f"('{category}', '{debit}', '{credit}')" for category, debit, credit in sorted(
    {(fact.category, fact.debit, fact.credit) for fact in FACTS}
))  # fmt: skip

WHOLE = (
    """
    SELECT entry.reference, format('announces %s transfers and has %s', entry.transfer_count, coalesce(present.count, 0))
      FROM ledger_journalentry entry
      LEFT JOIN (SELECT entry_id, count(*) FROM ledger_transfer GROUP BY entry_id) AS present ON present.entry_id = entry.id
     WHERE coalesce(present.count, 0) <> entry.transfer_count ORDER BY entry.id
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
)
# Each transfer: a positive amount that fits its asset, between two accounts of that asset, which its category moves.
MOVES = f"""
    SELECT coalesce(entry.reference, format('entry %s', transfer.entry_id)),
           format('transfer %s: %s', transfer.line, concat_ws('; ',
               CASE WHEN transfer.amount > 0 THEN NULL
                    ELSE format('amount %s is not positive', trim_scale(transfer.amount)) END,
               CASE WHEN transfer.amount <> round(transfer.amount, asset.decimals)
                    THEN format('amount %s has more than the %s decimals of %s',
                                trim_scale(transfer.amount), asset.decimals, asset.code) END,
               CASE WHEN transfer.debit_id = transfer.credit_id THEN 'debit and credit are the same account' END,
               CASE WHEN debit.asset_id IS DISTINCT FROM transfer.asset_id OR credit.asset_id IS DISTINCT FROM transfer.asset_id
                    THEN format('moves %s between accounts of %s and %s', transfer.asset_id,
                                coalesce(debit.asset_id, 'nothing'), coalesce(credit.asset_id, 'nothing')) END,
               CASE WHEN fact.category IS NULL AND entry.category <> '{CORRECTION}' AND transfer.debit_id <> transfer.credit_id
                    THEN format('%s does not move debit %s, credit %s', entry.category, debit.name, credit.name) END,
               CASE WHEN asset.code IS NULL THEN format('asset %s is unknown', transfer.asset_id) END))
      FROM ledger_transfer transfer
      LEFT JOIN ledger_journalentry entry ON entry.id = transfer.entry_id
      LEFT JOIN ledger_account debit ON debit.id = transfer.debit_id
      LEFT JOIN ledger_account credit ON credit.id = transfer.credit_id
      LEFT JOIN ledger_asset asset ON asset.code = transfer.asset_id
      LEFT JOIN (VALUES {KNOWN}) AS fact (category, debit, credit)
             ON (fact.category, fact.debit, fact.credit) = (entry.category, debit.name, credit.name)
     WHERE NOT transfer.amount > 0 OR transfer.debit_id = transfer.credit_id OR asset.code IS NULL
        OR transfer.amount <> round(transfer.amount, asset.decimals)
        OR debit.asset_id IS DISTINCT FROM transfer.asset_id OR credit.asset_id IS DISTINCT FROM transfer.asset_id
        OR fact.category IS NULL AND entry.category <> '{CORRECTION}'
     ORDER BY transfer.entry_id, transfer.line
"""  # noqa: S608 our own text
REVERSALS = (
    f"""
    SELECT entry.reference,
           CASE WHEN entry.reverses_id IS NULL THEN 'is a correction and reverses nothing'
                WHEN original.id IS NULL THEN 'reverses an entry that is not in the books'
                WHEN original.reverses_id IS NOT NULL THEN format('reverses %s, itself a reversal', original.reference)
                ELSE 'reverses an entry and is no correction' END
      FROM ledger_journalentry entry LEFT JOIN ledger_journalentry original ON original.id = entry.reverses_id
     WHERE (entry.category = '{CORRECTION}') <> (entry.reverses_id IS NOT NULL)
        OR entry.reverses_id IS NOT NULL AND (original.id IS NULL OR original.reverses_id IS NOT NULL)
     ORDER BY entry.id
    """,  # noqa: S608
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
)
# The fund promises only what it has (rules §5): where its available balance falls below zero, entry by entry.
AVAILABLE_WALK = f"""
    WITH fund AS (
        SELECT id, (name IN ({FUND}))::int AS holds FROM ledger_account
    ), changed AS (
        SELECT transfer.entry_id, transfer.line, transfer.asset_id, transfer.amount * (debit.holds - credit.holds) AS change
          FROM ledger_transfer transfer
          JOIN fund debit ON debit.id = transfer.debit_id
          JOIN fund credit ON credit.id = transfer.credit_id
         WHERE debit.holds <> credit.holds
    ), walked AS (  -- ordered by the entry alone: a sum has all of its transfers
        SELECT *, sum(change) OVER (PARTITION BY asset_id ORDER BY entry_id) AS available FROM changed
    ), stepped AS (
        SELECT *, lag(available, 1, 0) OVER (PARTITION BY asset_id ORDER BY entry_id) AS before FROM walked
    )
    SELECT coalesce((SELECT reference FROM ledger_journalentry WHERE id = entry_id), format('entry %s', entry_id)),
           format('takes the available %s from %s to %s, below zero', asset_id, trim_scale(before), trim_scale(available))
      FROM stepped WHERE available < 0 AND before >= 0 ORDER BY entry_id
"""  # noqa: S608
# Nobody is paid what is not owed: where a payable falls below zero, entry by entry.
OWED_WALK = f"""
    WITH changed AS (
        SELECT entry_id, account.id AS account, name, account.asset_id, sum(leg.amount) AS change
          FROM ledger_account account
          JOIN (SELECT entry_id, credit_id AS account, amount FROM ledger_transfer
                UNION ALL SELECT entry_id, debit_id, -amount FROM ledger_transfer) AS leg ON leg.account = account.id
         WHERE name IN ({PAYABLE}) GROUP BY entry_id, account.id
    ), walked AS (
        SELECT *, sum(change) OVER (PARTITION BY account ORDER BY entry_id) AS owed FROM changed
    )
    SELECT entry.reference, format('pays or takes back %s %s more than %s owes', trim_scale(-owed), asset_id, name)
      FROM walked JOIN ledger_journalentry entry ON entry.id = walked.entry_id
     WHERE owed < 0 AND owed - change >= 0 ORDER BY entry.id
"""  # noqa: S608
LEGS = """
    SELECT account, sum(debit) AS debits, sum(credit) AS credits
      FROM (SELECT debit_id, credit_id, sum(amount) AS amount FROM ledger_transfer GROUP BY debit_id, credit_id) AS pair
     CROSS JOIN LATERAL (VALUES (debit_id, amount, 0), (credit_id, 0, amount)) AS leg (account, debit, credit)
     GROUP BY account
"""
BALANCES = (
    # every asset in balance: what all accounts hold together is nothing
    f"""
    SELECT 'trial balance', format('%s is out by %s', asset_id, trim_scale(sum(debits - credits)))
      FROM ({LEGS}) AS moved JOIN ledger_account account ON account.id = moved.account
     GROUP BY asset_id HAVING sum(debits - credits) <> 0 ORDER BY asset_id
    """,  # noqa: S608
    # what the database keeps of each account is what was transferred
    f"""
    SELECT coalesce(named.name || ' ' || named.asset_id, format('account %s', account)),
           format('its kept balance has debits of %s and credits of %s, its transfers add up to %s and %s',
                  trim_scale(coalesce(kept.debits, 0)), trim_scale(coalesce(kept.credits, 0)),
                  trim_scale(coalesce(moved.debits, 0)), trim_scale(coalesce(moved.credits, 0)))
      FROM ({LEGS}) AS moved
      FULL JOIN (SELECT account_id AS account, sum(debits) AS debits, sum(credits) AS credits
                   FROM ledger_balance GROUP BY account_id) AS kept USING (account)
      LEFT JOIN ledger_account named ON named.id = account
     WHERE (coalesce(kept.debits, 0), coalesce(kept.credits, 0)) <> (coalesce(moved.debits, 0), coalesce(moved.credits, 0))
     ORDER BY named.name, named.asset_id
    """,  # noqa: S608
)
PERIODS = (
    """
    SELECT format('period through %s', last_day),
           CASE WHEN closed_by_id = prepared_by_id THEN 'was closed by the person who proposed it'
                WHEN closed_by_id IS NULL THEN 'was closed by nobody'
                WHEN closed_at IS NULL THEN 'was closed at no time'
                ELSE 'was closed before its last day was over' END
      FROM ledger_period
     WHERE closed_by_id = prepared_by_id OR (closed_by_id IS NULL) <> (closed_at IS NULL)
        OR last_day >= (closed_at AT TIME ZONE 'UTC')::date
     ORDER BY last_day
    """,
    """
    SELECT entry.reference,
           format('counts on %s and was posted at %s UTC, when the books were closed through %s', entry.effective_on,
                  to_char(entry.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), max(period.last_day))
      FROM ledger_journalentry entry
      JOIN ledger_period period ON entry.effective_on <= period.last_day AND entry.posted_at > period.closed_at
     GROUP BY entry.id ORDER BY entry.id
    """,
    # the closing balances of each period: all that was transferred through its last day
    """
    WITH closed AS (
        SELECT id, last_day, coalesce(lag(last_day) OVER (ORDER BY last_day), '-infinity') AS after
          FROM ledger_period WHERE closed_at IS NOT NULL
    ), moved AS (
        SELECT closed.id, closed.last_day, debit_id, credit_id, sum(amount) AS amount
          FROM closed
          JOIN ledger_journalentry entry ON entry.effective_on > closed.after AND entry.effective_on <= closed.last_day
          JOIN ledger_transfer transfer ON transfer.entry_id = entry.id
         GROUP BY closed.id, closed.last_day, debit_id, credit_id
    ), leg AS (
        SELECT last_day, account, sum(debit) AS debit, sum(credit) AS credit
          FROM moved CROSS JOIN LATERAL (VALUES (debit_id, amount, 0), (credit_id, 0, amount)) AS leg (account, debit, credit)
         GROUP BY last_day, account
    ), due AS (
        SELECT closed.id, account, sum(debit) AS debits, sum(credit) AS credits
          FROM closed JOIN leg ON leg.last_day <= closed.last_day GROUP BY closed.id, account
    )
    SELECT format('period through %s', coalesce(period.last_day::text, 'no day')),
           format('%s closed with debits of %s and credits of %s, its transfers add up to %s and %s',
                  coalesce(named.name || ' ' || named.asset_id, format('account %s', account)),
                  trim_scale(coalesce(closing.debits, 0)), trim_scale(coalesce(closing.credits, 0)),
                  trim_scale(coalesce(due.debits, 0)), trim_scale(coalesce(due.credits, 0)))
      FROM due
      FULL JOIN (SELECT period_id AS id, account_id AS account, debits, credits FROM ledger_closingbalance) AS closing
           USING (id, account)
      LEFT JOIN ledger_period period USING (id)
      LEFT JOIN ledger_account named ON named.id = account
     WHERE (coalesce(closing.debits, 0), coalesce(closing.credits, 0)) <> (coalesce(due.debits, 0), coalesce(due.credits, 0))
     ORDER BY period.last_day, named.name, named.asset_id
    """,
)
LAWS = (*WHOLE, MOVES, *REVERSALS, AVAILABLE_WALK, OWED_WALK, *BALANCES, *PERIODS)
