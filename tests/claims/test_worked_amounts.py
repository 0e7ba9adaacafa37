"""Amounts by hand, step by step as docs/decisions.md lists them; the oracle and the query must both say so.

An order that is not described is Carla's long of 0.5 BTCUSDT, liquidated at 16,500 in the outage: by the best bid of
16,571 it is 35.50 better off (tests/claims/by_hand.py).
"""

from dataclasses import replace

import pytest

from tests.claims.by_hand import NO_QUOTES, S2, at, by_user, case, order, policy, short, short_form, still_open
from tests.claims.oracle import Claim


@pytest.fixture
def answers(judge):
    """By order: its outcome, clause, amount, and flags."""
    return lambda *orders, **facts: short_form(judge(case(*orders, **facts)))


# --- 1: the improvement, the fund's cover, the percentages


def test_improvement_is_the_pnl_at_the_reference_less_the_pnl_at_the_exit(answers):
    """Long 0.5 × (16571 − 16500) = 35.50. Short 0.5 × (16600 − 16411.10) = 94.45. Eth, 2 × (16571 − 16570.99) = 0.02."""
    found = answers(order("long"), ("chen", short("short")), order("eth", "ETHUSDT", quantity="2", exit="16570.99"))
    assert found == {"long": "pay C1 35.50", "short": "pay C1 94.45", "eth": "pay C1 0.02"}


def test_an_inverse_contract_pays_in_the_coin(answers):
    """10 contracts of 100 dollars: 1000 / 16500 − 1000 / 16571 = 0.060606060606 − 0.060346388268 = 0.000259672338."""
    assert answers(order("coin", "BTCUSD", quantity="10")) == {"coin": "pay C1 0.00025967"}


def test_a_best_price_worse_than_the_exit_pays_nothing_and_takes_nothing(answers):
    assert answers(by_user("after", "15:45", exit="16600")) == {"after": "nil C2"}


def test_what_the_fund_has_covered_comes_off_first_then_the_percentages(answers):
    """(35.50 − 4.01) × 50 % × 12.5 % = 31.49 × 0.0625 = 1.968125. More cover than improvement: nothing."""
    under = policy(clause={"percentage": "50"}, percentage="12.5")
    found = answers(order("some", cover="4.01"), order("all", cover="35.50"), order("more", cover="90"), under=under)
    assert found == {"some": "pay C1 1.97", "all": "nil C1", "more": "nil C1"}


def test_a_policy_may_leave_the_cover_alone(answers):
    assert answers(order("1", cover="4.01"), under=policy(net_bankruptcy_cover=False)) == {"1": "pay C1 35.50"}


# --- 2: netting

WORSE = by_user("worse", "15:45", quantity="1", exit="16600")  # 1 × (16571 − 16600) = −29.00
SMALL = order("small", quantity="0.1", exit="16471", closed=at("14:30"))  # 0.1 × (16571 − 16471) = 10.00
NETTED = policy(netting="smaller_of")


def test_without_netting_every_order_stands_alone(answers):
    assert answers(order("1"), WORSE, SMALL) == {"1": "pay C1 35.50", "worse": "nil C2", "small": "pay C1 10.00"}


def test_netting_pays_no_more_than_the_customer_is_better_off_in_all(answers):
    """35.50 − 29.00 = 6.50 is less than 35.50."""
    assert answers(order("1"), WORSE, under=NETTED) == {"1": "pay C1 6.50 !netted", "worse": "nil C2"}


def test_the_netted_sum_is_used_up_by_whoever_closed_first(answers):
    """35.50 + 10.00 − 29.00 = 16.50: all of it for the order of 14:20, nothing is left for that of 14:30."""
    found = answers(SMALL, WORSE, order("1"), under=NETTED)
    assert found == {"small": "nil C1 !netted", "worse": "nil C2", "1": "pay C1 16.50 !netted"}


def test_an_order_that_gets_all_it_asked_for_is_not_netted(answers):
    """10.00 first, closed at 14:10; 35.50 + 10.00 − 29.00 − 10.00 = 6.50 is left."""
    found = answers(replace(SMALL, closed=at("14:10")), WORSE, order("1"), under=NETTED)
    assert found == {"small": "pay C1 10.00", "worse": "nil C2", "1": "pay C1 6.50 !netted"}


def test_a_customer_who_is_worse_off_in_all_is_paid_nothing_and_owes_nothing(answers):
    """35.50 − 2 × 29.00 = −22.50."""
    twice = by_user("worse", "15:45", quantity="2", exit="16600")
    assert answers(order("1"), twice, under=NETTED) == {"1": "nil C1 !netted", "worse": "nil C2"}


def test_cover_lowers_what_an_order_gets_and_not_the_netted_sum(answers):
    """35.50 − 30 = 5.50 is less than 35.50 − 29.00 = 6.50; with a cover of 29.00 both are 6.50."""
    for cover, amount in (("30", "5.50"), ("29", "6.50")):
        found = answers(order(f"{cover}", cover=cover), replace(WORSE, id=f"w{cover}"), under=NETTED)
        assert found == {cover: f"pay C1 {amount}", f"w{cover}": "nil C2"}


def test_percentages_count_in_the_netted_sum(answers):
    """Half of 35.50 is 17.75, half of −29.00 is −14.50: 3.25."""
    under = policy(netting="smaller_of", percentage="50")
    assert answers(order("1"), WORSE, under=under) == {"1": "pay C1 3.25 !netted", "worse": "nil C2"}


def test_netting_knows_the_customer_and_the_symbol(answers):
    """Eth is another symbol, Chen another customer."""
    eth = replace(WORSE, id="eth", symbol="ETHUSDT", product="pro")
    found = answers(order("1"), eth, ("chen", replace(WORSE, id="chens")), under=NETTED)
    assert found == {"1": "pay C1 35.50", "eth": "nil C2", "chens": "nil C2"}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(WORSE, exit=WORSE.entry + 50), "excluded E4"),  # in profit
        (replace(WORSE, closed=at("18:00")), "needs_evidence C3"),
        (replace(WORSE, paid_elsewhere=True), "nil C2 !paid_elsewhere"),
        (replace(WORSE, reason="user", closed=at("15:00")), "no_clause"),
        (replace(WORSE, opened=at("15:15"), closed=at("15:45")), "needs_price C2"),  # nothing was quoted any more
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_clause_pays_or_lacks_something_is_not_netted(answers, other, said):
    assert answers(order("1"), other, under=NETTED) == {"1": "pay C1 35.50", "worse": said}


# --- 3: the fee and the cap of an order


def test_the_liquidation_fee_is_refunded_in_full(answers):
    """(35.50 × 50 %) + 1.23 = 18.98; where the best price helps nothing the fee alone; netted 6.50 × 50 % + 1.23 = …"""
    under = policy(refund_liquidation_fee=True, percentage="50")
    found = answers(order("1", fee="1.23"), order("good", exit="16600", fee="1.23"), under=under)
    assert found == {"1": "pay C1 18.98", "good": "pay C1 1.23"}


def test_the_fee_is_not_netted(answers):
    """35.50 − 29.00 = 6.50, and the fee of 1.23: 7.73."""
    under = policy(netting="smaller_of", refund_liquidation_fee=True)
    assert answers(order("1", fee="1.23"), WORSE, under=under) == {"1": "pay C1 7.73 !netted", "worse": "nil C2"}


@pytest.mark.parametrize(
    ("cap", "said"),
    [
        ({"USDT": "36.73"}, "pay C1 36.73"),  # 35.50 + 1.23, not a cent more
        ({"USDT": "36.72"}, "pay C1 36.72 !order_cap"),
        ({"USDT": "36.725"}, "pay C1 36.72 !order_cap"),  # cut to the cents that USDT has
        ({"BTC": "0.5"}, "pay C1 36.73"),  # another asset's
        ({"USDT": "0"}, "nil C1 !order_cap"),
    ],
    ids=str,
)
def test_an_order_gets_no_more_than_the_cap_of_its_asset(answers, cap, said):
    under = policy(refund_liquidation_fee=True, cap_per_order=cap)
    assert answers(order("1", fee="1.23"), under=under) == {"1": said}


# --- 4: rounding


def test_an_amount_is_rounded_once_at_the_end_half_up(answers):
    """0.01 × 70.5 = 0.705; 0.01 × 70.4999 = 0.704999; half of 0.01 × 1 = 0.005; 0.01 × 0.4999 = 0.004999."""
    found = answers(
        order("a", quantity="0.01", exit="16500.5"),
        order("b", quantity="0.01", exit="16500.5001"),
        order("c", quantity="0.005", exit="16570"),
        order("d", quantity="0.01", exit="16570.5001"),
    )
    assert found == {"a": "pay C1 0.71", "b": "pay C1 0.70", "c": "pay C1 0.01", "d": "nil C1"}


def test_a_cap_comes_before_the_rounding(answers):
    """0.705 is above 0.70, though it is not above 0.71."""
    cent = order("1", quantity="0.01", exit="16500.5")
    assert answers(cent, under=policy(cap_per_order={"USDT": "0.70"})) == {"1": "pay C1 0.70 !order_cap"}


# --- 5: the cap of a customer


def test_a_customers_cap_is_used_up_by_whoever_closed_first(answers):
    """40 − 35.50 = 4.50 of 10.00; nothing of the third. Chen has a cap of his own."""
    third, chens = order("third", closed=at("14:40")), ("chen", order("chens"))
    found = answers(third, SMALL, order("1"), chens, under=policy(cap_per_customer={"USDT": "40"}))
    assert found == {
        "1": "pay C1 35.50",
        "small": "pay C1 4.50 !customer_cap",
        "third": "nil C1 !customer_cap",
        "chens": "pay C1 35.50",
    }


def test_of_orders_closed_at_one_instant_the_first_opened_then_the_lower_id_then_the_lower_leg_comes_first(answers):
    """106.50 and a cent: enough for three of them."""
    found = answers(
        order("1", opened=at("13:01")),
        order("3", leg="2"),
        order("3", leg="1"),
        order("2"),
        under=policy(cap_per_customer={"USDT": "106.51"}),
    )
    assert found == {"2": "pay C1 35.50", "3": "pay C1 35.50", "3/2": "pay C1 35.50", "1": "pay C1 0.01 !customer_cap"}


def test_a_customers_cap_is_over_all_symbols_of_one_asset(answers):
    """Eth and bitcoin both pay in USDT; what pays in the coin has its own cap, or none."""
    later = {"closed": at("14:40")}
    found = answers(
        order("btc"),
        order("eth", "ETHUSDT", **later),
        order("coin", "BTCUSD", quantity="10", **later),
        under=policy(cap_per_customer={"USDT": "40.009"}),
    )
    assert found == {"btc": "pay C1 35.50", "eth": "pay C1 4.50 !customer_cap", "coin": "pay C1 0.00025967"}


def test_what_is_not_paid_here_uses_up_no_cap(answers):
    """Paid under another incident, excluded, held for evidence: only the last order counts."""
    found = answers(
        order("elsewhere", paid_elsewhere=True),
        order("protected", stop_loss="16000"),
        by_user("unproven", "18:00"),
        order("1", closed=at("15:00")),
        under=policy(cap_per_customer={"USDT": "35.50"}),
    )
    assert found == {
        "elsewhere": "nil C1 !paid_elsewhere",
        "protected": "excluded E3",
        "unproven": "needs_evidence C3",
        "1": "pay C1 35.50",
    }


def test_the_rounded_amounts_use_up_the_cap(answers):
    """0.705 is paid as 0.71: of 1.00 then 0.29 are left, not 0.295."""
    cent = order("a", quantity="0.01", exit="16500.5")
    found = answers(cent, replace(cent, id="b"), under=policy(cap_per_customer={"USDT": "1"}))
    assert found == {"a": "pay C1 0.71", "b": "pay C1 0.29 !customer_cap"}


# --- 6: the minimum


def test_less_than_the_minimum_is_not_paid(answers):
    """The minimum itself is; nothing to pay is not less than the minimum, it is nothing."""
    under = policy(minimum={"USDT": "10.00"})
    found = answers(order("1"), SMALL, order("less", quantity="0.1", exit="16471.1"), WORSE, under=under)
    assert found == {"1": "pay C1 35.50", "small": "pay C1 10.00", "less": "nil C1 !below_minimum", "worse": "nil C2"}


def test_what_is_below_the_minimum_uses_up_no_cap(answers):
    """5.00, closed first, is not paid: of 45.50 all is there for 35.50 and 10.00."""
    first = order("first", quantity="0.05", exit="16471", closed=at("14:10"))
    under = policy(minimum={"USDT": "6"}, cap_per_customer={"USDT": "45.50"})
    found = answers(first, order("1"), SMALL, under=under)
    assert found == {"first": "nil C1 !below_minimum", "1": "pay C1 35.50", "small": "pay C1 10.00"}


def test_the_minimum_looks_at_what_the_caps_left(answers):
    """Of 40.00, 4.50 are left for the second order: below 5."""
    under = policy(minimum={"USDT": "5"}, cap_per_customer={"USDT": "40"})
    found = answers(order("1"), SMALL, under=under)
    assert found == {"1": "pay C1 35.50", "small": "nil C1 !below_minimum !customer_cap"}


def test_all_steps_in_their_order(answers):
    """Netting: 35.50 + 10.00 − 29.00 = 16.50, × 80 % = 13.20, all for the first; + 1.235 = 14.435; cap 14.431 cut to 14.43.

    The second: nothing left of the net sum, its fee of 2 alone; the customer's cap of 15 leaves 0.57, below the minimum of 1.
    """
    under = policy(
        netting="smaller_of",
        percentage="80",
        refund_liquidation_fee=True,
        cap_per_order={"USDT": "14.431"},
        cap_per_customer={"USDT": "15"},
        minimum={"USDT": "1"},
    )
    found = answers(order("1", fee="1.235"), replace(SMALL, fee=2), WORSE, under=under)
    assert found == {
        "1": "pay C1 14.43 !netted !order_cap",
        "small": "nil C1 !below_minimum !customer_cap !netted",
        "worse": "nil C2",
    }


# --- hedges


def test_long_and_short_held_at_the_same_time_are_a_hedge(answers):
    """Touching is enough: the long was closed at 14:20:00, the short opened then."""
    for opened, flag in (("14:20", " !hedged"), ("14:20:00.000001", "")):
        found = answers(order("long"), ("chen", short("chens")), short("s", opened=at(opened), closed=at("15:00")))
        assert found == {"long": f"pay C1 35.50{flag}", "chens": "pay C1 94.45", "s": f"pay C1 94.45{flag}"}


def test_a_hedge_is_flagged_whatever_became_of_the_other_leg(answers):
    """The short made a profit: excluded, and not flagged itself; another symbol is no hedge."""
    found = answers(order("long"), short("won", exit="16400"), short("eth", symbol="ETHUSDT"))
    assert found == {"long": "pay C1 35.50 !hedged", "won": "excluded E4", "eth": "pay C1 94.45"}


def test_a_still_open_leg_is_held_for_ever(answers):
    """Opened before the long was closed, and never closed; one that was opened later is no hedge of that long."""
    found = answers(order("long"), still_open("short", side="short", opened=at("14:20")))
    assert found == {"long": "pay C1 35.50 !hedged", "short": "excluded E2"}


def test_two_longs_are_no_hedge(answers):
    assert answers(order("1"), order("2")) == {"1": "pay C1 35.50", "2": "pay C1 35.50"}


# --- restoring an order (S2, K2)


def test_restoring_gives_back_the_loss_and_the_fee(answers):
    """Lost 0.5 × (16950 − 16500) = 225.00; the fee 1.23. By the best price: 35.50."""
    assert answers(order("1", fee="1.23"), under=S2) == {"1": "pay K2 35.50 restored 226.23"}


def test_restoring_gives_nothing_back_twice(answers):
    """225.00 + 1.23 − 26.005 = 200.225; the best price: 35.50 − 26.005 = 9.495. More cover than all of it: nothing."""
    found = answers(order("some", fee="1.23", cover="26.005"), order("all", cover="300"), under=S2)
    assert found == {"some": "pay K2 9.50 restored 200.23", "all": "nil K2 restored 0.00"}


def test_restoring_knows_no_percentage_no_netting_and_no_cap(answers):
    under = policy(
        S2, clause={"percentage": "50"}, netting="smaller_of", cap_per_order={"USDT": "10"}, minimum={"USDT": "10"}
    )
    assert answers(order("1"), under=under) == {"1": "pay K2 10.00 restored 225.00 !order_cap"}


def test_restoring_needs_no_best_price(answers):
    """An order in profit lost its fee only."""
    found = answers(order("1"), order("won", exit="17000", fee="1.23"), under=S2, BTCUSDT=NO_QUOTES)
    assert found == {"1": "needs_price K2 restored 225.00", "won": "needs_price K2 restored 1.23"}


def test_only_what_was_liquidated_in_the_breakdown_can_be_restored(answers):
    found = answers(by_user("user", "14:20"), order("after", closed=at("15:31")), still_open("open"), under=S2)
    assert found == {"user": "pay K1 35.50", "after": "no_clause", "open": "pay K1 80.00"}


def test_evidence_that_is_missing_holds_the_best_price(answers):
    """Asked for by C3 alone: closed in loss within the day after."""
    seen = Claim(contacts=(at("15:00"),), evidence=("accepted",))
    found = answers(by_user("1", "18:00"), ("chen", by_user("2", "18:00")), claims={"chen": seen})
    assert found == {"1": "needs_evidence C3", "2": "pay C3 35.50"}
