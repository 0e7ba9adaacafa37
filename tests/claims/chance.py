"""Policies and cases made by chance, for the oracle. All instants lie on a coarse grid: boundaries and ties happen often."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from hypothesis import strategies as st

from claims import terms
from incidents.models import Order
from tests.claims import oracle
from tests.claims.world import CUSTOMERS, INSTRUMENTS, NO_CLAIM, Case, leg
from tests.factories import at

PRICES = ("100", "100.01", "100.03", "99.5", "101.37", "64.123456789012", "130")
CODES = ("A", "B-1", "C--2", "D-", "E1", "EVERYTHING-ELSE-20CH", "Z")
OFFSETS = (0, 0, 20, -20, 40, 60)  # seconds
PERCENTAGES = ("100", "100", "50", "33.333333333333", "0.5")
# Minima lie below all caps, or nothing could be paid; BTC in the size of 100 dollars' face at prices of 100.
MINIMA = (
    {},
    {},
    {},
    {"USDT": "0.01"},
    {"USDT": "2.505", "BTC": "0.001", "JPY": "2"},
    {"BTC": "0.00000001", "USD": "9"},
)
CAPS = ({}, {}, {}, {"USDT": "3", "JPY": "9.9"}, {"USDT": "20.005"}, {"BTC": "0.00200000999", "USDT": "2.505"},
        {"BTC": "0.5", "JPY": "30"})  # fmt: skip
STEPS = 18
SYMBOLS = ("BTCUSDT", "BTCUSDT", "ETHUSDT", "BTCUSD", "EURJPY")
SCOPES = ({}, {}, {}, {}, {}, {"instruments": ["BTCUSD", "BTCUSDT"]}, {"products": ["pro"]},
          {"instruments": ["BTCUSD", "BTCUSDT"], "products": ["standard"]})  # fmt: skip


def step(number: int) -> datetime:
    """An instant of the grid, 20 seconds wide."""
    return at("14:00") + timedelta(seconds=20 * number)


# --- policies, drawn by hypothesis: whatever makes sense, for what contradicts itself is refused

anchors = st.tuples(st.sampled_from(("start", "end")), st.sampled_from(OFFSETS))
CONDITIONS = (
    "close_reasons", "result", "closed_from", "closed_to", "closed_before", "closed_after", "not_closed_by",
    "open_in_outage", "tpsl_active", "in_contact", "products", "instruments",
)  # fmt: skip


def written(anchor: tuple[str, int]) -> str:
    base, seconds = anchor
    return base if seconds == 0 else f"{base}{'+' if seconds > 0 else '-'}{abs(seconds)}s"


@st.composite
def intervals(draw, touching: bool):
    """Two anchors of which the first is not after the second, whatever the outage; the same one if both ends are inside."""
    begin, end = draw(anchors), draw(anchors)
    if begin[0] == end[0] and begin[1] > end[1] or (begin[0], end[0]) == ("end", "start"):
        begin, end = end, begin
    return begin, (end[0], end[1] + 20) if begin == end and not touching else end


@st.composite
def clauses(draw, code, effect):
    asked = draw(st.sets(st.sampled_from(CONDITIONS), min_size=effect == "exclude", max_size=3))
    begin, end = draw(intervals(touching=not asked & {"closed_before", "closed_after", "not_closed_by"}))
    ends_before = asked & {"closed_to", "closed_before"} and end[0] == "start" and end[1] <= 0
    values = {
        "close_reasons": draw(st.lists(st.sampled_from(terms.REASONS), min_size=2, max_size=5, unique=True)),
        "result": draw(st.sampled_from(("loss", "profit", "flat"))),
        "closed_from": written(begin),
        "closed_to": written(end),
        "closed_before": written(end),
        "closed_after": written(begin),
        "not_closed_by": written(begin),
        "open_in_outage": not ends_before and draw(st.booleans()),
        "tpsl_active": not ends_before and draw(st.booleans()),
        "in_contact": draw(st.booleans()),
        "products": ["pro"],
        "instruments": ["BTCUSDT", "BTCUSD"],
    }
    nothing = {name: "" for name in values} | dict.fromkeys(("open_in_outage", "tpsl_active", "in_contact"))
    nothing |= {"close_reasons": [], "products": [], "instruments": []}
    includes = effect == "include"
    return {
        "code": code,
        "effect": effect,
        "text": {"en": f"clause {code}", "zh": f"条款{code}"},
        **{name: value if name in asked else nothing[name] for name, value in values.items()},
        "evidence": includes and draw(st.integers(0, 3)) == 1,
        "remedies": ["best_price", "restore_order"] if includes and draw(st.integers(0, 2)) == 1 else ["best_price"],
        "percentage": draw(st.sampled_from(PERCENTAGES)) if includes else "100",
    }


@st.composite
def prices(draw):
    reference = draw(st.sampled_from((*("best_in_window",) * 3, *terms.REFERENCES)))
    instant = step(draw(st.integers(1, STEPS))) + timedelta(microseconds=draw(st.sampled_from((0, 0, 1, -1))))
    return {
        "reference": reference,
        "at": instant.isoformat() if reference == "at_instant" else "",
        "carry_in": draw(st.sampled_from(("", "0s", "20s", "60s", "2m"))),
    }


@st.composite
def policies(draw):
    effects = draw(st.lists(st.sampled_from(("include", "include", "exclude")), max_size=6))
    effects.insert(draw(st.integers(0, len(effects))), "include")
    rules = [draw(clauses(code, effect)) for code, effect in zip(CODES, effects, strict=False)]
    out_of_contact = any(rule["in_contact"] is False for rule in rules)
    restoring = any("restore_order" in rule["remedies"] for rule in rules)
    return {
        "name": "by chance",
        "binding_language": "en",
        "contact": {
            "required": out_of_contact or draw(st.integers(0, 5)) != 3,
            "within": draw(st.sampled_from(("", "0s", "20s", "60s"))),
        },
        "bonus": {"amount": "20", "asset": "USDT", "within": ""},
        "price": draw(prices()),
        "payment": {
            "netting": draw(st.sampled_from(("none", "smaller_of"))),
            "percentage": draw(st.sampled_from(PERCENTAGES)),
            "refund_liquidation_fee": draw(st.booleans()),
            "net_bankruptcy_cover": draw(st.booleans()),
            "minimum": draw(st.sampled_from(MINIMA)),
            "cap_per_order": draw(st.sampled_from(CAPS)),
            "cap_per_customer": draw(st.sampled_from(CAPS)),
            "straight_through": draw(st.sampled_from(CAPS)),
            "second_manager_above": draw(st.sampled_from(CAPS)),
            "consent": restoring or draw(st.booleans()),
            "offer_expires": "7d",
        },
        "service": {"decide_within": "14d"},
        "clauses": rules,
    }


# --- facts, by one seed that hypothesis draws: many orders to a policy at little cost


class Facts:
    """Windows, markets, claims and orders by chance. `marks` are instants where boundaries are."""

    def __init__(self, chance: Random, marks: list[datetime]):
        self.chance = chance
        self.pick = chance.choice
        self.special = marks
        self.marks = [step(5), *marks]

    def once_in(self, times: int) -> bool:
        return self.chance.randrange(times) == 0

    def instant(self) -> datetime:
        base = self.pick(self.marks) if self.once_in(2) else step(self.chance.randrange(STEPS + 1))
        return base + timedelta(microseconds=self.pick((0, 0, 0, 1, -1)))

    def span(self) -> tuple[datetime, datetime]:
        first, last = sorted((self.instant(), self.instant()))
        return first, last

    def windows(self) -> list:
        starts = self.chance.sample(range(3, 11), self.pick((1, 1, 2, 2, 3)))
        made = [(step(start), step(start + self.chance.randint(1, 4))) for start in starts]
        last_end = max(end for _, end in made)
        after = [last_end + timedelta(seconds=seconds) for seconds in (20, 60)]
        self.marks = [*(2 * [min(made)[0]]), last_end, *after, *self.special]
        return [(made[0][0], None), *made[1:]] if self.once_in(25) else made

    def market(self) -> oracle.Market:
        """Some quotes crossed, zero, negative or half negative, some at one instant; none twice; often none at all."""
        many = 0 if self.once_in(6) else self.chance.randrange(16)
        quotes = dict.fromkeys(self.quote() for _ in range(many))
        return oracle.Market(
            quotes=tuple(sorted(quotes, key=lambda quote: quote.at)),  # stable: those of one instant as in the file
            abnormal=tuple({self.span() for _ in range(self.pick((0, 0, 0, 1, 1, 2)))}),
            given=tuple(self.given()),
        )

    def quote(self) -> oracle.Quote:
        bid = Decimal(self.pick(PRICES))
        good = (bid, bid + Decimal(self.pick(("0", "0.01", "3"))))
        spoilt = (
            (bid, bid - Decimal("0.01")),
            (Decimal(0), bid),
            (Decimal(0), Decimal(0)),
            (-bid, bid),
            (-bid, 1 - bid),
        )
        return oracle.Quote(self.instant(), *(self.pick(spoilt) if self.once_in(5) else good))

    def given(self) -> list[oracle.GivenPrice]:
        """Prices by hand: some withdrawn, of those that stand one at most, confirmed or not."""
        withdrawn = [self.given_price(withdrawn=True)] if self.once_in(4) else []
        return withdrawn + [self.given_price(withdrawn=False) for _ in range(self.pick((0, 1)))]

    def given_price(self, *, withdrawn: bool) -> oracle.GivenPrice:
        bid = Decimal(self.pick(PRICES))
        return oracle.GivenPrice(
            self.instant(),
            bid,
            bid + Decimal(self.pick(("0", "2"))),
            confirmed=not self.once_in(3),
            withdrawn=withdrawn,
        )

    def claim(self) -> oracle.Claim:
        return oracle.Claim(
            contacts=tuple({self.instant() for _ in range(self.chance.randrange(3))}),
            evidence=tuple(self.pick(("received", "accepted", "rejected")) for _ in range(self.chance.randrange(3))),
        )

    def order(self, order_id: str, leg_number: str) -> oracle.Order:
        opened, closed = self.span()
        is_open = self.once_in(8)
        return leg(
            order_id,
            self.pick(SYMBOLS),
            leg=leg_number,
            side=self.pick(("long", "short")),
            quantity=Decimal(self.pick(("1", "0.5", "0.125", "7", "1234.000000000001"))),
            entry=Decimal(self.pick(PRICES)),
            opened=opened,
            exit=None if is_open else Decimal(self.pick(PRICES)),
            closed=None if is_open else closed,
            reason="" if is_open else self.pick(Order.CloseReason.values),
            fee=Decimal(self.pick(("0", "0", "0.004", "1.005"))),
            cover=Decimal(self.pick(("0", "0", "0", "0.005", "2.5"))),
            paid_elsewhere=self.once_in(16),
            **(self.tpsl() if self.once_in(3) else {}),
        )

    def orders(self, many: int) -> list[tuple[str, oracle.Order]]:
        """Legs of two, so that their ids are equal, in an order that is not that of their ids."""
        ids = [(str(100 + number // 2), str(1 + number % 2)) for number in range(many)]
        self.chance.shuffle(ids)
        owner = {order_id: self.pick((*CUSTOMERS, *CUSTOMERS, *NO_CLAIM)) for order_id, _ in ids}
        return [(owner[order_id], self.order(order_id, leg_number)) for order_id, leg_number in ids]

    def tpsl(self) -> dict:
        return {
            "take_profit": self.pick((None, Decimal(0), Decimal(120))),
            "stop_loss": self.pick((None, Decimal(0), Decimal(80))),
            "tpsl_set": self.pick((None, self.instant())),
            "tpsl_cancelled": self.pick((None, self.instant())),
        }

    def asked(self) -> datetime:
        """When the check is asked for: mostly long after, at times amid the quotes."""
        return self.instant() if self.once_in(2) else step(10 * STEPS)


@st.composite
def cases(draw):
    policy = draw(policies())
    instant = policy["price"]["at"]
    facts = Facts(draw(st.randoms(use_true_random=True)), [datetime.fromisoformat(instant)] if instant else [])
    return Case(
        policy=policy,
        windows=facts.windows(),  # first: the boundaries of the rest
        markets={symbol: facts.market() for symbol in INSTRUMENTS},
        claims={code: facts.claim() for code in CUSTOMERS},
        orders=facts.orders(40),
        scope=facts.pick(SCOPES),
        asked=facts.asked(),
        claim_by_claim=facts.once_in(6),
    )
