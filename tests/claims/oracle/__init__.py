"""The rules a second time, slow and obvious: plain values, loops and fractions.

Written from the rules and the decisions, not from the query; `test_oracle` holds the one against the other. Nothing here
knows Django.
"""

from tests.claims.oracle import facts
from tests.claims.oracle.facts import Answer, Claim, GivenPrice, Market, Order, Quote, price_of
from tests.claims.oracle.verdicts import judge

__all__ = ["Answer", "Claim", "GivenPrice", "Market", "Order", "Quote", "facts", "judge", "price_of"]
