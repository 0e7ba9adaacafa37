"""Letters on screen: one letter as it was or would be sent, the words of an event in both languages, what went astray."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.utils.translation import get_language

from claims import letters
from claims.letters import Words
from claims.models import Claim, Event, Letter, LetterTemplate


class LetterPage:
    """One letter."""

    def __init__(self, letter: Letter, *, now: datetime):
        self.letter, self.now = letter, now

    @cached_property
    def is_kept(self) -> bool:
        """Whether its words are final: what was sent, or was about to be."""
        return bool(self.letter.body)

    @cached_property
    def words(self) -> Words:
        """Those that were sent; of a letter that waits, those it would have if it were sent now."""
        return letters.compose(self.letter)

    @cached_property
    def doubtful(self) -> bool:
        """Nobody knows whether it was sent."""
        return self.letter.is_doubtful(self.now)

    @property
    def may_go_again(self) -> bool:
        return self.doubtful or self.letter.status in (Letter.Status.FAILED, Letter.Status.UNSENDABLE)


def of_claim(claim: Claim, *, now: datetime) -> list[LetterPage]:
    """The claim's letters, newest first."""
    return [LetterPage(letter, now=now) for letter in claim.letters.all()]


@dataclass(frozen=True)
class Side:
    """One language of an event: what is written now, and how it reads."""

    language: str
    name: object
    words: Words
    mark: str  # of the words that the form was opened with
    changed: LetterTemplate | None
    is_shipped: bool
    filled: Words
    unknown: list[str]


class EventPage:
    """The words of one event, both languages side by side; `typed` is what a person is writing, over the words `seen`."""

    def __init__(
        self,
        event: str,
        *,
        claim: Claim | None = None,
        typed: dict[str, Words] | None = None,
        seen: dict[str, str] | None = None,
    ):
        self.event, self.claim, self.typed, self.seen = event, claim, typed or {}, seen or {}

    @property
    def name(self):
        return Event(self.event).label

    @cached_property
    def places(self) -> list[tuple[str, object]]:
        return list(letters.KNOWN[self.event].items())

    @cached_property
    def letter(self) -> Letter | None:
        """The claim's latest letter of this event: the preview tells what it tells."""
        if self.claim is None:
            return None
        found = Letter.objects.filter(claim=self.claim, event=self.event)
        return found.select_related("claim__customer", "claim__incident").first()

    def values(self, language: str) -> dict[str, str]:
        """Of the claim's letter; without one, made-up ones, under the claim's own name."""
        if self.letter:
            return letters.values(self.letter, language)
        own = letters.told_of(self.claim) if self.claim else {}
        return letters.sample(self.event, language) | own

    @cached_property
    def sides(self) -> list[Side]:
        rows = {
            row.language: row for row in LetterTemplate.objects.filter(event=self.event).select_related("changed_by")
        }
        return [self._side(language, name, rows.get(language)) for language, name in letters.LANGUAGES.items()]

    def _side(self, language: str, name: object, row: LetterTemplate | None) -> Side:
        current = Words(row.subject, row.body) if row else letters.shipped(self.event, language)
        words = self.typed.get(language, current)
        return Side(
            language=language,
            name=name,
            words=words,
            mark=self.seen.get(language) or letters.mark(current),
            changed=row,
            is_shipped=words == letters.shipped(self.event, language),
            filled=letters.filled(words, self.values(language)),
            unknown=letters.unknown(self.event, words),
        )


def events() -> list[tuple[str, object, str, list[LetterTemplate]]]:
    """Every event: its code, its name, its subject in the reader's language, and what managers changed."""
    language = letters.language_of(get_language() or "en")
    changed: dict[str, list[LetterTemplate]] = {}
    for row in LetterTemplate.objects.select_related("changed_by"):
        changed.setdefault(row.event, []).append(row)
    subjects = {row.event: row.subject for rows in changed.values() for row in rows if row.language == language}
    return [
        (code, name, subjects.get(code) or letters.shipped(code, language).subject, changed.get(code, []))
        for code, name in Event.choices
    ]
