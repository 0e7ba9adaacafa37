"""What the database itself refuses, and the one function through which everything is posted: SQL, installed by the migrations.

These stand in plain SQL and not in a model's Meta, because no session setting may pass them over. Who changes a text here adds a
migration that runs `INSTALL` again; `verify_ledger` holds the catalogue against these very texts. Posting runs with its owner's
rights: the portal's role reads the books and calls `ledger_post`, it writes no row of them itself.

A refusal has the SQLSTATE `MG001` and words for a clerk.
"""

from __future__ import annotations

from ledger.functions import DRAFT, ONE, OPEN, POST, POST_ONE, POST_STAGED, SECURE, STAGED

REFUSED = "MG001"
CLOSING, PARTS = 19_783, 19_784  # our classes of advisory locks: who posts against who closes; the parts of balances
PARTS_AT_MOST = 256  # transactions that post at once; as many as a PostgreSQL has connections, twice over

# --- what nobody does: change, remove, empty

REFUSE = """
BEGIN
    RAISE EXCEPTION 'Cannot % rows of %: the books only grow; a correction is a reversing entry', lower(TG_OP), TG_TABLE_NAME
        USING ERRCODE = 'MG001';
END
"""
APPEND_ONLY = (
    "ledger_account",
    "ledger_journalentry",
    "ledger_transfer",
    "ledger_seal",
    "ledger_sealing",
    "ledger_closingbalance",
    "ledger_verification",
    "ledger_rate",
)

ASSET = """
BEGIN
    IF TG_OP = 'UPDATE' AND NOT EXISTS (SELECT FROM ledger_transfer WHERE asset_id = OLD.code LIMIT 1) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'Cannot % asset %: its decimals are part of the books', lower(TG_OP), OLD.code USING ERRCODE = 'MG001';
END
"""

# --- transfers: written by one statement with their entry, all of them, in an open period, with the asset's decimals, a reversal
# as its original's mirror; and the balances they make. An entry without any is refused by a key of its own (KEYS). That the two
# accounts are there and of the transfer's asset is no foreign key: each would mark the row of the fund's cash as shared, posting
# by posting, and eight writers would wait for one another there; an account never changes and never goes.

# The laws are one question; only its answer "no" asks which one was broken.
MIRRORS = """
    SELECT NOT EXISTS (
               SELECT FROM ledger_journalentry reversal JOIN ledger_journalentry original ON original.id = original_id
                WHERE reversal.id = reversal_id
                  AND (original.reverses_id IS NOT NULL OR original.transfer_count <> reversal.transfer_count))
       AND NOT EXISTS (
               SELECT FROM ledger_transfer one
                WHERE one.entry_id = original_id AND NOT EXISTS (
                      SELECT FROM ledger_transfer back
                       WHERE (back.entry_id, back.line) = (reversal_id, one.line)
                         AND (back.debit_id, back.credit_id, back.amount) = (one.credit_id, one.debit_id, one.amount)))
"""
TRANSFER = (
    """
DECLARE
    done text;
    broken bigint;
    wrong record;
    mine integer := 0;
BEGIN
    done := pg_advisory_xact_lock_shared(CLOSING, 0);  -- whoever closes a period waits for us, and we for them
    SELECT min(fresh.id) INTO broken
      FROM fresh LEFT JOIN ledger_journalentry entry ON entry.id = entry_id
     WHERE entry.id IS NULL OR line > transfer_count
        OR (SELECT account.asset_id FROM ledger_account account WHERE account.id = debit_id) IS DISTINCT FROM fresh.asset_id
        OR (SELECT account.asset_id FROM ledger_account account WHERE account.id = credit_id) IS DISTINCT FROM fresh.asset_id
        OR transfer_count <> (SELECT count(*) FROM ledger_transfer present WHERE present.entry_id = entry.id)
        OR amount <> round(amount, (SELECT decimals FROM ledger_asset WHERE code = fresh.asset_id))
        OR effective_on <= (SELECT max(last_day) FROM ledger_period WHERE closed_at IS NOT NULL)
        OR reverses_id IS NOT NULL AND NOT ledger_mirrors(entry.id, reverses_id);
    IF broken IS NOT NULL THEN
        SELECT entry.reference, effective_on, transfer_count, line,
               trim_scale(amount) AS amount, fresh.asset_id AS asset, decimals,
               coalesce(debit.asset_id, 'nothing') AS debited, coalesce(credit.asset_id, 'nothing') AS credited,
               (SELECT max(last_day) FROM ledger_period WHERE closed_at IS NOT NULL) AS closed_through,
               (SELECT count(*) FROM ledger_transfer present WHERE present.entry_id = entry.id) AS present,
               (SELECT original.reference FROM ledger_journalentry original WHERE original.id = reverses_id) AS original
          INTO wrong
          FROM fresh
          LEFT JOIN ledger_asset ON code = fresh.asset_id
          LEFT JOIN ledger_account debit ON debit.id = debit_id
          LEFT JOIN ledger_account credit ON credit.id = credit_id
          LEFT JOIN ledger_journalentry entry ON entry.id = entry_id
         WHERE fresh.id = broken;
        IF wrong.reference IS NULL THEN
            RAISE EXCEPTION 'a transfer of an entry that is not in the books: both are written by one statement'
                USING ERRCODE = 'MG001';
        ELSIF (wrong.debited, wrong.credited) <> (wrong.asset, wrong.asset) THEN
            RAISE EXCEPTION '%: moves % between accounts of % and %',
                wrong.reference, wrong.asset, wrong.debited, wrong.credited USING ERRCODE = 'MG001';
        ELSIF wrong.line > wrong.transfer_count THEN
            RAISE EXCEPTION '%: the entry announces % transfers and gets number %; nothing is added to an entry',
                wrong.reference, wrong.transfer_count, wrong.line USING ERRCODE = 'MG001';
        ELSIF wrong.transfer_count <> wrong.present THEN
            RAISE EXCEPTION '%: the entry announces % transfers and has %; all are written by one statement',
                wrong.reference, wrong.transfer_count, wrong.present USING ERRCODE = 'MG001';
        ELSIF wrong.amount <> round(wrong.amount, wrong.decimals) THEN
            RAISE EXCEPTION '%: % % has more than the % decimals of %',
                wrong.reference, wrong.amount, wrong.asset, wrong.decimals, wrong.asset USING ERRCODE = 'MG001';
        ELSIF wrong.effective_on <= wrong.closed_through THEN
            RAISE EXCEPTION '%: the books are closed through %, and % is in a closed period; post it on a later day',
                wrong.reference, wrong.closed_through, wrong.effective_on USING ERRCODE = 'MG001';
        END IF;
        RAISE EXCEPTION '% does not mirror %: same lines, debit and credit swapped, and a reversal is not reversed',
            wrong.reference, quote_literal(wrong.original) USING ERRCODE = 'MG001';
    END IF;
    -- The first part that no other open transaction has: nobody ever waits for a balance.
    WHILE NOT pg_try_advisory_xact_lock(PARTS, mine) LOOP
        mine := mine + 1;
        IF mine = AT_MOST THEN
            RAISE EXCEPTION 'more than AT_MOST transactions post at once' USING ERRCODE = 'MG001';
        END IF;
    END LOOP;
    INSERT INTO ledger_balance AS part (account_id, part, debits, credits)
    SELECT account, mine, sum(debit), sum(credit)
      FROM (SELECT debit_id AS account, amount AS debit, 0 AS credit FROM fresh
            UNION ALL SELECT credit_id, 0, amount FROM fresh) AS leg
     GROUP BY account
        ON CONFLICT (account_id, part)
        DO UPDATE SET debits = part.debits + excluded.debits, credits = part.credits + excluded.credits;
    RETURN NULL;
END
""".replace("CLOSING", str(CLOSING))
    .replace("PARTS", str(PARTS))
    .replace("AT_MOST", str(PARTS_AT_MOST))
)

# --- periods: proposed, then closed once, with the balances of the day

PERIOD = """
DECLARE
    closed_through date;
BEGIN
    IF TG_OP = 'INSERT' AND NEW.closed_at IS NULL THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' AND OLD.closed_at IS NULL THEN
        RETURN OLD;  -- a proposal taken back
    ELSIF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'Cannot % a closed period: a period is proposed first, and a closed one stays closed', lower(TG_OP)
            USING ERRCODE = 'MG001';
    ELSIF OLD.closed_at IS NOT NULL OR NEW.closed_at IS NULL
          OR (OLD.id, OLD.last_day, OLD.prepared_by_id, OLD.prepared_at)
             IS DISTINCT FROM (NEW.id, NEW.last_day, NEW.prepared_by_id, NEW.prepared_at) THEN
        RAISE EXCEPTION 'Cannot change a period but by closing it, once' USING ERRCODE = 'MG001';
    END IF;
    PERFORM pg_advisory_xact_lock(CLOSING, 0);  -- whoever posts is done, and nobody begins
    SELECT max(last_day) INTO closed_through FROM ledger_period WHERE closed_at IS NOT NULL;
    IF NEW.last_day <= closed_through OR NEW.last_day >= (NEW.closed_at AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'Cannot close through %: the books are closed through %, and the day has to be over',
            NEW.last_day, coalesce(closed_through::text, 'no day yet') USING ERRCODE = 'MG001';
    END IF;
    NEW.closed_at := greatest(NEW.closed_at, (  -- not before what it waited for
        SELECT max(posted_at) FROM ledger_journalentry
         WHERE effective_on <= NEW.last_day AND effective_on > coalesce(closed_through, '-infinity')));
    RETURN NEW;
END
""".replace("CLOSING", str(CLOSING))

CLOSED = """
BEGIN
    INSERT INTO ledger_closingbalance (period_id, account_id, debits, credits)
    SELECT NEW.id, account, sum(debits), sum(credits)
      FROM (SELECT closing.account_id AS account, closing.debits, closing.credits
              FROM ledger_closingbalance closing JOIN ledger_period earlier ON earlier.id = closing.period_id
             WHERE earlier.last_day = (SELECT max(last_day) FROM ledger_period WHERE closed_at IS NOT NULL AND id <> NEW.id)
            UNION ALL
            SELECT account, sum(debit), sum(credit)
              FROM ledger_journalentry entry JOIN ledger_transfer transfer ON transfer.entry_id = entry.id
             CROSS JOIN LATERAL (VALUES (debit_id, amount, 0), (credit_id, 0, amount)) AS leg (account, debit, credit)
             WHERE entry.effective_on <= NEW.last_day AND entry.effective_on > coalesce(
                   (SELECT max(last_day) FROM ledger_period WHERE closed_at IS NOT NULL AND id <> NEW.id), '-infinity')
             GROUP BY account) AS moved
     GROUP BY account;
    RETURN NULL;
END
"""

# --- the catalogue of all this

RETURNS = {
    "ledger_mirrors": "boolean",
    "ledger_post_one": "bigint",
    "ledger_open": "void",
    "ledger_secure": "void",
    "ledger_post": "TABLE (reference text, id bigint, reverses_id bigint, posted_at timestamptz, posted_by_id integer)",
    "ledger_post_staged": "bigint",
}
FUNCTIONS = {  # name: (arguments, text)
    "ledger_refuse": ("", REFUSE),
    "ledger_asset_stays": ("", ASSET),
    "ledger_mirrors": ("reversal_id bigint, original_id bigint", MIRRORS),
    "ledger_transfer_counts": ("", TRANSFER),
    "ledger_period_closes": ("", PERIOD),
    "ledger_period_closed": ("", CLOSED),
    "ledger_open": ("drafts ledger_draft[]", OPEN),
    "ledger_secure": ("drafts ledger_draft[], takes text[], poster integer, posted timestamptz", SECURE),
    "ledger_post_one": (ONE, POST_ONE),
    "ledger_post": ("drafts ledger_draft[], poster integer, posted timestamptz", POST),
    "ledger_post_staged": ("poster integer, posted timestamptz", POST_STAGED),
}
TRIGGERS = {  # (table, name): what it does; the function is named in it
    **{
        (
            table,
            "append_only",
        ): "BEFORE UPDATE OR DELETE OR TRUNCATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
        for table in APPEND_ONLY
    },
    **{
        (table, "never_emptied"): "BEFORE TRUNCATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
        for table in ("ledger_asset", "ledger_period", "ledger_balance")
    },
    ("ledger_asset", "stays"): "BEFORE UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION ledger_asset_stays()",
    ("ledger_transfer", "counts"): (
        "AFTER INSERT ON {} REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_transfer_counts()"
    ),
    ("ledger_period", "closes"): (
        "BEFORE INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION ledger_period_closes()"
    ),
    ("ledger_period", "closed"): "AFTER UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION ledger_period_closed()",
}
KEYS = {  # (table, name): looked at when the transaction ends, with a plan that is there already
    ("ledger_journalentry", "entry_has_a_first_transfer"): (
        "(id, first_line) REFERENCES ledger_transfer(entry_id, line) DEFERRABLE INITIALLY DEFERRED"
    ),
}


# Within `ledger_post` these run with its rights and settings; whoever inserts otherwise does so with their own.
PLAIN = ("ledger_mirrors", "ledger_transfer_counts")


def settings(name: str) -> list[str]:
    """What a function sets for itself, as the catalogue spells it."""
    if name in PLAIN:
        return []
    found = ["search_path=public, pg_temp"]
    if name == "ledger_post_staged":
        return [*found, "plan_cache_mode=force_generic_plan", "work_mem=65536", "jit=off"]
    # A plan made while the books were young would read them from end to end for each posting, as long as its session lasts.
    return found + (["plan_cache_mode=force_generic_plan", "enable_seqscan=off"] if name in RETURNS else [])


def _function(name: str) -> str:
    arguments, body = FUNCTIONS[name]
    rights = "" if name in PLAIN else "SECURITY DEFINER "
    sets = "".join(f"SET {setting.replace('=', ' = ')} " for setting in settings(name))
    head = f"CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS {RETURNS.get(name, 'trigger')}"
    language = "sql" if name == "ledger_mirrors" else "plpgsql"
    return f"{head} LANGUAGE {language} {rights}{sets}AS $body${body}$body$"


def _trigger(table: str, name: str) -> list[str]:
    does = TRIGGERS[table, name].format(table)
    return [f"DROP TRIGGER IF EXISTS {name} ON {table}", f"CREATE TRIGGER {name} {does}"]


INSTALL = [
    "DROP TYPE IF EXISTS ledger_draft CASCADE",
    f"CREATE TYPE ledger_draft AS ({DRAFT})",
    "DROP TABLE IF EXISTS ledger_staged",
    STAGED,
    *map(_function, FUNCTIONS),
    *(statement for table, name in TRIGGERS for statement in _trigger(table, name)),
]
REMOVE = [
    *(f"DROP TRIGGER IF EXISTS {name} ON {table}" for table, name in TRIGGERS),
    *(f"DROP FUNCTION IF EXISTS {name}" for name in FUNCTIONS),
    "DROP TYPE IF EXISTS ledger_draft",
    "DROP TABLE IF EXISTS ledger_staged",
]
