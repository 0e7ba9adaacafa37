"""Order numbers come in every form that people paste; what is no order number is told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims.order_numbers import LONGEST, is_rounded, read

NUMBERS = st.integers(1, 10**18).map(str)
CODES = st.from_regex(r"[A-Z]{1,4}-[0-9]{2,12}", fullmatch=True)
UUIDS = st.uuids().map(str)
IDS = st.lists(NUMBERS | CODES | UUIDS, min_size=1, max_size=8, unique=True)
WIDE = {ord("0") + n: 0xFF10 + n for n in range(10)}
DRESSED = st.sampled_from(
    ["{}", "#{}", "# {}", "Order: {}", "order #{}", "Order:{}/2", "{}/1", '"{}"', "'{}'", "“{}”", "({})", "订单号：{}", "订单{}",
     "№{}", "No. {}", "order_id={}", "- {}", "{}.", "https://x.example/orders/{}", "\ufeff{}", "{}\u200b"]
)  # fmt: skip
BETWEEN = st.sampled_from(
    [" ", ", ", "，", "、", ";", "；", "\n", "\r\n", "\t", " \n\n ", " and ", "和", " | ", "\u00a0"]
)


@given(ids=IDS, data=st.data())
def test_every_number_of_any_text_is_found_once_in_its_order(ids, data):
    words = [data.draw(DRESSED).format(id) for id in ids]
    text = words[0] + "".join(data.draw(BETWEEN) + word for word in words[1:])
    assert read(text).ids == tuple(ids)
    assert read(text.translate(WIDE)).ids == tuple(ids)
    assert read(f"{text} {text}").ids == tuple(ids)


@given(st.text(max_size=300))
def test_no_text_is_too_odd_to_be_read(text):
    named = read(text)
    assert all(0 < len(id) <= LONGEST and not any(sign.isspace() for sign in id) for id in named.ids)
    assert len(set(named.ids)) == len(named.ids)


@given(ids=st.lists(NUMBERS, min_size=2, max_size=6, unique=True))
def test_of_a_pasted_table_with_a_header_the_column_of_orders_is_taken(ids):
    for sign in "\t|;,":
        rows = [sign.join(("BTCUSDT", id, "16950.5", "2022-11-16 14:20")) for id in ids]
        text = "\n".join([sign.join(("Symbol", "Order ID", "Entry", "Closed")), *rows])
        assert read(text).ids == tuple(ids)


@pytest.mark.parametrize(
    ("text", "ids", "passed"),
    [
        ("", (), ()),
        ("orders please", (), ()),
        ("1001\tBTCUSDT\tlong\t0.5\t16950\n1002\tBTCUSDT\tshort\t0.1\t16900", ("1001", "1002"), ()),
        ("1\t5001\tBTC\n2\t5002\tBTC", ("5001", "5002"), ()),
        ("1. 900123\n2. 900124", ("900123", "900124"), ()),
        ("| order | side |\n| 77 | long |", ("77",), ()),
        ("123,456,789", ("123", "456", "789"), ()),
        ("１００３／２，＃１００４", ("1003", "1004"), ()),
        ("订单1001和1002都爆仓了", ("1001", "1002"), ()),
        (
            "My 1001 closed 2022-11-16 at 14:20, 16,500.50 USDT, 20x, not 0.5BTC",
            ("1001",),
            ("16,500.50", "2022-11-16", "14:20", "20x", "0.5BTC"),
        ),
        ("1.00000000000000E+17", (), ("1.00000000000000E+17",)),
        ("2022-11-16T14:20:00Z 16/11/2022 UTC+8", (), ("2022-11-16T14:20:00Z", "16/11/2022", "UTC+8")),
        ("carla1@example.org 1001", ("1001",), ("carla1@example.org",)),
        ("9" * 65, (), ("9" * 65,)),
    ],
)
def test_what_is_pasted_is_read_as_its_writer_meant_it(text, ids, passed):
    assert (read(text).ids, read(text).passed) == (ids, passed)


@pytest.mark.parametrize(("word", "rounded"), [("1E+17", True), ("1.00E+17", True), ("1.5e17", True), ("100", False)])
def test_a_number_that_a_spreadsheet_rounded_is_known_by_its_looks(word, rounded):
    assert is_rounded(word) is rounded
