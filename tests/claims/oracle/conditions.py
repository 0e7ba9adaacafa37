"""Which clauses hold for an order (rules §3)."""

from __future__ import annotations

from tests.claims.oracle.facts import Claim, Order, Window, duration, first_start, instant, pnl


def result(order: Order) -> str:
    """Of a still-open order nobody knows it yet."""
    if order.exit is None:
        return "unknown"
    gained = pnl(order, order.exit)
    return "loss" if gained < 0 else "profit" if gained > 0 else "flat"


def is_open_at_some_time(order: Order, windows: list[Window]) -> bool:
    return any(order.opened <= end and (order.closed is None or order.closed >= start) for start, end in windows)


def has_tpsl(order: Order, windows: list[Window]) -> bool:
    """Active at any instant from the failure's start to the close; times unknown: throughout."""
    if not order.take_profit and not order.stop_loss:
        return False
    begin = first_start(windows)
    if order.closed is not None and order.closed < begin:
        return False
    if order.tpsl_cancelled is not None and order.tpsl_cancelled < begin:
        return False
    return not (order.tpsl_set is not None and order.closed is not None and order.tpsl_set > order.closed)


def is_in_contact(claim: Claim, contact: dict, windows: list[Window]) -> bool:
    if not contact["required"]:
        return True
    for contacted in claim.contacts:
        late = contact["within"] != "" and contacted > instant("end", windows) + duration(contact["within"])
        if contacted >= instant("start", windows) and not late:
            return True
    return False


def evidence_state(claim: Claim) -> str:
    """accepted, waiting (none, or not all reviewed) or rejected."""
    if "accepted" in claim.evidence:
        return "accepted"
    if not claim.evidence or "received" in claim.evidence:
        return "waiting"
    return "rejected"


def holds(clause: dict, order: Order, claim: Claim, policy: dict, windows: list[Window]) -> bool:
    """Do all conditions of the clause hold? Evidence that is missing does not speak against it, rejected evidence does."""
    if clause["close_reasons"] and (order.reason or "open") not in clause["close_reasons"]:
        return False
    if clause["result"] and result(order) != clause["result"]:
        return False
    if not in_time(clause, order, windows):
        return False
    facts = {
        "open_in_outage": is_open_at_some_time(order, windows),
        "tpsl_active": has_tpsl(order, windows),
        "in_contact": is_in_contact(claim, policy["contact"], windows),
    }
    for name, fact in facts.items():
        if clause[name] is not None and clause[name] != fact:
            return False
    if clause["products"] and order.product not in clause["products"]:
        return False
    if clause["instruments"] and order.symbol not in clause["instruments"]:
        return False
    return not (clause["evidence"] and evidence_state(claim) == "rejected")


def in_time(clause: dict, order: Order, windows: list[Window]) -> bool:
    closed = order.closed
    if clause["not_closed_by"] and closed is not None and closed <= instant(clause["not_closed_by"], windows):
        return False
    asked = {
        name: clause[name] for name in ("closed_from", "closed_to", "closed_before", "closed_after") if clause[name]
    }
    if asked and closed is None:
        return False
    for name, anchor in asked.items():
        bound = instant(anchor, windows)
        kept = {
            "closed_from": lambda at=bound: closed >= at,
            "closed_to": lambda at=bound: closed <= at,
            "closed_before": lambda at=bound: closed < at,
            "closed_after": lambda at=bound: closed > at,
        }[name]()
        if not kept:
            return False
    return True
