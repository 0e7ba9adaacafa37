"""create_payout, release_payout, export_payout, confirm_payout, cancel_payout from outside: keys, exit codes, refusals."""

import csv

import pytest

from claims.models import PayoutBatch, PayoutFile
from tests.claims.payouts import Desk, failed, paid, payments
from tests.console import done, portal

pytestmark = pytest.mark.django_db
REF = "INC-2022-001"
AS_SHOWN = "type it as its page shows it, with the unit, such as 387.92 USDT"


@pytest.fixture
def desk(tmp_path):
    return Desk("carla", "dora", tmp_path=tmp_path)


def test_a_payout_on_the_console_from_the_proposal_to_the_last_line(desk):
    proposed = done("create_payout", REF, "--asset", "USDT", "--by", "mia")
    name = PayoutBatch.objects.get().reference
    told = {"batch": name, "lines": 4, "total": "111.00", "asset": "USDT"}
    assert proposed == told | {"status": "proposed"}

    code, refused = portal(
        "confirm_payout", name, desk.file([{"line": f"{name}/1", "status": "paid", "reference": "TX"}])
    )
    assert (code, refused["paid"], refused["failed"]) == (1, 0, 0)
    assert f'release_payout {name} --by USER --total "111 USDT"' in refused["errors"][0]

    code, refused = portal("release_payout", name, "--by", "max", "--total", "111")
    assert (code, refused["batch"], refused["errors"]) == (1, None, [f"'111' is not the total of {name}: {AS_SHOWN}"])
    assert done("release_payout", name, "--by", "max", "--total", "111 USDT") == told | {"status": "released"}

    out = desk.folder / "treasury.csv"
    assert done("export_payout", name, "--output", out, "--by", "aude") == {"rows": 4, "output": str(out)}
    rows = list(csv.DictReader(out.open()))
    assert [(row["line"], row["amount"], row["status"]) for row in rows][:2] == [
        (f"{name}/1", "35.50", "waits"),
        (f"{name}/2", "20.00", "waits"),
    ]

    batch = PayoutBatch.objects.get()
    file = desk.file([paid(batch, 1), paid(batch, 2), failed(batch, 3), paid(batch, 4)])
    figures = {"rows": 4, "paid": 3, "failed": 1, "unchanged": 0, "rejected": 0, "errors": []}
    assert done("confirm_payout", name, file) == figures
    assert done("confirm_payout", name, file, "--by", "mia") == figures | {"paid": 0, "failed": 0, "unchanged": 4}
    assert len(payments()) == 3
    assert list(PayoutFile.objects.values_list("way", "line_count", "by__username")) == [
        ("to", 4, "aude"),
        ("from", 4, None),
        ("from", 4, "mia"),
    ]
    code, said = portal("verify_ledger")
    assert said["checked"]["payments"] == 3
    assert [told for told in said["problems"] if not told.startswith("ledger_")] == []


def test_whom_a_command_refuses_and_what_it_then_prints(desk):
    code, said = portal("create_payout", REF, "--asset", "USDT", "--by", "ana")
    assert (code, said["batch"], said["lines"], said["total"]) == (1, None, 0, "0")
    assert said["errors"] == ["ana has not the permission claims.propose_payout"]
    code, said = portal("create_payout", REF, "--asset", "BTC", "--by", "mia")
    assert (code, said["errors"]) == (1, ["INC-2022-001 owes nothing in BTC that is not in a payout already"])
    code, said = portal("create_payout", REF, "--asset", "USDT", "--at-most", "0", "--by", "mia")
    assert (code, said["errors"]) == (1, ["A payout has at least one line."])
    code, said = portal("release_payout", "PAY-000000", "--by", "max", "--total", "1 USDT")
    assert (code, said["errors"]) == (1, ["there is no payout 'PAY-000000'; known: none is proposed yet"])


def test_a_wrong_row_exits_with_one_and_leaves_everything_as_it_was(desk):
    batch = desk.released()
    code, said = portal("confirm_payout", batch, desk.file([paid(batch, 1), {"line": f"{batch}/2", "status": "paid"}]))
    assert (code, said["rejected"], said["paid"], payments()) == (1, 1, 0, {})
    assert said["errors"] == ['line 3, column reference: "" - expected treasury\'s reference of the payment']


def test_a_proposal_is_cancelled_on_the_console(desk):
    batch = desk.propose()
    told = done("cancel_payout", batch, "--by", "max", "--reason", "the wrong day")
    assert (told["batch"], told["status"]) == (batch.reference, "cancelled")
    code, said = portal("export_payout", batch, "--output", desk.folder / "x.csv")
    assert (code, said["errors"]) == (
        1,
        [f"{batch} (cancelled) is not released: only what is released goes to treasury"],
    )
