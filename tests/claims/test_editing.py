"""The editor's form: a document survives it, what is wrong is told at its place, the buttons do what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims import editing, terms
from claims.editing import Fault
from tests.claims.test_oracle import policies
from tests.claims.test_terms import LEAST, texts

PRESETS = [pytest.param(path, id=name) for name, path in terms.PRESETS.items()]


def form(text: str = LEAST) -> editing.Fields:
    return editing.fields_of(terms.read(text))


@pytest.fixture
def s1() -> editing.Fields:
    return form(terms.PRESETS["s1-btcc"].read_text())


def codes(fields: editing.Fields) -> list[str]:
    return [clause["code"] for clause in editing.document_of(fields)["clauses"]]


# --- there and back


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_survives_the_form(preset):
    document = terms.read(preset.read_text())
    assert editing.document_of(editing.fields_of(document)) == document
    assert editing.faults(editing.fields_of(document)) == []


@given(policies())
def test_a_policy_survives_the_form(document):
    fields = editing.fields_of(document)
    assert all(isinstance(text, str) for values in fields.values() for text in values)
    assert editing.document_of(fields) == document


@given(
    name=texts,
    english=texts,
    products=st.lists(texts, max_size=3),
    minimum=st.dictionaries(st.from_regex(r"[A-Z0-9]{1,5}", fullmatch=True), st.just("0.01"), max_size=3),
    at=st.sampled_from(("", "2022-11-16T14:09:00+00:00", "2022-11-16T14:09:00.000001+00:00")),
)
def test_any_words_survive_the_form(name, english, products, minimum, at):
    document = terms.read(LEAST) | {"name": name}
    document["clauses"][0] |= {"text": {"en": english, "zh": "字"}, "products": products}
    document["payment"]["minimum"] = minimum
    document["price"]["at"] = at
    assert editing.document_of(editing.fields_of(document)) == document


@pytest.mark.parametrize("anchor", ["start", "end", "end+1h", "start-30m", "end+0s", "end+007d"])
def test_an_instant_of_the_outage_is_told_by_its_parts(anchor):
    fields = editing.spread("c1-closed_to", "anchor", anchor)
    assert set(fields) == {f"c1-closed_to-{part}" for part in ("n", "unit", "side", "end")}
    assert editing.gather(fields, "c1-closed_to", "anchor") == anchor


def test_an_instant_in_another_zone_is_kept_in_utc_and_a_wrong_one_as_it_was_typed():
    assert editing.gather({"at": ["2022-11-16T22:09+08:00"]}, "at", "instant") == "2022-11-16T14:09:00+00:00"
    assert editing.gather({"at": ["2022-11-16T22:09"]}, "at", "instant") == "2022-11-16T22:09"
    assert editing.gather({"at": ["tomorrow"]}, "at", "instant") == "tomorrow"


# --- what is wrong, and where


def test_every_fault_is_told_at_its_field_and_nothing_typed_is_lost(s1):
    typed = s1 | {
        "name": [""],
        "contact-within-n": ["soon"],
        "payment-minimum-asset": ["usdt"],
        "payment-minimum-amount": ["1"],
        "c2-not_closed_by-n": ["many"],
        "c8-closed_to-n": ["1"],
        "c8-closed_to-side": ["-"],
        "c9-text-zh": [" "],
    }
    found = {fault.place: fault.text for fault in editing.faults(typed)}
    assert set(found) == {"name", "contact-within", "payment-minimum", "c2-not_closed_by", "c8-closed_to", "c9-text"}
    assert found["c9-text"] == "published words are missing: Chinese"
    assert found["c2-not_closed_by"] == "a whole number, such as 1, or nothing"
    assert found["c8-closed_to"] == "before the beginning that another condition sets: no order can meet both"
    assert editing.document_of(typed)["contact"]["within"] == "soonh"


def test_two_clauses_of_one_code_and_a_clause_without_one_are_told(s1):
    twice = "another clause has this code"
    assert editing.faults(s1 | {"c2-code": ["E1"]}) == [Fault("c1-code", twice), Fault("c2-code", twice)]
    assert [fault.place for fault in editing.faults(s1 | {"c2-code": [""]})] == ["c2-code"]


def test_a_condition_that_names_nothing_is_a_fault_and_no_condition(s1):
    emptied = s1 | {"c7-close_reasons": []}
    assert editing.faults(emptied) == [Fault("c7-close_reasons", "choose at least one, or take the condition away")]


def test_an_asset_that_stands_twice_is_a_fault(s1):
    doubled = s1 | {"payment-minimum-asset": ["BTC", "BTC", ""], "payment-minimum-amount": ["1", "2", ""]}
    assert editing.faults(doubled) == [Fault("payment-minimum", "BTC stands twice")]


def test_an_empty_form_says_what_is_missing_and_breaks_nothing():
    places = {fault.place for fault in editing.faults({})}
    assert {"name", "binding_language", "bonus-amount", "price-reference", ""} <= places


def test_a_clause_that_excludes_pays_and_asks_nothing_whatever_was_chosen_before(s1):
    turned = s1 | {"c9-effect": ["exclude"]}
    assert editing.document_of(turned)["clauses"][8]["evidence"] is False
    assert editing.faults(turned) == []
    assert editing.document_of(turned | {"c9-effect": ["include"]}) == editing.document_of(s1)


@pytest.mark.parametrize(
    ("typed", "place", "told"),
    [
        ({"c8-closed_to-n": ["99999"]}, "c8-closed_to", "longer than ten years: a slip of the pen"),
        ({"price-reference": ["at_instant"]}, "price-at", "say which instant is meant"),
        ({"price-at": ["2022-11-16T14:09:00Z"]}, "price-at", "only a comparison with a stated instant has one"),
        ({"c1-text-en": [""], "c1-text-zh": [""]}, "c1-text", "published words are missing: English, Chinese"),
        ({"contact-required": []}, "c5-in_contact", "customers need not have been in touch"),
        ({"c7-remedies": ["best_price", "restore_order"]}, "c7-remedies", "here the customer chooses"),
        ({"c7-remedies": []}, "c7-remedies", "the best price is always offered"),
        ({"c8-percentage": ["0"]}, "c8-percentage", "a number above 0 and at most 100"),
        ({"bonus-asset": ["usd t"]}, "bonus-asset", "capital letters and digits"),
        ({f"c{n}-effect": ["exclude"] for n in (7, 8, 9)}, "", "no clause pays anything"),
        ({"clause": []}, "", "a policy needs at least one clause"),
        ({"name": [" "]}, "name", "a name is needed"),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_the_words_of_the_form(s1, typed, place, told):
    assert any(fault.place == place and fault.text.startswith(told) for fault in editing.faults(s1 | typed))


def test_what_an_open_order_cannot_meet_is_told(s1):
    asked = s1 | {"c7-close_reasons": ["open"]}
    assert {(fault.place, fault.text[:42]) for fault in editing.faults(asked)} == {
        (f"c7-{name}", "an order that is still open has no close: ") for name in ("result", "closed_from", "closed_to")
    }


def test_an_end_before_the_outage_is_told_at_that_end(s1):
    early = editing.act(s1, "with.c6.closed_before") | {"c6-open_in_outage": ["yes"]}
    early |= {"c6-closed_before-end": ["start"], "c6-closed_before-n": ["1"], "c6-closed_before-side": ["-"]}
    assert [fault.place for fault in editing.faults(early)] == ["c6-closed_before"]
    assert editing.faults(early)[0].text.startswith("before the outage, and another condition asks for the outage")


# --- the buttons


def test_a_clause_moves_up_and_down_and_not_beyond_the_ends(s1):
    assert codes(editing.act(s1, "up.c2"))[:3] == ["E2", "E1", "E3"]
    assert codes(editing.act(s1, "down.c1"))[:3] == ["E2", "E1", "E3"]
    assert codes(editing.act(s1, "up.c1")) == codes(editing.act(s1, "down.c9")) == codes(s1)


def test_a_clause_is_copied_behind_itself_without_its_code(s1):
    copied = editing.act(s1, "copy.c7")
    clauses = editing.document_of(copied)["clauses"]
    assert [clause["code"] for clause in clauses[6:9]] == ["C1", "", "C2"]
    assert clauses[7] | {"code": "C1"} == clauses[6]
    assert copied["clause"][7] == "c10"


def test_a_dropped_clause_leaves_nothing_behind(s1):
    dropped = editing.act(s1, "drop.c1")
    assert codes(dropped) == codes(s1)[1:]
    assert not [name for name in dropped if name.startswith("c1-")]


def test_a_condition_is_put_on_and_taken_off(s1):
    more = editing.act(s1, "with.c7.closed_after")
    assert editing.document_of(more)["clauses"][6]["closed_after"] == "end"
    assert editing.act(more, "without.c7.closed_after") == s1
    assert editing.document_of(editing.act(s1, "with.c1.tpsl_active"))["clauses"][0]["tpsl_active"] is True


def test_the_first_clause_of_an_empty_policy_pays():
    added = editing.act({}, "add")
    assert added["clause"] == ["c1"]
    assert editing.document_of(added)["clauses"][0]["effect"] == "include"


@pytest.mark.parametrize("do", ["", "up.c99", "burn.c1", "with.c1.colour", "with.c1.evidence", "up", "..."])
def test_a_button_that_is_not_there_does_nothing(s1, do):
    assert editing.act(s1, do) == s1
