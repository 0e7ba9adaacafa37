"""Translations: each catalogue is compiled beside its source, so that no machine needs gettext to run the portal.

`python -m config.messages` writes locale/*/LC_MESSAGES/django.mo; `--check` says which are not what their .po says. A text that
stands twice, as two branches leave it after a merge, is refused: one of its translations would be lost without a word.
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
        catalogue = polib.pofile(str(source))
        if twice := said_twice(source, catalogue):
            print("\n".join(twice), file=sys.stderr)
            return 1
        catalogue.save_as_mofile(str(source.with_suffix(".mo")))
        print(f"{source.relative_to(LOCALE)}: {catalogue.percent_translated()} % translated")
    return 0


def said_twice(source: Path, entries: polib.POFile) -> list[str]:
    """Texts that stand in the catalogue more than once, whatever their translations: which, and in which lines."""
    lines: dict[tuple[str | None, str], list[int]] = {}
    for entry in entries:
        if not entry.obsolete:
            lines.setdefault((entry.msgctxt, entry.msgid), []).append(entry.linenum)
    return [
        f"{source}:{first}: stands again in line {', '.join(map(str, again))}: {msgid!r}; keep one of them"
        for (_context, msgid), (first, *again) in lines.items()
        if again
    ]


def check(source: Path) -> list[str]:
    """What is wrong with one catalogue: not compiled, compiled from other words, left unsure or said twice by a merge."""
    compiled, entries = source.with_suffix(".mo"), polib.pofile(str(source))
    if not compiled.exists():
        return [f"{compiled}: missing; run `make messages`"]
    problems = said_twice(source, entries)
    problems += [f"{source}:{entry.linenum}: fuzzy: {entry.msgid!r}" for entry in entries.fuzzy_entries()]
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
