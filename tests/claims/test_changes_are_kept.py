"""Every change by any road leaves exactly one row of history: who, when, from where, what it was and what it became."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pghistory
import pgtrigger
import psycopg
import pytest
from django.contrib.auth.models import Group, Permission
from django.db import DatabaseError, connection, transaction

from claims import recording, workflow
from claims.models import (
    Change,
    Claim,
    Contact,
    ContactFile,
    GivenPrice,
    Letter,
    LetterTemplate,
    Offer,
    OfferLine,
    PayoutBatch,
    PayoutFile,
    PayoutLimit,
    PayoutLine,
    Step,
    Team,
    Verdict,
)
from config import database
from incidents.models import AbnormalRange, LiquidationRatio
from tests import factories as f
from tests.claims.desk import outage, signed_in
from tests.console import done
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db
ROLE = f"hand_of_the_tests_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"  # roles are the whole cluster's
TABLES = sorted(recording.TRACKED)


@pytest.fixture
def ana():
    return f.staff("ana", "agent")


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


@pytest.fixture
def case(mia):
    """A row at least of everything that has a history: Carla's claim, approved, with its bonus, its payout and its letter."""
    incident, max_ = outage(), f.staff("max", "manager")
    f.order("O-1")
    claim = f.claim(incident)
    f.evidence(claim)
    workflow.assess_now(incident, now=NOW)
    claim.refresh_from_db()
    workflow.approve(claim, by=mia, now=NOW)
    workflow.grant_bonuses(incident, by=mia, now=NOW)
    made = {"made_by": mia, "made_at": NOW, "assessment": Claim.objects.get().assessment}
    verdict, amount = Verdict.objects.get(), {"amount": 1, "asset": "USDT"}
    OfferLine.objects.create(
        offer=Offer.objects.create(claim=claim, **made), verdict=verdict, remedy="best_price", **amount
    )
    Step.objects.create(claim=claim, verb="hold", revision=9, reason="the bank called", taken_by=mia, taken_at=NOW)
    batch = PayoutBatch.objects.create(
        incident=incident, asset="USDT", line_count=1, total=1, proposed_by=mia, proposed_at=NOW
    )
    PayoutLine.objects.create(batch=batch, number=1, claim=claim, award=claim.awards.get(), **amount)
    PayoutFile.objects.create(batch=batch, way="to", line_count=1, at=NOW)
    PayoutLimit.objects.create(asset="ETH", per_line=1, per_batch=2, reason="new", set_by=mia, set_at=NOW)
    Letter.objects.create(claim=claim, event="paid", key="paid-1", written_at=NOW)
    LetterTemplate.objects.create(event="paid", language="en", subject="Paid", body="x", changed_by=mia, changed_at=NOW)
    priced = {"instrument": f.instrument(), "bid": 1, "ask": 1, "source": "the vendor", "at": NOW}
    GivenPrice.objects.create(incident=incident, entered_by=mia, entered_at=NOW, **priced)
    Team.objects.create(name="Night desk").members.add(mia)
    ContactFile.objects.create(incident=incident, name="export.csv", found={"first": []}, added_by=mia, added_at=NOW)
    AbnormalRange.objects.create(
        instrument=f.instrument(), starts_at=at("14:10"), ends_at=at("14:11"), reason="spike", marked_at=NOW
    )
    LiquidationRatio.objects.create(effective_at=datetime(2031, 1, 1, tzinfo=UTC), ratio="0.5", source="S4")
    mia.user_permissions.add(Permission.objects.first())
    Group.objects.create(name="trainee").permissions.add(Permission.objects.first())
    return {"claim": claim, "max": max_}


def told(**fields) -> list[tuple]:
    """Kind, operation, old and new of the changes like these, as they came."""
    return list(Change.objects.filter(**fields).order_by("id").values_list("kind", "operation", "old", "new"))


def run(sql: str, params=()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def value(sql: str):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def columns_of(table: str, row: int) -> dict:
    """A row as the database has it."""
    return json.loads(value(f"SELECT to_jsonb(t) FROM {table} t WHERE id = {row}"))  # noqa: S608


# --- every table, every operation


NOT_KEPT = {
    "auth_user": {"password", "last_login"},
    "claims_contactfile": {"found", "claims_created", "contacts_added"},
}


def test_every_row_that_was_added_has_its_one_line(case):
    for table in (table for table in TABLES if "insert" in recording.TRACKED[table].operations):
        newest = value(f"SELECT max(id) FROM {table}")  # noqa: S608
        added = Change.objects.filter(kind=table, object_id=newest, operation="insert")
        assert len(added) == 1, table
        assert added.get().new.keys() == columns_of(table, newest).keys() - NOT_KEPT.get(table, set()), table
        assert added.get().old is None


CHANGES = {
    "claims_claim": ("submitted_at", "2030-01-01T00:00:00+00:00"),
    "claims_contact": ("message", "x"),
    "claims_evidence": ("name", "x"),
    "claims_step": ("reason", "x"),
    "claims_offer": ("note", "x"),
    "claims_offerline": ("asset", "x"),
    "claims_decision": ("reason", "x"),
    "claims_award": ("asset", "x"),
    "claims_compensation": ("number", 9),
    "claims_bonus": ("asset", "x"),
    "claims_payoutline": ("account", "x"),
    "claims_letter": ("subject", "x"),
    "claims_payoutbatch": ("asset", "x"),
    "claims_payoutfile": ("sha256", "x"),
    "claims_payoutlimit": ("reason", "x"),
    "claims_lettertemplate": ("subject", "x"),
    "claims_policy": ("name", "x"),
    "claims_givenprice": ("source", "x"),
    "claims_team": ("name", "x"),
    "claims_team_members": ("user_id", 999),
    "claims_contactfile": ("name", "x"),
    "incidents_incident": ("title", "x"),
    "incidents_outagewindow": ("ends_at", "2030-01-01T00:00:00+00:00"),
    "incidents_abnormalrange": ("reason", "x"),
    "incidents_liquidationratio": ("source", "x"),
    "incidents_order": ("leg", "x"),
    "auth_user": ("first_name", "x"),
    "auth_group": ("name", "x"),
    "auth_group_permissions": ("permission_id", 9999),
    "auth_user_groups": ("group_id", 999),
    "auth_user_user_permissions": ("permission_id", 9999),
}


class Back(Exception):
    """Undoes what a test did to a row that must not be left so."""


def test_every_change_and_every_removal_has_its_one_line_even_where_the_guards_of_a_session_rest(case, mia):
    """`pgtrigger.ignore` passes over pgtrigger's guards; it does not pass over history."""
    assert TABLES == sorted(CHANGES)
    for table, (column, new) in CHANGES.items():
        row = value(f"SELECT max(id) FROM {table}")  # noqa: S608
        old, before = columns_of(table, row)[column], value("SELECT max(id) FROM claims_change")
        with pytest.raises(Back), transaction.atomic():
            with pghistory.context(user=mia.pk, url="/somewhere/", address="203.0.113.9"), pgtrigger.ignore():
                run(f"UPDATE {table} SET {column} = %s WHERE id = {row}", [new])  # noqa: S608
                run(f"DELETE FROM {table} WHERE id = {row}")  # noqa: S608
            changed, removed = found = Change.objects.filter(id__gt=before).order_by("id")
            assert [(change.kind, change.object_id) for change in found] == [(table, row)] * 2
            assert (changed.operation, changed.old, changed.new) == ("update", {column: old}, {column: new}), table
            assert (removed.operation, removed.new, removed.old[column]) == ("delete", None, new), table
            for change in found:
                assert (change.user, change.source["url"], change.source["address"]) == (
                    mia,
                    "/somewhere/",
                    "203.0.113.9",
                )
            raise Back


def test_what_hangs_on_a_claim_is_found_by_the_claim(case):
    kinds = set(Change.objects.filter(claim=case["claim"]).values_list("kind", flat=True))
    assert kinds == {
        f"claims_{name}"
        for name in (
            "claim", "contact", "evidence", "step", "offer", "offerline", "decision", "award", "compensation", "bonus",
            "payoutline", "letter",
        )
    }  # fmt: skip


def test_amounts_come_back_to_the_last_digit(case):
    award = case["claim"].awards.get()
    assert str(Change.objects.get(kind="claims_award").new["amount"]) == f"{award.amount:.8f}"


def test_a_password_is_never_kept_but_that_it_changed_is(mia):
    mia.set_password("a new one, much longer")
    mia.save()
    assert told(kind="auth_user", operation="update") == [
        ("auth_user", "update", {"password": "•••"}, {"password": "•••"})
    ]
    assert "password" not in Change.objects.get(kind="auth_user", operation="insert").new


def test_signing_in_changes_nothing_worth_a_line(mia):
    mia.last_login = NOW
    mia.save()
    assert told(kind="auth_user", operation="update") == []


def test_what_stays_the_same_leaves_no_line(case):
    before = Change.objects.count()
    Claim.objects.update(revision=Claim.objects.get().revision)
    Contact.objects.filter(pk=0).delete()
    assert Change.objects.count() == before


def test_a_key_that_was_rewritten_shows_as_one_row_gone_and_one_come(mia):
    team = Team.objects.create(name="Night desk")
    run("UPDATE claims_team SET id = 77 WHERE id = %s", [team.pk])
    lines = Change.objects.filter(kind="claims_team").order_by("id").values_list("object_id", "operation")
    assert sorted(lines) == sorted([(team.pk, "insert"), (team.pk, "delete"), (77, "insert")])


# --- every road


def test_a_screen_names_the_person_the_address_and_where_they_sit(ana):
    incident = outage()
    f.order("O-1")
    claim = f.claim(incident)
    evidence = f.evidence(claim)
    page = f"/staff/claims/claim/evidence/{evidence.pk}/review/"
    said = {"verdict": "accept", "reason": "shows it", "revision": claim.revision, "seen": "received"}
    signed_in(ana).post(page, said, REMOTE_ADDR="198.51.100.7", HTTP_X_FORWARDED_FOR="192.0.2.1")
    change = Change.objects.get(kind="claims_evidence", operation="update")
    assert change.user == ana
    assert change.source == {"user": ana.pk, "url": page, "method": "POST", "address": "198.51.100.7"}
    assert change.claim == claim
    assert (change.old["status"], change.new["status"]) == ("received", "accepted")
    actions = Change.objects.filter(source__has_key="url").values_list("action", flat=True)
    assert set(actions) == {change.action}


def test_behind_our_own_proxy_the_address_is_the_one_it_saw(ana, settings):
    settings.TRUSTED_PROXIES = 1
    claim = f.claim(outage())
    evidence = f.evidence(claim)
    page = f"/staff/claims/claim/evidence/{evidence.pk}/review/"
    said = {"verdict": "accept", "reason": "shows it", "revision": claim.revision, "seen": "received"}
    signed_in(ana).post(page, said, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="6.6.6.6, 192.0.2.1")
    assert Change.objects.get(kind="claims_evidence", operation="update").source["address"] == "192.0.2.1"


@pytest.mark.django_db(transaction=True)
def test_a_command_names_itself_the_person_and_the_machine(mia):
    claim = f.claim(outage())
    f.order("O-1")
    workflow.assess_now(claim.incident, now=NOW)
    done("approve", claim.incident.reference, "--by", "mia")
    change = Change.objects.get(kind="claims_decision")
    assert (change.user, change.claim) == (mia, claim)
    assert (change.source["command"], change.source["by"]) == ("approve", "mia")
    assert "@" in change.source["machine"]


@pytest.mark.django_db(transaction=True)
def test_a_task_names_its_job(mia, worker):
    incident = outage()
    f.order("O-1")
    claim = f.claim(incident)
    job = workflow.queue_assessment(incident, claim=claim, by=mia, now=NOW)
    worker()
    for _second in range(60):
        if Claim.objects.get().status == "assessed":
            break
        run("SELECT pg_sleep(1)")
    change = Change.objects.get(kind="claims_claim", new__status="assessed")
    assert (change.user, change.source["job"], change.source["task"]) == (None, job.key, "claims.tasks.assess")


@pytest.fixture
def hand(transactional_db) -> Iterator[psycopg.Connection]:
    """Somebody at psql, who may change the claims' tables."""
    if not database.is_embedded():
        pytest.skip("roles are made by the superuser of our own PostgreSQL")
    there = database.url().replace(f"@/{database.NAME}?", f"@/{connection.settings_dict['NAME']}?")
    password = database.passfile().read_text().strip().rpartition(":")[2]
    with psycopg.connect(there, user="postgres", autocommit=True) as god:
        if god.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            god.execute(f"DROP OWNED BY {ROLE}")
            god.execute(f"DROP ROLE {ROLE}")
        god.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password}'")
        god.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}")
        god.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE}")
        with psycopg.connect(there, user=ROLE, autocommit=True, application_name="psql") as connected:
            yield connected
        god.execute(f"DROP OWNED BY {ROLE}")
        god.execute(f"DROP ROLE {ROLE}")


def test_a_change_by_hand_in_the_database_names_the_role_and_the_program(hand):
    claim = f.claim(outage())
    before = datetime.now(UTC)
    hand.execute("UPDATE claims_claim SET status = 'approved' WHERE id = %s", [claim.pk])
    change = Change.objects.get(kind="claims_claim", operation="update")
    assert (change.old, change.new) == ({"status": "submitted"}, {"status": "approved"})
    assert (change.role, change.application, change.client, change.user) == (ROLE, "psql", None, None)
    assert change.source == {}
    assert change.action.startswith("x")
    assert before <= change.at <= datetime.now(UTC)


def test_a_permission_that_somebody_takes_by_hand_shows(hand):
    ana = f.staff("ana", "agent")
    manager = Group.objects.get(name="manager")
    hand.execute("INSERT INTO auth_user_groups (user_id, group_id) VALUES (%s, %s)", [ana.pk, manager.pk])
    change = Change.objects.get(kind="auth_user_groups", new__group_id=manager.pk)
    assert (change.role, change.new["user_id"]) == (ROLE, ana.pk)


def test_a_permission_that_an_administrator_gives_shows_with_both_names(db):
    root = f.User.objects.create_superuser("root")
    ana = f.staff("ana", "agent")
    manager = Group.objects.get(name="manager")
    page = f"/staff/auth/user/{ana.pk}/change/"
    form = {
        "username": "ana", "is_active": "on", "is_staff": "on", "groups": [manager.pk],
        "date_joined_0": "2022-11-18", "date_joined_1": "09:00:00",
    }  # fmt: skip
    assert signed_in(root).post(page, form).status_code == 302
    given = Change.objects.get(kind="auth_user_groups", new__group_id=manager.pk)
    taken = Change.objects.get(kind="auth_user_groups", operation="delete")
    assert (given.user, given.new["user_id"], taken.user, taken.old["user_id"]) == (root, ana.pk, root, ana.pk)
    assert given.action == taken.action


# --- nobody edits it


@pytest.mark.parametrize(
    "sql", ["UPDATE claims_change SET role = 'eve'", "DELETE FROM claims_change", "TRUNCATE claims_change"]
)
def test_nobody_changes_removes_or_empties_it(mia, sql):
    before = Change.objects.count()
    with pytest.raises(DatabaseError, match="history is never changed"), pgtrigger.ignore(), transaction.atomic():
        run(sql)
    assert Change.objects.count() == before


def test_nobody_writes_a_line_of_it_by_hand(mia):
    line = "INSERT INTO claims_change (at, action, kind, operation, object_id, source, role, application)"
    with pytest.raises(DatabaseError, match="history is written by the database alone"), transaction.atomic():
        run(f"{line} VALUES (now(), 'x', 'claims_claim', 'update', 1, '{{}}', 'eve', '')")


def test_another_role_that_may_write_every_table_bends_nothing(hand):
    f.claim(outage())
    for sql in ("DELETE FROM claims_change", "UPDATE claims_change SET role = 'eve'"):
        with pytest.raises(psycopg.DatabaseError, match="history is never changed"):
            hand.execute(sql)
    for sql in (
        "SET session_replication_role = replica",
        "ALTER TABLE claims_claim DISABLE TRIGGER ALL",
        "DROP TRIGGER history_update ON claims_claim",
        "ALTER TABLE claims_change DISABLE TRIGGER ALL",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            hand.execute(sql)


@pytest.mark.parametrize("table", TABLES)
def test_no_table_with_a_history_is_emptied_past_it(table, db):
    with pytest.raises(DatabaseError, match="its rows have a history"), pgtrigger.ignore(), transaction.atomic():
        run(f"TRUNCATE {table} CASCADE")  # noqa: S608


def test_every_trigger_is_there_and_switched_on(db):
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger
             WHERE tgfoid::regproc::text LIKE 'history\\_%%' AND tgenabled IN ('O', 'A')
        """, [])  # fmt: skip
        assert set(cursor.fetchall()) == recording.triggers().keys()
