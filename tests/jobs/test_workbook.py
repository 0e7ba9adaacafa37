"""Workbooks as a spreadsheet opens them: numbers with all their decimals, text that never runs, constant memory."""

import io
import re
import tracemalloc
import zipfile
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from jobs import workbook


def written(*sheets):
    file = io.BytesIO()
    workbook.write(file, sheets)
    return load_workbook(file)


def cell(value):
    """The one cell of a workbook with this value."""
    return written(("Sheet", ["value"], [(value,)]))["Sheet"]["A2"]


@pytest.mark.parametrize(
    ("amount", "looks"),
    [
        ("1000.00", "#,##0.00"),
        ("-8.25", "#,##0.00"),
        ("0.50000001", "#,##0.00000000"),
        ("0.00000000", "#,##0.00000000"),
        ("1000000", "#,##0"),
        ("9999999.12345678", "#,##0.00000000"),  # 15 digits: the most that a double surely holds
        ("1000000000000.00000000", "#,##0.00000000"),  # many places, one digit
    ],
)
def test_an_amount_is_a_number_that_shows_all_its_decimals(amount, looks):
    found = cell(Decimal(amount))
    assert (found.data_type, found.number_format) == ("n", looks)
    assert Decimal(str(found.value)) == Decimal(amount)


def test_the_file_holds_the_very_digits_of_a_number():
    file = io.BytesIO()
    workbook.write(file, [("Sheet", ["value"], [(Decimal("9.12345678901234"),)])])
    xml = zipfile.ZipFile(file).read("xl/worksheets/sheet1.xml").decode()
    assert re.findall(r"<v>([^<]*)</v>", xml) == ["9.12345678901234"]


@pytest.mark.parametrize("amount", ["12345678.12345678", "-9999999999999.99000001", "1234567890123456"])
def test_a_number_of_more_than_15_digits_loses_none_and_the_notes_say_so(amount):
    book = written(("Balances", ["amount"], [(Decimal(amount),), (Decimal("1.00"),)]))
    found = book["Balances"]["A2"]
    assert (found.value, found.data_type, found.alignment.horizontal) == (amount, "s", "right")
    assert book.sheetnames == ["Balances", "Notes"]
    [_head, (count, words)] = book["Notes"].values
    assert count == 1
    assert words.startswith("numbers of more than 15 digits")


def test_a_large_id_is_written_in_full_too():
    assert (cell(7001).value, cell(7001).number_format) == (7001, "0")
    assert cell(12345678901234567).value == "12345678901234567"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_never_runs(text):
    found = cell(text)
    assert found.data_type == "s"
    assert found.value.replace("\n", "\r") == f"'{text}"  # XML reads a carriage return as a new line


def test_text_stays_text_and_what_xml_forbids_is_marked():
    assert (cell("00123").value, cell("00123").data_type) == ("00123", "s")
    assert cell("2022-11-16").value == "2022-11-16"
    assert cell("a\x00b").value == "a\N{REPLACEMENT CHARACTER}b"


def test_a_text_longer_than_a_cell_is_cut_and_the_notes_say_so():
    book = written(("Sheet", ["value"], [("x" * 40_000,)]))
    assert len(book["Sheet"]["A2"].value) == 32_767
    assert list(book["Notes"].values)[1] == (1, "texts longer than a cell holds, cut")


def test_a_day_is_a_date_and_an_instant_is_iso_text_in_utc():
    day = cell(date(2022, 11, 16))
    assert (day.value.date(), day.number_format) == (date(2022, 11, 16), "yyyy-mm-dd")
    at = datetime(2022, 11, 16, 22, 9, 0, 1, tzinfo=timezone(timedelta(hours=8)))
    assert cell(at).value == "2022-11-16T14:09:00.000001Z"


@pytest.mark.parametrize("value", [1.5, Decimal("NaN"), object()], ids=["float", "NaN", "object"])
def test_what_is_no_cell_is_refused(value):
    with pytest.raises(TypeError, match="is no cell of a workbook"):
        cell(value)


def test_empty_cells_and_empty_tables():
    book = written(("Nothing", ["a", "b"], []), ("Holes", ["a", "b"], [(None, ""), (1, None)]))
    assert list(book["Nothing"].values) == [("a", "b")]
    assert book["Holes"]["A3"].value == 1
    assert written().sheetnames == ["Notes"]


def test_titles_that_a_spreadsheet_allows():
    book = written(("CLM-1/award", ["a"], []), ("clm-1 award", ["a"], []), ("x" * 40, ["a"], []))
    assert book.sheetnames == ["CLM-1 award", "clm-1 award (2)", "x" * 31]


def test_what_is_beyond_a_sheet_continues_on_the_next(monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 301)
    book = written(("Journal", ["entry"], ((number,) for number in range(600))), ("After", ["a"], [(1,)]))
    assert book.sheetnames == ["Journal", "Journal (2)", "After"]
    assert [row[0] for sheet in ("Journal", "Journal (2)") for row in list(book[sheet].values)[1:]] == list(range(600))


def test_the_head_stays_in_view():
    book = written(("Sheet", ["account", "amount"], [("Assets:Fund:Cash", Decimal("1.00"))]))
    assert book["Sheet"].freeze_panes == "A2"
    assert book["Sheet"]["A1"].font.bold
    assert book["Sheet"].column_dimensions["A"].width == 18


def test_a_workbook_is_written_in_constant_memory(tmp_path):
    def peak(rows: int) -> int:
        tracemalloc.start()
        with (tmp_path / "book.xlsx").open("wb") as file:
            lines = (
                (n, date(2022, 11, 16), Decimal(n).scaleb(-2), datetime.now(UTC), f"text {n}") for n in range(rows)
            )
            assert workbook.write(file, [("Lines", ["n", "day", "amount", "at", "text"], lines)]) == rows
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(500)  # what is loaded once
    assert peak(5_000) < peak(1_000) + 500_000
