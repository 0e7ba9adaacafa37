"""The walk of a claim, from the exchange's files to an audited fund; the worker is a real one."""

from decimal import Decimal

import pytest
from PIL import Image

from claims import workflow
from claims.models import Claim, Evidence
from incidents.models import Incident
from jobs.models import Job
from ledger.models import JournalEntry
from tests import factories as make
from tests.console import done, portal
from tests.together import wait_until

INCIDENT = """
reference = "INC-2022-001"
title = "Trading server failure"
cause = "Power outage in the server room"
timezone = "UTC"
services = ["login", "trading"]
instruments = []

[[windows]]
starts_at = 2022-11-16T14:09:00Z
ends_at = 2022-11-16T15:30:00Z
"""
INSTRUMENTS = """symbol,product,margin,base,quote,settle,contract_value,liquidation_fee_rate
BTCUSDT,standard,linear,BTC,USDT,USDT,1,0.005
"""
ORDERS = """order_id,leg,account,customer,symbol,side,quantity,entry_price,opened_at,exit_price,closed_at,close_reason
1001,1,carla-1,carla,BTCUSDT,long,0.5,16950,2022-11-16T13:00:00Z,16500,2022-11-16T14:20:00Z,liquidation
1002,1,carla-1,carla,BTCUSDT,short,0.2,16400,2022-11-16T13:30:00Z,16630,2022-11-16T18:00:00Z,user
1003,1,dora-1,dora,BTCUSDT,long,1,16000,2022-11-16T13:00:00Z,16500,2022-11-16T14:20:00Z,user
"""
QUOTES = """ts,symbol,bid,ask
2022-11-16T14:09:00Z,BTCUSDT,16530.00,16530.10
2022-11-16T14:34:10Z,BTCUSDT,16571.00,16571.10
2022-11-16T14:54:20Z,BTCUSDT,16411.00,16411.10
"""
CONTACTS = """customer,name,email,language,account,order_ids,channel,contacted_at,message,ticket
carla,Carla Chen,carla@example.com,en,carla-1,1001 1002,chat,2022-11-16T15:00:00Z,I could not close,T-1
dora,Dora Du,dora@example.com,zh,dora-1,1003,email,2022-11-17T09:00:00Z,What about mine?,T-2
"""
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
LONG = Decimal("35.50")  # 1001: 0.5 × (16571.00 − 16500), C1
SHORT = Decimal("43.78")  # 1002: 0.2 × (16630 − 16411.10), C3 once the screenshot is accepted


@pytest.fixture
def file(tmp_path):
    def write(name: str, text: str):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def all_work_is_done() -> bool:
    assert not Job.objects.filter(state="failed").exists()
    return not Job.objects.exclude(state="done").exists()


@pytest.mark.django_db(transaction=True)
def test_a_claim_walks_from_the_files_to_an_audited_fund(file, tmp_path, worker):
    ana, mia = make.staff("ana", "agent"), make.staff("mia", "manager")
    make.staff("max", "manager")

    # The facts come in.
    done("import_instruments", file("instruments.csv", INSTRUMENTS))
    assert done("import_orders", file("orders.csv", ORDERS))["created"] == 3
    assert done("import_quotes", file("quotes.csv", QUOTES))["created"] == 3
    done("declare_incident", file("incident.toml", INCIDENT), "--publish", "--by", "mia")
    done("load_policy", "INC-2022-001", "s1-btcc", "--publish", "--by", "mia")
    done("post_entry", file("seed.toml", SEED), "--by", "mia")
    incident = Incident.objects.get()

    # Two customers were in touch: each has a claim.
    assert done("import_contacts", "INC-2022-001", file("contacts.csv", CONTACTS), "--by", "ana")["claims_created"] == 2
    carla, dora = Claim.objects.order_by("customer__code")
    assert (carla.status, dora.status) == ("submitted", "submitted")

    # Mia starts the assessment; the worker carries it out.
    worker()
    workflow.queue_assessment(incident, by=mia, now=carla.submitted_at)
    wait_until(all_work_is_done, "the worker assesses")
    carla.refresh_from_db()
    verdicts = carla.verdicts.in_force().order_by("order__order_id")
    assert list(verdicts.values_list("order__order_id", "outcome", "clause", "amount", "reference_price")) == [
        ("1001", "pay", "C1", LONG, Decimal("16571.00")),
        ("1002", "needs_evidence", "C3", 0, Decimal("16411.10")),
    ]
    assert carla.status == "needs_evidence"
    assert dora.verdicts.get().reasons == ["E4"]

    # Carla sends a screenshot. Ana accepts it, and the worker assesses the claim again.
    Image.new("RGB", (390, 844), "white").save(tmp_path / "login-error.png")
    done("attach_evidence", carla.reference, tmp_path / "login-error.png", "--by", "ana")
    workflow.review_evidence(
        Evidence.objects.get(), accept=True, reason="shows the login error", by=ana, now=carla.submitted_at
    )
    wait_until(all_work_is_done, "the worker assesses again")
    carla.refresh_from_db()
    assert (carla.status, [verdict.amount for verdict in verdicts.all()]) == ("assessed", [LONG, SHORT])

    # Ana prepared it: she does not decide. Max does, and the money is owed in the same moment.
    code, refused = portal("approve", "INC-2022-001", "--by", "ana")
    assert (code, refused["approved"], refused["totals"]) == (1, 0, {})
    assert "ana has not the permission" in refused["errors"][0]
    approved = done("approve", "INC-2022-001", "--by", "max")
    assert approved == {"approved": 1, "refused": 0, "totals": {"USDT": "79.28"}, "errors": []}
    award = carla.awards.get()
    assert (award.amount, award.entry.posted_by.username) == (LONG + SHORT, "max")
    assert list(award.entry.transfers.values_list("debit__name", "credit__name", "amount", "asset")) == [
        ("Expenses:Compensation", "Liabilities:Payable:Compensation", LONG + SHORT, "USDT")
    ]

    # Everyone who was in touch has the goodwill bonus, once.
    assert done("grant_bonuses", "INC-2022-001", "--by", "max") == {
        "granted": 2,
        "already": 0,
        "totals": {"USDT": "40.00"},
    }
    assert done("grant_bonuses", "INC-2022-001", "--by", "mia") == {"granted": 0, "already": 2, "totals": {}}

    # The books: four entries, and every law kept.
    assert list(JournalEntry.objects.order_by("id").values_list("reference", flat=True)) == [
        "seed-2022",
        f"{carla.reference}/award-1/USDT",
        f"{carla.reference}/goodwill",
        f"{dora.reference}/goodwill",
    ]
    assert done("verify_ledger")["ok"] is True
