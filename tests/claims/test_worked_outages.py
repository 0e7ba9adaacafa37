"""Outages and circumstances by hand: several windows, an outage that lasts, what an incident covers, what was paid before."""

from decimal import Decimal
from fractions import Fraction

import pytest

from claims import workflow
from incidents.models import OutageWindow
from tests import factories as make
from tests.factories import NOW, S1, at

pytestmark = pytest.mark.django_db


def verdicts_of(claim) -> dict:
    """By order and leg: outcome, clause, reference price, amount."""
    claim.refresh_from_db()
    return {
        str(verdict.order): (verdict.outcome, verdict.clause, verdict.reference_price, verdict.amount)
        for verdict in claim.verdicts.in_force().select_related("order")
    }


def assessed(incident, claim) -> dict:
    workflow.assess_now(incident, now=NOW)
    return verdicts_of(claim)


def test_two_legs_of_one_order_have_a_verdict_each():
    """0.3 liquidated in the failure: 0.3 × 71 = 21.30; 0.2 closed in the hour after: 0.2 × (16571 − 16400) = 34.20."""
    make.quotes("BTCUSDT", ("14:34", "16571", "16571.10"))
    incident = make.incident()
    claim = make.claim(incident)
    make.order("7", leg="1", quantity="0.3")
    make.order("7", leg="2", quantity="0.2", exit_price="16400", closed_at=at("16:00"), close_reason="user")
    make.order("7", leg="3", **make.still_open())
    assert assessed(incident, claim) == {
        "7/1": ("pay", "C1", Decimal("16571"), Decimal("21.30")),
        "7/2": ("pay", "C2", Decimal("16571"), Decimal("34.20")),
        "7/3": ("excluded", "", Decimal("16571"), Decimal(0)),
    }


@pytest.mark.parametrize(
    "windows",
    [
        [("14:09", "15:00"), ("14:30", "15:30")],  # overlapping
        [("14:09", "14:30"), ("14:30", "15:30")],  # touching
        [("14:30", "14:40"), ("14:09", "15:30")],  # one within the other
    ],
)
def test_windows_that_meet_are_one_outage(windows):
    make.quotes("BTCUSDT", ("14:35", "16571", "16571.10"), ("15:20", "16580", "16580.10"))
    incident = make.incident(windows=windows)
    claim = make.claim(incident)
    make.order("1", closed_at=at("15:30"))
    assert assessed(incident, claim) == {"1/1": ("pay", "C1", Decimal("16580"), Decimal("40.00"))}
    assert claim.assessment.windows == [["2022-11-16T14:09:00+00:00", "2022-11-16T15:30:00+00:00"]]


def test_between_two_windows_nothing_is_broken():
    """The best bid of the day came between the windows: it prices nothing. Closed between them: after the first start, so C1."""
    make.quotes(
        "BTCUSDT",
        ("14:15", "16510", "16510.10"),
        ("14:40", "17000", "17000.10"),  # between the windows, over before the second begins
        ("14:58", "16520", "16520.10"),
        ("15:05", "16530", "16530.10"),
    )
    incident = make.incident(windows=[("14:09", "14:30"), ("15:00", "15:30")])
    claim = make.claim(incident)
    make.order("both", closed_at=at("15:10"))
    make.order("closed-between", closed_at=at("14:45"))
    make.order("opened-between", opened_at=at("14:35"), closed_at=at("15:10"))
    make.order("between", opened_at=at("14:35"), closed_at=at("14:59:59.999999"))
    make.order("until-the-second", opened_at=at("14:35"), closed_at=at("15:00"))
    make.order("from-the-first", opened_at=at("14:30"), closed_at=at("14:50"))
    assert assessed(incident, claim) == {
        "both/1": ("pay", "C1", Decimal("16530"), Decimal("15.00")),
        "closed-between/1": ("pay", "C1", Decimal("16530"), Decimal("15.00")),
        "opened-between/1": ("pay", "C1", Decimal("16530"), Decimal("15.00")),
        "between/1": ("excluded", "", Decimal("16530"), Decimal(0)),  # E6
        "until-the-second/1": ("pay", "C1", Decimal("16530"), Decimal("15.00")),
        "from-the-first/1": ("pay", "C1", Decimal("16530"), Decimal("15.00")),
    }
    assert [verdict.reasons for verdict in claim.verdicts.in_force().filter(order__order_id="between")] == [["E6"]]


def test_a_quote_is_carried_into_the_second_window_as_well():
    make.quotes("BTCUSDT", ("14:15", "16510", "16510.10"), ("14:59", "16600", "16600.10"))
    incident = make.incident(windows=[("14:09", "14:30"), ("15:00", "15:30")])
    claim = make.claim(incident)
    make.order("1")
    make.order("opened-in-the-second", opened_at=at("15:00:00.000001"), closed_at=at("15:10"))
    assert assessed(incident, claim) == {
        "1/1": ("pay", "C1", Decimal("16600"), Decimal("50.00")),
        "opened-in-the-second/1": ("needs_price", "C1", None, Decimal(0)),
    }


def test_deadlines_run_from_the_end_of_the_last_window():
    make.quotes("BTCUSDT", ("14:15", "16510", "16510.10"))
    incident = make.incident(windows=[("14:09", "14:30"), ("18:00", "18:30")])
    claim = make.claim(incident, contacted=at("18:30", 17))
    make.order("1", closed_at=at("19:30"), close_reason="user")
    assert assessed(incident, claim) == {"1/1": ("pay", "C2", Decimal("16510"), Decimal("5.00"))}


@pytest.mark.parametrize("windows", [[("14:09", None)], [("14:09", "14:30"), ("15:00", None)]])
def test_while_the_outage_lasts_every_order_waits(windows):
    make.quotes("BTCUSDT", ("14:15", "16510", "16510.10"))
    incident = make.incident(windows=windows)
    claim = make.claim(incident)
    make.order("1")
    make.order("2", take_profit="18000")
    assert assessed(incident, claim) == {
        "1/1": ("hold", "", None, Decimal(0)),
        "2/1": ("hold", "", None, Decimal(0)),
    }
    assert {tuple(verdict.flags) for verdict in claim.verdicts.in_force()} == {("outage_lasts",)}
    assert claim.status == "on_hold"

    OutageWindow.objects.filter(incident=incident, ends_at=None).update(ends_at=at("15:30"))
    assert assessed(incident, claim) == {
        "1/1": ("pay", "C1", Decimal("16510"), Decimal("5.00")),
        "2/1": ("excluded", "", Decimal("16510"), Decimal(0)),
    }


def test_only_what_the_incident_broke_is_assessed():
    for symbol, product in (("BTCUSDT", "standard"), ("ETHUSDT", "standard"), ("BTCPRO", "pro")):
        make.instrument(symbol, product=product)
        make.quotes(symbol, ("14:15", "16510", "16510.10"))
        make.order(symbol, symbol=symbol)
    make.order("carl", "carl")  # a customer who has no claim
    everything, bitcoin, pro, neither = (
        make.incident("ALL"),
        make.incident("BTC", instruments=["BTCUSDT", "BTCPRO"]),
        make.incident("PRO", products=["pro"]),
        make.incident("NONE", instruments=["BTCUSDT"], products=["pro"]),
    )
    assert [sorted(assessed(incident, make.claim(incident))) for incident in (everything, bitcoin, pro, neither)] == [
        ["BTCPRO/1", "BTCUSDT/1", "ETHUSDT/1"],
        ["BTCPRO/1", "BTCUSDT/1"],
        ["BTCPRO/1"],
        [],
    ]


def test_a_customer_of_two_incidents_has_the_evidence_and_the_contacts_of_each():
    """Carla was in touch about the second outage only, and showed evidence about the first only."""
    make.quotes("BTCUSDT", ("14:15", "16510", "16510.10"))
    first, second = make.incident("FIRST"), make.incident("SECOND")
    silent, heard = make.claim(first, contacted=None), make.claim(second)
    make.evidence(silent, status="accepted")
    make.order("1", closed_at=at("18:00"), close_reason="user")
    assert assessed(first, silent) == {"1/1": ("excluded", "", Decimal("16510"), Decimal(0))}
    assert assessed(second, heard) == {"1/1": ("needs_evidence", "C3", Decimal("16510"), Decimal(0))}


def test_an_order_paid_under_another_incident_is_not_paid_again():
    make.quotes("BTCUSDT", ("14:15", "16510", "16510.10"))
    max_, first, second = make.staff("max", "manager"), make.incident("FIRST"), make.incident("SECOND")
    paid, again = make.claim(first), make.claim(second)
    make.order("1")
    assert assessed(first, paid) == {"1/1": ("pay", "C1", Decimal("16510"), Decimal("5.00"))}
    workflow.approve(paid, by=max_, now=NOW)

    make.order("2", closed_at=at("14:30"))
    assert assessed(second, again) == {
        "1/1": ("nil", "C1", Decimal("16510"), Decimal(0)),
        "2/1": ("pay", "C1", Decimal("16510"), Decimal("5.00")),
    }
    assert [verdict.flags for verdict in again.verdicts.in_force().order_by("order__order_id")] == [
        ["paid_elsewhere"],
        [],
    ]


def test_what_was_paid_elsewhere_needs_no_evidence_either():
    make.quotes("BTCUSDT", ("14:15", "16510", "16510.10"))
    max_, first = make.staff("max", "manager"), make.incident("FIRST")
    second = make.incident("SECOND", policy=S1.replace('code = "C1"', 'code = "C1"\nevidence = true'))
    paid, again = make.claim(first), make.claim(second)
    make.order("1")
    assessed(first, paid)
    workflow.approve(paid, by=max_, now=NOW)
    assert assessed(second, again) == {"1/1": ("nil", "C1", Decimal("16510"), Decimal(0))}
    assert again.status == "assessed"


def test_rejected_evidence_makes_its_clause_fail_on_the_screen_too():
    make.quotes("BTCUSDT", ("14:15", "16510", "16510.10"))
    incident = make.incident()
    claim = make.claim(incident)
    screenshot = make.evidence(claim)
    make.order("1", closed_at=at("18:00"), close_reason="user")
    assessed(incident, claim)
    assert [verdict.holds for verdict in claim.verdicts.in_force()] == [["C3"]]
    screenshot.status, screenshot.reason, screenshot.reviewed_at = "rejected", "shows another exchange", NOW
    screenshot.save()
    assert assessed(incident, claim) == {"1/1": ("no_clause", "", Decimal("16510"), Decimal(0))}
    assert [verdict.holds for verdict in claim.verdicts.in_force()] == [[]]


def test_percentages_cover_and_the_fee_in_one_amount():
    """(2 × (16510 − 16500) − 4.01) × 50 % × 12.5 % + 1.23 = 2.229375: 2.23."""
    make.quotes("BTCUSDT", ("14:15", "16510", "16510.10"))
    policy = S1.replace('percentage = "100"', 'percentage = "12.5"').replace(
        "refund_liquidation_fee = false", "refund_liquidation_fee = true"
    )
    incident = make.incident(policy=policy.replace('code = "C1"', 'code = "C1"\npercentage = "50"'))
    claim = make.claim(incident)
    make.order("1", quantity="2", bankruptcy_cover="4.01", liquidation_fee="1.23")
    assert assessed(incident, claim) == {"1/1": ("pay", "C1", Decimal("16510"), Decimal("2.23"))}


def test_inverse_amounts_equal_the_fraction_to_the_last_digit():
    """One division, no rounded reciprocals: prices and contract values with all their twelve decimals."""
    symbols = {"A": "0.000000000007", "B": "33333.333333333333", "C": "1"}
    price = "16571.123456789012"
    incident = make.incident()
    claim = make.claim(incident)
    wanted = {}
    for symbol, contract_value in symbols.items():
        make.instrument(symbol, margin="inverse", contract_value=contract_value)
        make.quotes(symbol, ("14:15", price, price))
        for number, (quantity, exit_price) in enumerate(
            (("987654321.123456789012", "3.000000000001"), ("7", "9999.9"))
        ):
            make.order(f"{symbol}{number}", symbol=symbol, quantity=quantity, exit_price=exit_price)
            face = Fraction(quantity) * Fraction(contract_value)
            gain = face * (Fraction(price) - Fraction(exit_price)) / (Fraction(price) * Fraction(exit_price))
            wanted[f"{symbol}{number}/1"] = Decimal((gain * 10**8 + Fraction(1, 2)).__floor__()).scaleb(-8)
    assert {order: answer[3] for order, answer in assessed(incident, claim).items()} == wanted
    assert sum(amount > 0 for amount in wanted.values()) == 5  # one is below half a unit


def test_a_claim_without_orders_is_assessed_alone():
    incident = make.incident()
    claim = make.claim(incident, "ruth")
    assessment = workflow.assess_now(incident, claim=claim, now=NOW)
    assert (assessment.claims_assessed, verdicts_of(claim), claim.status) == (1, {}, "assessed")


def test_a_run_over_the_same_inputs_has_the_same_fingerprint_and_any_other_input_another():
    make.quotes("BTCUSDT", ("14:15", "16510", "16510.10"))
    incident = make.incident()
    claim = make.claim(incident)
    order = make.order("1", take_profit="18000", tpsl_set_at=at("14:00"))

    def fingerprint() -> str:
        return workflow.assess_now(incident, now=NOW).fingerprint

    seen = [fingerprint()]
    assert fingerprint() == seen[0]

    order.tpsl_set_at, order.tpsl_cancelled_at = None, order.tpsl_set_at  # the same instant, in the next column
    order.save()
    seen.append(fingerprint())
    screenshot = make.evidence(claim)
    seen.append(fingerprint())
    screenshot.status, screenshot.reason, screenshot.reviewed_at = "accepted", "shows the login error", NOW
    screenshot.save()
    seen.append(fingerprint())
    claim.contacts.create(channel="chat", contacted_at=at("16:00"))
    seen.append(fingerprint())
    order.instrument.contract_value = 2
    order.instrument.save()
    seen.append(fingerprint())
    order.instrument.abnormal_ranges.create(  # no quote lies in it, but the order was opened in it
        starts_at=at("12:55"), ends_at=at("13:05"), reason="a feed gone wild", marked_at=NOW
    )
    seen.append(fingerprint())
    assert len(set(seen)) == 7
