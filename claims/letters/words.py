"""The words of a letter: a manager's, else those that the project ships; with places in braces for what there is to tell.

No template engine: a place is a name in braces, each event has its own, and what is filled in is never read again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.utils.html import format_html, linebreaks
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from claims.models import Event, LetterTemplate

SHIPPED = Path(__file__).parent / "words"
LANGUAGES = {"en": _("English"), "zh": _("Chinese")}
HTML_LANGUAGE = {"en": "en", "zh": "zh-Hans"}
PLACE = re.compile(r"\{(\w+)\}")
EVERYWHERE = {
    "customer": _("the customer's name"),
    "claim": _("the claim's reference"),
    "incident": _("the incident's title"),
}
KNOWN: Mapping[str, Mapping[str, object]] = {  # by event: place -> what stands there
    Event.RECEIPT.value: EVERYWHERE
    | {"contacted_at": _("when they reached us"), "due_at": _("when we decide at the latest")},
    Event.EVIDENCE_NEEDED.value: EVERYWHERE
    | {"orders": _("the orders, a line each"), "reason": _("what the agent asks for")},
    Event.OFFER.value: EVERYWHERE
    | {
        "orders": _("the orders, a line each"),
        "total": _("the sum per asset"),
        "expires_at": _("until when the offer stands"),
    },
    Event.REMINDER.value: EVERYWHERE
    | {
        "orders": _("the orders, a line each"),
        "total": _("the sum per asset"),
        "expires_at": _("until when the offer stands"),
    },
    Event.DECISION.value: EVERYWHERE
    | {
        "outcome": _("approved, approved in part or denied, as a sentence"),
        "amounts": _("the sum per asset"),
        "reason": _("why it was denied, in the manager's words"),
        "orders": _("the orders, with the published words of the clauses"),
    },
    Event.PAID.value: EVERYWHERE
    | {
        "amount": _("what was paid"),
        "account": _("where it was paid to"),
        "reference": _("the payment's reference"),
    },
}


class Words(NamedTuple):
    """A subject and a text, with or without their places filled."""

    subject: str
    body: str


def language_of(customer_language: str) -> str:
    """Chinese for whoever reads Chinese, else English."""
    return "zh" if customer_language.lower().startswith("zh") else "en"


@cache
def shipped(event: str, language: str) -> Words:
    """The words that come with the project: a file each, its first line the subject."""
    first, _blank, body = (SHIPPED / f"{event}.{language}.txt").read_text(encoding="utf-8").partition("\n\n")
    return Words(first.removeprefix("Subject: ").strip(), body.strip())


def words_of(event: str, language: str) -> Words:
    """What is written about this event now, in this language."""
    row = LetterTemplate.objects.filter(event=event, language=language).first()
    return Words(row.subject, row.body) if row else shipped(event, language)


def mark(words: Words) -> str:
    """By which a page says which words it showed."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def unknown(event: str, words: Words) -> list[str]:
    """Places that this event does not know, in the order of the alphabet."""
    return sorted({*PLACE.findall(words.subject), *PLACE.findall(words.body)} - set(KNOWN[event]))


def filled(words: Words, values: Mapping[str, str]) -> Words:
    """The letter. A line, and a paragraph, all of whose places have nothing to say is left out; a subject is one line."""
    paragraphs = [_paragraph(text, values) for text in re.split(r"\n\s*\n", words.body.replace("\r\n", "\n").strip())]
    subject = " ".join(_put(words.subject, values).split())
    return Words(subject, "\n\n".join(text for text in paragraphs if text))


def _paragraph(text: str, values: Mapping[str, str]) -> str:
    if _is_mute(text, values):
        return ""
    return "\n".join(_put(line, values).rstrip() for line in text.split("\n") if not _is_mute(line, values))


def _is_mute(text: str, values: Mapping[str, str]) -> bool:
    places = PLACE.findall(text)
    return bool(places) and not any(values.get(place) for place in places)


def _put(text: str, values: Mapping[str, str]) -> str:
    return PLACE.sub(lambda place: values.get(place[1], ""), text)


def html(words: Words, language: str) -> SafeString:
    """The same text for readers of HTML: nothing in it is markup but the paragraphs and line ends that we set."""
    return format_html(
        '<!doctype html><html lang="{}"><head><meta charset="utf-8"><title>{}</title></head><body>{}</body></html>',
        HTML_LANGUAGE[language],
        words.subject,
        SafeString(linebreaks(words.body, autoescape=True)),
    )
