"""S1 by hand: each order with the answer a person worked out on paper."""

from decimal import Decimal

import pytest

from claims import workflow
from tests import factories as make
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db

OUTAGE = [
    ("14:07", "16900.00", "16200.10"),  # before: better than anything inside, and too old to carry in
    ("14:09", "16530.00", "16530.10"),
    ("14:34:10", "16571.00", "16571.10"),  # the highest bid
    ("14:40", "17000.00", "16000.00"),  # crossed: prices nothing
    ("14:54:20", "16411.00", "16411.10"),  # the lowest ask
    ("15:20", "16480.00", "16480.10"),
    ("15:48", "16999.00", "16000.10"),  # after
]

ORDERS = [
    # what, the order's facts, outcome, clause, reasons, amount
    ("liquidated long: 0.5 × (16571 − 16500)", {}, "pay", "C1", [], "35.50"),
    (
        "liquidated short: 0.5 × (16600 − 16411.10)",
        {"side": "short", "entry_price": "16450", "exit_price": "16600"},
        "pay",
        "C1",
        [],
        "94.45",
    ),
    ("closed at 14:09:00 exactly is in", {"closed_at": at("14:09:00")}, "pay", "C1", [], "35.50"),
    ("closed at 14:08:59.999999 is out", {"closed_at": at("14:08:59.999999")}, "excluded", "", ["E1", "E6"], "0"),
    ("liquidated at 15:30:00: C1, not C2 as well", {"closed_at": at("15:30")}, "pay", "C1", [], "35.50"),
    ("by hand at 15:30:00: C2", {"closed_at": at("15:30"), "close_reason": "user"}, "pay", "C2", [], "35.50"),
    ("by hand at 16:30:00: C2", {"closed_at": at("16:30"), "close_reason": "user"}, "pay", "C2", [], "35.50"),
    (
        "a millisecond later: C3 wants evidence",
        {"closed_at": at("16:30:00.001"), "close_reason": "user"},
        "needs_evidence",
        "C3",
        [],
        "0",
    ),
    (
        "opened 14:40: only later bids count",
        {"opened_at": at("14:40:01"), "closed_at": at("15:10")},
        "nil",
        "C1",
        [],
        "0",
    ),
    ("TP active", {"take_profit": "18000"}, "excluded", "", ["E3"], "0"),
    ("still open", make.still_open(), "excluded", "", ["E2"], "0"),
    ("profit", {"exit_price": "17000"}, "excluded", "", ["E4"], "0"),
    ("flat", {"exit_price": "16950"}, "no_clause", "", [], "0"),
    ("cover already paid: 35.50 − 10.25", {"bankruptcy_cover": "10.25"}, "pay", "C1", [], "25.25"),
]


@pytest.mark.parametrize(
    ("what", "facts", "outcome", "clause", "reasons", "amount"), ORDERS, ids=[row[0] for row in ORDERS]
)
def test_an_order_gets_the_verdict_worked_by_hand(what, facts, outcome, clause, reasons, amount):
    make.quotes("BTCUSDT", *OUTAGE)
    incident = make.incident()
    claim = make.claim(incident)
    make.order("1", **facts)
    workflow.assess_now(incident, now=NOW)
    claim.refresh_from_db()
    [verdict] = claim.verdicts.in_force()
    assert (verdict.outcome, verdict.clause, verdict.reasons, verdict.amount) == (
        outcome,
        clause,
        reasons,
        Decimal(amount),
    )
