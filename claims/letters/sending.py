"""From a row to the mail server, so that nobody is written to twice unknowingly.

A letter is marked as being sent, with its final text, and that is committed before the mail server hears of it. If the server
refused it, it is tried again; if nobody knows (the worker died, the line broke in the middle), a person decides.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parseaddr
from smtplib import SMTPException, SMTPNotSupportedError, SMTPRecipientsRefused, SMTPResponseException

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.db import transaction

from claims.letters.telling import values
from claims.letters.words import Words, filled, html, language_of, words_of
from claims.models import Letter

STATUS = Letter.Status
# The mail server said no, or we could not even say it: certainly not sent.
CERTAIN = (SMTPResponseException, SMTPRecipientsRefused, SMTPNotSupportedError, ValueError)


def take(first: int, last: int, *, now: datetime) -> Letter | None:
    """The next due letter of this span, in its final words, marked as being sent; None when there is none left.

    The caller commits before sending it. What somebody else has in hand is passed over.
    """
    while True:
        with transaction.atomic():
            letters = Letter.objects.due(now).filter(pk__range=(first, last)).order_by("pk")
            letters = letters.select_related("claim__customer", "claim__incident")
            letter = letters.select_for_update(skip_locked=True, of=("self",)).first()
            if letter is None:
                return None
            letter.error = _put_into_words(letter)
            letter.status = _next(letter)
            letter.attempts, letter.tried_at = letter.attempts + 1, now
            letter.save()
        if letter.status == STATUS.SENDING:
            return letter


def _next(letter: Letter) -> str:
    if letter.error:
        return STATUS.FAILED
    return STATUS.SENDING if letter.to else STATUS.UNSENDABLE


def _put_into_words(letter: Letter) -> str:
    """Compose it; what is wrong where that cannot be done: one letter without words holds up no other."""
    try:
        words = compose(letter)
    except (LookupError, ArithmeticError, ValueError, ObjectDoesNotExist) as error:
        return _said(error)
    return "" if words.body else "there is nothing in it: every place of its text is empty"


def compose(letter: Letter) -> Words:
    """Fill in its language, its address and its words; a letter that has words keeps them."""
    if not letter.body:
        letter.language = language_of(letter.claim.customer.language)
        words = filled(words_of(letter.event, letter.language), values(letter))
        letter.subject, letter.body = words.subject[:300], words.body
    if not letter.to:
        letter.to = _address(letter.claim.customer.email)
    return Words(letter.subject, letter.body)


def _address(email: str) -> str:
    """Nothing, where it is no address: it would only come back."""
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email


def mail(letter: Letter, *, sender: str, post: BaseEmailBackend | None) -> EmailMultiAlternatives:
    """The message as it is sent. Its id is the letter's own: sent twice, it is still the same message."""
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    headers = {
        "Message-ID": f"<{letter.key.replace('/', '.')}.{letter.written_at:%Y%m%d%H%M%S%f}@{domain}>",
        "Auto-Submitted": "auto-generated",
    }
    message = EmailMultiAlternatives(
        letter.subject, letter.body, from_email=sender, to=[letter.to], headers=headers, connection=post
    )
    message.attach_alternative(html(Words(letter.subject, letter.body), letter.language), "text/html")
    return message


def send(letter: Letter, *, sender: str, post: BaseEmailBackend) -> tuple[str, str]:
    """Give it to the mail server: (status, error). Still to be sent: certainly refused. Being sent: nobody knows."""
    try:
        post.open()
    except (OSError, SMTPException) as error:
        return STATUS.WAITS, _said(error)
    try:
        mail(letter, sender=sender, post=post).send()
    except CERTAIN as error:
        return STATUS.WAITS, _said(error)
    except (OSError, SMTPException) as error:
        post.close()
        return STATUS.SENDING, _said(error)
    return STATUS.SENT, ""


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]


def keep(letter: Letter, status: str, error: str, *, now: datetime) -> None:
    """How it went. After the last attempt a refused letter has failed."""
    if status == STATUS.WAITS and letter.attempts > len(Letter.PAUSES):
        status = STATUS.FAILED
    mine = Letter.objects.filter(pk=letter.pk, status=STATUS.SENDING, attempts=letter.attempts)
    mine.update(status=status, error=error, sent_at=now if status == STATUS.SENT else None)
