"""What holds of every account: the formula's price is where the replay turns, and skipping stretches skips no liquidation."""

from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from incidents.liquidation import Account, Position, Quote, Replay
from tests.incidents.accounts import START, replay

TICK = Decimal("0.01")
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def decimals(low: str, high: str, places: int = 2):
    return st.decimals(low, high, places=places)


@st.composite
def positions(draw, symbols=("BTCUSDT",)):
    return Position(
        symbol=draw(st.sampled_from(symbols)),
        side=draw(st.sampled_from(["long", "short"])),
        quantity=draw(decimals("1", "500")),
        entry_price=draw(decimals("50", "500")),
        used_margin=draw(decimals("1", "2000")),
        inverse=draw(st.booleans()),
        contract_value=Decimal(10),
    )


ratios = st.sampled_from([Decimal(text) for text in ("0.2", "0.3", "0.4", "1")])


def on_tick(price: Fraction, rounding: str) -> Decimal:
    return (Decimal(price.numerator) / Decimal(price.denominator)).quantize(TICK, rounding=rounding)


def quoted(position: Position, price: Decimal) -> Quote:
    """A quote whose side for this position is the price; the other side is kind to nobody and cruel to nobody."""
    bid, ask = (price, price + 3) if position.side == "long" else (price - TICK, price)
    return Quote(START, position.symbol, bid, ask)


@given(position=positions(), wallet=decimals("0", "5000"), ratio=ratios)
def test_the_replay_turns_where_the_formula_says(position, wallet, ratio):
    account = Account(wallet, ratio, (position,))
    edge = Replay(account).edges(position).liquidation
    assume(edge is not None and 1 < edge < 10**6)
    inward, outward = (ROUND_CEILING, -TICK) if position.side == "long" else (ROUND_FLOOR, TICK)
    kept = on_tick(edge, inward)
    assume(kept > 1)
    assert replay(account, [quoted(position, kept)]).liquidations == []
    assert len(replay(account, [quoted(position, kept + outward)]).liquidations) == 1


@given(position=positions(), wallet=decimals("0", "5000"))
def test_at_the_bankruptcy_price_nothing_is_left(position, wallet):
    edge = Replay(Account(wallet, Decimal("0.4"), (position,))).edges(position).bankruptcy
    assume(edge is not None)
    assert position.pnl(edge) == -Fraction(wallet)


rows = st.lists(
    st.tuples(st.sampled_from(SYMBOLS), decimals("30", "600"), decimals("-0.5", "3")),
    min_size=1,
    max_size=40,
)


@st.composite
def accounts(draw):
    held = draw(st.lists(positions(SYMBOLS), min_size=1, max_size=5))
    return Account(draw(decimals("-100", "9000")), draw(ratios), tuple(held))


def tape(rows) -> list[Quote]:
    """A second apart; some are crossed."""
    return [
        Quote(START + timedelta(seconds=n), symbol, bid, bid + spread) for n, (symbol, bid, spread) in enumerate(rows)
    ]


@given(account=accounts(), rows=rows)
def test_every_quote_leaves_an_account_that_suffices_or_nothing_to_close(account, rows):
    run = Replay(account)
    for quote in tape(rows):
        run.see(quote)
        closable = [position for position in run.positions if position.symbol in run.marks]
        assert not quote.usable or run.equity >= run.required or not closable
    for fact in run.liquidations:
        assert fact.equity < fact.required
    assert run.wallet == Fraction(account.wallet) + sum(fact.pnl for fact in run.liquidations)


@given(account=accounts(), rows=rows)
def test_closing_changes_what_is_required_and_never_what_the_account_is_worth(account, rows):
    run = replay(account, tape(rows))
    for one, next_ in zip(run.liquidations, run.liquidations[1:], strict=False):
        if one.at == next_.at:
            assert one.equity == next_.equity
            assert next_.required < one.required


def bounds(quotes: list[Quote]) -> dict[str, Quote]:
    usable = [quote for quote in quotes if quote.usable]
    return {
        symbol: Quote(
            START,
            symbol,
            min(quote.bid for quote in usable if quote.symbol == symbol),
            max(quote.ask for quote in usable if quote.symbol == symbol),
        )
        for symbol in {quote.symbol for quote in usable}
    }


@given(account=accounts(), rows=rows, size=st.integers(1, 12))
def test_a_stretch_with_slack_closes_nothing(account, rows, size):
    quotes, run, before = tape(rows), Replay(account), {}
    for first in range(0, len(quotes), size):
        stretch = quotes[first : first + size]
        within, closed = bounds(stretch), len(run.liquidations)
        certain = run.slack(before, within) >= 0
        for quote in stretch:
            run.see(quote)
        assert not (certain and len(run.liquidations) > closed)
        before = before | within
