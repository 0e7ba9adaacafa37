"""The shape of a policy file: section -> key -> (kind, default). `kinds` checks the values; the editor draws its form from it."""

from __future__ import annotations

from typing import Any

LANGUAGES = ("en", "zh")
REASONS = ("user", "liquidation", "take_profit", "stop_loss", "adl", "settlement", "open")
REFERENCES = ("best_in_window", "last_before", "first_after", "at_instant")
REMEDIES = ("best_price", "restore_order")

SECTIONS: dict[str, dict[str, tuple[str, Any]]] = {
    "contact": {"required": ("flag", True), "within": ("duration", "")},
    "bonus": {"amount": ("number", "0"), "asset": ("asset", "USDT"), "within": ("duration", "")},
    "price": {"reference": ("reference", "best_in_window"), "at": ("instant", ""), "carry_in": ("duration", "60s")},
    "payment": {
        "netting": ("netting", "none"),
        "percentage": ("percentage", "100"),
        "refund_liquidation_fee": ("flag", False),
        "net_bankruptcy_cover": ("flag", True),
        "minimum": ("amounts", {}),
        "cap_per_order": ("amounts", {}),
        "cap_per_customer": ("amounts", {}),
        "straight_through": ("amounts", {}),
        "second_manager_above": ("amounts", {}),
        "consent": ("flag", False),
        "offer_expires": ("duration", "7d"),
    },
    "service": {"decide_within": ("duration", "14d")},
}
CLAUSE: dict[str, tuple[str, Any]] = {
    "code": ("code", None),
    "effect": ("effect", None),
    "text": ("words", None),
    "close_reasons": ("reasons", []),
    "result": ("result", ""),
    "closed_from": ("anchor", ""),
    "closed_to": ("anchor", ""),
    "closed_before": ("anchor", ""),
    "closed_after": ("anchor", ""),
    "not_closed_by": ("anchor", ""),
    "open_in_outage": ("condition", None),
    "tpsl_active": ("condition", None),
    "in_contact": ("condition", None),
    "products": ("names", []),
    "instruments": ("names", []),
    "evidence": ("flag", False),
    "remedies": ("remedies", ["best_price"]),
    "percentage": ("percentage", "100"),
}


def completed(document: dict) -> dict:
    """A document that an earlier version of the portal kept, with the keys that have come since at their defaults."""
    sections = {
        name: {key: default for key, (_kind, default) in shape.items()} | document[name]
        for name, shape in SECTIONS.items()
    }
    clauses = [{key: default for key, (_kind, default) in CLAUSE.items()} | clause for clause in document["clauses"]]
    return document | sections | {"clauses": clauses}
