"""The database's own functions for posting, in PL/pgSQL: what `ledger.posting` calls. Installed with the laws (laws.py)."""

from __future__ import annotations

from ledger.journal import CASH, COMPANY_TOPUP

# What is to be posted: a row for each transfer, with the words of its entry beside it; `nth` is the entry's turn, `original` the
# reference that it reverses or ''. One transfer and a hundred thousand take the same road.
DRAFT = """
    nth integer, reference text, category text, day date, description text, original text, transfers integer,
    line integer, debit text, credit text, amount numeric, asset text
"""
# An account is opened by the first who posts to it; an asset met for the first time is a coin until somebody says otherwise
# (rules §1).
OPEN = """
BEGIN
    INSERT INTO ledger_asset (code, decimals)
    SELECT DISTINCT asset, 8 FROM unnest(drafts) AS draft ORDER BY asset ON CONFLICT DO NOTHING;
    INSERT INTO ledger_account (name, asset_id)
    SELECT DISTINCT name, asset FROM unnest(drafts) AS draft CROSS JOIN LATERAL (VALUES (debit), (credit)) AS side (name)
     ORDER BY name, asset ON CONFLICT DO NOTHING;
END
"""

# Whoever takes from the fund, or pays what it owes, waits for whoever did before; whoever brings something waits for nobody.
# No more is paid than is owed; what the fund would lack at the deepest point, entry by entry, the company brings first (S3-6).
SECURE = """
#variable_conflict use_column
DECLARE
    wrong record;
    short record;
BEGIN
    PERFORM FROM ledger_asset WHERE code = ANY (takes) ORDER BY code FOR NO KEY UPDATE;
    SELECT * INTO wrong
      FROM (SELECT nth, reference, name, asset, sum(amount * side) OVER (PARTITION BY name, asset ORDER BY nth, line) AS paid
              FROM unnest(drafts) AS draft CROSS JOIN LATERAL (VALUES (debit, 1), (credit, -1)) AS leg (name, side)
             WHERE name LIKE 'Liabilities:%' AND asset = ANY (takes) AND NOT EXISTS (
                   SELECT FROM ledger_journalentry known WHERE known.reference = draft.reference)) AS walked
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(credits - debits), 0) AS owed
             FROM ledger_balance JOIN ledger_account account ON account.id = account_id
            WHERE (account.name, asset_id) = (walked.name, asset)) AS balance
     WHERE paid > owed ORDER BY nth LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: % % more than % owes would be paid or taken back',
            wrong.reference, trim_scale(wrong.paid - wrong.owed), wrong.asset, wrong.name USING ERRCODE = 'MG001';
    END IF;
    FOR short IN
        WITH falling AS (
            SELECT nth, draft.asset, sum(amount * (credit.available::integer - debit.available::integer)) AS falls
              FROM unnest(drafts) AS draft
              JOIN ledger_account debit ON (debit.name, debit.asset_id) = (draft.debit, draft.asset)
              JOIN ledger_account credit ON (credit.name, credit.asset_id) = (draft.credit, draft.asset)
             WHERE NOT EXISTS (SELECT FROM ledger_journalentry known WHERE known.reference = draft.reference)
             GROUP BY nth, draft.asset
        ), deepest AS (
            SELECT asset, max(fallen) AS fallen
              FROM (SELECT asset, sum(falls) OVER (PARTITION BY asset ORDER BY nth) AS fallen FROM falling) AS walked
             WHERE asset = ANY (takes) GROUP BY asset
        ), lacking AS (
            SELECT asset, fallen - coalesce((
                       SELECT sum(debits - credits) FROM ledger_balance JOIN ledger_account account ON account.id = account_id
                        WHERE available AND asset_id = asset), 0) AS amount
              FROM deepest WHERE fallen > 0
        )
        SELECT draft.reference, draft.day, lacking.asset, lacking.amount
          FROM lacking JOIN unnest(drafts) AS draft ON draft.line = 1 AND draft.nth = (SELECT min(nth) FROM falling)
         WHERE lacking.amount > 0 ORDER BY lacking.asset
    LOOP
        PERFORM ledger_post(
            ARRAY[(1, short.reference || '/topup-' || short.asset, 'company_topup', short.day,
                   'The company tops up the fund for ' || short.reference, '', 1,
                   1, 'CASH', 'COMPANY_TOPUP', short.amount, short.asset)::ledger_draft], poster, posted);
    END LOOP;
END
""".replace("'CASH'", f"'{CASH}'").replace("'COMPANY_TOPUP'", f"'{COMPANY_TOPUP}'")
TAKES = "(credit.available AND NOT debit.available OR debit.name LIKE 'Liabilities:%')"

# The everyday posting, one transfer that takes nothing from the fund: its entry's number, or NULL for whatever is not that or is
# in the books already; that goes the long road below.
ONE = """
    reference text, category text, day date, description text, debit_name text, credit_name text, amount numeric, asset text,
    poster integer, posted timestamptz
"""
POST_ONE = """
#variable_conflict use_variable
DECLARE
    debited bigint;
    credited bigint;
    written bigint;
BEGIN
    SELECT debit.id, credit.id INTO debited, credited FROM ledger_account debit, ledger_account credit
     WHERE (debit.name, debit.asset_id) = (debit_name, asset) AND (credit.name, credit.asset_id) = (credit_name, asset)
       AND NOT TAKES AND amount = round(amount, 8);
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    WITH entry AS (
        INSERT INTO ledger_journalentry
               (reference, category, effective_on, description, transfer_count, posted_at, posted_by_id)
        VALUES (reference, category, day, description, 1, posted, poster)
            ON CONFLICT ON CONSTRAINT ledger_journalentry_reference_key DO NOTHING RETURNING id
    )
    INSERT INTO ledger_transfer (entry_id, line, debit_id, credit_id, amount, asset_id)
    SELECT id, 1, debited, credited, amount, asset FROM entry RETURNING entry_id INTO written;
    RETURN written;
END
""".replace("TAKES", TAKES)

COLUMNS = ", ".join(column.split()[0] for column in DRAFT.split(","))
POST = """
#variable_conflict use_column
DECLARE
    unknown boolean;
    finer boolean;
    takes text[];
    wanted bigint;
    written bigint := 0;
    new ledger_draft[] := drafts;
    wrong record;
BEGIN
    IF cardinality(drafts) > 100 THEN  -- joins by hash, and nothing tried that is there; for a few, the plan that is there
        SET LOCAL plan_cache_mode = force_custom_plan;
        SET LOCAL enable_seqscan = on;
        new := ARRAY(SELECT draft FROM unnest(drafts) AS draft
                      WHERE NOT EXISTS (SELECT FROM ledger_journalentry known WHERE known.reference = draft.reference));
    END IF;
    SELECT bool_or(debit.id IS NULL OR credit.id IS NULL), count(*) FILTER (WHERE line = 1),
           array_agg(DISTINCT draft.asset) FILTER (WHERE TAKES), bool_or(amount <> round(amount, 8))
      INTO unknown, wanted, takes, finer
      FROM unnest(drafts) AS draft
      LEFT JOIN ledger_account debit ON (debit.name, debit.asset_id) = (draft.debit, draft.asset)
      LEFT JOIN ledger_account credit ON (credit.name, credit.asset_id) = (draft.credit, draft.asset);
    IF unknown THEN
        PERFORM ledger_open(drafts);
        SELECT array_agg(DISTINCT draft.asset) FILTER (WHERE TAKES) INTO takes
          FROM unnest(drafts) AS draft
          JOIN ledger_account debit ON (debit.name, debit.asset_id) = (draft.debit, draft.asset)
          JOIN ledger_account credit ON (credit.name, credit.asset_id) = (draft.credit, draft.asset);
    END IF;
    IF finer THEN
        RAISE EXCEPTION 'an amount has more than 8 decimals; no asset has' USING ERRCODE = 'MG001';
    END IF;
    IF takes IS NOT NULL THEN
        PERFORM ledger_secure(drafts, takes, poster, posted);
    END IF;

    RETURN QUERY
    WITH move AS MATERIALIZED (
        SELECT draft.*,  -- looked up and not joined: a join's guess at so few accounts would be one row
               (SELECT id FROM ledger_account WHERE (name, asset_id) = (debit, asset)) AS debit_id,
               (SELECT id FROM ledger_account WHERE (name, asset_id) = (credit, asset)) AS credit_id
          FROM unnest(new) AS draft
    ), entry AS (
        INSERT INTO ledger_journalentry
               (reference, category, effective_on, description, reverses_id, transfer_count, posted_at, posted_by_id)
        SELECT reference, category, day, description, (SELECT id FROM ledger_journalentry old
                                                        WHERE original <> '' AND old.reference = original),
               transfers, posted, poster
          FROM move WHERE line = 1 ORDER BY nth
            ON CONFLICT (reference) DO NOTHING  -- a twin that is being posted this moment is waited for
        RETURNING id, reference, reverses_id
    ), moved AS (
        INSERT INTO ledger_transfer (entry_id, line, debit_id, credit_id, amount, asset_id)
        SELECT entry.id, line, debit_id, credit_id, amount, asset FROM entry JOIN move USING (reference) ORDER BY entry.id, line
    )
    SELECT reference::text, id, reverses_id, posted, poster FROM entry;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written = wanted THEN
        RETURN;
    END IF;

    -- The others are in the books already: as the same facts?
    SELECT entry.reference, entry.description INTO wrong
      FROM unnest(drafts) AS draft
      JOIN ledger_journalentry entry USING (reference)
      LEFT JOIN ledger_journalentry original ON original.id = entry.reverses_id
      LEFT JOIN ledger_transfer transfer ON (transfer.entry_id, transfer.line) = (entry.id, draft.line)
      LEFT JOIN ledger_account debit ON debit.id = transfer.debit_id
      LEFT JOIN ledger_account credit ON credit.id = transfer.credit_id
     WHERE (entry.category, entry.effective_on, entry.description, coalesce(original.reference, ''), entry.transfer_count)
           IS DISTINCT FROM (draft.category, draft.day, draft.description, draft.original, draft.transfers)
        OR (debit.name, credit.name, transfer.amount, transfer.asset_id)
           IS DISTINCT FROM (draft.debit, draft.credit, draft.amount, draft.asset)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is already in the books as another fact: %', quote_literal(wrong.reference), wrong.description
            USING ERRCODE = 'MG001';
    END IF;
    RETURN QUERY
    SELECT entry.reference::text, entry.id, entry.reverses_id, entry.posted_at, entry.posted_by_id
      FROM unnest(drafts) AS draft JOIN ledger_journalentry entry USING (reference) WHERE draft.line = 1;
END
""".replace("TAKES", TAKES)

# What a query selects is staged here, in a table of the owner's that is not logged: the function below works with the owner's
# rights and must not read a relation that its caller made.
STAGED = f"CREATE UNLOGGED TABLE ledger_staged (batch xid8 NOT NULL DEFAULT pg_current_xact_id(), {DRAFT})"

# The same for what this transaction staged, a row an entry of one transfer: what a file brings, at the speed of a copy. What is
# in the books already goes the other road, which holds it against them.
POST_STAGED = """
#variable_conflict use_column
DECLARE
    mine CONSTANT xid8 := pg_current_xact_id();
    takes text[];
    staged bigint;
    fresh bigint;
BEGIN
    PERFORM ledger_open(ARRAY(
        SELECT (1, '', '', NULL, '', '', 1, 1, debit, credit, 0, asset)::ledger_draft
          FROM ledger_staged WHERE batch = mine GROUP BY debit, credit, asset));
    CREATE TEMP TABLE posting ON COMMIT DROP AS
    SELECT draft.*, debit.id AS debit_id, credit.id AS credit_id, TAKES AS taking
      FROM ledger_staged AS draft
      JOIN ledger_account debit ON (debit.name, debit.asset_id) = (draft.debit, draft.asset)
      JOIN ledger_account credit ON (credit.name, credit.asset_id) = (draft.credit, draft.asset)
     WHERE batch = mine AND NOT EXISTS (SELECT FROM ledger_journalentry known WHERE known.reference = draft.reference)
     ORDER BY nth;
    GET DIAGNOSTICS fresh = ROW_COUNT;
    staged := (SELECT count(*) FROM ledger_staged WHERE batch = mine);
    IF fresh < staged THEN
        PERFORM ledger_post(ARRAY(
            SELECT (COLUMNS)::ledger_draft FROM ledger_staged AS draft
             WHERE batch = mine AND EXISTS (SELECT FROM ledger_journalentry known WHERE known.reference = draft.reference)),
            poster, posted);
    END IF;
    IF EXISTS (SELECT FROM pg_temp.posting WHERE amount <> round(amount, 8)) THEN
        RAISE EXCEPTION 'an amount has more than 8 decimals; no asset has' USING ERRCODE = 'MG001';
    END IF;
    takes := ARRAY(SELECT DISTINCT asset FROM pg_temp.posting WHERE taking);
    IF takes <> '{}' THEN
        PERFORM ledger_secure(
            ARRAY(SELECT (COLUMNS)::ledger_draft FROM pg_temp.posting WHERE asset = ANY (takes)), takes, poster, posted);
    END IF;
    WITH numbered AS MATERIALIZED (
        SELECT nextval('ledger_journalentry_id_seq') AS id, posting.* FROM pg_temp.posting
    ), entry AS (
        INSERT INTO ledger_journalentry
               (id, reference, category, effective_on, description, transfer_count, posted_at, posted_by_id)
        SELECT id, reference, category, day, description, 1, posted, poster FROM numbered
    )
    INSERT INTO ledger_transfer (entry_id, line, debit_id, credit_id, amount, asset_id)
    SELECT id, 1, debit_id, credit_id, amount, asset FROM numbered;
    DROP TABLE pg_temp.posting;
    DELETE FROM ledger_staged WHERE batch = mine;
    RETURN staged;
END
""".replace("TAKES", TAKES).replace("COLUMNS", COLUMNS)
