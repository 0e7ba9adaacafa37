"""A user's file, read strictly: what is stored is what was written, what is wrong is named with its line."""

import csv
import io
import re
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection, transaction
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from jobs import bulk, csv_file
from jobs.cells import Column, Reading

pytestmark = pytest.mark.django_db
COLUMNS = (
    Column("id", longest=20),
    Column("quantity", "number", needed=False, blank=True),
    Column("at", "instant", needed=False, blank=True),
    Column("note", "prose", needed=False, blank=True, longest=1_000),
)
# Many cells in each example: a failure shows the cells that differ, so nothing is gained by minutes of shrinking.
FULL_SPEED = settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def load(content: str | bytes, columns=COLUMNS, **reading: str) -> tuple[list[tuple], dict]:
    """The rows that came in, with their line numbers, and the result; inside one transaction as a room does it."""
    with tempfile.TemporaryDirectory() as folder, transaction.atomic():
        path = Path(folder) / "file.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        batch = bulk.load(path, columns, reading=Reading(**reading))
        rows = []
        if batch.present:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT line, {', '.join(c.name for c in columns)} FROM bulk_row ORDER BY line")  # noqa: S608
                rows = cursor.fetchall()
        return rows, batch.result()


def errors(content: str | bytes, **reading: str) -> list[str]:
    return load(content, **reading)[1]["errors"]


# --- the shape of a file


@pytest.mark.parametrize("sign", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_comma_or_semicolon_any_line_end_a_bom_and_columns_in_any_order(sign, end, bom):
    text = bom + end.join([sign.join(row) for row in [("quantity", "id"), ("0.5", "A"), ("", "B")]])
    rows, result = load(text)
    assert rows == [(2, "A", Decimal("0.5"), None, None), (3, "B", None, None, None)]
    assert result == {"rows": 2, "rejected": 0, "errors": []}


def test_quoted_cells_keep_separators_quotes_and_line_breaks_and_the_lines_stay_counted():
    rows, _result = load('id,note\nA,"one, ""two""\nthree"\n\nB,"四"\nC,plain\n')
    assert rows == [
        (2, "A", None, None, 'one, "two"\nthree'),
        (5, "B", None, None, "四"),
        (6, "C", None, None, "plain"),
    ]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "the file is empty: its first line must name the columns"),
        ("\n", "line 1: it is empty - expected the names of the columns"),
        ("quantity\n1\n", "line 1: column id is missing - expected columns: id, quantity, at, note"),
        ("id\tquantity\n1\t2\n", "line 1: column id is missing - expected columns: id, quantity, at, note"),
        ("id,quantity,id\n", "line 1: column id stands 2 times - expected once"),
        (b"\xff\xfei\x00d\x00", "line 1: this is not UTF-8 text; save the file as CSV in UTF-8"),
    ],
)
def test_a_header_that_cannot_be_read_says_why(content, error):
    assert load(content) == ([], {"rows": 0, "rejected": 0, "errors": [error]})


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"B,1,2", "line 3: it has 3 cells - expected 2; a decimal comma?"),
        (b"B", "line 3: it has 1 cells - expected 2"),
        (b"B\0,1", "line 3: it has a NUL byte - expected text"),
        (b"B\xe4,1", "line 3: it is not UTF-8 text - save the file as CSV in UTF-8"),
        (
            b'"B"x,1',
            "line 3: a quote closes inside a cell - expected a separator after it (a quote inside a cell is doubled)",
        ),
        (b"B\rC,1", "line 3: a line break stands inside a cell without quotes"),
        (b"B\x07,1", 'line 3, column id: "B\N{REPLACEMENT CHARACTER}" - expected text on one line'),
        (b"b" * 21 + b",1", f'line 3, column id: "{"b" * 21}" - expected at most 20 characters (there are 21)'),
        (b",1", 'line 3, column id: "" - expected a value'),
        (b"B," + b"1" * 200_000, "line 3: a cell is longer than 131,072 characters, or a quote is not closed"),
    ],
)
def test_a_broken_line_is_named_and_the_others_are_read(line, error):
    rows, result = load(b"id,quantity\nA,1\n" + line + b"\nC,2\n")
    assert result == {"rows": 3, "rejected": 1, "errors": [error]}
    assert rows == [(2, "A", 1, None, None), (4, "C", 2, None, None)]


def test_a_quote_that_is_never_closed_is_named_where_it_opens():
    assert errors('id\nA\n"B\nC\n') == ["line 3: a quote opens here and is not closed"]


def test_a_line_without_end_is_refused_in_constant_memory():
    _rows, result = load(b"id,quantity\n" + b"x" * 5_000_000)
    assert result["rejected"] >= 1
    assert result["errors"][0] == "line 2: a cell is longer than 131,072 characters, or a quote is not closed"


def test_a_folder_is_no_file(tmp_path):
    with transaction.atomic():
        assert bulk.load(tmp_path, COLUMNS).result()["errors"] == [f"{tmp_path}: Is a directory"]


def test_the_first_thousand_errors_are_told_and_the_rest_counted():
    _rows, result = load("id,quantity\n" + "A,x\n" * 1_500 + "B,1\n")
    assert (result["rows"], result["rejected"], len(result["errors"])) == (1_501, 1_500, 1_001)
    assert result["errors"][0] == 'line 2, column quantity: "x" - expected a decimal number with a point'
    assert result["errors"][-1] == "… and 500 more errors"


def test_errors_of_the_database_are_sorted_among_those_of_the_shape(tmp_path):
    file = tmp_path / "file.csv"
    file.write_text("id,quantity\nA,5\nB,x\nC,6\nA,5\n")
    with transaction.atomic():
        batch = bulk.load(file, COLUMNS)
        batch.check(("quantity", "quantity > 5", "5 at most"))
        batch.once("id", ["id"], "each id once")
        assert batch.result(created=0) == {
            "rows": 4,
            "created": 0,
            "rejected": 3,
            "errors": [
                'line 3, column quantity: "x" - expected a decimal number with a point',
                'line 4, column quantity: "6" - expected 5 at most',
                'line 5, column id: "A" - expected each id once; line 2 has it already',
            ],
        }


# --- blocks of plain lines


@pytest.mark.parametrize("size", [1, 7, 40, 200])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_counted_across_blocks_of_plain_and_of_odd_ones(monkeypatch, size, end):
    """Plain lines, quoted ones, foreign letters, a cell over three lines, empty lines and errors, wherever a block ends."""
    lines = [
        "id,quantity,note",
        "A,1,",
        '"B","2","b"',
        "Ç,3,",
        "",
        'D,4,"one',
        "two",
        'three"',
        "E,x,",
        'F,"",',
        ",7,",
        "G,8,g",
    ]
    whole = load(end.join(lines))
    monkeypatch.setattr(csv_file, "BLOCK", size)
    assert load(end.join(lines)) == load(end.join(lines) + end) == whole
    rows, result = whole
    assert [(line, name, quantity) for line, name, quantity, _at, _note in rows] == [
        (2, "A", 1), (3, "B", 2), (4, "Ç", 3), (6, "D", 4), (10, "F", None), (12, "G", 8),
    ]  # fmt: skip
    assert result == {
        "rows": 8,
        "rejected": 2,
        "errors": [
            'line 9, column quantity: "x" - expected a decimal number with a point',
            'line 11, column id: "" - expected a value',
        ],
    }


# --- numbers

NUMBERS = st.one_of(
    st.text("0123456789.,-+eE_ １NaInf", max_size=32),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.from_regex(r"-?[0-9]{1,17}(\.[0-9]{1,13})?", fullmatch=True),
)
STRICT = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,12})?")


def table(*columns: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(zip(*columns, strict=True))
    return out.getvalue()


@FULL_SPEED
@given(st.lists(NUMBERS, min_size=1, max_size=50))
def test_a_number_is_stored_as_python_reads_it_or_refused(numbers):
    """Each number twice: as it is, and with a space before it, which takes the careful road."""
    cells = [cell for number in numbers for cell in (number, f" {number}")]
    rows, result = load(table(["quantity", *cells], ["id", *map(str, range(len(cells)))]))
    right = {str(place): Decimal(cell.strip()) for place, cell in enumerate(cells) if STRICT.fullmatch(cell.strip())}
    blank = {str(place): None for place, cell in enumerate(cells) if not cell.strip()}
    assert {row[1]: row[2] for row in rows} == right | blank
    assert result["rejected"] == len(cells) - len(right) - len(blank)


@pytest.mark.parametrize("cell", ["1e3", "NaN", "Infinity", "１２", "1_000", "1 000", "+1", ".5", "5.", "0x10", "--1"])
def test_what_is_no_plain_number_is_refused(cell):
    assert errors(f"id,quantity\nA,{cell}\n") == [
        f'line 2, column quantity: "{cell}" - expected a decimal number with a point'
    ]


@pytest.mark.parametrize("cell", ["12345678901234567", "0.1234567890123"])
def test_more_digits_than_are_kept_are_refused(cell):
    assert errors(f"id,quantity\nA,{cell}\n") == [
        f'line 2, column quantity: "{cell}" - expected at most 16 digits before the point and 12 after it'
    ]


def test_a_decimal_comma_is_not_guessed():
    expected = ['line 2, column quantity: "1,5" - expected a decimal number with a point']
    assert errors("id;quantity\nA;1,5\n") == expected
    assert errors('id,quantity\nA,"1,5"\n') == expected


# --- instants

WHEN = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31))  # noqa: DTZ001 the offset comes apart
ZONES = st.sampled_from(["Z", "+00:00", "+08:00", "-0330", "+05", "-11:30"])
SHAPES = st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S.%f"])
INSTANTS = st.builds(
    lambda at, shape, more, zone: at.strftime(shape) + ("." + more if more and shape.endswith("S") else "") + zone,
    WHEN,
    SHAPES,
    st.text("0123456789", max_size=9),
    ZONES,
)
ALMOST = st.from_regex(
    r"(19|20|21)[0-9]{2}-(0[0-9]|1[0-3])-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9])?(Z|[+-][01][0-9](:?[0-5][0-9])?)?",
    fullmatch=True,
)


def read_by_python(cell: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(cell)
        return at.astimezone(UTC) if at.tzinfo and 1970 <= at.year < 2200 and abs(at.utcoffset()) < OFFSETS else None
    except (ValueError, OverflowError):
        return None


OFFSETS = timedelta(hours=15)


@FULL_SPEED
@given(st.lists(st.one_of(INSTANTS, ALMOST), min_size=1, max_size=50))
def test_an_instant_is_stored_as_python_reads_it_or_refused(instants):
    """Each instant twice: as it is, and with a space before it, which takes the careful road."""
    cells = [cell for instant in instants for cell in (instant, f" {instant}")]
    rows, _result = load(table(["at", *cells], ["id", *map(str, range(len(cells)))]))
    read = {str(place): read_by_python(cell.strip()) for place, cell in enumerate(cells)}
    assert {row[1]: row[3] for row in rows} == {place: at for place, at in read.items() if at}


@pytest.mark.parametrize(
    "cell",
    [
        "2022-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2022-04-31T00:00:00Z",
        "2022-11-16T24:00:00Z",
        "2022-11-16T14:60:00Z",
    ],
)
def test_a_day_or_time_that_is_none_is_an_error_and_no_exception(cell):
    assert errors(f"id,at\nA,{cell}\n") == [f'line 2, column at: "{cell}" - expected a day and a time that exist']


def test_29_february_exists_in_leap_years():
    rows, _result = load("id,at\nA,2024-02-29T12:00:00Z\n")
    assert rows[0][3] == datetime(2024, 2, 29, 12, tzinfo=UTC)


def test_local_times_are_read_in_the_stated_zone_summer_and_winter():
    rows, _result = load(
        "id,at\nA,2022-07-01T12:00:00\nB,2022-12-01 12:00\nC,2022-12-01T12:00:00Z\n", timezone="Europe/Zurich"
    )
    hours = [row[3] for row in rows]
    assert hours == [
        datetime(2022, 7, 1, 10, tzinfo=UTC),
        datetime(2022, 12, 1, 11, tzinfo=UTC),
        datetime(2022, 12, 1, 12, tzinfo=UTC),
    ]


def test_a_local_time_that_happened_twice_or_never_is_refused_and_its_neighbours_are_not():
    text = "id,at\n" + "".join(
        f"{number},{at}\n"
        for number, at in enumerate(
            [
                "2022-10-30T01:59:59",
                "2022-10-30T02:00:00",
                "2022-10-30T02:59:59.999999",
                "2022-10-30T03:00:00",
                "2022-03-27T01:59:59",
                "2022-03-27T02:30:00",
                "2022-03-27T03:00:00",
                "2022-10-30T02:30:00+02:00",
            ]
        )
    )
    rows, result = load(text, timezone="Europe/Zurich")
    assert [row[1] for row in rows] == ["0", "3", "4", "6", "7"]
    assert rows[1][3] == datetime(2022, 10, 30, 2, tzinfo=UTC)
    twice = "an offset: this local time happened twice in Europe/Zurich"
    never = "a time that exists: the clocks of Europe/Zurich jumped over this one"
    assert result["errors"] == [
        f'line 3, column at: "2022-10-30T02:00:00" - expected {twice}',
        f'line 4, column at: "2022-10-30T02:59:59.999999" - expected {twice}',
        f'line 7, column at: "2022-03-27T02:30:00" - expected {never}',
    ]


@FULL_SPEED
@given(st.lists(st.integers(10**15, 4 * 10**15 - 1), min_size=1, max_size=50))
def test_epoch_microseconds_are_exact(numbers):
    rows, _result = load(table(["at", *map(str, numbers)], ["id", *map(str, range(len(numbers)))]), time_unit="us")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert [row[3] for row in rows] == [epoch + timedelta(microseconds=number) for number in numbers]
