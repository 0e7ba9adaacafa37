"""What a policy file says and what is wrong with it: the preset of S1, the way there and back, every error with its place."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims import terms, workflow
from claims.deadlines import Outage
from claims.models import Policy
from claims.terms import Anchor, Clause, TermsError
from tests import factories as make
from tests.claims.test_oracle import policies
from tests.factories import NOW, S1

HOUR, DAY, NONE = timedelta(hours=1), timedelta(days=1), timedelta(0)
START, END = Anchor("start", NONE), Anchor("end", NONE)

LEAST = """
name = "The least there is"
[[clauses]]
code = "C1"
effect = "include"
text.en = "Orders liquidated"
text.zh = "被强制平仓的订单"
"""


def errors_of(text: str) -> list[str]:
    with pytest.raises(TermsError) as refused:
        terms.read(text)
    return refused.value.errors


# --- the preset of S1


def test_the_preset_of_s1_says_what_the_rules_say():
    found = {clause.code: clause for clause in terms.parse(terms.read(S1)).clauses}
    wanted = [
        Clause("E1", "exclude", {}, closed_before=START),
        Clause("E2", "exclude", {}, not_closed_by=Anchor("end", DAY)),
        Clause("E3", "exclude", {}, tpsl_active=True),
        Clause("E4", "exclude", {}, result="profit"),
        Clause("E5", "exclude", {}, in_contact=False),
        Clause("E6", "exclude", {}, open_in_outage=False),
        Clause("C1", "include", {}, close_reasons=("liquidation",), result="loss", closed_from=START, closed_to=END),
        Clause("C2", "include", {}, result="loss", closed_from=END, closed_to=Anchor("end", HOUR)),
        Clause("C3", "include", {}, result="loss", closed_from=END, closed_to=Anchor("end", DAY), evidence=True),
    ]
    plain = {code: Clause(**vars(clause) | {"text": {}, "remedies": ()}) for code, clause in found.items()}
    assert list(plain.values()) == wanted
    assert {clause.remedies for clause in found.values()} == {("best_price",)}
    assert all(clause.words("en") != clause.words("zh-hans") for clause in found.values())


def test_the_preset_of_s1_prices_and_pays_as_the_rules_say():
    policy = terms.parse(terms.read(S1))
    assert (policy.contact_required, policy.contact_within) == (True, DAY)
    assert (policy.bonus_amount, policy.bonus_asset, policy.bonus_within) == (Decimal(20), "USDT", None)
    assert (policy.carry_in, policy.percentage) == (timedelta(seconds=60), Decimal(100))
    assert (policy.refund_liquidation_fee, policy.net_bankruptcy_cover) == (False, True)
    assert (policy.second_manager_above, policy.decide_within) == ({}, timedelta(days=14))


@pytest.mark.parametrize("preset", sorted(Path("claims/presets").glob("*.toml")), ids=lambda path: path.stem)
def test_every_preset_is_taken_as_it_is(preset):
    assert terms.parse(terms.read(preset.read_text())).inclusions


# --- there and back


@given(policies())
def test_a_policy_survives_its_file(document):
    text = terms.write(document)
    assert terms.read(text) == document
    assert terms.write(terms.read(text)) == text
    assert terms.digest(terms.read(text)) == terms.digest(document)


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200).filter(
    str.strip
)


@given(name=texts, english=texts, chinese=texts, products=st.lists(texts, max_size=3))
def test_any_words_survive_the_file(name, english, chinese, products):
    document = terms.read(LEAST) | {"name": name}
    document["clauses"][0] |= {"text": {"en": english, "zh": chinese}, "products": products}
    assert terms.read(terms.write(document)) == document


def test_the_preset_of_s1_survives_its_file():
    document = terms.read(S1)
    assert terms.read(terms.write(document)) == document


@pytest.mark.django_db
def test_the_file_of_a_stored_policy_is_the_file_it_came_from():
    """The database keeps a document's keys in an order of its own."""
    text = terms.write(
        terms.read(S1.replace("[service]", 'second_manager_above = { USDT = "9", BTC = "1" }\n[service]'))
    )
    made = workflow.draft_policy(make.incident(policy=None), text, now=NOW)
    assert terms.write(Policy.objects.get(pk=made.pk).document) == text


def test_what_a_file_leaves_out_is_filled_in():
    document = terms.read(LEAST)
    assert document["price"] == {"reference": "best_in_window", "at": "", "carry_in": "60s"}
    [clause] = terms.parse(document).clauses
    assert clause == Clause(
        "C1", "include", {"en": "Orders liquidated", "zh": "被强制平仓的订单"}, remedies=("best_price",)
    )


# --- durations and anchors


@given(st.integers(0, 999_999_999), st.sampled_from("smhd"))
def test_a_duration_is_its_number_of_its_unit_or_refused_as_too_long(number, unit):
    seconds = number * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    text = LEAST.replace("[[clauses]]", f'[contact]\nwithin = "{number}{unit}"\n[[clauses]]')
    if seconds <= 3660 * 86400:
        assert terms.parse(terms.read(text)).contact_within == timedelta(seconds=seconds)
    else:
        assert errors_of(text) == [f"[contact] within is '{number}{unit}'; expected 3660d at most"]


@given(st.sampled_from(("start", "end")), st.sampled_from("+-"), st.integers(0, 80_000), st.sampled_from("smh"))
def test_an_anchor_is_an_end_of_the_outage_and_an_offset(end, sign, number, unit):
    first, last = make.at("14:09"), make.at("15:30")
    offset = timedelta(seconds=number * {"s": 1, "m": 60, "h": 3600}[unit])
    found = terms.anchor(f"{end}{sign}{number}{unit}").at(first, last)
    assert found == (first if end == "start" else last) + (offset if sign == "+" else -offset)


@given(st.text("0123456789smhdstarten+- .６", max_size=8))
def test_anything_else_is_no_anchor(text):
    try:
        terms.read(LEAST + f'closed_to = "{text}"\n')
    except TermsError as refused:
        assert [error.startswith(f"clause C1 closed_to is {text!r}") for error in refused.errors] == [True]  # noqa: PT017
    else:
        assert text == "" or terms.anchor(text)


# --- errors

WRONG = [
    # a line of a clause, the error
    ('effect = "pay"', "clause C1 effect is 'pay'; allowed: 'include', 'exclude'"),
    ('result = "win"', "clause C1 result is 'win'; allowed: '', 'loss', 'profit', 'flat'"),
    ('close_reasons = ["liquidated"]',
     "clause C1 close_reasons has 'liquidated'; allowed: user, liquidation, take_profit, stop_loss, adl, settlement, open"),
    ('close_reasons = "user"',
     "clause C1 close_reasons has 'user'; allowed: user, liquidation, take_profit, stop_loss, adl, settlement, open"),
    ('closed_from = "end + 1h"',
     "clause C1 closed_from is 'end + 1h'; expected 'start' or 'end', with + or - a duration, such as 'end+1h'"),
    ('closed_before = "end+99999999d"', "clause C1 closed_before is 'end+99999999d'; expected 3660d at most"),
    ("closed_after = 5",
     "clause C1 closed_after is 5; expected 'start' or 'end', with + or - a duration, such as 'end+1h'"),
    ('not_closed_by = "never"',
     "clause C1 not_closed_by is 'never'; expected 'start' or 'end', with + or - a duration, such as 'end+1h'"),
    ('tpsl_active = "yes"', "clause C1 tpsl_active is 'yes'; expected true or false"),
    ("evidence = 1", "clause C1 evidence is 1; expected true or false"),
    ("products = [3]", "clause C1 products is [3]; expected a list of texts"),
    ('instruments = ["\\u0000"]', "clause C1 instruments is ['\\x00']; expected a list of texts"),
    ('remedies = ["money"]', "clause C1 remedies has 'money'; allowed: best_price, restore_order"),
    ('percentage = "0"', "clause C1 percentage is '0'; expected more than 0 and at most 100"),
    ('percentage = "100.1"', "clause C1 percentage is '100.1'; expected more than 0 and at most 100"),
    ("percentage = 50", "clause C1 percentage is 50; expected a string such as '100' or '12.5'"),
    ('percentage = "５０"', "clause C1 percentage is '５０'; expected a string such as '100' or '12.5'"),
    ('percentage = "1e1"', "clause C1 percentage is '1e1'; expected a string such as '100' or '12.5'"),
    ('text = { en = "Only English" }', "clause C1 text lacks its published words in: zh"),
    ('text = { en = 5, zh = " " }', "clause C1 text lacks its published words in: en, zh"),
    ('text = { en = "a", zh = "b", "a b" = "c" }', "clause C1 text has words in 'a b'; allowed: en, zh"),
    ('closed_form = "end"', "clause C1 closed_form: unknown key; known: code, effect, text, "),
]  # fmt: skip
OF_THE_FILE = [
    ("[contact]\nwithin = 24", "[contact] within is 24; expected a duration such as '60s', '24h', '14d', or '' for none"),
    ('[contact]\nwithin = "1w"', "[contact] within is '1w'; expected a duration such as '60s', '24h', '14d', or '' for none"),
    ('[contact]\nrequired = "no"', "[contact] required is 'no'; expected true or false"),
    ('[bonus]\namount = "-20"', "[bonus] amount is '-20'; expected a number as a string, such as '20' or '0.5'"),
    ('[bonus]\nasset = "usdt"', "[bonus] asset is 'usdt'; expected an asset such as 'USDT'"),
    ('[price]\nreference = "last"',
     "[price] reference is 'last'; allowed: 'best_in_window', 'last_before', 'first_after', 'at_instant'"),
    ('[payment]\nnetting = "all"', "[payment] netting is 'all'; allowed: 'none', 'smaller_of'"),
    ('[payment]\nconsent = "yes"', "[payment] consent is 'yes'; expected true or false"),
    ('[payment]\nminimum = { USDT = "11" }\ncap_per_order = { USDT = "10", BTC = "1" }',
     "[payment] minimum of USDT is above its cap_per_order: nothing could be paid"),
    ('[payment]\nminimum = { USDT = "10.01" }\ncap_per_customer = { USDT = "10" }',
     "[payment] minimum of USDT is above its cap_per_customer: nothing could be paid"),
    ('[price]\nreference = "at_instant"',
     "[price] at is empty; expected the instant that the reference 'at_instant' means"),
    ("[price]\nat = 2022-11-16T14:09:00Z",
     "[price] at is '2022-11-16T14:09:00+00:00'; only the reference 'at_instant' has an instant"),
    ('[price]\nreference = "at_instant"\nat = "2022-11-16T14:09:00"',
     "[price] at is '2022-11-16T14:09:00'; expected a date and time with its offset, such as 2022-11-16T14:09:00Z"),
    ("[payment]\nsecond_manager_above = { USDT = 5 }",
     "[payment] second_manager_above is {'USDT': 5}; expected amounts by asset such as { USDT = \"10000\" }"),
    ("[payments]\n", "payments: unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "error"), WRONG, ids=[line for line, _ in WRONG])
def test_an_error_names_the_clause_and_the_field(line, error):
    key = line.split(" = ")[0]
    kept = "\n".join(row for row in LEAST.splitlines() if row.split(" = ")[0].split(".")[0] != key)
    [found] = errors_of(f"{kept}\n{line}\n")
    assert found.startswith(error) if error.endswith(" ") else found == error


@pytest.mark.parametrize(("lines", "error"), OF_THE_FILE, ids=[lines for lines, _ in OF_THE_FILE])
def test_an_error_names_the_section_and_the_field(lines, error):
    assert errors_of(LEAST.replace("[[clauses]]", f"{lines}\n[[clauses]]")) == [error]


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "\\u0000"])
def test_a_policy_has_a_name_that_can_be_kept(name):
    assert errors_of(LEAST.replace("The least there is", name)) == [
        "name: a policy needs a name, of 200 characters at most"
    ]


def test_all_errors_come_at_once():
    text = """
    binding_language = "fr"
    sevice = 1
    [contact]
    within = "1 day"
    [[clauses]]
    code = "E1"
    effect = "exclude"
    text = { en = "a", zh = "b" }
    closed_from = "end+1h"
    closed_to = "end"
    evidence = true
    [[clauses]]
    code = "E1"
    effect = "exclude"
    text = { en = "a" }
    [[clauses]]
    effect = "exclude"
    text = { en = "a", zh = "b" }
    """
    assert errors_of(text) == [
        "[contact] within is '1 day'; expected a duration such as '60s', '24h', '14d', or '' for none",
        "clause E1 text lacks its published words in: zh",
        "clause 3 code is None; expected a code such as 'C2'",
        "sevice: unknown key",
        "name: a policy needs a name, of 200 characters at most",
        "binding_language is 'fr'; allowed: en, zh",
        "clause E1 code stands twice",
        "[[clauses]]: no clause includes anything, so nobody could be paid",
        "clause E1 closed_to 'end' is before closed_from 'end+1h': no order can meet both",
        "clause E1 evidence: only an include clause asks for evidence",
    ]


NO_ORDER = [
    # lines of an include clause, what contradicts what
    ('closed_from = "end"\nclosed_to = "start+5m"', "closed_to 'start+5m' is before closed_from 'end'", False),
    ('closed_from = "end"\nclosed_before = "end"', "closed_before 'end' is before closed_from 'end'", True),
    ('closed_after = "end-1s"\nclosed_to = "start"', "closed_to 'start' is before closed_after 'end-1s'", False),
    ('not_closed_by = "end+24h"\nclosed_to = "end+1h"', "closed_to 'end+1h' is before not_closed_by 'end+24h'", True),
    ('closed_before = "start"\nopen_in_outage = true',
     "closed_before 'start' is before the outage, but open_in_outage is true", True),
    ('closed_to = "start-1s"\ntpsl_active = true',
     "closed_to 'start-1s' is before the outage, but tpsl_active is true", True),
    ('close_reasons = ["open"]\nresult = "loss"', "result 'loss': an order that is still open has none", True),
    ('close_reasons = ["open"]\nclosed_after = "end"', "closed_after 'end': an order that is still open has none", True),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "error", "always"), NO_ORDER, ids=[lines for lines, _, _ in NO_ORDER])
def test_a_clause_that_no_order_can_meet_is_refused(lines, error, always):
    """Some contradict each other whatever the outage's times, others only by the times it has: 14:09 to 15:30."""
    text = f"{LEAST}\n{lines}\n"
    outage = Outage(((make.at("14:09"), make.at("15:30")),))
    with pytest.raises(TermsError) as refused:
        terms.read(text, outage)
    assert refused.value.errors == [f"clause C1 {error}: no order can meet both"]
    if always:
        assert errors_of(text) == refused.value.errors


@pytest.mark.parametrize(
    "lines",
    ['closed_from = "end"\nclosed_to = "end"', 'closed_from = "start+2h"\nclosed_to = "end"', 'not_closed_by = "end"'],
)
def test_what_some_order_may_meet_is_taken(lines):
    """An interval of one instant holds that instant; of times unknown nothing is said."""
    assert terms.read(f"{LEAST}\n{lines}\n")


def test_what_an_exclusion_has_no_use_for_is_refused():
    text = (
        LEAST
        + """
[[clauses]]
code = "E1"
effect = "exclude"
text = { en = "a", zh = "b" }
remedies = ["best_price", "restore_order"]
percentage = "50"
evidence = true
"""
    )
    assert errors_of(text) == [
        "clause E1 evidence: only an include clause asks for evidence",
        "clause E1 remedies: only an include clause offers remedies",
        "clause E1 percentage: only an include clause pays a share",
        "clause E1 remedies: the customer chooses, so [payment] consent must be true",
    ]


def test_a_choice_needs_consent_and_always_has_the_best_price():
    text = LEAST + 'remedies = ["restore_order"]\n'
    assert errors_of(text) == [
        "clause C1 remedies is ['restore_order']; 'best_price' is always among them",
        "clause C1 remedies: the customer chooses, so [payment] consent must be true",
    ]


def test_who_need_not_be_in_contact_cannot_be_out_of_it():
    text = LEAST.replace("[[clauses]]", "[contact]\nrequired = false\n[[clauses]]") + "in_contact = false\n"
    assert errors_of(text) == ["clause C1 in_contact is false, but [contact] required is false: no order can meet it"]


@pytest.mark.parametrize(
    "text", ['name = "x"', 'name = "x"\nclauses = []', 'name = "x"\nclauses = 3', 'name = "x"\nclauses = [1]']
)
def test_a_policy_without_clauses_is_refused(text):
    assert errors_of(text) == ["[[clauses]]: a policy needs at least one clause"]


def test_what_is_no_toml_says_where():
    [error] = errors_of("name = \n")
    assert error.startswith("not a TOML file: ")
    assert "line 1" in error


def test_a_section_that_is_no_table_is_refused():
    assert errors_of("contact = 5\n" + LEAST) == ["[contact] is 5; expected a table"]
