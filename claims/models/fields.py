"""What the rows of this room are made of: money, prices, and triggers that keep them as they were written."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Func


class Price(models.DecimalField):
    """A quote's number, as `incidents` keeps it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **(kwargs | {"max_digits": 28, "decimal_places": 12}))


class Amount(models.DecimalField):
    """Money of one asset; the asset stands beside it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **(kwargs | {"max_digits": 28, "decimal_places": 8}))


class BitField(models.Field):
    """256 bits, as a text of 0 and 1; how many differ, the database counts: ``bit_count(a # b)``."""

    def db_type(self, connection) -> str:
        return "bit(256)"


class NotAmong(Func):
    """``person <> ALL (people)``: four eyes, as the database says it."""

    arg_joiner = " <> ALL ("
    template = "(%(expressions)s))"
    output_field = models.BooleanField()


def append_only(*, until_finished: bool = False) -> list[pgtrigger.Trigger]:
    """Triggers that refuse UPDATE and DELETE, or only from the moment a run is finished."""
    condition = pgtrigger.Q(old__finished_at__isnull=False) if until_finished else None
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete, condition=condition),
        pgtrigger.Trigger(
            name="never_truncated",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;",
        ),
    ]
