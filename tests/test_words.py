"""Everything people read is there in both languages."""

import gettext
import re

import pytest

from config import strings

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
