"""Errors of a helpdesk's file in Ana's language: the import writes them in English, the page says them in Chinese."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils.translation import override

from claims import contact_files
from claims.screens.contact_files import Import, Wrong
from claims.screens.file_errors import in_words
from tests import factories as make
from tests.claims.desk import signed_in, text_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db
HEAD = "customer,channel,contacted_at,order_ids,email,language,ticket\n"
NAMES = "UTC|UTF-8|CSV|NUL|ZIP|MiB|en|zh|Asia/Shanghai|America/New_York|2022-11-16T14:09:00Z"
CODES = "customer|email|channel|contacted_at|chat|phone|web|social|other|account|name|language|order_ids|message|ticket"


@pytest.fixture
def look():
    """What the page says of a file: the errors of a look at it."""
    outage, ana = make.incident(), make.staff("ana", "agent")

    def at(content: str | bytes, *, name: str = "export.csv", zone: str = "") -> list[Wrong]:
        content = content.encode() if isinstance(content, str) else content
        file = contact_files.look_at(
            outage, name=name, content=ContentFile(content, name), timezone=zone, by=ana, now=NOW
        )
        return Import(file).errors

    return at


def zipped(**files: str) -> bytes:
    kept = BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return kept.getvalue()


ROWS = [
    "carla,chat,16/11/2022 15:00,,,,",
    "carla,chat,2022-11-16T15:00:00,,,,",
    "carla,chat,1668610800,,,,",
    "carla,chat,2022-02-30T15:00:00Z,,,,",
    "carla,chat,2122-11-16T15:00:00Z,,,,",
    "carla,fax,2022-11-16T15:00:00Z,,,,",
    ",chat,2022-11-16T15:00:00Z,,,,",
    "carla,chat,2022-11-16T15:00:00Z,,not an address,,",
    "carla,chat,2022-11-16T15:00:00Z,,,!!,",
    f"{'c' * 65},chat,2022-11-16T15:00:00Z,,,,",
    f"carla,chat,2022-11-16T15:00:00Z,{'1' * 65},,,",
    '"a\nb",chat,2022-11-16T15:00:00Z,,,,',
    "carla,chat,2022-11-16T15:00:00Z,,",
    "carla,chat,2022-11-16T15:00:00Z,1,,,,,",
    "carla,chat,2022-11-16T15:00:00Z,\0,,,",
    'carla,chat,"2022-11-16T15:00:00Z"x,,,,',
    "carla,chat,2022-11-16T15:00:00Z,,,,T-1\ncarla,chat,2022-11-16T15:00:00Z,,,,T-1",
    'carla,chat,"2022-11-16T15:00:00Z,,,,',
]
MISSHAPEN = ["", "\n", "customer,channel,channel\n", b"\xff\xfe\x00c", HEAD.encode() + b"\xff,,,,,,\n"]
FILES = [*(f"{HEAD}{row}\n" for row in ROWS), *MISSHAPEN]


@pytest.mark.parametrize("content", FILES, ids=range(len(FILES)))
def test_every_error_is_said_in_chinese(look, content):
    with override("zh-hans"):
        errors = look(content)
        assert errors
        for error in errors:
            assert re.search("[一-鿿]", error.text), error
            assert not re.search("[A-Za-z]{2,}", re.sub(NAMES + "|" + CODES, "", error.text)), error


@pytest.mark.parametrize(
    ("at", "zone", "said"),
    [
        ("2022-11-06 01:30:00", "America/New_York", "需带时差：America/New_York 当地的这一时刻出现过两次"),
        ("2022-03-13 02:30:00", "America/New_York", "实际存在的时刻：America/New_York 调整时钟时跳过了这一时刻"),
    ],
)
def test_hours_of_a_clock_that_is_changed_are_told_with_their_zone(look, at, zone, said):
    with override("zh-hans"):
        [error] = look(f"{HEAD}carla,chat,{at},,,,\n", zone=zone)
    assert (error.line, error.column, error.value, error.text) == ("2", "contacted_at", at, said)


def test_an_archive_is_told_without_the_folder_that_it_was_read_from(look):
    with override("zh-hans"):
        [error] = look(zipped(**{"a.csv": "x", "b.csv": "y"}), name="two files.zip")
    assert error == Wrong("该 ZIP 包含 2 个文件：a.csv, b.csv；应只有一个")


def test_in_english_an_error_reads_as_it_was_written_and_what_nobody_knows_stays_as_it_is():
    assert in_words("one of: email, chat") == "one of: email, chat"
    assert in_words("100 % of it is wrong") == "100 % of it is wrong"
    with override("zh-hans"):
        assert in_words("something that no import says") == "something that no import says"
        assert in_words("at most 64 characters (there are 65)") == "最多 64 个字符（现有 65 个）"


def test_the_page_says_it_in_chinese(look):
    look(f"{HEAD}carla,fax,2022-11-16T15:00:00Z,,,,\n")
    agent = signed_in(make.staff("ben", "agent"))
    agent.cookies["django_language"] = "zh-hans"
    recent = agent.get(reverse("admin:claims_claim_import"))
    address = re.search(r"/staff/claims/claim/contact-files/[0-9]+/", recent.content.decode())[0]
    assert "2 channel “fax” 以下之一：email, chat, phone, web, social, other" in text_of(agent.get(address))
