"""The rules a second time, slow and obvious: one order, plain values, loops and fractions.

Written from the rules, not from the query; `test_oracle` holds the one against the other. Nothing here knows Django.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

Window = tuple[datetime, datetime | None]


@dataclass(frozen=True)
class Quote:
    at: datetime
    bid: Decimal
    ask: Decimal


@dataclass(frozen=True)
class Order:
    """A closing leg, with what the rules ask of its instrument."""

    symbol: str
    product: str
    margin: str
    contract_value: Decimal
    decimals: int
    side: str
    quantity: Decimal
    entry: Decimal
    opened: datetime
    exit: Decimal | None
    closed: datetime | None
    reason: str
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    tpsl_set: datetime | None = None
    tpsl_cancelled: datetime | None = None
    fee: Decimal = Decimal(0)
    cover: Decimal = Decimal(0)
    paid_elsewhere: bool = False


@dataclass(frozen=True)
class Claim:
    """When the customer was in touch, and how their evidence was reviewed: received, accepted, rejected."""

    contacts: tuple[datetime, ...]
    evidence: tuple[str, ...]


@dataclass
class Answer:
    outcome: str
    clause: str = ""
    reasons: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    quote: Quote | None = None
    amount: Decimal = Decimal(0)


# --- time


def duration(text: str) -> timedelta | None:
    if text == "":
        return None
    return int(text[:-1]) * {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1),
                             "d": timedelta(days=1)}[text[-1]]  # fmt: skip


def instant(anchor: str, windows: list[Window]) -> datetime:
    """'end+1h': an hour after the last end."""
    first_start, last_end = min(start for start, _ in windows), max(end for _, end in windows)
    if anchor.startswith("start"):
        base, rest = first_start, anchor.removeprefix("start")
    else:
        base, rest = last_end, anchor.removeprefix("end")
    if not rest:
        return base
    return base + duration(rest[1:]) if rest[0] == "+" else base - duration(rest[1:])


# --- money


def pnl(order: Order, price: Decimal) -> Fraction:
    """Price PnL of the order, had it been closed at this price."""
    sign = 1 if order.side == "long" else -1
    entry, close = Fraction(order.entry), Fraction(price)
    if order.margin == "linear":
        return sign * Fraction(order.quantity) * (close - entry)
    face = Fraction(order.quantity) * Fraction(order.contract_value)
    return sign * face * (close - entry) / (entry * close)


def round_half_up(value: Fraction, decimals: int) -> Decimal:
    """Of a value that is not negative."""
    units = (value * 10**decimals + Fraction(1, 2)).__floor__()
    return Decimal(units).scaleb(-decimals)


def counted(order: Order, windows: list[Window], quotes: list[Quote], carry_in: timedelta) -> list[Quote]:
    """The usable quotes that this order could have had, in file order. A window the order missed gives none."""
    usable = [quote for quote in quotes if 0 < quote.bid <= quote.ask]
    found = []
    for start, end in windows:
        begins = max(start, order.opened)
        if begins > end:
            continue
        up_to = [quote for quote in usable if quote.at <= begins]
        in_force = [quote for quote in up_to if quote.at == max(q.at for q in up_to)][-1:]
        found += [quote for quote in in_force if begins - quote.at <= carry_in]
        found += [quote for quote in usable if begins <= quote.at <= end]
    return [quote for quote in usable if quote in found]


def reference_quote(order: Order, windows: list[Window], quotes: list[Quote], carry_in: timedelta) -> Quote | None:
    """Long: the highest bid; short: the lowest ask; of equal ones the earliest, first in the file."""
    found = counted(order, windows, quotes, carry_in)
    if not found:
        return None
    if order.side == "long":
        best = max(quote.bid for quote in found)
        return min((quote for quote in found if quote.bid == best), key=lambda quote: quote.at)
    best = min(quote.ask for quote in found)
    return min((quote for quote in found if quote.ask == best), key=lambda quote: quote.at)


def price_of(order: Order, quote: Quote) -> Decimal:
    return quote.bid if order.side == "long" else quote.ask


def compensation(order: Order, price: Decimal, payment: dict, clause: dict) -> Decimal:
    improvement = pnl(order, price) - pnl(order, order.exit)
    owed = max(improvement, Fraction(0))
    if payment["net_bankruptcy_cover"]:
        owed = max(owed - Fraction(order.cover), Fraction(0))
    owed = owed * Fraction(clause["percentage"]) / 100 * Fraction(payment["percentage"]) / 100
    if payment["refund_liquidation_fee"]:
        owed += Fraction(order.fee)
    return round_half_up(owed, order.decimals)


# --- conditions


def result(order: Order) -> str:
    if order.exit is None:
        return "open"
    gained = pnl(order, order.exit)
    return "loss" if gained < 0 else "profit" if gained > 0 else "flat"


def is_open_at_some_time(order: Order, windows: list[Window]) -> bool:
    return any(order.opened <= end and (order.closed is None or order.closed >= start) for start, end in windows)


def has_tpsl(order: Order, windows: list[Window]) -> bool:
    """Active at any instant from the failure's start to the close; times unknown: throughout."""
    if not order.take_profit and not order.stop_loss:
        return False
    begin = min(start for start, _ in windows)
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


# --- the verdict


def judge(order: Order, claim: Claim, policy: dict, windows: list[Window], quotes: list[Quote]) -> Answer:
    """The whole answer for one order. `quotes` are those of its instrument, in file order by instant."""
    if any(end is None for _, end in windows):
        return Answer("hold", flags=["outage_lasts"])
    holding = [clause for clause in policy["clauses"] if holds(clause, order, claim, policy, windows)]
    reasons = [clause["code"] for clause in holding if clause["effect"] == "exclude"]
    carry_in = duration(policy["price"]["carry_in"]) or timedelta(0)
    answer = Answer(
        "excluded",
        reasons=reasons,
        holds=[clause["code"] for clause in holding],
        flags=flags(order, windows),
        quote=reference_quote(order, windows, quotes, carry_in),
    )
    if reasons:
        return answer
    including = [clause for clause in holding if clause["effect"] == "include"]
    if not including:
        answer.outcome = "no_clause"
        return answer
    clause = including[0]
    answer.clause = clause["code"]
    answer.outcome, answer.amount = pay(clause, order, claim, policy, answer.quote)
    return answer


def flags(order: Order, windows: list[Window]) -> list[str]:
    found = []
    if has_tpsl(order, windows) and order.tpsl_set is not None and order.tpsl_set > instant("end", windows):
        found.append("tpsl_after_end")
    if order.paid_elsewhere:
        found.append("paid_elsewhere")
    return found


def pay(clause: dict, order: Order, claim: Claim, policy: dict, quote: Quote | None) -> tuple[str, Decimal]:
    """Outcome and amount of an order that this include clause decides."""
    nothing = Decimal(0)
    if order.paid_elsewhere:
        return "nil", nothing
    if clause["evidence"] and evidence_state(claim) != "accepted":
        return "needs_evidence", nothing
    if quote is None or order.exit is None:
        return "needs_price", nothing
    amount = compensation(order, price_of(order, quote), policy["payment"], clause)
    return ("pay", amount) if amount > 0 else ("nil", nothing)
