"""Reference prices by hand: the four of a policy, ranges marked abnormal, prices by hand, what a still-open order is worth.

The oracle and the query must both say so. The orders are those of tests/claims/by_hand.py: longs of 0.5 BTCUSDT from 13:00.
"""

import pytest

from tests.claims.by_hand import (
    NO_QUOTES,
    S2,
    THAT_DAY,
    at,
    by_hand,
    case,
    market,
    order,
    policy,
    prices,
    short,
    short_form,
    still_open,
)


@pytest.fixture
def priced(judge):
    """By order: the reference price and the clock of its quote; for a still-open order its value and that clock too."""
    return lambda *orders, **facts: prices(judge(case(*orders, **facts)))


@pytest.fixture
def answers(judge):
    return lambda *orders, **facts: short_form(judge(case(*orders, **facts)))


DAY = market(
    ("13:00", "16000", "16001"),
    ("14:05", "16900", "16901"),
    ("14:09", "16530", "16531"),  # the first start itself
    ("14:34:10", "16571", "16571.10"),
    ("14:54:20", "16411", "16411.10"),
    ("15:30", "16490", "16491"),  # the last end itself
    ("15:40", "16300", "16301"),
    ("15:41", "16310", "16311"),
)


def by(reference: str, instant: str = "", **options) -> dict:
    when = at(instant).isoformat() if instant else ""
    return policy(price={"reference": reference, "at": when, **options})


# --- the four references


def test_the_best_in_the_window_counts_both_its_ends(priced):
    found = priced(order("long"), short("short"), BTCUSDT=DAY)
    assert found == {"long": ("16571", "14:34:10"), "short": ("16411.1", "14:54:20")}
    ends = market(("14:09", "16600", "16601"), ("14:20", "16500", "16501"), ("15:30", "16400", "16401"))
    found = priced(order("long"), short("short"), BTCUSDT=ends)
    assert found == {"long": ("16600", "14:09:00"), "short": ("16401", "15:30:00")}


def test_the_last_before_comes_before_the_first_start(priced, answers):
    """Not the quote of 14:09:00 itself. 0.5 × (16900 − 16500) = 200.00; 0.5 × (16600 − 16901) is less than nothing."""
    under = by("last_before")
    assert priced(order("long"), short("short"), BTCUSDT=DAY, under=under) == {
        "long": ("16900", "14:05:00"),
        "short": ("16901", "14:05:00"),
    }
    assert answers(order("1"), under=under, BTCUSDT=DAY) == {"1": "pay C1 200.00"}


def test_the_first_after_comes_after_the_last_end(priced, answers):
    """Not the quote of 15:30:00 itself. The long left at 16500, better than 16300; the short 0.5 × (16600 − 16301) = 149.50."""
    under = by("first_after")
    assert priced(order("long"), BTCUSDT=DAY, under=under) == {"long": ("16300", "15:40:00")}
    assert answers(order("1"), ("chen", short("2")), under=under, BTCUSDT=DAY) == {"1": "nil C1", "2": "pay C1 149.50"}


@pytest.mark.parametrize(
    ("instant", "found"),
    [
        ("14:34:10", ("16571", "14:34:10")),
        ("14:34:09.999999", ()),  # 25 minutes and more after the quote of 14:09
        ("14:35:10", ("16571", "14:34:10")),  # carried for 60 seconds
        ("14:35:10.000001", ()),
        ("15:41:00", ("16310", "15:41:00")),  # any instant, in the outage or not
        ("12:00", ()),
    ],
)
def test_at_an_instant_the_quote_in_force_counts(priced, instant, found):
    assert priced(order("1"), BTCUSDT=DAY, under=by("at_instant", instant)) == {"1": found}


def test_two_quotes_of_one_instant_follow_each_other_as_in_their_file(priced):
    """Before the start the last one holds on; after the end the first one comes first; at an instant the last is in force."""
    twice = market(("14:08", "1", "2"), ("14:08", "3", "4"), ("15:31", "5", "6"), ("15:31", "7", "8"))
    for under, found in (
        (by("last_before"), ("3", "14:08:00")),
        (by("first_after"), ("5", "15:31:00")),
        (by("at_instant", "15:31"), ("7", "15:31:00")),
        (by("best_in_window"), ("3", "14:08:00")),
    ):
        assert priced(order("1"), BTCUSDT=twice, under=under) == {"1": found}


@pytest.mark.parametrize("reference", ["last_before", "first_after", "at_instant", "best_in_window"])
def test_crossed_zero_and_abnormal_quotes_price_nothing_and_end_nothing(priced, reference):
    """Between the good quotes of 14:08:30 and 15:31 all are spoilt, the last of them by a range of a single instant."""
    spoilt = market(
        ("14:08:30", "16520", "16521"),
        ("14:08:40", "17000", "16000"),
        ("14:08:50", "0", "17000"),
        ("14:09:10", "17000", "17001"),
        ("15:30:30", "17000", "17001"),
        ("15:31", "16530", "16531"),
        abnormal=[("14:09:10", "14:50"), ("15:30:30", "15:30:30")],
    )
    under = by(reference, "14:09:20" if reference == "at_instant" else "")
    found = ("16530", "15:31:00") if reference == "first_after" else ("16520", "14:08:30")
    assert priced(order("1"), BTCUSDT=spoilt, under=under) == {"1": found}


# --- what an order could have had


def opened(*clocks: str) -> list:
    return [order(clock, opened=at(clock), closed=at("15:45"), reason="user") for clock in clocks]


def test_an_order_of_the_outage_looks_only_at_quotes_from_its_opening_on(priced):
    """The quote of 14:34:10 is in force for 60 seconds at most, by the policy's carry-in."""
    found = priced(
        *opened("14:34:10", "14:35:10", "14:35:10.000001", "14:54:20.000001", "15:30:00.000001"), BTCUSDT=DAY
    )
    assert found == {
        "14:34:10": ("16571", "14:34:10"),
        "14:35:10": ("16571", "14:34:10"),
        "14:35:10.000001": ("16490", "15:30:00"),
        "14:54:20.000001": ("16490", "15:30:00"),
        "15:30:00.000001": (),
    }


@pytest.mark.parametrize(("carry_in", "kept"), [("60s", True), ("5m", True), ("30s", False), ("", False)])
def test_the_carry_in_is_the_policys(priced, carry_in, kept):
    """Opened 40 seconds after the only quote; the quote came before the outage began."""
    alone = market(("14:08:50", "16520", "16521"))
    found = priced(*opened("14:09:30"), BTCUSDT=alone, under=by("best_in_window", carry_in=carry_in))
    assert found == {"14:09:30": ("16520", "14:08:50") if kept else ()}


def test_the_last_before_runs_out_for_orders_opened_later(priced):
    """It came at 14:05 and ran out at 14:06, though it is as far away as it may be for orders opened before."""
    found = priced(*opened("10:00", "14:05:00", "14:06:00", "14:06:00.000001"), BTCUSDT=DAY, under=by("last_before"))
    assert found == {
        "10:00": ("16900", "14:05:00"),
        "14:05:00": ("16900", "14:05:00"),
        "14:06:00": ("16900", "14:05:00"),
        "14:06:00.000001": (),
    }


def test_a_reference_quote_runs_out_at_the_next_one(priced):
    """Ten minutes of carry-in: what ends the quote of 15:40 is that of 15:41."""
    late = [
        order(clock, opened=at(clock), closed=at("16:00"), reason="user") for clock in ("15:40:59.999999", "15:41:00")
    ]
    found = priced(*late, BTCUSDT=DAY, under=by("first_after", carry_in="10m"))
    assert found == {"15:40:59.999999": ("16300", "15:40:00"), "15:41:00": ()}


def test_a_close_before_the_reference_quote_takes_nothing_away(priced):
    """Liquidated at 14:20, and 14:34:10 is its best price: that it could not wait for it is what the outage did."""
    assert priced(order("1"), BTCUSDT=DAY, under=by("first_after")) == {"1": ("16300", "15:40:00")}


# --- entries at abnormal quotes


def test_an_order_opened_in_an_abnormal_range_is_flagged(answers):
    """Both ends belong to it; the range is the instrument's own, and it is flagged whatever the verdict."""
    wild = market(("14:34:10", "16571", "16571.10"), abnormal=[("13:10", "13:20")])
    longs = [order(clock, opened=at(clock)) for clock in ("13:09:59", "13:10", "13:20", "13:20:01")]
    eth, won = order("eth", "ETHUSDT", opened=at("13:15")), order("won", opened=at("13:15"), exit="17000")
    assert answers(*longs, eth, won, BTCUSDT=wild) == {
        "13:09:59": "pay C1 35.50",
        "13:10": "pay C1 35.50 !abnormal_entry",
        "13:20": "pay C1 35.50 !abnormal_entry",
        "13:20:01": "pay C1 35.50",
        "eth": "pay C1 35.50",
        "won": "excluded E4 !abnormal_entry",
    }


# --- prices by hand


def test_a_confirmed_price_by_hand_prices_what_no_quote_does(answers, priced):
    """Bid for a long: 0.5 × (16550 − 16500) = 25.00; ask for a short: 0.5 × (16600 − 16560) = 20.00."""
    hand = market(given=[by_hand("14:30", "16550", "16560")])
    pair = order("long"), ("chen", short("short"))
    assert answers(*pair, BTCUSDT=hand) == {
        "long": "pay C1 25.00 !price_by_hand",
        "short": "pay C1 20.00 !price_by_hand",
    }
    assert priced(*pair, BTCUSDT=hand) == {"long": ("16550", "14:30:00"), "short": ("16560", "14:30:00")}


@pytest.mark.parametrize(
    "state", [{"confirmed": False}, {"withdrawn": True}, {"confirmed": False, "withdrawn": True}], ids=str
)
def test_a_price_that_one_person_stands_for_or_nobody_any_more_prices_nothing(answers, state):
    hand = market(given=[by_hand("14:30", "16550", "16560", **state)])
    assert answers(order("1"), BTCUSDT=hand) == {"1": "needs_price C1"}


def test_the_price_that_took_the_place_of_a_withdrawn_one_counts(answers):
    hand = market(given=[by_hand("14:30", "16550", "16560", withdrawn=True), by_hand("14:30", "16540", "16560")])
    assert answers(order("1"), BTCUSDT=hand) == {"1": "pay C1 20.00 !price_by_hand"}


def test_a_usable_quote_always_comes_first(answers):
    """Even a worse one: 16571 against 18000 by hand. Opened when no quote was left: the price by hand."""
    hand = market(*((f"{row.at:%H:%M:%S}", str(row.bid), str(row.ask)) for row in THAT_DAY.quotes),
                  given=[by_hand("14:30", "18000", "18001")])  # fmt: skip
    late = order("late", opened=at("15:00"), closed=at("15:10"), exit="17900", entry="19000")
    assert answers(order("1"), late, BTCUSDT=hand) == {"1": "pay C1 35.50", "late": "pay C1 50.00 !price_by_hand"}


# --- still-open orders (S2)


def test_a_still_open_order_is_valued_at_the_last_usable_quote_before_the_check(priced, answers):
    """Asked at 15:40:30: long 0.5 × (16571 − 16300) = 135.50, short, whose best was 16411.10: 0.5 × (16301 − 16411.10) < 0."""
    orders = still_open("long"), ("chen", still_open("short", side="short"))
    facts = {"under": S2, "BTCUSDT": DAY, "asked": at("15:40:30")}
    assert priced(*orders, **facts) == {
        "long": ("16571", "14:34:10", "16300", "15:40:00"),
        "short": ("16411.1", "14:54:20", "16301", "15:40:00"),
    }
    assert answers(*orders, **facts) == {"long": "pay K1 135.50", "short": "nil K1"}


def test_a_later_check_values_it_by_a_later_quote(priced):
    """At 15:41:00 the quote of that instant counts; days later it still does: there is no carry-in for a value."""
    for asked in (at("15:41"), at("12:00", 30)):
        found = priced(still_open("1"), under=S2, BTCUSDT=DAY, asked=asked)
        assert found == {"1": ("16571", "14:34:10", "16310", "15:41:00")}


def test_an_abnormal_quote_values_nothing(priced):
    wild = market(("14:34:10", "16571", "16572"), ("15:40", "9000", "9001"), abnormal=[("15:35", "15:45")])
    assert priced(still_open("1"), under=S2, BTCUSDT=wild) == {"1": ("16571", "14:34:10", "16571", "14:34:10")}


def test_a_price_by_hand_gives_the_reference_and_never_the_value(answers, priced):
    """With a quote at 15:40, after the outage: 0.5 × (16550 − 16300) = 125.00. Without any: price missing."""
    given = [by_hand("14:30", "16550", "16560")]
    late = market(("15:40", "16300", "16301"), given=given)
    assert answers(still_open("1"), under=S2, BTCUSDT=late) == {"1": "pay K1 125.00 !price_by_hand"}
    assert priced(still_open("1"), under=S2, BTCUSDT=late) == {"1": ("16550", "14:30:00", "16300", "15:40:00")}
    assert answers(still_open("1"), under=S2, BTCUSDT=market(given=given)) == {"1": "needs_price K1 !price_by_hand"}


def test_what_a_still_open_order_would_gain_or_lose_is_no_result(answers):
    """S1 with E2 taken out: C2 asks for a loss and a time of closing, which a still-open order does not have."""
    without_e2 = policy()
    without_e2["clauses"] = [clause for clause in without_e2["clauses"] if clause["code"] not in ("E2", "E4")]
    assert answers(still_open("1"), under=without_e2) == {"1": "no_clause"}


def test_a_closed_order_has_no_value(priced):
    assert priced(order("1"), under=S2, BTCUSDT=NO_QUOTES) == {"1": ()}
