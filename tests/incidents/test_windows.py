"""Outage windows as one outage: the same instants, each in one span."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from incidents.windows import merge
from tests.factories import at


def minute(number: int):
    return at("14:00") + timedelta(minutes=number)


def spans(*pairs):
    return tuple((minute(start), None if end is None else minute(end)) for start, end in pairs)


def test_overlapping_touching_and_nested_windows_become_one():
    assert merge(spans((5, 10), (0, 6))) == spans((0, 10))
    assert merge(spans((0, 5), (5, 10))) == spans((0, 10))
    assert merge(spans((0, 10), (3, 4))) == spans((0, 10))
    assert merge(spans((0, 2), (8, 10), (1, 9))) == spans((0, 10))


def test_windows_a_microsecond_apart_stay_two():
    apart = ((minute(0), minute(5)), (minute(5) + timedelta(microseconds=1), minute(9)))
    assert merge(apart) == apart


def test_a_window_without_an_end_swallows_all_that_begin_in_it():
    assert merge(spans((3, None), (0, 1), (5, 6))) == spans((0, 1), (3, None))
    assert merge(spans((0, 5), (5, None))) == spans((0, None))
    assert merge(spans((2, None), (2, 4))) == spans((2, None))
    assert merge(()) == ()


@given(st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(1, 8)), max_size=6))
def test_merged_windows_hold_the_same_instants(drawn):
    windows = spans(*((start, None if length is None else start + length) for start, length in drawn))

    def within(instant, found):
        return [span for span in found if span[0] <= instant and (span[1] is None or instant <= span[1])]

    merged = merge(windows)
    for number in range(30):
        for jitter in (-1, 0, 1):
            instant = minute(number) + timedelta(microseconds=jitter)
            assert len(within(instant, merged)) == bool(within(instant, windows))
    assert list(merged) == sorted(merged, key=lambda span: span[0])
