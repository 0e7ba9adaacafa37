"""A generated outage of any size: the same numbers give the same rows, whatever the plan.

Every chance is a hash of the row's number, so nothing depends on the order in which rows are made. The shape is that of S1:
fifty instruments, four orders a claim (more for some), closes before, in and after the outage, TP/SL, open orders, contacts in
time and late, evidence in every state, crossed quotes.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import django
import psycopg
from django.db import connection
from django.utils import timezone

django.setup()

from bench.size import Size
from claims import workflow
from claims.terms import PRESETS
from incidents.models import Incident, OutageWindow

INSTRUMENTS = 50
INVERSE_FROM = 41  # the last ten are inverse
START = datetime(2022, 11, 16, 14, 9, tzinfo=UTC)
END = datetime(2022, 11, 16, 15, 30, tzinfo=UTC)
REFERENCE = "BENCH"


CHANCE = """
CREATE FUNCTION pg_temp.chance(n bigint, salt bigint) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT (hashint8extended(n, salt) >> 11 & 9007199254740991)::double precision / 9007199254740992'
"""
LEVEL = "(0.5 * power(1.25, %s))"  # of instrument 1 to 50: from half a dollar to 35,000

# Of customer n: a given name of two syllables and a family name of three, so that few of a million share a name.
SYLLABLES = "('{an,bo,ca,dri,el,fa,gu,hen,is,ju,ka,lo,mar,ni,os,pe,ra,su,ti,ver,wen,xi,ya,zo}'::text[])"
GIVEN, FAMILY = (
    " || ".join(f"{SYLLABLES}[1 + floor(24 * pg_temp.chance(n, {salt}))::int]" for salt in salts)
    for salts in ((60, 61), (62, 63, 64))
)

MARKET = """
INSERT INTO incidents_asset (code, decimals) VALUES ('USDT', 2), ('USD', 2) ON CONFLICT DO NOTHING;
INSERT INTO incidents_asset (code, decimals) SELECT 'C' || lpad(n::text, 2, '0'), 8 FROM generate_series(1, 50) n;
INSERT INTO incidents_instrument (id, symbol, product, margin, base_id, quote_id, settle_id, contract_value, liquidation_fee_rate)
SELECT n, base || quote, 'standard', CASE quote WHEN 'USD' THEN 'inverse' ELSE 'linear' END, base, quote,
       CASE quote WHEN 'USD' THEN base ELSE quote END, CASE quote WHEN 'USD' THEN 100 ELSE 1 END, 0.005
  FROM (SELECT n, 'C' || lpad(n::text, 2, '0') AS base, CASE WHEN n < %(inverse_from)s THEN 'USDT' ELSE 'USD' END AS quote
          FROM generate_series(1, %(instruments)s) n) AS listed
"""

# From 13:50 to 15:50, each instrument on its own wave; three in a thousand quotes are crossed.
QUOTES = f"""
INSERT INTO incidents_quote (id, instrument_id, at, bid, ask)
SELECT id, instrument, '2022-11-16 13:50Z'::timestamptz + (place + pg_temp.chance(id, 1)) * step, bid,
       round(bid * CASE WHEN pg_temp.chance(id, 2) < 0.003 THEN 0.9999 ELSE 1.0002 END, 6)
  FROM (SELECT n + 1 AS id, 1 + n %% %(instruments)s AS instrument, n / %(instruments)s AS place,
               interval '2 hours' * %(instruments)s / %(quotes)s AS step,
               round(({LEVEL % f"(1 + n %% {INSTRUMENTS})"} * (1 + 0.02 * sin(12.0 * n / %(quotes)s + n %% %(instruments)s)
                     + 0.002 * pg_temp.chance(n, 3)))::numeric, 6) AS bid
          FROM generate_series(0::bigint, %(quotes)s - 1) n) AS walk
"""  # noqa: S608 our own numbers

PEOPLE = f"""
INSERT INTO incidents_customer (id, code, name, email, language)
SELECT n, 'customer-' || n, initcap({GIVEN} || ' ' || {FAMILY}), 'c' || n || '@example.com',
       CASE n %% 2 WHEN 0 THEN 'en' ELSE 'zh' END
  FROM generate_series(1, %(claims)s) n;
INSERT INTO incidents_account (id, code, customer_id)
SELECT 2 * n + second, 'account-' || n || '-' || second, n
  FROM generate_series(1, %(claims)s) n, generate_series(0, n %% 2) second
"""  # noqa: S608

# Closes: 5 % before the outage, 45 % in it, 25 % in the hour after, the rest later or never. A fifth are opened inside it.
ORDERS = f"""
INSERT INTO incidents_order (id, order_id, leg, customer_id, account_id, instrument_id, side, quantity, entry_price, opened_at,
       exit_price, closed_at, close_reason, take_profit, stop_loss, tpsl_set_at, tpsl_cancelled_at, realized_pnl,
       liquidation_fee, bankruptcy_cover)
SELECT n, 'order-' || n, '1', customer, 2 * customer + n %% 2 * (customer %% 2), instrument, side,
       CASE WHEN instrument < %(inverse_from)s THEN
           round((0.01 + 2 * pg_temp.chance(n, 10))::numeric, 4) ELSE 1 + floor(50 * pg_temp.chance(n, 10)) END,
       entry, opened, CASE WHEN closed IS NOT NULL THEN round((entry * (1 + sign * move))::numeric, 6) END, closed,
       CASE WHEN closed IS NULL THEN '' WHEN liquidated THEN 'liquidation'
            ELSE (ARRAY['user', 'take_profit', 'stop_loss', 'adl'])[1 + floor(3.2 * pg_temp.chance(n, 11))] END,
       CASE WHEN tpsl < 0.08 THEN entry * 2 END, CASE WHEN tpsl BETWEEN 0.05 AND 0.12 THEN entry / 2 END,
       CASE WHEN tpsl < 0.09 THEN opened + (coalesce(closed, opened) - opened) * pg_temp.chance(n, 12) END,
       CASE WHEN tpsl BETWEEN 0.03 AND 0.06 THEN opened + interval '1 hour' END, NULL,
       CASE WHEN liquidated THEN round((entry * 0.005)::numeric, 8) ELSE 0 END,
       CASE WHEN liquidated AND pg_temp.chance(n, 13) < 0.05 THEN round((5 * pg_temp.chance(n, 14))::numeric, 2) ELSE 0 END
  FROM (SELECT n, 1 + floor(%(claims)s * pg_temp.chance(n, 20))::bigint AS customer,
               1 + floor(%(instruments)s * pg_temp.chance(n, 21))::int AS instrument, side, sign, closed, tpsl,
               closed BETWEEN %(start)s AND %(end)s AND pg_temp.chance(n, 22) < 0.85 AS liquidated,
               least(closed - interval '1 minute', CASE WHEN pg_temp.chance(n, 23) < 0.2
                     THEN %(start)s + interval '80 minutes' * pg_temp.chance(n, 24)
                     ELSE %(start)s - interval '72 hours' * pg_temp.chance(n, 24) END) AS opened,
               round(({LEVEL % "(1 + floor(50 * pg_temp.chance(n, 21)))"} * (0.97 + 0.06 * pg_temp.chance(n, 25)))::numeric, 6)
                   AS entry, CASE WHEN pg_temp.chance(n, 26) < 0.68 THEN -0.04 ELSE 0.03 END * pg_temp.chance(n, 27) AS move
          FROM (SELECT n, pg_temp.chance(n, 31) AS tpsl,
                       CASE WHEN pg_temp.chance(n, 32) < 0.5 THEN 'long' ELSE 'short' END AS side,
                       CASE WHEN pg_temp.chance(n, 32) < 0.5 THEN 1 ELSE -1 END AS sign,
                       CASE WHEN later < 0.05 THEN %(start)s - interval '5 hours' * within
                            WHEN later < 0.50 THEN %(start)s + (%(end)s - %(start)s) * within
                            WHEN later < 0.75 THEN %(end)s + interval '1 hour' * within
                            WHEN later < 0.88 THEN %(end)s + interval '24 hours' * within
                            WHEN later < 0.93 THEN %(end)s + interval '24 hours' + interval '48 hours' * within END AS closed
                  FROM (SELECT n, pg_temp.chance(n, 33) AS later, pg_temp.chance(n, 34) AS within
                          FROM generate_series(1::bigint, %(orders)s) n) AS a) AS b) AS c
"""  # noqa: S608

CASES = """
INSERT INTO claims_claim (id, incident_id, customer_id, status, revision, submitted_at)
SELECT n, %(incident)s, n, 'submitted', 0, %(end)s FROM generate_series(1, %(claims)s) n;
INSERT INTO claims_contact (claim_id, channel, contacted_at, account, order_ids, message, ticket)
SELECT n, (ARRAY['chat', 'email', 'web'])[1 + n %% 3], CASE WHEN pg_temp.chance(n, 40 + again) < 0.95
           THEN %(start)s + interval '20 hours' * pg_temp.chance(n, 42 + again) ELSE %(end)s + interval '30 hours' END,
       '', '{}', 'I could not close my position.', 'T-' || n || '-' || again
  FROM generate_series(1, %(claims)s) n, generate_series(0, (n %% 3 = 0)::int) again;
INSERT INTO claims_evidence (claim_id, kind, name, content_type, size, sha256, original, preview, device, findings, status,
       ground, reason, received_at, inspected_at, reviewed_at)
SELECT n, 'screenshot', 'login.png', 'image/png', 1, md5(n::text) || md5((-n)::text), 'none', '', '', '{}', status,
       '', CASE status WHEN 'received' THEN '' ELSE 'seen' END, %(end)s, %(end)s, CASE WHEN status <> 'received' THEN %(end)s END
  FROM (SELECT n, CASE WHEN pg_temp.chance(n, 51) < 0.6 THEN 'accepted' WHEN pg_temp.chance(n, 51) < 0.8 THEN 'received'
                       ELSE 'rejected' END AS status
          FROM generate_series(1, %(claims)s) n WHERE pg_temp.chance(n, 50) < 0.3) AS shown
"""
FILLED = (
    "incidents_instrument",
    "incidents_quote",
    "incidents_customer",
    "incidents_account",
    "incidents_order",
    "claims_claim",
)


def describe(now: datetime):
    """The incident with its outage window and its policy in force, made by the portal's own verbs."""
    incident = Incident.objects.create(
        reference=REFERENCE, title="Generated outage", declared_at=now, status="published", published_at=now
    )
    OutageWindow.objects.create(incident=incident, starts_at=START, ends_at=END)
    workflow.publish_policy(workflow.draft_policy(incident, PRESETS["s1-btcc"].read_text(), now=now), now=now)
    return incident


def fill(superuser: psycopg.Connection, size: Size, incident: int) -> None:
    """Fill an empty, migrated database: a superuser's connection, so that a million foreign keys need no checking."""
    values = {"orders": size.orders, "claims": size.claims, "quotes": size.quotes, "instruments": INSTRUMENTS,
              "inverse_from": INVERSE_FROM, "start": START, "end": END, "incident": incident}  # fmt: skip
    superuser.execute(CHANCE)
    superuser.execute("SET session_replication_role = replica")
    for part in (MARKET, QUOTES, PEOPLE, ORDERS, CASES):
        for statement in part.split(";\n"):
            psycopg.ClientCursor(superuser).execute(statement, values)
    superuser.execute("SET session_replication_role = origin")
    for table in FILLED:
        superuser.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")  # noqa: S608
    superuser.execute("VACUUM ANALYZE")


def main(orders: int) -> None:
    incident = describe(timezone.now())
    settings = connection.settings_dict
    options = settings["OPTIONS"]
    with psycopg.connect(
        host=settings["HOST"], dbname=settings["NAME"], user="postgres", autocommit=True, **options
    ) as superuser:
        fill(superuser, Size(orders), incident.pk)


if __name__ == "__main__":
    main(int(sys.argv[1]))
