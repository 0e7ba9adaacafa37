"""S1 by hand: each order with the answer a person worked out on paper.

The order of the table is a long of 0.5 BTCUSDT, 16,950 in at 13:00 on 16 November, liquidated at 16,500 at 14:20, whose owner
was in touch at 15:00, but for what a row says. Over the outage, 14:09 to 15:30, the highest bid is 16,571.00 and the lowest ask
16,411.10: the order gets 0.5 × (16,571 − 16,500) = 35.50.
"""

from datetime import datetime

import pytest
from django.db import transaction

from claims import workflow
from claims.models import Contact
from tests import factories as make
from tests.factories import NOW, at

QUOTES = {
    "BTCUSDT": [
        ("14:07", "16900.00", "16200.10"),  # crossed, and too old to carry in
        ("14:07:30", "16900.00", "16900.10"),  # better than anything inside, and too old to carry in
        ("14:09", "16530.00", "16530.10"),
        ("14:34:10", "16571.00", "16571.10"),  # the highest bid
        ("14:40", "17000.00", "16000.00"),  # crossed: prices nothing
        ("14:41", "0", "1"),  # zero: prices nothing
        ("14:42", "18000", "0"),
        ("14:43", "-5", "-4"),  # negative: prices nothing
        ("14:44", "-5", "19000"),
        ("14:54:20", "16411.00", "16411.10"),  # the lowest ask
        ("15:29:30", "16490.00", "16490.10"),
        ("15:30:00.000001", "16999.00", "16999.10"),  # after
        ("15:48", "16300.00", "16300.10"),
    ],
    "EXACT": [("14:08", "200", "201")],  # 60 s before the start
    "STALE": [("14:07:59.999999", "200", "201")],  # 60.000001 s before
    "ENDED": [("14:08:10", "300", "301"), ("14:08:20", "200", "201")],  # the first was over when the outage began
    "SPOILT": [("14:08:10", "200", "201"), ("14:08:20", "300", "100")],  # a crossed quote ends nothing
    "AFTER": [("15:30:00.000001", "200", "201")],
    "EMPTY": [],
    "COIN": [("14:34:10", "16571", "16571.10"), ("14:54:20", "16411", "16411.10")],
    "TIES": [("14:30", "20000", "20000")],
}
INVERSE = {"COIN": "100", "TIES": "1"}  # contract values in US dollars

user, short = {"close_reason": "user"}, {"side": "short", "entry_price": "16450", "exit_price": "16600"}
nobody, seen, unseen, refused = (
    {"contacts": []},
    {"evidence": ["accepted"]},
    {"evidence": ["received"]},
    {"evidence": ["rejected"]},
)
still_open = make.still_open()


def closed(clock: str, day: int = 16, **facts) -> dict:
    return {"closed_at": at(clock, day)} | facts


def opened(clock: str, closed_at: str = "16:00", **facts) -> dict:
    return {"opened_at": at(clock), "closed_at": at(closed_at)} | facts


def local(text: str) -> datetime:
    """An instant as Hong Kong writes it."""
    return datetime.fromisoformat(f"2022-11-{text}+08:00")


def coin(quantity: str, exit_price: str, symbol: str = "COIN", **facts) -> dict:
    return {"symbol": symbol, "quantity": quantity, "exit_price": exit_price, "entry_price": "21000"} | facts


def other(symbol: str, **facts) -> dict:
    return {"symbol": symbol, "quantity": "1", "entry_price": "250", "exit_price": "150"} | facts


# fmt: off
ORDERS = [
    # what, the order's facts, the answer
    # --- C1: forced to be liquidated in loss during the failure
    ("C1 a long: 0.5 × (16571 − 16500)", {}, "pay C1 35.50"),
    ("C1 a short: 0.5 × (16600 − 16411.10)", short, "pay C1 94.45"),
    ("C1 at 14:09:00, the first instant", closed("14:09:00"), "pay C1 35.50"),
    ("C1 at 15:30:00, the last instant: C1 and C2 hold, paid once", closed("15:30:00"), "pay C1 35.50"),
    ("C1 a millisecond before the end", closed("15:29:59.999"), "pay C1 35.50"),
    ("C1 22:20 in Hong Kong is 14:20", {"closed_at": local("16T22:20:00")}, "pay C1 35.50"),
    ("C1 22:09:00 in Hong Kong is the first instant", {"closed_at": local("16T22:09:00")}, "pay C1 35.50"),
    ("C1 23:30:00 in Hong Kong is the last", {"closed_at": local("16T23:30:00")}, "pay C1 35.50"),
    ("C1 the best bid came after the close and counts all the same", closed("14:09:01"), "pay C1 35.50"),
    ("C1 closed by hand in loss: no clause", user, "no_clause"),
    ("C1 by hand a microsecond before the end: no clause", user | closed("15:29:59.999999"), "no_clause"),
    ("C1 auto-deleveraged: no clause", {"close_reason": "adl"}, "no_clause"),
    ("C1 settled: no clause", {"close_reason": "settlement"}, "no_clause"),
    ("C1 flat: neither loss nor profit", {"exit_price": "16950"}, "no_clause"),
    ("C1 a loss of one tick of the price", {"entry_price": "16500.01"}, "pay C1 35.50"),
    # --- what an order opened inside the outage could have had
    ("opened 14:09:00 with the failure", opened("14:09:00", "14:20"), "pay C1 35.50"),
    ("opened at the instant of the best quote", opened("14:34:10", "15:00"), "pay C1 35.50"),
    ("opened 59 s into the best quote", opened("14:35:09", "15:00"), "pay C1 35.50"),
    ("opened 60 s into the best quote", opened("14:35:10", "15:00"), "pay C1 35.50"),
    ("opened 60.000001 s into it: 0.5 × (16490 − 16470)",
     opened("14:35:10.000001", "15:00", exit_price="16470"), "pay C1 10.00"),
    ("opened 14:40:01: the crossed quote of a second ago is none", opened("14:40:01", "15:10"), "nil C1"),
    ("a short opened 14:55:20, 60 s into the lowest ask", opened("14:55:20", "15:10", **short), "pay C1 94.45"),
    ("a short opened 60.000001 s into it: 0.5 × (16600 − 16490.10)",
     opened("14:55:20.000001", "15:10", **short), "pay C1 54.95"),
    ("opened 15:30:00, 30 s into the last quote: 0.5 × (16490 − 16480)",
     opened("15:30", exit_price="16480"), "pay C2 5.00"),
    # --- which quotes count
    ("no quote at all", other("EMPTY"), "needs_price C1"),
    ("only a quote from after the outage", other("AFTER"), "needs_price C1"),
    ("a quote of exactly 60 s at the start: 200 − 150", other("EXACT"), "pay C1 50.00"),
    ("a short by that quote: 350 − 201", other("EXACT", side="short", exit_price="350"), "pay C1 149.00"),
    ("opened a microsecond into the outage: that quote is too old", other("EXACT", opened_at=at("14:09:00.000001")),
     "needs_price C1"),
    ("a quote of 60.000001 s at the start", other("STALE"), "needs_price C1"),
    ("a quote that was over at the start", other("ENDED"), "pay C1 50.00"),
    ("a crossed quote does not end the one before", other("SPOILT"), "pay C1 50.00"),
    ("an excluded order needs no price", other("EMPTY", take_profit="300"), "excluded E3"),
    ("evidence is asked for before the price", other("EMPTY", **closed("18:00")), "needs_evidence C3"),
    # --- amounts
    ("best price equal to the exit", {"exit_price": "16571.00"}, "nil C1"),
    ("best price worse than the exit", {"exit_price": "16571.01"}, "nil C1"),
    ("a short's best price worse than the exit", short | {"entry_price": "16400", "exit_price": "16411.09"}, "nil C1"),
    ("0.5 × 0.01 = 0.005, half up", {"exit_price": "16570.99"}, "pay C1 0.01"),
    ("0.499999999999 × 0.01, just below", {"exit_price": "16570.99", "quantity": "0.499999999999"}, "nil C1"),
    ("0.001 × 45 = 0.045, half up and not to even", {"exit_price": "16526", "quantity": "0.001"}, "pay C1 0.05"),
    ("0.001 × 44.999999999 is less", {"exit_price": "16526.000000001", "quantity": "0.001"}, "pay C1 0.04"),
    ("0.001 × 65 = 0.065, half up", {"exit_price": "16506", "quantity": "0.001"}, "pay C1 0.07"),
    ("cover already paid: 35.50 − 10.25", {"bankruptcy_cover": "10.25"}, "pay C1 25.25"),
    ("cover of all of it", {"bankruptcy_cover": "35.50"}, "nil C1"),
    ("cover of more than it", {"bankruptcy_cover": "99"}, "nil C1"),
    ("cover netted before rounding: 35.50 − 35.495 = 0.005", {"bankruptcy_cover": "35.495"}, "pay C1 0.01"),
    ("the liquidation fee stays paid", {"liquidation_fee": "82.50"}, "pay C1 35.50"),
    # --- inverse margin: N × (R − X) / (R × X), N = contracts × 100 USD
    ("inverse long: 1000 × 71 / (16571 × 16500) = 0.000259672…", coin("10", "16500"), "pay C1 0.00025967"),
    ("inverse short: 1000 × 188.90 / (16600 × 16411.10) = 0.000693403…",
     coin("10", "16600", side="short", entry_price="16450"), "pay C1 0.00069340"),
    ("inverse, a thousand contracts: 0.0259672337…", coin("1000", "16500"), "pay C1 0.02596723"),
    ("inverse at half the price: 0.0005 × 10000 / 2e8 = 2.5e-8, half up", coin("0.0005", "10000", "TIES"),
     "pay C1 0.00000003"),
    ("inverse just below the tie", coin("0.000499999999", "10000", "TIES"), "pay C1 0.00000002"),
    ("inverse below half a unit: 0.00009 × 5e-5", coin("0.00009", "10000", "TIES"), "nil C1"),
    ("inverse at half a unit: 0.0001 × 5e-5 = 5e-9", coin("0.0001", "10000", "TIES"), "pay C1 0.00000001"),
    ("inverse worse than the exit", coin("10", "16571.5"), "nil C1"),
    ("inverse less cover in the coin", coin("10", "16500", bankruptcy_cover="0.0001"), "pay C1 0.00015967"),
    ("inverse profit", coin("10", "16500", entry_price="16499"), "excluded E4"),
    # --- C2: closed in loss between 15:30 and 16:30
    ("C2 by hand at 15:30:00", closed("15:30:00", **user), "pay C2 35.50"),
    ("C2 by hand at 16:30:00", closed("16:30:00", **user), "pay C2 35.50"),
    ("C2 by hand at 16:30:00.000001 is C3", closed("16:30:00.000001", **user), "needs_evidence C3"),
    ("C2 by hand at 16:30:00.001 is C3", closed("16:30:00.001", **user), "needs_evidence C3"),
    ("C2 liquidated a microsecond after the end", closed("15:30:00.000001"), "pay C2 35.50"),
    ("C2 auto-deleveraged", closed("16:00", close_reason="adl"), "pay C2 35.50"),
    ("C2 settled", closed("16:00", close_reason="settlement"), "pay C2 35.50"),
    ("C2 a short by hand", closed("16:00", **short, **user), "pay C2 94.45"),
    ("C2 00:30:00 in Hong Kong is the last instant", user | {"closed_at": local("17T00:30:00")}, "pay C2 35.50"),
    ("C2 flat", closed("16:00", exit_price="16950", **user), "no_clause"),
    ("C2 rejected evidence does no harm", closed("16:00", **user, **refused), "pay C2 35.50"),
    ("C2 closed below any price of the outage: 0.5 × (16571 − 16000)",
     closed("16:00", exit_price="16000", **user), "pay C2 285.50"),
    # --- C3: closed in loss within 24 hours, with accepted evidence
    ("C3 accepted", closed("18:00", **user, **seen), "pay C3 35.50"),
    ("C3 no evidence", closed("18:00", **user), "needs_evidence C3"),
    ("C3 not reviewed", closed("18:00", **user, **unseen), "needs_evidence C3"),
    ("C3 rejected", closed("18:00", **user, **refused), "no_clause"),
    ("C3 one rejected, one not reviewed", closed("18:00", evidence=["rejected", "received"]), "needs_evidence C3"),
    ("C3 one rejected, one accepted", closed("18:00", evidence=["rejected", "accepted"]), "pay C3 35.50"),
    ("C3 one accepted, one not reviewed", closed("18:00", evidence=["accepted", "received"]), "pay C3 35.50"),
    ("C3 two rejected", closed("18:00", evidence=["rejected", "rejected"]), "no_clause"),
    ("C3 a microsecond after the hour", closed("16:30:00.000001", **seen), "pay C3 35.50"),
    ("C3 at 15:30:00 on the 17th", closed("15:30:00", 17, **seen), "pay C3 35.50"),
    ("C3 a microsecond later", closed("15:30:00.000001", 17, **seen), "excluded E2"),
    ("C3 23:30:00 in Hong Kong on the 17th", {"closed_at": local("17T23:30:00")} | seen, "pay C3 35.50"),
    ("C3 liquidated", closed("03:00", 17, **seen), "pay C3 35.50"),
    ("C3 a short", closed("03:00", 17, **short, **seen), "pay C3 94.45"),
    ("C3 flat", closed("18:00", exit_price="16950", **seen), "no_clause"),
    ("C3 evidence does not help a close by hand during the failure", user | seen, "no_clause"),
    # --- E1: closed before the failure; such orders were not open in it either
    ("E1 a microsecond before", closed("14:08:59.999999"), "excluded E1 E6"),
    ("E1 a millisecond before", closed("14:08:59.999"), "excluded E1 E6"),
    ("E1 a second before, by hand", closed("14:08:59", **user), "excluded E1 E6"),
    ("E1 22:08:59.999999 in Hong Kong", {"closed_at": local("16T22:08:59.999999")}, "excluded E1 E6"),
    ("E1 22:08 in Hong Kong, by hand", {"closed_at": local("16T22:08:00")} | user, "excluded E1 E6"),
    ("E1 in profit", closed("14:00", exit_price="17000"), "excluded E1 E4 E6"),
    ("E1 with a TP: it was not active in the failure", closed("14:00", take_profit="18000"), "excluded E1 E6"),
    ("E1 and never in touch", closed("14:00", **nobody), "excluded E1 E5 E6"),
    ("E1 evidence does not help", closed("14:00", **seen), "excluded E1 E6"),
    # --- E2: still open, or closed after 24 hours
    ("E2 still open", still_open, "excluded E2"),
    ("E2 a microsecond after 24 hours", closed("15:30:00.000001", 17), "excluded E2"),
    ("E2 a millisecond after, by hand, with evidence", closed("15:30:00.001", 17, **user, **seen), "excluded E2"),
    ("E2 closed at 24 hours is not", closed("15:30:00", 17), "needs_evidence C3"),
    ("E2 a day later in profit", closed("12:00", 18, exit_price="17000"), "excluded E2 E4"),
    ("E2 open, with a TP", still_open | {"take_profit": "18000"}, "excluded E2 E3"),
    ("E2 open, never in touch", still_open | nobody, "excluded E2 E5"),
    ("E2 open, opened after the outage", still_open | {"opened_at": at("15:31")}, "excluded E2 E6"),
    ("E2 23:30:00.001 in Hong Kong", {"closed_at": local("17T23:30:00.001")} | seen, "excluded E2"),
    # --- E3: TP/SL
    ("E3 a TP, times unknown", {"take_profit": "18000"}, "excluded E3"),
    ("E3 an SL, times unknown", {"stop_loss": "16000"}, "excluded E3"),
    ("E3 both 0 is none", {"take_profit": "0", "stop_loss": "0"}, "pay C1 35.50"),
    ("E3 a TP of 0 and an SL", {"take_profit": "0", "stop_loss": "16000"}, "excluded E3"),
    ("E3 times without a price are none", {"tpsl_set_at": at("13:00")}, "pay C1 35.50"),
    ("E3 cancelled a microsecond before the start",
     {"stop_loss": "16000", "tpsl_set_at": at("13:00"), "tpsl_cancelled_at": at("14:08:59.999999")}, "pay C1 35.50"),
    ("E3 cancelled at the start", {"stop_loss": "16000", "tpsl_cancelled_at": at("14:09:00")}, "excluded E3"),
    ("E3 cancelled during the failure", {"stop_loss": "16000", "tpsl_cancelled_at": at("14:15")}, "excluded E3"),
    ("E3 cancelled before, when it was set unknown", {"take_profit": "1", "tpsl_cancelled_at": at("14:00")}, "pay C1 35.50"),
    ("E3 set during the failure", {"take_profit": "18000", "tpsl_set_at": at("14:15")}, "excluded E3"),
    ("E3 set at the close", {"take_profit": "18000", "tpsl_set_at": at("14:20")}, "excluded E3"),
    ("E3 set a microsecond after the close", {"take_profit": "18000", "tpsl_set_at": at("14:20:00.000001")}, "pay C1 35.50"),
    ("E3 set at the end is not after recovery", closed("16:00", take_profit="18000", tpsl_set_at=at("15:30")), "excluded E3"),
    ("E3 set only after recovery: excluded, flagged",
     closed("16:00", take_profit="18000", tpsl_set_at=at("15:30:00.000001")), "excluded E3 !tpsl_after_end"),
    ("E3 set after recovery, cancelled before the close: excluded, flagged",
     closed("16:00", stop_loss="16000", tpsl_set_at=at("15:40"), tpsl_cancelled_at=at("15:50")),
     "excluded E3 !tpsl_after_end"),
    ("E3 closed by its stop loss in the hour after", closed("16:00", stop_loss="16500", close_reason="stop_loss"), "excluded E3"),
    # --- E4: profit
    ("E4 a long", {"exit_price": "17000"}, "excluded E4"),
    ("E4 a short", short | {"exit_price": "16400"}, "excluded E4"),
    ("E4 by one tick", {"exit_price": "16950.000000000001"}, "excluded E4"),
    ("E4 a short by one tick", short | {"exit_price": "16449.999999999999"}, "excluded E4"),
    ("E4 by hand, during the failure", user | {"exit_price": "17000"}, "excluded E4"),
    ("E4 in the hour after", closed("16:00", exit_price="17000"), "excluded E4"),
    ("E4 with evidence", closed("20:00", exit_price="17000", **seen), "excluded E4"),
    ("E4 and never in touch", {"exit_price": "17000"} | nobody, "excluded E4 E5"),
    ("E4 by its take profit", {"exit_price": "17000", "take_profit": "17000", "close_reason": "take_profit"}, "excluded E3 E4"),
    ("E4 by price, though fees made it a loss", {"exit_price": "16951", "realized_pnl": "-3"}, "excluded E4"),
    # --- E5: in touch
    ("E5 never", nobody, "excluded E5"),
    ("E5 at 14:09:00", {"contacts": [at("14:09:00")]}, "pay C1 35.50"),
    ("E5 a microsecond before the failure", {"contacts": [at("14:08:59.999999")]}, "excluded E5"),
    ("E5 at 15:30:00 on the 17th", {"contacts": [at("15:30:00", 17)]}, "pay C1 35.50"),
    ("E5 a microsecond later", {"contacts": [at("15:30:00.000001", 17)]}, "excluded E5"),
    ("E5 a millisecond later", {"contacts": [at("15:30:00.001", 17)]}, "excluded E5"),
    ("E5 before it, and again in it", {"contacts": [at("13:00"), at("14:30")]}, "pay C1 35.50"),
    ("E5 before it, and too late", {"contacts": [at("13:00"), at("15:31", 17)]}, "excluded E5"),
    ("E5 in time, and later again", {"contacts": [at("20:00"), at("12:00", 18)]}, "pay C1 35.50"),
    ("E5 23:30:00 in Hong Kong on the 17th", {"contacts": [local("17T23:30:00")]}, "pay C1 35.50"),
    ("E5 22:08:59 in Hong Kong", {"contacts": [local("16T22:08:59")]}, "excluded E5"),
    ("E5 evidence is no contact", closed("18:00", **nobody, **seen), "excluded E5"),
    # --- E6: open at some time in the outage
    ("E6 opened a microsecond after the end", opened("15:30:00.000001"), "excluded E6"),
    ("E6 opened a millisecond after", opened("15:30:00.001"), "excluded E6"),
    ("E6 opened after, in profit", opened("15:45", exit_price="17000"), "excluded E4 E6"),
    ("E6 opened after, with evidence", opened("15:45", "18:00", **seen), "excluded E6"),
    ("E6 opened after, with a TP", opened("15:45", take_profit="18000"), "excluded E3 E6"),
    ("E6 opened after, never in touch", opened("15:45", **nobody), "excluded E5 E6"),
    ("E6 23:30:00.001 in Hong Kong", {"opened_at": local("16T23:30:00.001"), "closed_at": at("16:00")}, "excluded E6"),
    ("E6 opened and closed at 14:09:00", opened("14:09:00", "14:09:00"), "pay C1 35.50"),
    ("E6 opened and closed at 15:30:00", opened("15:30:00", "15:30:00", exit_price="16480"), "pay C1 5.00"),
]
# fmt: on


@pytest.fixture(scope="module")
def answers(django_db_setup, django_db_blocker):
    """One assessment over the whole table, every row a customer of its own."""
    with django_db_blocker.unblock(), transaction.atomic():
        found = assessed()
        transaction.set_rollback(True)
    return found


def assessed() -> dict:
    for symbol, rows in QUOTES.items():
        inverse = {"margin": "inverse", "contract_value": INVERSE[symbol]} if symbol in INVERSE else {}
        make.instrument(symbol, **inverse)
        make.quotes(symbol, *rows)
    incident = make.incident()
    for what, facts, _ in ORDERS:
        enter(incident, what, dict(facts))
    workflow.assess_now(incident, now=NOW)
    claims = incident.claims.select_related("customer")
    return {claim.customer.code: said(claim.verdicts.in_force().get()) for claim in claims}


def enter(incident, what: str, facts: dict) -> None:
    claim = make.claim(incident, what[:60], contacted=None)
    for when in facts.pop("contacts", [at("15:00")]):
        Contact.objects.create(claim=claim, channel="chat", contacted_at=when)
    for number, status in enumerate(facts.pop("evidence", [])):
        make.evidence(claim, sha256=f"{number}", status=status)
    make.order(what[:64], what[:60], **facts)


def said(verdict) -> str:
    """'pay C1 35.50', 'excluded E1 E6', with flags behind a !."""
    parts = [verdict.outcome, verdict.clause, *verdict.reasons, *(f"!{flag}" for flag in verdict.flags)]
    if verdict.outcome == "pay":
        parts.insert(2, f"{verdict.amount:.{2 if verdict.asset == 'USDT' else 8}f}")
    return " ".join(filter(None, parts))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("what", "answer"), [(what, answer) for what, _, answer in ORDERS], ids=[row[0] for row in ORDERS]
)
def test_an_order_gets_the_verdict_worked_by_hand(answers, what, answer):
    assert answers[what[:60]] == answer
