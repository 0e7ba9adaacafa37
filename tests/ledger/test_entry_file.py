"""`post_entry FILE --by USER`: what a manager posts by hand, and what a file is told that cannot be posted."""

import json

import pytest
from django.core.management import call_command

from ledger.entry_file import EntryFileError, read
from ledger.models import JournalEntry
from ledger.posting import available
from tests.factories import staff

SEED = """
reference = "seed-2022"
category = "seed_capital"
effective_on = 2022-11-01
description = "The company's seed"
reverses = ""
[[transfers]]
debit = "Assets:Fund:Cash"
credit = "Equity:SeedCapital"
amount = "1000000.00"
asset = "USDT"
"""
REVERSAL = """
reference = "seed-2022/reversed"
category = "correction"
effective_on = 2022-11-02
description = "Seeded the wrong fund"
reverses = "seed-2022"
"""


@pytest.fixture
def people(db):
    return [staff("mia", "manager"), staff("ana", "agent"), staff("aude", "auditor")]


@pytest.fixture
def post_entry(people, tmp_path, capsys):
    """post_entry(text, by) -> (exit status, the JSON object)."""

    def run(text: str, by: str = "mia") -> tuple[int, dict]:
        path = tmp_path / "entry.toml"
        path.write_text(text)
        status = 0
        try:
            call_command("post_entry", str(path), by=by, json=True)
        except SystemExit as exit:
            status = exit.code
        return status, json.loads(capsys.readouterr().out)

    return run


def test_mia_posts_the_seed_and_the_same_file_again_changes_nothing(post_entry):
    status, first = post_entry(SEED)
    assert (status, first["reference"]) == (0, "seed-2022")
    assert post_entry(SEED) == (0, first)
    entry = JournalEntry.objects.get()
    assert (entry.pk, entry.posted_by.username, entry.description) == (first["entry"], "mia", "The company's seed")
    assert available("USDT") == 1_000_000


def test_another_file_under_the_same_reference_is_refused(post_entry):
    post_entry(SEED)
    status, said = post_entry(SEED.replace("1000000.00", "2000000.00"))
    assert (status, JournalEntry.objects.count()) == (1, 1)
    assert said["errors"] == ["'seed-2022' is already in the books as another fact: The company's seed"]


def test_mia_reverses_the_seed_once(post_entry):
    post_entry(SEED)
    status, first = post_entry(REVERSAL)
    assert (status, available("USDT")) == (0, 0)
    assert post_entry(REVERSAL) == (0, first)
    status, said = post_entry(REVERSAL.replace("seed-2022/reversed", "again"))
    assert (status, said["errors"]) == (1, ["'seed-2022' is reversed already, by 'seed-2022/reversed'"])


@pytest.mark.parametrize("by", ["ana", "aude"])
def test_an_agent_and_an_auditor_are_refused(post_entry, by):
    status, said = post_entry(SEED, by)
    assert (status, said) == (1, {"errors": [f"{by} has not the permission ledger.post_journalentry"]})
    assert not JournalEntry.objects.exists()


def test_a_stranger_is_refused(post_entry):
    assert post_entry(SEED, "zoe") == (1, {"errors": ["--by zoe: there is no active staff user of this name"]})


def test_a_file_that_is_not_there_is_said_to_be_so(people, capsys):
    with pytest.raises(SystemExit):
        call_command("post_entry", "nowhere.toml", by="mia", json=True)
    assert json.loads(capsys.readouterr().out) == {"errors": ["nowhere.toml: No such file or directory"]}


def errors(text: str) -> list[str]:
    with pytest.raises(EntryFileError) as refused:
        read(text)
    return refused.value.errors


@pytest.mark.parametrize(
    ("right", "wrong", "error"),
    [
        ('"1000000.00"', "1000000.00", 'is the number 1000000.0; write it in quotes, such as "1000000.0"'),
        ('"1000000.00"', "1000000", 'is the number 1000000; write it in quotes, such as "1000000"'),
        ('"1000000.00"', '"1e6"', "is '1e6'; expected up to 16 digits, a decimal point and at most 8 decimals"),
        ('"1000000.00"', '"1,000,000.00"', "is '1,000,000.00'; expected up to 16 digits"),
        ('"1000000.00"', '"1000000,00"', "is '1000000,00'; expected up to 16 digits"),
        ('"1000000.00"', '"NaN"', "is 'NaN'; expected up to 16 digits"),
        ('"1000000.00"', '"+5"', "is '+5'; expected up to 16 digits"),
        ('"1000000.00"', '"-5"', "is '-5'; expected up to 16 digits"),
        ('"1000000.00"', '"１００"', "is '１００'; expected up to 16 digits"),
        ('"1000000.00"', '"1.123456789"', "is '1.123456789'; expected up to 16 digits"),
        ('"1000000.00"', '"0.00"', "is 0.00; expected more than 0"),
    ],
)  # fmt: skip
def test_an_amount_is_a_plain_decimal_in_quotes(right, wrong, error):
    found = errors(SEED.replace(right, wrong))
    assert len(found) == 1
    assert found[0].startswith(f"transfers[1].amount: {error}")


@pytest.mark.parametrize(
    ("right", "wrong", "error"),
    [
        ("2022-11-01", '"2022-11-01"', "effective_on: is '2022-11-01'; expected a day without quotes"),
        ("2022-11-01", "2022-11-01T09:00:00Z", "effective_on: is datetime.datetime"),
        ('"seed-2022"', '"seed 2022"', "reference: is 'seed 2022'; expected letters, digits and"),
        ('"seed_capital"', '"seed"', "category: 'seed' is not posted by hand; by hand: seed_capital,"),
        ('"seed_capital"', '"goodwill_bonus"', "category: 'goodwill_bonus' is not posted by hand"),
        ('"seed_capital"', '"correction"', "reverses: a correction names the reference of the entry that it reverses"),
        ('"seed_capital"', '"bankruptcy_cover"', "transfers[1].debit: bankruptcy_cover does not move debit Assets:Fund:Cash"),
        ('"The company\'s seed"', '""', "description: is ''; expected one line of text"),
        ('"Equity:SeedCapital"', '"Equity:Seed"', "transfers[1].credit: is 'Equity:Seed'; the chart of accounts has:"),
        ('"USDT"', '"usdt"', "transfers[1].asset: is 'usdt'; expected capital letters and digits"),
        ("reverses", "reverse", "reverse: this key is unknown; known: reference,"),
        ('asset = "USDT"', 'asset = "USDT"\nmemo = "x"', "transfers[1].memo: this key is unknown; known: debit,"),
        ("[[transfers]]", "[transfers]", "transfers: write each transfer under its own [[transfers]]"),
        ('"seed-2022"', "seed-2022", "this is not TOML: Invalid value (at line 2, column 13)"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_where_and_what_would_be_right(right, wrong, error):
    found = errors(SEED.replace(right, wrong))
    assert len(found) == 1
    assert found[0].startswith(error)


def test_all_errors_come_at_once():
    text = SEED.replace('"seed-2022"', '""').replace("2022-11-01", '"soon"').replace('"1000000.00"', "1.5")
    assert [error.split(":")[0] for error in errors(text)] == ["reference", "effective_on", "transfers[1].amount"]
    assert [error.split(":")[0] for error in errors("")] == [
        "reference",
        "category",
        "effective_on",
        "description",
        "transfers",
    ]


def test_a_reversal_has_no_transfers_and_is_a_correction():
    transfers = SEED[SEED.index("[[transfers]]") :]
    assert errors(REVERSAL + transfers) == ["transfers: a reversal has none; they mirror the reversed entry"]
    assert errors(REVERSAL.replace("correction", "seed_capital")) == [
        "category: a reversal is a \"correction\", this says 'seed_capital'"
    ]
