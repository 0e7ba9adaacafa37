"""Rules §6 on paper: when an account is liquidated, at which quote, in which order, and what the fund covers."""

from decimal import Decimal
from fractions import Fraction

import pytest

from incidents.explanation import rounded
from incidents.liquidation import Edges, Replay
from tests.factories import at
from tests.incidents.accounts import account, inverse, position, quote, quotes, replay


def closed(run) -> list[tuple]:
    """Each liquidation in order: whose, at which price."""
    return [(fact.position.symbol, fact.position.side, fact.price) for fact in run.liquidations]


# --- the prices of the formula


@pytest.mark.parametrize(
    ("wallet", "ratio", "liquidation", "bankruptcy"),
    [("394.50", "0.40", "16500.00", "16161.00"), ("309.75", "0.20", "16500.00", "16330.50")],
)
def test_the_long_of_the_rules_has_its_liquidation_and_bankruptcy_price(wallet, ratio, liquidation, bankruptcy):
    run = Replay(account(position(), wallet=wallet, ratio=ratio))
    assert run.edges(run.positions[0]) == Edges(Fraction(liquidation), Fraction(bankruptcy))


def test_a_shorts_prices_lie_above_its_entry():
    run = Replay(account(position(side="short")))
    assert run.edges(run.positions[0]) == Edges(Fraction("17400.00"), Fraction("17739.00"))


def test_an_inverse_longs_prices_follow_the_reciprocals():
    # 1/P = 1/17000 + (0.0270 − 0.4 · 0.025) / 8500 = (1 + 0.034) / 17000
    run = Replay(account(inverse(entry="17000"), wallet="0.0270"))
    edges = run.edges(run.positions[0])
    assert edges == Edges(Fraction(17000) / Fraction("1.034"), Fraction(17000) / Fraction("1.054"))


def test_no_price_reaches_an_inverse_short_with_a_full_wallet():
    # 1/P = 1/17000 − (1 − 0.01) / 8500 is below zero: the coin can rise for ever
    run = Replay(account(inverse(entry="17000", side="short"), wallet="1"))
    assert run.edges(run.positions[0]) == Edges(None, None)


def test_no_price_reaches_a_long_that_is_paid_for_in_full():
    run = Replay(account(position(), wallet="100000"))
    assert run.edges(run.positions[0]) == Edges(None, None)


def test_with_other_positions_a_price_holds_while_they_stay_at_their_quotes():
    run = Replay(account(position(), position("ETHUSDT", quantity="1", entry="1200", margin="60")))
    run.see(quote(at("14:09"), "ETHUSDT", "1100", "1101"))
    # 394.50 − 100 + 0.5 · (P − 16950) = 0.4 · 483.75
    assert run.edges(run.positions[0]).liquidation == Fraction("16748.00")


# --- the stop-out


def test_equity_that_is_exactly_the_required_margin_suffices():
    run = replay(account(position()), quotes(("16500.00", "16500.10")))
    assert (run.equity, run.required, run.liquidations) == (Fraction("169.50"), Fraction("169.50"), [])


def test_one_tick_below_the_liquidation_price_the_long_is_closed_at_its_bid():
    run = replay(account(position()), quotes(("16500.00", "16500.10"), ("16499.99", "16500.09")))
    [fact] = run.liquidations
    assert (fact.at, fact.price, fact.pnl) == (at("14:09:01"), Decimal("16499.99"), Fraction("-225.005"))
    assert (fact.equity, fact.required) == (Fraction("169.495"), Fraction("169.50"))
    assert (run.wallet, run.equity, run.positions) == (Fraction("169.495"), Fraction("169.495"), [])


def test_a_long_is_liquidated_although_the_mid_never_touched_its_price():
    """S3, FAQ 1: liquidation price 16,501, quote 16,500 / 16,504, mid 16,502."""
    run = replay(account(position(), wallet="394.00"), quotes(("16501", "16505"), ("16500", "16504")))
    [fact] = run.liquidations
    assert Replay(account(position(), wallet="394.00")).edges(position()).liquidation == 16501
    assert (fact.quote.bid, fact.quote.ask, fact.quote.mid) == (16500, 16504, 16502)
    assert fact.equity < fact.required < fact.equity_at_mid


def test_a_short_is_liquidated_at_its_ask_although_the_mid_never_touched_its_price():
    run = replay(account(position(side="short")), quotes(("17395", "17400"), ("17396", "17401")))
    [fact] = run.liquidations
    assert (fact.price, fact.quote.mid) == (Decimal("17401"), Decimal("17398.5"))
    assert fact.equity < fact.required < fact.equity_at_mid


def test_an_inverse_long_loses_in_the_coin():
    run = replay(
        account(inverse(entry="17000"), wallet="0.0270"),
        quotes(("16442", "16443"), ("16441", "16442"), symbol="BTCUSD"),
    )
    [fact] = run.liquidations
    assert (fact.price, fact.pnl) == (Decimal("16441"), Fraction(8500 * -559, 17000 * 16441))
    assert rounded(run.equity, 8) == Decimal("0.00999982")  # less than 0.4 · 0.025


@pytest.mark.parametrize("bad", [("16400", "16399"), ("0", "16500"), ("-1", "16500"), ("16000", "0")])
def test_a_crossed_zero_or_negative_quote_triggers_nothing_and_ends_no_other(bad):
    run = replay(account(position()), quotes(("16700", "16701"), bad))
    assert (run.liquidations, run.equity) == ([], Fraction("269.50"))


def test_of_two_quotes_of_one_instant_the_first_of_the_file_counts_first():
    instant = at("14:20")
    run = replay(
        account(position()), [quote(instant, "BTCUSDT", "16400", "16401"), quote(instant, "BTCUSDT", "16600", "16601")]
    )
    assert closed(run) == [("BTCUSDT", "long", Decimal("16400"))]


def test_quotes_in_force_at_the_beginning_mark_and_close_nothing():
    run = Replay(account(position()), quotes(("16000", "16001")))
    assert (run.equity, run.liquidations) == (Fraction("-80.50"), [])
    run.see(quote(at("14:10"), "BTCUSDT", "16800", "16801"))
    assert run.liquidations == []


# --- several positions


def three():
    """Longs in BTC and ETH, a short in SOL; U = 600, r · U = 240."""
    return account(
        position("BTCUSDT", quantity="0.1", entry="17000", margin="300"),
        position("ETHUSDT", quantity="1", entry="1200", margin="200"),
        position("SOLUSDT", side="short", quantity="10", entry="14", margin="100"),
        wallet="500",
    )


CALM = (("BTCUSDT", "17000", "17001"), ("ETHUSDT", "1200", "1201"), ("SOLUSDT", "13.9", "14"))


def test_the_largest_loss_goes_first_and_when_the_rest_suffices_it_stays():
    # 500 − 150 (BTC) − 80 (ETH) − 40 (SOL at its ask 18) = 230 < 240; without BTC 230 ≥ 0.4 · 300 = 120
    run = replay(
        three(), quotes(*CALM, ("BTCUSDT", "15500", "15501"), ("ETHUSDT", "1120", "1121"), ("SOLUSDT", "17.9", "18"))
    )
    assert closed(run) == [("BTCUSDT", "long", Decimal("15500"))]
    assert [each.symbol for each in run.positions] == ["ETHUSDT", "SOLUSDT"]
    assert (run.wallet, run.equity, run.required) == (350, 230, 120)


def test_positions_are_closed_in_the_order_of_their_losses_until_the_rest_suffices():
    # 500 − 150 (BTC) − 260 (ETH) = 90 < 240; without ETH still 90 < 160; without BTC 90 ≥ 40: SOL stays
    run = replay(three(), quotes(*CALM, ("BTCUSDT", "15500", "15501"), ("ETHUSDT", "940", "941")))
    assert closed(run) == [("ETHUSDT", "long", Decimal("940")), ("BTCUSDT", "long", Decimal("15500"))]
    assert [(fact.equity, fact.required) for fact in run.liquidations] == [(90, 240), (90, 160)]
    assert {fact.at for fact in run.liquidations} == {at("14:09:04")}
    assert (run.wallet, run.equity) == (90, 90)


def test_a_position_is_closed_at_the_quote_of_its_own_symbol_even_if_another_symbols_quote_tipped_the_account():
    run = replay(three(), quotes(*CALM, ("BTCUSDT", "14600", "14601"), ("SOLUSDT", "16", "16.1")))
    [fact] = run.liquidations
    assert (fact.at, fact.quote.at, fact.price) == (at("14:09:04"), at("14:09:03"), Decimal("14600"))


def test_of_two_equal_losses_the_first_in_the_account_goes_first():
    two = account(position(quantity="0.1", margin="100"), position(quantity="0.1", margin="50"), wallet="62")
    run = replay(two, quotes(("16940", "16941"), ("16939", "16940")))
    assert [(fact.position.used_margin, fact.price) for fact in run.liquidations] == [(100, 16939)]


def test_a_long_and_a_short_of_one_symbol_are_each_marked_at_their_own_side():
    hedged = account(position(), position(side="short"), wallet="340")
    run = replay(hedged, quotes(("16950", "16950"), ("16940", "16960")))
    # 0.4 · 847.50 = 339; the spread of 20 costs both sides 5 each: 330 < 339
    assert closed(run) == [("BTCUSDT", "long", Decimal("16940"))]
    assert (run.equity, run.required) == (330, Fraction("169.50"))


def test_a_position_without_any_quote_counts_nothing_and_cannot_be_closed():
    thin = account(position(), position("NEWUSDT", entry="10", margin="1000"), wallet="500")
    run = replay(thin, quotes(("16900", "16901")))
    # 500 − 25 < 0.4 · 1423.75: BTC is closed, NEW waits for its first quote
    assert closed(run) == [("BTCUSDT", "long", Decimal("16900"))]
    assert (run.equity, [each.symbol for each in run.positions]) == (475, ["NEWUSDT"])
    run.see(quote(at("14:20"), "NEWUSDT", "9", "9.1"))
    assert (run.equity, run.required, len(run.liquidations)) == (Fraction("474.50"), 400, 1)


# --- what is left


def test_negative_equity_at_the_end_is_what_the_fund_covers():
    # 394.50 + 0.5 · (16000 − 16950) = −80.50: the price jumped past the bankruptcy price of 16,161
    run = replay(account(position()), quotes(("16600", "16601"), ("16000", "16001")))
    assert (run.equity, run.positions) == (Fraction("-80.50"), [])


@pytest.mark.parametrize(
    ("value", "shown"), [("0.005", "0.01"), ("-0.005", "-0.01"), ("-0.004", "0.00"), ("-80.5", "-80.50")]
)
def test_what_is_left_is_rounded_once_half_up(value, shown):
    assert str(rounded(Fraction(value), 2)) == shown


# --- a look from afar


def test_a_stretch_is_judged_by_its_lowest_bid_and_highest_ask():
    run = Replay(account(position()))
    calm, deep = ({"BTCUSDT": quote(at("14:09"), "BTCUSDT", bid, "17000")} for bid in ("16500", "16499.99"))
    assert [run.slack(*bounds) for bounds in (({}, calm), (calm, deep), (deep, calm))] == [
        0,
        Fraction("-0.005"),
        Fraction("-0.005"),
    ]
