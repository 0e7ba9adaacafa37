"""The reports that hold decisions against the books, on a worked incident: every figure to the cent.

The S1 outage, two managers above 50 USDT. Orders of the factories: 0.5 BTC long, closed at 16,500; the best bid is 16,571.00.

Carla   order 1, paid with 35.50: approved by Max, paid by treasury.
Dora    order 2, 1 BTC: 71.00. Entered by Ana, first approved by Mia, then by Max. Not paid yet.
Emil    order 3 of ETHUSDT, which nobody quoted: nothing computed until Mia gives a price and Max confirms it, 16,600: then 50.00.
Fay     order 4, 35.50, awarded by Max; the entry was reversed by hand.
Gina    in touch, without an order: the goodwill bonus alone.
"""

import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from claims import papers, workflow
from claims.models import Claim
from incidents.models import Liquidation
from jobs.paper import Asked
from ledger.journal import SEED_PAID_IN, Draft
from ledger.models import Verification
from ledger.posting import post_manual
from tests import factories as make
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db
LATER, LAST = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
POLICY = make.S1.replace("[payment]", '[payment]\nsecond_manager_above = { USDT = "50" }')


@pytest.fixture
def desk():
    class Desk:
        incident = make.incident(policy=POLICY)
        ana, aude = make.staff("ana", "agent"), make.staff("aude", "auditor")
        mia, max = make.staff("mia", "manager"), make.staff("max", "manager")

    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    return Desk


def claim_of(code: str) -> Claim:
    return Claim.objects.get(customer__code=code)


def pay_the_first_two(desk, tmp_path) -> None:
    """Carla's award and her bonus."""
    batch = workflow.propose_payout(desk.incident, "USDT", at_most=2, by=desk.mia, now=LAST)
    workflow.release_payout(batch, typed_total="55.50 USDT", by=desk.max, now=LAST)
    file = tmp_path / "treasury.csv"
    file.write_text(f"line,status,reference\n{batch}/1,paid,TX-1\n{batch}/2,paid,TX-2\n")
    workflow.confirm_payout(batch, file, by=desk.mia, now=LAST)


@pytest.fixture
def incident(desk, tmp_path):
    seed = Draft("seed-2022", "seed_capital", NOW.date(), "The seed", (SEED_PAID_IN.move(Decimal(100), "USDT"),))
    post_manual(seed, by=desk.mia, now=NOW)
    for number, (code, facts) in enumerate(
        {"carla": {}, "dora": {"quantity": "1"}, "emil": {"symbol": "ETHUSDT"}, "fay": {}}.items(), start=1
    ):
        make.claim(desk.incident, code, entered_by=desk.ana if code == "dora" else None)
        make.order(str(number), code, **facts)
    make.claim(desk.incident, "gina")
    workflow.assess_now(desk.incident, now=NOW)
    given = workflow.enter_price(
        desk.incident, make.instrument("ETHUSDT"), bid=Decimal(16600), ask=Decimal(16601), at=at("15:00"),
        source="The index of that minute", by=desk.mia, now=NOW,
    )  # fmt: skip
    workflow.confirm_price(given, by=desk.max, now=LATER)
    workflow.approve(claim_of("carla"), by=desk.max, now=LATER)
    workflow.approve(claim_of("dora"), by=desk.mia, now=LATER)
    workflow.approve(claim_of("dora"), by=desk.max, now=LATER)
    workflow.approve(claim_of("fay"), by=desk.max, now=LATER)
    workflow.assess_now(desk.incident, now=LAST)  # with Emil's price
    fay = claim_of("fay")
    undo = Draft("undo-fay", "correction", LAST.date(), "Not hers", reverses=f"{fay.reference}/award-1/USDT")
    post_manual(undo, by=desk.mia, now=LAST)
    workflow.grant_bonuses(desk.incident, by=desk.mia, now=LAST)
    pay_the_first_two(desk, tmp_path)
    return desk.incident


def told(paper, name: str = "rows", *, leave_out=("id", "entry", "claim_id")) -> list[dict]:
    table = paper.table(name)
    return [{k: v for k, v in zip(table.heads, row, strict=True) if k not in leave_out} for row in table.rows]


def figures(row: dict) -> list[str]:
    names = ("computed", "adjusted", "by_hand", "approved", "posted", "paid")
    return [f"{row[name]}" for name in (*names, "unapproved", "unposted", "unpaid", "difference")]


def test_the_incident_report_adds_up_to_the_cent(incident):
    rows = {row["customer"]: row for row in told(papers.incident(reference=incident.reference))}
    assert {code: figures(row) for code, row in rows.items()} == {
        #         computed adjusted by hand  approved posted   paid     unapproved unposted unpaid  difference
        "carla": ["35.50", "0.00", "0.00", "35.50", "35.50", "35.50", "0.00", "0.00", "0.00", "0.00"],
        "dora": ["71.00", "0.00", "0.00", "71.00", "71.00", "0.00", "0.00", "0.00", "71.00", "71.00"],
        "emil": ["0.00", "50.00", "50.00", "0.00", "0.00", "0.00", "50.00", "0.00", "0.00", "50.00"],
        "fay": ["35.50", "0.00", "0.00", "35.50", "0.00", "0.00", "0.00", "35.50", "0.00", "35.50"],
    }
    assert (rows["carla"]["claim"], rows["carla"]["status"]) == (claim_of("carla").reference, "approved")


def test_the_totals_are_those_of_the_claims(incident):
    [total] = told(papers.incident(reference=incident.reference), "totals")
    assert (total["asset"], total["claims"]) == ("USDT", 4)
    assert figures(total) == [
        "142.00", "50.00", "50.00", "142.00", "106.50", "35.50", "50.00", "35.50", "71.00", "156.50",
    ]  # fmt: skip


def test_the_incident_as_it_was_before_anybody_approved(incident):
    rows = {row["customer"]: row for row in told(papers.incident(reference=incident.reference, as_of=NOW))}
    assert figures(rows["carla"])[3:6] == ["0.00", "0.00", "0.00"]
    assert "emil" not in rows  # his price came later
    before_the_reversal = LAST - timedelta(seconds=1)
    rows = {
        row["customer"]: row for row in told(papers.incident(reference=incident.reference, as_of=before_the_reversal))
    }
    assert figures(rows["fay"])[3:6] == ["35.50", "35.50", "0.00"]


def test_the_bonuses_and_what_they_come_to(incident):
    report = papers.bonuses(reference=incident.reference)
    rows = {row["customer"]: row for row in told(report)}
    assert set(rows) == {"carla", "dora", "emil", "fay", "gina"}
    carla = claim_of("carla").reference
    assert rows["carla"] == {
        "incident": incident.reference,
        "claim": carla,
        "customer": "carla",
        "amount": Decimal("20.00"),
        "asset": "USDT",
        "granted_by": "mia",
        "granted_at": LAST,
        "reference": f"{carla}/goodwill",
        "reversed_by": None,
        "paid_on": LAST.date(),
    }
    assert rows["gina"]["paid_on"] is None
    assert told(report, "totals") == [
        {"incident": incident.reference, "asset": "USDT", "bonuses": 5, "amount": Decimal("100.00")}
    ]
    assert told(papers.bonuses(as_of=LATER)) == []


def test_reversals_and_manual_entries_name_who_posted_them(incident):
    report = papers.exceptions()
    [reversal] = told(report, "reversals")
    assert (reversal["reference"], reversal["reverses"], reversal["category"], reversal["amount"], reversal["posted_by"]) == (
        "undo-fay", f"{claim_of('fay').reference}/award-1/USDT", "outage_compensation", Decimal("35.50"), "mia",
    )  # fmt: skip
    manual = [(row["reference"], row["debit"], row["credit"], row["posted_by"]) for row in told(report, "manual")]
    assert manual == [
        ("seed-2022", "Assets:Fund:Cash", "Equity:SeedCapital", "mia"),
        ("undo-fay", "Liabilities:Payable:Compensation", "Expenses:Compensation", "mia"),
    ]


def test_the_top_ups_say_what_they_were_brought_for(incident):
    """100 of seed: Carla's 35.50 and part of Dora's 71.00; and Fay's, and the bonuses."""
    rows = told(papers.exceptions(), "topups")
    assert [(row["for"].partition("/")[2], row["amount"]) for row in rows] == [
        ("award-1/USDT", Decimal("6.50")),
        ("award-1/USDT", Decimal("35.50")),
        ("goodwill", Decimal("64.50")),
    ]


def test_awards_above_the_limit_name_all_three_people(incident):
    [row] = told(papers.exceptions(), "above_limit")
    assert row == {
        "claim": claim_of("dora").reference,
        "amount": Decimal("71.00"),
        "so_far": Decimal("71.00"),
        "limit": Decimal("50.00"),
        "asset": "USDT",
        "prepared_by": "ana",
        "endorsed_by": "mia",
        "approved_by": "max",
        "approved_at": LATER,
        "reference": f"{claim_of('dora').reference}/award-1/USDT",
    }


def test_who_prepared_and_who_approved_and_how_often(incident):
    rows = [tuple(row.values()) for row in told(papers.exceptions(), "pairs")]
    assert rows == [("", "max", "USDT", 2, Decimal("71.00")), ("ana", "max", "USDT", 1, Decimal("71.00"))]


def test_prices_by_hand_have_both_names(incident):
    [row] = told(papers.exceptions(), "prices_by_hand")
    assert (row["instrument"], row["bid"], row["entered_by"], row["confirmed_by"], row["withdrawn_by"]) == (
        "ETHUSDT", Decimal(16600), "mia", "max", None,
    )  # fmt: skip


def test_fees_that_are_not_the_formula_s(desk):
    def liquidated(number: str, fee: str) -> None:
        Liquidation.objects.create(
            liquidation_id=number, instrument=make.instrument(), price=Decimal(16500), quantity=Decimal("0.5"),
            fee=Decimal(fee), liquidated_at=at("14:20"),
        )  # fmt: skip

    liquidated("7001", "82.50")  # 16,500 × 0.5 × 1 %
    liquidated("7002", "82.51")
    [row] = told(papers.exceptions(), "fees")
    assert (row["liquidation_id"], row["fee"], row["formula"], row["difference"], row["asset"]) == (
        "7002", Decimal("82.51"), Decimal("82.50"), Decimal("0.01"), "USDT",
    )  # fmt: skip


def test_what_the_last_verification_found(desk):
    for moment, problems in ((NOW, ["seed: old"]), (LATER, ["seed: one", "seed: two"])):
        Verification.objects.create(
            started_at=moment, finished_at=moment, checked={}, problems=problems, problem_count=len(problems)
        )
    assert [row["problem"] for row in told(papers.exceptions(), "findings")] == ["seed: one", "seed: two"]
    assert [row["problem"] for row in told(papers.exceptions(as_of=NOW), "findings")] == ["seed: old"]


def test_exceptions_from_a_day_to_a_day(incident):
    day = NOW.date()
    assert told(papers.exceptions(first=day, as_of=day), "reversals") != []
    assert told(papers.exceptions(first=day + timedelta(days=1)), "reversals") == []
    assert told(papers.exceptions(as_of=LATER), "reversals") == []


def test_query_counts(incident, django_assert_num_queries):
    with django_assert_num_queries(3):  # the incident, its lines, their totals
        report = papers.incident(reference=incident.reference)
        told(report), told(report, "totals")
    with django_assert_num_queries(8):
        for table in papers.exceptions().tables:
            list(iter(table.rows))  # a list of the rows themselves would count them first


def test_an_unknown_incident_is_told_with_the_known_ones(desk):
    with pytest.raises(Asked, match="there is no incident 'INC-9'; known: INC-2022-001"):
        papers.incident(reference="INC-9")
    with pytest.raises(Asked, match="there is no incident 'INC-9'"):
        papers.bonuses(reference="INC-9")


# --- the command


def report(*arguments: str) -> str:
    answer = io.StringIO()
    call_command("claims_report", *arguments, stdout=answer, stderr=io.StringIO())
    return answer.getvalue()


def test_the_command_prints_json_with_money_as_text(incident):
    said = json.loads(report("incident", incident.reference, "--json"))
    assert said["incident"] == incident.reference
    assert said["totals"][0]["difference"] == "156.50"
    assert len(said["rows"]) == 4
    assert len(json.loads(report("exceptions", "--json"))["manual"]) == 2


def test_the_command_prints_csv_table_by_table(incident):
    assert report("bonuses", "--format", "csv", "--table", "totals").splitlines() == [
        "incident,asset,bonuses,amount",
        f"{incident.reference},USDT,5,100.00",
    ]


@pytest.mark.parametrize("arguments", [("incident",), ("exceptions", "INC-1"), ("bonuses", "--from", "2022-11-01")])
def test_a_wrong_call_is_wrong_usage(arguments):
    with pytest.raises(CommandError):
        report(*arguments)


def test_an_unknown_incident_is_refused_with_exit_1(desk):
    with pytest.raises(SystemExit, match="1"):
        report("incident", "INC-9")
