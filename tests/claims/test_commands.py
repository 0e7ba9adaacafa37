"""assess, approve, grant_bonuses, export_verdicts from outside: keys, exit codes, refusals. Nobody but a manager pays."""

import csv
import json
import subprocess
import sys

import pytest
from django.core.management import call_command
from PIL import Image

from claims import exports, workflow
from claims.models import Award, Bonus, Claim, Decision, Evidence
from jobs.models import Job
from ledger.models import JournalEntry
from tests import factories as make
from tests.conftest import ROOT
from tests.console import done, portal
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db
REF = "INC-2022-001"
LATE = {"closed_at": at("18:00"), "close_reason": "user"}
VERDICTS = [
    *("claim", "customer", "order_id", "leg", "symbol", "side", "outcome", "clause", "reasons"),
    *("reference_price", "reference_bid", "reference_ask", "reference_at", "amount", "asset"),
    *("policy_version", "assessed_at"),
]


@pytest.fixture
def desk():
    class Desk:
        incident = make.incident()
        ana, aude = make.staff("ana", "agent"), make.staff("aude", "auditor")
        mia, max = make.staff("mia", "manager"), make.staff("max", "manager")

    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    return Desk


def again(row):
    return type(row).objects.get(pk=row.pk)


def state() -> tuple:
    """All that a command could have changed."""
    claims = Claim.objects.order_by("pk").values_list("status", "revision", "assessment")
    rows = [model.objects.count() for model in (Decision, Award, Bonus, JournalEntry, Job, Evidence)]
    return list(claims), rows, list(Evidence.objects.values_list("status", "reviewed_by"))


# --- assess


def test_assess_wait_runs_to_the_end_and_says_what_came_out(desk):
    for code in ("carla", "dora"):
        make.claim(desk.incident, code)
    make.order("1")
    make.order("2", take_profit="18000")
    make.order("3", "dora", **LATE)
    nothing = {"nil": 0, "no_clause": 0, "needs_price": 0, "hold": 0}
    for _time in range(2):
        assert done("assess", REF, "--wait") == {
            "assessed": 2,
            "orders": 3,
            "outcomes": {"pay": 1, "excluded": 1, "needs_evidence": 1} | nothing,
            "totals": {"USDT": "35.50"},
        }
    assert not Job.objects.exists()


def test_assess_one_claim_leaves_the_others(desk):
    carla, dora = make.claim(desk.incident, "carla"), make.claim(desk.incident, "dora")
    make.order("1")
    assert done("assess", REF, "--claim", carla.reference, "--wait")["assessed"] == 1
    assert (again(carla).status, again(dora).status) == ("assessed", "submitted")


def test_assess_without_wait_leaves_it_to_a_worker(desk):
    claim = make.claim(desk.incident)
    job = {"job": "assess-1", "queued": 1}
    result = done("assess", REF)
    job["job"] = Job.objects.get().key
    assert result == {"assessed": 0, "orders": 0, "outcomes": {}, "totals": {}} | job
    assert again(claim).status == "submitted"


# --- approve


def test_approve_pays_what_is_payable_and_a_second_time_nothing(desk):
    for code in ("carla", "dora"):
        make.claim(desk.incident, code)
        make.order(code, code)
    done("assess", REF, "--wait")
    paid = {"approved": 2, "refused": 0, "totals": {"USDT": "71.00"}, "errors": []}
    assert done("approve", REF, "--by", "max") == paid
    assert done("approve", REF, "--by", "max") == {"approved": 0, "refused": 0, "totals": {}, "errors": []}
    assert JournalEntry.objects.filter(category="outage_compensation").count() == 2


def test_approve_one_claim_that_is_approved_already_is_refused(desk):
    claim = make.claim(desk.incident)
    make.order("1")
    done("assess", REF, "--wait")
    done("approve", REF, "--claim", claim.reference, "--by", "max")
    code, result = portal("approve", REF, "--claim", claim.reference, "--by", "mia")
    assert (code, result["approved"], result["refused"], result["totals"]) == (1, 0, 1, {})
    assert result["errors"] == [f"{claim.reference} is approved: it cannot be changed by 'approve' now"]


def test_approve_refuses_what_the_manager_prepared_and_pays_the_rest(desk):
    mine = make.claim(desk.incident, "carla", entered_by=desk.max)
    make.claim(desk.incident, "dora")
    for code in ("carla", "dora"):
        make.order(code, code)
    done("assess", REF, "--wait")
    code, result = portal("approve", REF, "--by", "max")
    assert (code, result["approved"], result["refused"], result["totals"]) == (1, 1, 1, {"USDT": "35.50"})
    assert result["errors"] == [
        f"max prepared {mine.reference} (entered it, reviewed its evidence, recorded its offer or decided before the appeal);"
        " another person decides"
    ]
    assert done("approve", REF, "--by", "mia")["approved"] == 1


def test_what_a_manager_brought_by_command_another_manager_decides(desk, tmp_path):
    claim = make.claim(desk.incident)
    make.order("1", **LATE)
    Image.new("RGB", (390, 844), "white").save(tmp_path / "shot.png")
    review = ["--verdict", "accepted", "--reason", "shows the error", "--by", "max"]
    done("attach_evidence", claim.reference, tmp_path / "shot.png", *review)
    done("assess", REF, "--wait")
    before = state()
    code, result = portal("approve", REF, "--by", "max")
    assert (code, result["refused"]) == (1, 1)
    assert f"max prepared {claim.reference}" in result["errors"][0]
    assert state() == before
    assert done("approve", REF, "--by", "mia")["totals"] == {"USDT": "35.50"}


def test_above_the_limit_the_command_says_that_a_second_manager_is_needed(desk):
    text = make.S1.replace("[payment]", '[payment]\nsecond_manager_above = { USDT = "20" }')
    workflow.publish_policy(workflow.draft_policy(desk.incident, text, reason="a limit", now=NOW), now=NOW)
    make.claim(desk.incident)
    make.order("1")
    done("assess", REF, "--wait")
    endorsed = {"approved": 0, "refused": 0, "totals": {}, "errors": [], "awaiting_second_manager": 1}
    assert done("approve", REF, "--by", "max") == endorsed
    code, result = portal("approve", REF, "--by", "max")
    assert (code, result["refused"]) == (1, 1)
    assert "a second manager is needed above the limit" in result["errors"][0]
    assert done("approve", REF, "--by", "mia")["totals"] == {"USDT": "35.50"}


# --- roles

SEED = """
reference = "seed-2022"
category = "seed_capital"
effective_on = 2022-11-01
description = "The company's seed"
[[transfers]]
debit = "Assets:Fund:Cash"
credit = "Equity:SeedCapital"
amount = "1000.00"
asset = "USDT"
"""


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("ana", ["approve", REF]),
        ("ana", ["grant_bonuses", REF]),
        ("ana", ["post_entry", "seed.toml"]),
        ("ana", ["load_policy", REF, "s1-btcc", "--publish"]),
        ("aude", ["approve", REF]),
        ("aude", ["approve", REF, "--claim", "CLAIM"]),
        ("aude", ["grant_bonuses", REF]),
        ("aude", ["post_entry", "seed.toml"]),
        ("aude", ["attach_evidence", "CLAIM", "shot.png"]),
        ("aude", ["attach_evidence", "CLAIM", "shot.png", "--verdict", "accepted", "--reason", "clear"]),
        ("aude", ["import_contacts", REF, "contacts.csv"]),
        ("aude", ["load_policy", REF, "s1-btcc", "--publish"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_an_agent_cannot_pay_and_an_auditor_cannot_change(desk, tmp_path, monkeypatch, name, command):
    claim = make.claim(desk.incident)
    make.order("1")
    done("assess", REF, "--wait")
    Image.new("RGB", (390, 844), "white").save(tmp_path / "shot.png")
    (tmp_path / "seed.toml").write_text(SEED)
    (tmp_path / "contacts.csv").write_text("customer,channel,contacted_at\ndora,chat,2022-11-16T15:00:00Z\n")
    monkeypatch.chdir(tmp_path)
    before = state()
    code, result = portal(*[claim.reference if word == "CLAIM" else word for word in command], "--by", name)
    assert code == 1
    assert result["errors"][0].startswith(f"{name} has not the permission ")
    assert state() == before


def test_the_refused_command_prints_the_keys_that_a_script_reads(desk):
    make.claim(desk.incident)
    make.order("1")
    done("assess", REF, "--wait")
    error = {"errors": ["ana has not the permission claims.approve_claim"]}
    assert portal("approve", REF, "--by", "ana") == (1, {"approved": 0, "refused": 1, "totals": {}} | error)
    error = {"errors": ["ana has not the permission claims.grant_bonus"]}
    assert portal("grant_bonuses", REF, "--by", "ana") == (1, {"granted": 0, "already": 0, "totals": {}} | error)


# --- what is not there

COMMANDS = [["assess"], ["assess", "--wait"], ["approve", "--by", "max"], ["grant_bonuses", "--by", "max"]]


@pytest.mark.parametrize("command", [*COMMANDS, ["export_verdicts"]], ids=" ".join)
def test_an_unknown_incident_is_refused_and_the_known_ones_named(desk, command):
    code, result = portal(command[0], "INC-1999", *command[1:])
    assert (code, result["errors"]) == (1, ["there is no incident 'INC-1999'; known: INC-2022-001"])


@pytest.mark.parametrize("command", COMMANDS[:3], ids=" ".join)
def test_an_unknown_claim_is_refused_and_so_is_one_of_another_incident(desk, command):
    other = make.claim(make.incident("INC-2022-002"))
    for reference in ("CLM-999999", other.reference):
        code, result = portal(command[0], REF, "--claim", reference, *command[1:])
        assert (code, result["errors"]) == (1, [f"there is no claim '{reference}' in INC-2022-001"])


@pytest.mark.parametrize("command", [["approve"], ["grant_bonuses"]], ids=" ".join)
def test_an_unknown_user_a_customer_and_one_who_left_decide_nothing(desk, command):
    make.User.objects.create_user("carla")
    make.User.objects.filter(username="max").update(is_active=False)
    for name in ("nobody", "carla", "max"):
        code, result = portal(*command, REF, "--by", name)
        assert (code, result["errors"]) == (1, [f"--by {name}: there is no active staff user of this name"])


@pytest.mark.parametrize("command", [["assess"], ["assess", "--wait"], ["grant_bonuses", "--by", "max"]], ids=" ".join)
def test_without_a_published_policy_nothing_is_assessed_or_granted(desk, command):
    incident = make.incident("INC-2022-002", policy=None)
    workflow.draft_policy(incident, make.S1, now=NOW)
    make.claim(incident)
    code, result = portal(command[0], "INC-2022-002", *command[1:])
    assert (code, result["errors"]) == (1, ["INC-2022-002 has no published policy: publish one first"])


# --- grant_bonuses


def test_grant_bonuses_says_how_many_are_new_and_how_many_had_it(desk):
    for code in ("carla", "dora"):
        make.claim(desk.incident, code)
    make.claim(desk.incident, "emil", contacted=None)
    assert done("grant_bonuses", REF, "--by", "max") == {"granted": 2, "already": 0, "totals": {"USDT": "40.00"}}
    make.claim(desk.incident, "fay")
    assert done("grant_bonuses", REF, "--by", "max") == {"granted": 1, "already": 2, "totals": {"USDT": "20.00"}}
    assert done("grant_bonuses", REF, "--by", "mia") == {"granted": 0, "already": 3, "totals": {}}


# --- export_verdicts


def exported(tmp_path) -> list[dict]:
    done("export_verdicts", REF, "--output", tmp_path / "verdicts.csv")
    with open(tmp_path / "verdicts.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_export_verdicts_has_a_row_for_each_order_and_the_promised_columns(desk, tmp_path):
    claim = make.claim(desk.incident)
    make.order("1")
    make.order("2", take_profit="18000", exit_price="17000")
    run = workflow.assess_now(desk.incident, now=NOW)
    paid, excluded = exported(tmp_path)
    assert list(paid) == VERDICTS
    assert list(paid.values()) == [
        *(claim.reference, "carla", "1", "1", "BTCUSDT", "long", "pay", "C1", ""),
        *("16571", "16571", "16571.1", "2022-11-16T14:34:10.000000Z", "35.50", "USDT"),
        *("1", "2022-11-18T09:00:00.000000Z"),
    ]
    assert (excluded["outcome"], excluded["clause"], excluded["reasons"], excluded["amount"]) == (
        "excluded",
        "",
        "E3 E4",
        "0.00",
    )
    assert run.outcomes["pay"] == 1


def test_export_verdicts_shows_the_assessment_in_force_only(desk, tmp_path):
    make.claim(desk.incident)
    make.order("1")
    workflow.assess_now(desk.incident, now=NOW)
    workflow.assess_now(desk.incident, now=at("10:00", 19))
    assert [row["assessed_at"] for row in exported(tmp_path)] == ["2022-11-19T10:00:00.000000Z"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_runs_no_cell_of_the_export(desk, tmp_path, start):
    make.claim(desk.incident, f"{start}carla")
    make.order(f"{start}1", f"{start}carla", leg=f"{start}2")
    workflow.assess_now(desk.incident, now=NOW)
    [row] = exported(tmp_path)
    assert (row["customer"], row["order_id"], row["leg"]) == (f"'{start}carla", f"'{start}1", f"'{start}2")
    assert row["amount"] == "35.50"


def test_export_verdicts_streams_what_the_database_sends(desk):
    """Blocks as they come, each far smaller than the whole."""
    make.claim(desk.incident)
    for number in range(200):
        make.order(str(number))
    workflow.assess_now(desk.incident, now=NOW)
    blocks = []

    class File:
        write = staticmethod(blocks.append)

    assert exports.write_verdicts(desk.incident, File) == 200
    assert len(blocks) > 100


def test_export_verdicts_goes_to_standard_output_without_a_file(desk, capfdbinary):
    make.claim(desk.incident)
    make.order("1")
    workflow.assess_now(desk.incident, now=NOW)
    call_command("export_verdicts", REF)
    header, row, end = capfdbinary.readouterr().out.decode().split("\n")
    assert (header.split(","), row.split(",")[2], end) == (VERDICTS, "1", "")


# --- as a process


@pytest.mark.django_db(transaction=True)
def test_one_json_object_on_standard_output_and_the_exit_codes_of_the_promise(desk, command_env):
    make.claim(desk.incident)
    make.order("1")

    def run(*arguments: str) -> tuple[int, bytes]:
        command = [sys.executable, "manage.py", *arguments]
        ended = subprocess.run(command, cwd=ROOT, env=command_env, capture_output=True, check=False)
        return ended.returncode, ended.stdout

    code, printed = run("assess", REF, "--wait", "--json")
    assert (code, json.loads(printed)["totals"], printed.count(b"\n")) == (0, {"USDT": "35.50"}, 1)
    code, printed = run("approve", REF, "--by", "ana", "--json")
    assert (code, json.loads(printed)["approved"], printed.count(b"\n")) == (1, 0, 1)
    assert run("approve", REF, "--json") == (2, b"")  # --by is missing
    assert run("assess", "--json") == (2, b"")
    assert run("export_verdicts", REF, "--json") == (2, b"")  # the rows and the object cannot share an output
