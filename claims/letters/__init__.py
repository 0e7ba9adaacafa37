"""Letters to the customers: written with the verb that they tell of, put into words and sent by a worker.

A verb writes a row (`writing`), in its own transaction and once per event. A worker finds the words (`words`: a manager's, else
those that this package ships), fills in what there is to tell (`telling`; `answers`: of each order) and gives it to the mail
server (`sending`).
"""

from claims.letters.answers import LIMITS, orders_in_words
from claims.letters.sending import compose, keep, mail, send, take
from claims.letters.telling import sample, told_of, values
from claims.letters.words import KNOWN, LANGUAGES, Words, filled, html, language_of, mark, shipped, unknown, words_of
from claims.letters.writing import decided, evidence_asked, evidence_missing, offered, paid, receipts, reminders

__all__ = [
    "KNOWN",
    "LANGUAGES",
    "LIMITS",
    "Words",
    "compose",
    "decided",
    "evidence_asked",
    "evidence_missing",
    "filled",
    "html",
    "keep",
    "language_of",
    "mail",
    "mark",
    "offered",
    "orders_in_words",
    "paid",
    "receipts",
    "reminders",
    "sample",
    "send",
    "shipped",
    "take",
    "told_of",
    "unknown",
    "values",
    "words_of",
]
