"""A policy's terms as frozen values: what the rest of the room reads (rules §3)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from claims.terms.shape import CLAUSE, completed

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
ANCHOR = re.compile(r"(start|end)(?:([+-])([0-9]{1,9}[smhd]))?")
AMOUNTS = ("minimum", "cap_per_order", "cap_per_customer", "straight_through", "second_manager_above")  # by asset


@dataclass(frozen=True)
class Anchor:
    """An instant told by the outage: its first start or last end, and an offset."""

    end: str
    offset: timedelta

    def at(self, first_start, last_end):
        return (first_start if self.end == "start" else last_end) + self.offset


@dataclass(frozen=True)
class Clause:
    """One rule: its effect, its published words, and conditions that must all hold. None or empty: no condition."""

    code: str
    effect: str
    text: dict[str, str]
    close_reasons: tuple[str, ...] = ()
    result: str = ""
    closed_from: Anchor | None = None
    closed_to: Anchor | None = None
    closed_before: Anchor | None = None
    closed_after: Anchor | None = None
    not_closed_by: Anchor | None = None
    open_in_outage: bool | None = None
    tpsl_active: bool | None = None
    in_contact: bool | None = None
    products: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    evidence: bool = False
    remedies: tuple[str, ...] = ()
    percentage: Decimal = Decimal(100)

    @property
    def excludes(self) -> bool:
        return self.effect == "exclude"

    @property
    def restores(self) -> bool:
        return not self.excludes and "restore_order" in self.remedies

    @property
    def reaches_open_orders(self) -> bool:
        """Whether an order that is still open could meet it: nothing is asked about a close that has not been."""
        asked = self.closed_from or self.closed_to or self.closed_before or self.closed_after or self.result
        return not asked and (not self.close_reasons or "open" in self.close_reasons)

    def words(self, language: str) -> str:
        return self.text.get(language[:2]) or self.text["en"]


@dataclass(frozen=True)
class Terms:
    """A policy's terms. Amounts are Decimals by asset, durations timedeltas."""

    name: str
    binding_language: str
    clauses: tuple[Clause, ...]
    contact_required: bool
    contact_within: timedelta | None
    bonus_amount: Decimal
    bonus_asset: str
    bonus_within: timedelta | None
    reference: str
    at: datetime | None
    carry_in: timedelta
    netting: str
    percentage: Decimal
    refund_liquidation_fee: bool
    net_bankruptcy_cover: bool
    minimum: dict[str, Decimal] = field(default_factory=dict)
    cap_per_order: dict[str, Decimal] = field(default_factory=dict)
    cap_per_customer: dict[str, Decimal] = field(default_factory=dict)
    straight_through: dict[str, Decimal] = field(default_factory=dict)
    second_manager_above: dict[str, Decimal] = field(default_factory=dict)
    consent: bool = False
    offer_expires: timedelta | None = None
    decide_within: timedelta | None = None

    @property
    def exclusions(self) -> tuple[Clause, ...]:
        return tuple(clause for clause in self.clauses if clause.excludes)

    @property
    def restores(self) -> bool:
        """Whether some clause lets the customer have an order restored (S2)."""
        return any(clause.restores for clause in self.clauses)

    @property
    def values_open_orders(self) -> bool:
        return any(clause.reaches_open_orders for clause in self.inclusions)

    @property
    def inclusions(self) -> tuple[Clause, ...]:
        return tuple(clause for clause in self.clauses if not clause.excludes)


def duration(text: str) -> timedelta | None:
    """'24h' -> 24 hours; '' -> None."""
    if not text:
        return None
    amount, unit = DURATION.fullmatch(text).groups()
    return timedelta(**{UNITS[unit]: int(amount)})


def anchor(text: str) -> Anchor | None:
    """'end+1h' -> an hour after the last end; '' -> None."""
    if not text:
        return None
    end, sign, offset = ANCHOR.fullmatch(text).groups()
    delta = (duration(offset) if offset else None) or timedelta(0)
    return Anchor(end, -delta if sign == "-" else delta)


def parse(document: dict) -> Terms:
    """A checked document as terms."""
    document = completed(document)
    contact, bonus, price, payment = (document[name] for name in ("contact", "bonus", "price", "payment"))
    return Terms(
        name=document["name"],
        binding_language=document["binding_language"],
        clauses=tuple(_clause(raw) for raw in document["clauses"]),
        contact_required=contact["required"],
        contact_within=duration(contact["within"]),
        bonus_amount=Decimal(bonus["amount"]),
        bonus_asset=bonus["asset"],
        bonus_within=duration(bonus["within"]),
        reference=price["reference"],
        at=datetime.fromisoformat(price["at"]) if price["at"] else None,
        carry_in=duration(price["carry_in"]) or timedelta(0),
        netting=payment["netting"],
        percentage=Decimal(payment["percentage"]),
        refund_liquidation_fee=payment["refund_liquidation_fee"],
        net_bankruptcy_cover=payment["net_bankruptcy_cover"],
        **{name: _amounts(payment[name]) for name in AMOUNTS},
        consent=payment["consent"],
        offer_expires=duration(payment["offer_expires"]),
        decide_within=duration(document["service"]["decide_within"]),
    )


def _amounts(raw: dict[str, str]) -> dict[str, Decimal]:
    return {asset: Decimal(amount) for asset, amount in raw.items()}


def _clause(raw: dict) -> Clause:
    kinds: dict[str, Callable[[Any], Any]] = {"anchor": anchor, "percentage": Decimal}
    values: dict[str, Any] = {key: kinds.get(CLAUSE[key][0], lambda value: value)(value) for key, value in raw.items()}
    frozen: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return Clause(**frozen)


def digest(document: dict) -> str:
    """SHA-256 of a document in its canonical form: the terms' fingerprint."""
    return hashlib.sha256(
        json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    ).hexdigest()
