"""The whole answer for all orders of one customer (rules §3 and §4; decisions, "Verdicts")."""

from __future__ import annotations

from datetime import datetime

from tests.claims.oracle.amounts import Share, restored, settle
from tests.claims.oracle.conditions import evidence_state, has_tpsl, holds
from tests.claims.oracle.facts import Answer, Claim, Market, Order, Window, last_end, price_of
from tests.claims.oracle.prices import is_abnormal, reference, valuation


def judge(
    orders: list[Order],
    claim: Claim,
    policy: dict,
    windows: list[Window],
    markets: dict[str, Market],
    asked: datetime,
) -> list[Answer]:
    """An answer for each order of one customer. `asked` is when the check was asked for."""
    if any(end is None for _, end in windows):
        return [Answer("hold", flags={"outage_lasts"}) for _ in orders]
    answers, shares = [], []
    for order in orders:
        answer = judge_alone(order, claim, policy, windows, markets[order.symbol], asked)
        if answer.clause and any(is_hedge(order, other) for other in orders):
            answer.flags.add("hedged")
        if answer.outcome == "pay":
            shares.append(share_of(order, answer, policy))
        answers.append(answer)
    settle(shares, policy)
    return answers


def judge_alone(
    order: Order, claim: Claim, policy: dict, windows: list[Window], market: Market, asked: datetime
) -> Answer:
    """All of an order's answer but what depends on the customer's other orders; `pay` if it lacks nothing."""
    holding = [clause for clause in policy["clauses"] if holds(clause, order, claim, policy, windows)]
    reasons = [clause["code"] for clause in holding if clause["effect"] == "exclude"]
    answer = Answer(
        "excluded",
        reasons=reasons,
        holds=[clause["code"] for clause in holding],
        quote=reference(order, policy["price"], windows, market),
        value=valuation(order, market, asked),
    )
    answer.flags = flags(order, windows, market)
    if reasons:
        return answer
    if not holding:
        answer.outcome = "no_clause"
        return answer
    clause = holding[0]
    answer.clause = clause["code"]
    if answer.quote in market.given:
        answer.flags.add("price_by_hand")
    answer.outcome = outcome(order, claim, clause, answer)
    if can_be_restored(order, clause, answer):
        answer.restore_amount = restored(order, policy["payment"])
    return answer


def can_be_restored(order: Order, clause: dict, answer: Answer) -> bool:
    """Offered for a closed order, whatever the best price gives; not while evidence is missing, nor twice."""
    offered = "restore_order" in clause["remedies"] and order.closed is not None
    return offered and answer.outcome != "needs_evidence" and not order.paid_elsewhere


def flags(order: Order, windows: list[Window], market: Market) -> set[str]:
    found = set()
    if has_tpsl(order, windows) and order.tpsl_set is not None and order.tpsl_set > last_end(windows):
        found.add("tpsl_after_end")
    if order.paid_elsewhere:
        found.add("paid_elsewhere")
    if is_abnormal(order.opened, market):
        found.add("abnormal_entry")
    return found


def outcome(order: Order, claim: Claim, clause: dict, answer: Answer) -> str:
    """What an order lacks to be paid by this include clause; `pay` if nothing."""
    if order.paid_elsewhere:
        return "nil"
    if clause["evidence"] and evidence_state(claim) != "accepted":
        return "needs_evidence"
    if answer.quote is None or (order.closed is None and answer.value is None):
        return "needs_price"
    return "pay"


def share_of(order: Order, answer: Answer, policy: dict) -> Share:
    [clause] = [clause for clause in policy["clauses"] if clause["code"] == answer.clause]
    exit_price = order.exit if order.closed is not None else price_of(order, answer.value)
    return Share(order, answer, clause, reference=price_of(order, answer.quote), exit=exit_price)


def is_hedge(one: Order, other: Order) -> bool:
    """Long and short of one symbol, held at the same time, if only for an instant."""
    if one.symbol != other.symbol or one.side == other.side:
        return False
    return is_opened_before_close(one, other) and is_opened_before_close(other, one)


def is_opened_before_close(one: Order, other: Order) -> bool:
    return other.closed is None or one.opened <= other.closed
