"""What the database itself refuses, and the one function through which everything is posted: SQL, installed by the migrations.

These stand in plain SQL and not in a model's Meta, because no session setting may pass them over. Who changes a text here adds a
migration that runs `INSTALL` again; `verify_ledger` holds the catalogue against these very texts. All run with their owner's
rights: the portal's role reads the books and calls `ledger_post`, it writes no row of them itself.

A refusal has the SQLSTATE `MG001` and words for a clerk.
"""

from __future__ import annotations

from ledger.journal import CASH, COMPANY_TOPUP

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

# --- entries: whole from the start, in an open period, a reversal mirrors its original

ENTRY = f"""
DECLARE
    closed_through date;
    wrong record;
BEGIN
    IF NOT EXISTS (SELECT FROM fresh) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared({CLOSING}, 0);  -- whoever closes a period waits for us, and we for them
    SELECT max(last_day) INTO closed_through FROM ledger_period WHERE closed_at IS NOT NULL;
    SELECT reference, effective_on INTO wrong FROM fresh WHERE effective_on <= closed_through ORDER BY id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: the books are closed through %, and % is in a closed period; post it on a later day',
            wrong.reference, closed_through, wrong.effective_on USING ERRCODE = 'MG001';
    END IF;
    SELECT reference, transfer_count, present INTO wrong
      FROM (SELECT *, (SELECT count(*) FROM ledger_transfer t WHERE t.entry_id = fresh.id) AS present FROM fresh) AS entry
     WHERE present <> transfer_count ORDER BY id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: the entry announces % transfers and has %; both are written by one statement',
            wrong.reference, wrong.transfer_count, wrong.present USING ERRCODE = 'MG001';
    END IF;
    IF EXISTS (SELECT FROM fresh WHERE reverses_id IS NOT NULL) THEN
        SELECT fresh.reference, original.reference AS reversed INTO wrong
          FROM fresh JOIN ledger_journalentry original ON original.id = fresh.reverses_id
         WHERE original.reverses_id IS NOT NULL OR original.transfer_count <> fresh.transfer_count OR EXISTS (
               SELECT FROM ledger_transfer one
                WHERE one.entry_id = original.id AND NOT EXISTS (
                      SELECT FROM ledger_transfer back
                       WHERE (back.entry_id, back.line) = (fresh.id, one.line)
                         AND (back.debit_id, back.credit_id, back.amount) = (one.credit_id, one.debit_id, one.amount)))
         ORDER BY fresh.id LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '% does not mirror %: same lines, debit and credit swapped, and a reversal is not reversed',
                wrong.reference, quote_literal(wrong.reversed) USING ERRCODE = 'MG001';
        END IF;
    END IF;
    RETURN NULL;
END
"""

# --- transfers: of the entry's own statement, of the asset's decimals; and the balances they make

TRANSFER = f"""
DECLARE
    wrong record;
    mine integer;
BEGIN
    IF NOT EXISTS (SELECT FROM fresh) THEN
        RETURN NULL;
    END IF;
    SELECT entry.reference, fresh.line, entry.transfer_count INTO wrong
      FROM fresh JOIN ledger_journalentry entry ON entry.id = fresh.entry_id
     WHERE fresh.line NOT BETWEEN 1 AND entry.transfer_count ORDER BY fresh.id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: the entry announces % transfers and gets number %; nothing is added to an entry',
            wrong.reference, wrong.transfer_count, wrong.line USING ERRCODE = 'MG001';
    END IF;
    SELECT entry.reference, trim_scale(fresh.amount) AS amount, asset.code, asset.decimals INTO wrong
      FROM fresh JOIN ledger_asset asset ON asset.code = fresh.asset_id
      JOIN ledger_journalentry entry ON entry.id = fresh.entry_id
     WHERE fresh.amount <> round(fresh.amount, asset.decimals) ORDER BY fresh.id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: % % has more than the % decimals of %',
            wrong.reference, wrong.amount, wrong.code, wrong.decimals, wrong.code USING ERRCODE = 'MG001';
    END IF;
    mine := 0;  -- the first part that no other open transaction has; nobody ever waits for a balance
    WHILE NOT pg_try_advisory_xact_lock({PARTS}, mine) LOOP
        mine := mine + 1;
        IF mine = {PARTS_AT_MOST} THEN
            RAISE EXCEPTION 'more than {PARTS_AT_MOST} transactions post at once' USING ERRCODE = 'MG001';
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
"""

# --- periods: proposed, then closed once, with the balances of the day

PERIOD = f"""
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
    PERFORM pg_advisory_xact_lock({CLOSING}, 0);  -- whoever posts is done, and nobody begins
    SELECT max(last_day) INTO closed_through FROM ledger_period WHERE closed_at IS NOT NULL;
    IF NEW.last_day <= closed_through OR NEW.last_day >= (NEW.closed_at AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'Cannot close through %: the books are closed through %, and the day has to be over',
            NEW.last_day, coalesce(closed_through::text, 'no day yet') USING ERRCODE = 'MG001';
    END IF;
    RETURN NEW;
END
"""

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

# --- posting

# Drafts as arrays, side by side: of entries (`originals`: the references they reverse, or ''; `counts`: how many transfers), and of all
# their transfers in order (`nths`: which draft). One draft and a hundred thousand take the same road.
POST_ARGUMENTS = (
    "refs text[], categories text[], days date[], descriptions text[], originals text[], counts integer[], "
    "nths integer[], lines integer[], debits text[], credits text[], amounts numeric[], assets text[], "
    "poster integer, posted timestamptz"
)
POST = """
#variable_conflict use_column
DECLARE
    takes text[];
    first text;
    short record;
    wrong record;
    written bigint;
BEGIN
    IF cardinality(refs) > 100 THEN
        SET LOCAL plan_cache_mode = force_custom_plan;  -- joins by hash; for a few, the plan that is there
    END IF;
    IF EXISTS (SELECT FROM (SELECT DISTINCT name, code FROM unnest(debits || credits, assets || assets) AS leg (name, code)) AS wanted
                WHERE NOT EXISTS (SELECT FROM ledger_account WHERE (name, asset_id) = (wanted.name, wanted.code))) THEN
        INSERT INTO ledger_asset (code, decimals) SELECT DISTINCT code, 8 FROM unnest(assets) AS code ORDER BY code
            ON CONFLICT DO NOTHING;  -- an asset met for the first time is a coin until somebody says otherwise (rules §1)
        INSERT INTO ledger_account (name, asset_id)
        SELECT DISTINCT name, code FROM unnest(debits || credits, assets || assets) AS leg (name, code) ORDER BY name, code
            ON CONFLICT DO NOTHING;
    END IF;

    -- Whoever takes from the fund waits for whoever took before; whoever brings something waits for nobody.
    takes := ARRAY(
        SELECT DISTINCT move.asset FROM unnest(debits, credits, assets) AS move (debit, credit, asset)
          JOIN ledger_account debit ON (debit.name, debit.asset_id) = (move.debit, move.asset)
          JOIN ledger_account credit ON (credit.name, credit.asset_id) = (move.credit, move.asset)
         WHERE credit.available AND NOT debit.available ORDER BY move.asset);
    IF takes <> '{}' THEN
        PERFORM FROM ledger_asset WHERE code = ANY (takes) ORDER BY code FOR NO KEY UPDATE;
        -- What the fund would lack at the deepest point, draft by draft, is the company's to bring first (S3-6).
        FOR short IN
            WITH new AS (
                SELECT move.nth, move.asset,
                       sum(amount * (credit.available::integer - debit.available::integer)) AS falls
                  FROM unnest(nths, debits, credits, amounts, assets) AS move (nth, debit, credit, amount, asset)
                  JOIN ledger_account debit ON (debit.name, debit.asset_id) = (move.debit, move.asset)
                  JOIN ledger_account credit ON (credit.name, credit.asset_id) = (move.credit, move.asset)
                 WHERE NOT EXISTS (SELECT FROM ledger_journalentry WHERE reference = refs[move.nth])
                 GROUP BY move.nth, move.asset
            ), deepest AS (
                SELECT asset, max(fallen) AS fallen
                  FROM (SELECT asset, sum(falls) OVER (PARTITION BY asset ORDER BY nth) AS fallen FROM new) AS walked
                 WHERE asset = ANY (takes) GROUP BY asset
            )
            SELECT (SELECT min(nth) FROM new) AS nth, asset, fallen - coalesce((
                       SELECT sum(debits - credits) FROM ledger_balance JOIN ledger_account account ON account.id = account_id
                        WHERE available AND asset_id = asset), 0) AS amount
              FROM deepest WHERE fallen > 0 ORDER BY asset
        LOOP
            IF short.amount > 0 THEN
                first := refs[short.nth];
                PERFORM ledger_post(
                    ARRAY[first || '/topup-' || short.asset], ARRAY['company_topup'], days[short.nth:short.nth],
                    ARRAY['The company tops up the fund for ' || first], ARRAY[''], ARRAY[1],
                    ARRAY[1], ARRAY[1], ARRAY['CASH'], ARRAY['COMPANY_TOPUP'], ARRAY[short.amount], ARRAY[short.asset],
                    poster, posted);
            END IF;
        END LOOP;
    END IF;

    WITH draft AS (
        SELECT * FROM unnest(refs, categories, days, descriptions, originals, counts)
               WITH ORDINALITY AS draft (reference, category, day, description, original, count, nth)
    ), entry AS (
        INSERT INTO ledger_journalentry
               (reference, category, effective_on, description, reverses_id, transfer_count, posted_at, posted_by_id)
        SELECT reference, category, day, description,
               (SELECT id FROM ledger_journalentry WHERE reference = nullif(draft.original, '')), count, posted, poster
          FROM draft WHERE NOT EXISTS (SELECT FROM ledger_journalentry known WHERE known.reference = draft.reference)
         ORDER BY nth
            ON CONFLICT (reference) DO NOTHING  -- a twin that is being posted this moment is waited for
        RETURNING id, reference
    )
    INSERT INTO ledger_transfer (entry_id, line, debit_id, credit_id, amount, asset_id)
    SELECT entry.id, move.line, debit.id, credit.id, move.amount, move.asset
      FROM entry JOIN draft USING (reference)
      JOIN unnest(nths, lines, debits, credits, amounts, assets) AS move (nth, line, debit, credit, amount, asset) USING (nth)
      JOIN ledger_account debit ON (debit.name, debit.asset_id) = (move.debit, move.asset)
      JOIN ledger_account credit ON (credit.name, credit.asset_id) = (move.credit, move.asset)
     ORDER BY entry.id, move.line;
    GET DIAGNOSTICS written = ROW_COUNT;

    IF written < cardinality(amounts) THEN  -- some were in the books: as the same facts?
        SELECT entry.reference, entry.description INTO wrong
          FROM unnest(refs, categories, days, descriptions, originals, counts)
               AS draft (reference, category, day, description, original, count)
          JOIN ledger_journalentry entry USING (reference)
          LEFT JOIN ledger_journalentry original ON original.id = entry.reverses_id
         WHERE (entry.category, entry.effective_on, entry.description, coalesce(original.reference, ''), entry.transfer_count)
               IS DISTINCT FROM (draft.category, day, draft.description, draft.original, draft.count)
        UNION ALL
        SELECT entry.reference, entry.description
          FROM unnest(nths, lines, debits, credits, amounts, assets) AS move (nth, line, debit, credit, amount, asset)
          JOIN ledger_journalentry entry ON entry.reference = refs[move.nth]
          LEFT JOIN ledger_transfer transfer ON (transfer.entry_id, transfer.line) = (entry.id, move.line)
          LEFT JOIN ledger_account debit ON debit.id = transfer.debit_id
          LEFT JOIN ledger_account credit ON credit.id = transfer.credit_id
         WHERE (debit.name, credit.name, transfer.amount, transfer.asset_id)
               IS DISTINCT FROM (move.debit, move.credit, move.amount, move.asset)
         LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '% is already in the books as another fact: %', quote_literal(wrong.reference), wrong.description
                USING ERRCODE = 'MG001';
        END IF;
    END IF;
    RETURN QUERY
    SELECT entry.reference::text, entry.id, entry.reverses_id, entry.posted_at, entry.posted_by_id
      FROM unnest(refs) AS draft (reference) JOIN ledger_journalentry entry USING (reference);
END
""".replace("'CASH'", f"'{CASH}'").replace("'COMPANY_TOPUP'", f"'{COMPANY_TOPUP}'")

# --- the catalogue of all this

RETURNS = {
    "ledger_post": "TABLE (reference text, id bigint, reverses_id bigint, posted_at timestamptz, posted_by_id integer)"
}
FUNCTIONS = {  # name: (arguments, text)
    "ledger_refuse": ("", REFUSE),
    "ledger_asset_stays": ("", ASSET),
    "ledger_entry_is_whole": ("", ENTRY),
    "ledger_transfer_counts": ("", TRANSFER),
    "ledger_period_closes": ("", PERIOD),
    "ledger_period_closed": ("", CLOSED),
    "ledger_post": (POST_ARGUMENTS, POST),
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
    ("ledger_journalentry", "is_whole"): (
        "AFTER INSERT ON {} REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_is_whole()"
    ),
    ("ledger_transfer", "counts"): (
        "AFTER INSERT ON {} REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_transfer_counts()"
    ),
    ("ledger_period", "closes"): (
        "BEFORE INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION ledger_period_closes()"
    ),
    ("ledger_period", "closed"): "AFTER UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION ledger_period_closed()",
}
KEYS = {  # a transfer's accounts are of its own asset
    f"transfer_{side}_of_its_asset": f"({side}_id, asset_id) REFERENCES ledger_account (id, asset_id)"
    for side in ("debit", "credit")
}


def _function(name: str) -> str:
    arguments, body = FUNCTIONS[name]
    settings = "SET search_path = public, pg_temp"
    if name in RETURNS:
        settings += " SET plan_cache_mode = auto"  # whatever the body sets, it sets for itself
    returns = RETURNS.get(name, "trigger")
    head = f"CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS {returns}"
    return f"{head} LANGUAGE plpgsql SECURITY DEFINER {settings} AS $body${body}$body$"


def _trigger(table: str, name: str) -> list[str]:
    does = TRIGGERS[table, name].format(table)
    return [f"DROP TRIGGER IF EXISTS {name} ON {table}", f"CREATE TRIGGER {name} {does}"]


INSTALL = [
    *map(_function, FUNCTIONS),
    *(statement for table, name in TRIGGERS for statement in _trigger(table, name)),
]
REMOVE = [
    *(f"DROP TRIGGER IF EXISTS {name} ON {table}" for table, name in TRIGGERS),
    *(f"DROP FUNCTION IF EXISTS {name}" for name in FUNCTIONS),
]
