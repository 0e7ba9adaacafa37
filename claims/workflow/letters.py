"""What people do with letters: change their words, send again what did not go out, say of one that it did. A job sends them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from claims import gate, letters
from claims.gate import Refused
from claims.letters import Words
from claims.models import Event, Letter, LetterTemplate
from jobs import bulk
from jobs.models import Job, Part
from jobs.queue import enqueue

PORTION = 5  # letters on one connection: with a mail server that hangs, still within a task's time
AT_ONCE = 10_000  # letters of one job; the next minute's job takes the next
TASK = "claims.tasks.send_letters"
STATUS = Letter.Status


@transaction.atomic
def queue_letters(*, now: datetime) -> Job | None:
    """A job for the letters that are due, unless one is under way; None when nothing is to be sent."""
    if Job.objects.unfinished().filter(task=TASK).exists():
        return None
    due = list(Letter.objects.due(now).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    if not due:
        return None
    portions = [due[start : start + PORTION] for start in range(0, len(due), PORTION)]
    return enqueue(
        key=f"letters-{now:%Y%m%dT%H%M%S.%f}",
        task=TASK,
        argument={},
        total=len(due),
        parts=[Part(first=ids[0], last=ids[-1], size=len(ids)) for ids in portions],
        now=now,
    )


def may_go_again(found: QuerySet[Letter], *, now: datetime) -> QuerySet[Letter]:
    """Those of these letters that a person may have sent again."""
    return found.filter(
        Q(status__in=(STATUS.FAILED, STATUS.UNSENDABLE)) | Q(pk__in=Letter.objects.perhaps_sent(now).values("pk"))
    )


@transaction.atomic
def send_again(ids: Iterable[int] | None, *, by, now: datetime) -> int:
    """Send these letters again, or (None) all that failed. Returns how many.

    What perhaps was sent goes with the same words and the same message id; what never left is put into words anew, for the
    customer's address of today. Refused: no permission; none of them may be sent (again).
    """
    gate.may(by, "claims.send_letter")
    found = may_go_again(Letter.objects.all(), now=now)
    found = found.filter(status=STATUS.FAILED) if ids is None else found.filter(pk__in=list(ids))
    locked = list(found.select_for_update(no_key=True).order_by("pk").values_list("pk", "status"))
    if not locked:
        raise Refused("there is no letter to send again: it is on its way, or was sent already")
    kept = [pk for pk, status in locked if status == STATUS.SENDING]
    anew = [pk for pk, status in locked if status != STATUS.SENDING]
    fresh = {"status": STATUS.WAITS, "attempts": 0, "tried_at": None, "error": ""}
    Letter.objects.filter(pk__in=kept).update(**fresh)
    Letter.objects.filter(pk__in=anew).update(**fresh, to="", subject="", body="", language="")
    queue_letters(now=now)
    return len(locked)


@transaction.atomic
def mark_sent(letter: Letter, *, by, now: datetime) -> None:
    """A person looked (in the mail server's log, at the customer's answer): it had been sent. Refused: nothing to doubt."""
    gate.may(by, "claims.send_letter")
    doubtful = Letter.objects.perhaps_sent(now).filter(pk=letter.pk)
    said = f"marked as sent by {by.get_username()}"
    if not doubtful.update(status=STATUS.SENT, sent_at=letter.tried_at, error=said):
        raise Refused("nobody doubts what became of this letter")


@transaction.atomic
def change_words(event: str, changed: Mapping[str, Words], *, seen: Mapping[str, str], by, now: datetime) -> None:
    """What is written about an event from now on, by language; what was sent stays as it was.

    Refused: no permission, an event or language that we do not have, nothing written, a place that this event does not know
    (with what it knows), changed by somebody else since it was `seen` (by language: `letters.mark` of the words).
    """
    gate.may(by, "claims.change_lettertemplate")
    if event not in Event.values or not set(changed) <= set(letters.LANGUAGES):
        raise Refused("there is no such letter")
    bulk.lock(f"letter-{event}")
    for language, words in changed.items():
        _check(event, words)
        if letters.mark(letters.words_of(event, language)) != seen[language]:
            raise Refused("these words were changed by somebody else a moment ago; look at them again")
        fresh = {"subject": words.subject, "body": words.body, "changed_by": by, "changed_at": now}
        LetterTemplate.objects.update_or_create(event=event, language=language, defaults=fresh)


def _check(event: str, words: Words) -> None:
    if not words.subject or not words.body:
        raise Refused("a letter needs a subject and a text")
    if len(words.subject) > LetterTemplate.SUBJECT_AT_MOST:
        raise Refused("a subject has 200 characters at most")
    if "\0" in words.subject + words.body:
        raise Refused("a letter cannot hold the character NUL")
    if unknown := letters.unknown(event, words):
        known = ", ".join(f"{{{place}}}" for place in letters.KNOWN[event])
        raise Refused("%(places)s: no such place; this letter knows %(known)s",
                      places=", ".join(f"{{{place}}}" for place in unknown), known=known)  # fmt: skip
