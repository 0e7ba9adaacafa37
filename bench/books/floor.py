"""The floor: what a person would write by hand for one kind of posting, on the same tables, with the same guarantees.

One function in the database, called through psycopg, without Django: an entry once per reference, in an open period, with its one
transfer between accounts and of decimals that fit, and the balances, all in one statement. The tables keep their keys, checks and
append-only triggers; the two laws that the function itself keeps are taken off them. With ONE_ROW each account has a single
balance row, the usual way: whoever posts waits for whoever posted before.

`python -m bench.books.floor VERB ...` on the database of DATABASE_URL; prints JSON. `lay parts|one_row`; `post WRITERS SECONDS`;
`balance`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median

import psycopg

from bench.books import facts
from bench.books.pace import Post, crew

FREE_PART = "WHILE NOT pg_try_advisory_xact_lock(20001, mine) LOOP mine := mine + 1; END LOOP;"
ONE_ROW = "-- the one row of the account"
FUNCTION = """
CREATE FUNCTION floor_post(ref text, kind text, day date, words text, debit bigint, credit bigint, sum numeric, coin text,
                           now timestamptz) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    mine integer := 0;
    entry bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(20000, 0);
    CHOICE
    WITH entry AS (
        INSERT INTO ledger_journalentry (reference, category, effective_on, description, transfer_count, posted_at)
        SELECT ref, kind, day, words, 1, now
         WHERE NOT EXISTS (SELECT FROM ledger_period WHERE closed_at IS NOT NULL AND last_day >= day)
           AND EXISTS (SELECT FROM ledger_asset WHERE code = coin AND sum = round(sum, decimals))
            ON CONFLICT (reference) DO NOTHING
        RETURNING id
    ), transfer AS (
        INSERT INTO ledger_transfer (entry_id, line, debit_id, credit_id, amount, asset_id)
        SELECT id, 1, debit, credit, sum, coin FROM entry RETURNING entry_id
    ), kept AS (
        INSERT INTO ledger_balance AS part (account_id, part, debits, credits)
        SELECT leg.account, mine, leg.debits, leg.credits
          FROM transfer, (VALUES (debit, sum, 0), (credit, 0, sum)) AS leg (account, debits, credits)
            ON CONFLICT (account_id, part)
            DO UPDATE SET debits = part.debits + excluded.debits, credits = part.credits + excluded.credits
    )
    SELECT entry_id INTO entry FROM transfer;
    IF entry IS NULL THEN
        SELECT e.id INTO entry FROM ledger_journalentry e JOIN ledger_transfer t ON t.entry_id = e.id
         WHERE (e.reference, e.category, e.effective_on, e.description) = (ref, kind, day, words)
           AND (t.debit_id, t.credit_id, t.amount, t.asset_id) = (debit, credit, sum, coin);
        IF entry IS NULL THEN
            RAISE EXCEPTION '%: refused', ref;
        END IF;
    END IF;
    RETURN entry;
END $$
"""
ACCOUNT = "SELECT id FROM ledger_account WHERE name = %s AND asset_id = 'USDT'"
BALANCE = "SELECT sum(debits - credits) FROM ledger_balance WHERE account_id = %s"
QUESTIONS = 200


def lay(choice: str) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("DROP TRIGGER counts ON ledger_transfer")
        connection.execute(FUNCTION.replace("CHOICE", {"parts": FREE_PART, "one_row": ONE_ROW}[choice]))


def post(writers: str, seconds: str) -> None:
    crew(_ready, writers, seconds)


def _ready() -> Post:
    connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=0)
    cash, fees = (_account(connection, name) for name in ("Assets:Fund:Cash", "Income:LiquidationFees"))
    fee = Decimal("8.25")

    def one(name: str) -> None:
        values = [name, "liquidation_fee", facts.DAY, f"Liquidation {name}", cash, fees, fee, "USDT", datetime.now(UTC)]
        connection.execute("SELECT floor_post(%s, %s, %s, %s, %s, %s, %s, %s, %s)", values).fetchone()

    return one


def _account(connection: psycopg.Connection, name: str) -> int:
    return connection.execute(ACCOUNT, [name]).fetchone()[0]


def balance() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=0) as connection:
        cash, taken = _account(connection, "Assets:Fund:Cash"), []
        for _nth in range(QUESTIONS):
            began = time.perf_counter()
            connection.execute(BALANCE, [cash]).fetchone()
            taken.append(1000 * (time.perf_counter() - began))
    print(json.dumps({"balance": median(taken)}))


VERBS = {verb.__name__: verb for verb in (lay, post, balance)}

if __name__ == "__main__":
    VERBS[sys.argv[1]](*sys.argv[2:])
