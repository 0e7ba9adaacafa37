"""A desk in the middle of its work, of any size: claims in every state and lane, in the same shares whatever their number.

Run on an empty, migrated database: `python -m bench.queues.world CLAIMS`. The facts are those of the other bench, one order a
claim; what the desk did with them is written straight into the tables, by chance of the row's number.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import django
import psycopg
from django.utils import timezone

django.setup()

from django.contrib.auth.models import Group, User
from django.db import connection

from bench import world
from claims.assessment import windows_of
from claims.models import Assessment, Team

QUOTES = 150_000  # enough for a page's chart; the queue asks for none
AGENTS, TEAMS = 40, 4
EACH = 250  # claims an agent of a small desk: their own lane fills a page there, too


@dataclass(frozen=True)
class Desk:
    """So many claims, with one order each in the mean."""

    claims: int

    @property
    def orders(self) -> int:
        return self.claims

    @property
    def quotes(self) -> int:
        return min(QUOTES, self.claims * 3)

    @property
    def agents(self) -> int:
        return max(1, min(AGENTS, self.claims // EACH))


VERDICTS = """
INSERT INTO claims_verdict (assessment_id, claim_id, order_id, outcome, clause, reasons, holds, flags, amount, asset)
SELECT %(run)s, o.customer_id, o.id, outcome, CASE outcome WHEN 'pay' THEN 'C1' ELSE '' END, '{}', '{}', '{}',
       CASE outcome WHEN 'pay' THEN round((1 + 400 * pg_temp.chance(o.id, 61))::numeric, 2) ELSE 0 END, i.settle_id
  FROM (SELECT *, (ARRAY['pay', 'pay', 'pay', 'needs_evidence', 'nil', 'excluded'])
                  [1 + floor(6 * pg_temp.chance(id, 60))] AS outcome FROM incidents_order) AS o
  JOIN incidents_instrument i ON i.id = o.instrument_id
"""
# Four in ten claims are over; of the others most are due within two weeks, some are late, some wait for the customer.
CLAIMS = """
UPDATE claims_claim c
   SET assessment_id = %(run)s, status = s.status, submitted_at = s.due - interval '14 days', due_at = s.due,
       assigned_to_id = CASE WHEN pg_temp.chance(id, 71) < 0.4
                             THEN %(first_agent)s + floor(%(agents)s * pg_temp.chance(id, 72)) END,
       team_id = CASE WHEN pg_temp.chance(id, 73) < 0.5 THEN %(first_team)s + floor(%(teams)s * pg_temp.chance(id, 74)) END,
       asked_at = CASE WHEN s.is_open AND pg_temp.chance(id, 75) < 0.02 THEN %(now)s END,
       held_at = CASE WHEN s.status = 'on_hold' THEN %(now)s END,
       escalated_at = CASE WHEN s.is_open AND s.due < %(now)s AND pg_temp.chance(id, 76) < 0.3 THEN %(now)s END
  FROM (SELECT *, status NOT IN ('approved', 'denied', 'withdrawn') AS is_open,
               %(now)s + CASE WHEN status IN ('approved', 'denied', 'withdrawn') THEN -400 * within
                              ELSE 14 * within - 1 END * interval '1 day' AS due
          FROM (SELECT id AS claim, pg_temp.chance(id, 80) AS within,
                       CASE WHEN pg_temp.chance(id, 81) < 0.3 THEN 'approved' WHEN pg_temp.chance(id, 81) < 0.38 THEN 'denied'
                            WHEN pg_temp.chance(id, 81) < 0.4 THEN 'withdrawn' WHEN pg_temp.chance(id, 81) < 0.43 THEN 'submitted'
                            WHEN pg_temp.chance(id, 81) < 0.45 THEN 'on_hold'
                            WHEN EXISTS (SELECT FROM claims_verdict v WHERE v.claim_id = claims_claim.id
                                            AND outcome = 'needs_evidence') THEN 'needs_evidence'
                            ELSE 'assessed' END AS status
                  FROM claims_claim) AS a) AS s
 WHERE s.claim = c.id
"""
OFFERS = """
INSERT INTO claims_offer (claim_id, assessment_id, made_by_id, made_at, answer, note)
SELECT id, %(run)s, %(first_agent)s, %(now)s, '', '' FROM claims_claim
 WHERE status = 'assessed' AND pg_temp.chance(id, 90) < 0.01
"""


def people(number: int) -> tuple[int, int]:
    """So many agents and their teams, with ids one after the other; the first of each."""
    agents = User.objects.bulk_create(User(username=f"agent-{n:02}", is_staff=True) for n in range(number))
    Group.objects.get(name="agent").user_set.add(*agents)
    mia = User.objects.create(username="manager", is_staff=True)
    mia.groups.add(Group.objects.get(name="manager"))
    teams = Team.objects.bulk_create(Team(name=f"Team {n}") for n in range(1, TEAMS + 1))
    for n, agent in enumerate(agents):
        teams[n % TEAMS].members.add(agent)
    return agents[0].pk, teams[0].pk


def work(superuser: psycopg.Connection, values: dict) -> None:
    """What the desk did until now: no trigger looks, so that it takes minutes."""
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(world.CHANCE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    for part in (VERDICTS, CLAIMS, OFFERS):
        for statement in part.split(";\n"):
            psycopg.ClientCursor(superuser).execute(statement, values)
    superuser.execute("SET session_replication_role = origin")
    superuser.execute("VACUUM FULL claims_claim")  # every row was written twice
    superuser.execute("VACUUM ANALYZE")


def main(claims: int) -> None:
    now, desk = timezone.now(), Desk(claims)
    incident = world.describe(now)
    first_agent, first_team = people(desk.agents)
    run = Assessment.objects.create(
        incident=incident,
        policy=incident.policies.get(),
        windows=windows_of(incident),
        requested_at=now,
        finished_at=now,
    )
    values = {"run": run.pk, "now": now, "first_agent": first_agent, "agents": desk.agents, "first_team": first_team,
              "teams": TEAMS}  # fmt: skip
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"], dbname=settings["NAME"], user="postgres", autocommit=True, **settings["OPTIONS"]
    ) as superuser:
        world.fill(superuser, desk, incident.pk)
        work(superuser, values)


if __name__ == "__main__":
    main(int(sys.argv[1]))
