"""Translations: each catalogue is compiled beside its source, so that no machine needs gettext to run the portal.

`python -m config.messages` writes locale/*/LC_MESSAGES/django.mo; `--check` says which are not what their .po says.
"""

import gettext
import sys
from pathlib import Path

import polib

LOCALE = Path(__file__).resolve().parent.parent / "locale"


def main(arguments: list[str]) -> int:
    sources = sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))
    if "--check" in arguments:
        problems = [problem for source in sources for problem in check(source)]
        print("\n".join(problems) or f"{len(sources)} catalogues are compiled and whole")
        return 1 if problems else 0
    for source in sources:
        polib.pofile(str(source)).save_as_mofile(str(source.with_suffix(".mo")))
        print(f"{source.relative_to(LOCALE)}: {polib.pofile(str(source)).percent_translated()} % translated")
    return 0


def check(source: Path) -> list[str]:
    """What is wrong with one catalogue: not compiled, compiled from other words, or left unsure by a merge."""
    compiled, entries = source.with_suffix(".mo"), polib.pofile(str(source))
    if not compiled.exists():
        return [f"{compiled}: missing; run `make messages`"]
    problems = [f"{source}:{entry.linenum}: fuzzy: {entry.msgid!r}" for entry in entries.fuzzy_entries()]
    with compiled.open("rb") as file:
        known = gettext.GNUTranslations(file)
    for entry in entries.translated_entries():
        if said(known, entry) != (entry.msgstr or entry.msgstr_plural[0]):
            problems.append(f"{source}:{entry.linenum}: not compiled: {entry.msgid!r}; run `make messages`")
    return problems


def said(known: gettext.GNUTranslations, entry: polib.POEntry) -> str:
    """What the compiled catalogue answers for an entry (for plurals: its first form, by gettext's rule for one)."""
    if entry.msgid_plural:
        forms = (entry.msgctxt or "", entry.msgid, entry.msgid_plural, 1)
        return known.npgettext(*forms) if entry.msgctxt else known.ngettext(*forms[1:])
    return known.pgettext(entry.msgctxt, entry.msgid) if entry.msgctxt else known.gettext(entry.msgid)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
