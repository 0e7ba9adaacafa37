"""What changed between two policies, told in words; and a clause told as a sentence."""

import pytest
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims import sentences, terms
from claims.differences import Change, changes
from tests.claims.test_oracle import policies
from tests.factories import S1


def s1(*replacements: tuple[str, str]) -> dict:
    text = S1
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return terms.read(text)


def texts(before: dict, after: dict) -> list[str]:
    return [change.text for change in changes(before, after)]


@given(policies())
def test_a_policy_does_not_differ_from_itself(document):
    assert changes(document, document) == []


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50, deadline=None)
@given(policies(), policies(), st.data())
def test_two_different_policies_never_look_the_same(one, other, data):
    part = data.draw(st.sampled_from(sorted(one)), label="what of the other one is taken over")
    for after in (other, one | {part: other[part]}):
        told = changes(one, after)
        assert bool(told) == (one != after)
        assert all(change.text for change in told)


def test_an_hour_more_is_told_at_its_clause():
    after = s1(('closed_to = "end+1h"', 'closed_to = "end+30m"'))
    assert changes(s1(), after) == [
        Change(
            "Clause C2, Closed at or before: ‘30 minutes after the end of the outage’ instead of "
            "‘1 hour after the end of the outage’",
            "C2",
        )
    ]


def test_a_new_clause_one_that_is_gone_and_new_words_are_told():
    before, after = s1(), s1(("产生盈利的订单。", "有盈利的订单。"))
    del before["clauses"][8], after["clauses"][0]
    assert [(change.clause, change.kind) for change in changes(before, after)] == [
        ("E1", "gone"),
        ("E4", "words"),
        ("C3", "new"),
    ]
    gone, words, new = texts(before, after)
    assert gone == "Clause E1 is gone: Excludes orders: closed before the start of the outage."
    assert words == "Clause E4, published words (Chinese): ‘有盈利的订单。’ instead of ‘产生盈利的订单。’"
    assert new == (
        "Clause C3 is new: Pays 100 % for orders: in loss; closed from the end of the outage to 24 hours after the end of "
        "the outage. Evidence that the service was unavailable must be accepted first."
    )


def test_another_order_of_the_same_clauses_is_told():
    after = s1()
    after["clauses"][6:8] = reversed(after["clauses"][6:8])
    assert texts(s1(), after) == [
        "Order of the clauses: ‘E1, E2, E3, E4, E5, E6, C2, C1, C3’ instead of ‘E1, E2, E3, E4, E5, E6, C1, C2, C3’"
    ]


def test_what_is_general_is_told_in_words():
    after = s1(('within = "24h"', 'within = ""'), ('amount = "20"', 'amount = "25"'))
    after["contact"]["required"] = False
    assert texts(s1(), after) == [
        "The customer must have been in touch: ‘no’ instead of ‘yes’",
        "In touch, at the latest, after the outage's end: ‘none’ instead of ‘24 hours’",
        "Bonus per customer: ‘25’ instead of ‘20’",
    ]


def test_a_document_from_before_a_field_was_known_has_its_default():
    before = s1()
    del before["price"]["at"], before["service"]
    assert changes(before, s1()) == changes(s1(), before) == []


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ({}, "Excludes every order."),
        ({"close_reasons": ["liquidation", "adl", "open"]},
         "Excludes orders: closed by forced liquidation or by auto-deleveraging or still open."),
        ({"close_reasons": ["open"]}, "Excludes orders: still open."),
        ({"result": "flat", "open_in_outage": False},
         "Excludes orders: without profit or loss; not open at any time in the outage."),
        ({"closed_before": "start-1m", "not_closed_by": "end+1d"},
         "Excludes orders: closed before 1 minute before the start of the outage; not yet closed at 1 day after the end of "
         "the outage."),
        ({"tpsl_active": True, "in_contact": False, "products": ["pro"], "instruments": ["A", "B", "C"]},
         "Excludes orders: with a take profit or stop loss active after the outage began; of customers who were not in touch "
         "in time; of the product pro; in A, B or C."),
    ],
)  # fmt: skip
def test_a_clause_is_told_from_its_conditions(conditions, told):
    assert sentences.clause({"code": "E", "effect": "exclude", **conditions}) == told


def test_every_clause_of_every_preset_is_told_in_both_languages():
    for path in terms.PRESETS.values():
        for clause in terms.read(path.read_text())["clauses"]:
            english = sentences.clause(clause)
            with translation.override("zh-hans"):
                chinese = sentences.clause(clause)
            assert english.isascii()
            assert chinese != english
            assert "orders" not in chinese


def test_what_nobody_understands_is_told_as_it_was_typed():
    clause = {"effect": "include", "closed_to": "end+manyh", "close_reasons": ["magic"], "percentage": "all"}
    assert sentences.clause(clause) == "Pays all % for orders: closed magic; closed at end+manyh or earlier."


def test_every_field_of_a_policy_has_its_words():
    known = {"name", "binding_language"} | {f"{s}.{key}" for s, shape in terms.SECTIONS.items() for key in shape}
    assert set(sentences.FIELD) == known
    assert set(sentences.CLAUSE_FIELD) == set(terms.CLAUSE)
    assert set(sentences.CHOICES["reasons"]) == set(terms.REASONS)
    assert set(sentences.CHOICES["reference"]) == set(terms.REFERENCES)
    assert set(sentences.CHOICES["remedies"]) == set(terms.REMEDIES)
