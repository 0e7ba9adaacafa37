"""Everything people read is there in both languages."""

import gettext
import re

import pytest

from config import messages, strings

CATALOGUE = strings.ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.mo"
PLACES = re.compile(r"%\(\w+\)s|%%|\{\w*\}")


@pytest.fixture(scope="module")
def chinese() -> gettext.GNUTranslations:
    with CATALOGUE.open("rb") as file:
        return gettext.GNUTranslations(file)


def said(chinese, string: strings.String) -> str:
    return chinese.ngettext(*string, 2) if string.plural else chinese.gettext(string.singular)


def test_every_string_of_ours_is_translated(chinese):
    known = set(chinese._catalog) - {""}
    keys = {key[0] if isinstance(key, tuple) else key for key in known}
    assert sorted(string.singular for string in strings.ours() if string.singular not in keys) == []


def test_every_translation_keeps_the_places_of_its_values(chinese):
    wrong = [
        s.singular
        for s in strings.ours()
        if set(PLACES.findall(said(chinese, s))) != set(PLACES.findall(s.plural or s.singular))
    ]
    assert wrong == []


def test_strings_are_found_in_python_and_in_templates():
    python = '_("one " "two"); ngettext("%(n)s a", "%(n)s b", n); Refused("no", claim=1); print("not this")'
    assert list(strings.in_python(python)) == [("one two", ""), ("%(n)s a", "%(n)s b"), ("no", "")]
    template = (
        '{% translate "a" %} b {% blocktranslate count n=x %}{{ n }} c{% plural %}{{ n }} d{% endblocktranslate %}'
    )
    assert list(strings.in_template(template)) == [("a", ""), ("%(n)s c", "%(n)s d")]


MERGED = r"""msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\n"

msgid "claim"
msgstr "索赔"

msgctxt "verb"
msgid "claim"
msgstr "认领"

msgid "claim"
msgstr "案件"
"""


def test_a_text_that_a_merge_left_in_a_catalogue_twice_is_refused_and_compiles_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(messages, "LOCALE", tmp_path)
    source = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text(MERGED)
    assert messages.main([]) == 1
    assert capsys.readouterr().err == f"{source}:4: stands again in line 11: 'claim'; keep one of them\n"
    assert not source.with_suffix(".mo").exists()
    source.write_text(source.read_text().rpartition("msgid")[0])
    assert messages.main([]) == 0
    assert (messages.check(source), messages.main(["--check"])) == ([], 0)
