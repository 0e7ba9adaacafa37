"""Files that another customer sent as well: the very same, or one that looks the same. Both sides are marked.

Looking alike is a signal and no ground: honest people photograph the same error page.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import BigIntegerField, CharField, F, Func, Q, QuerySet, Value
from django.db.models.functions import Cast

from claims.evidence.looks import ALIKE
from claims.models import Evidence
from claims.models.fields import BitField


class Differing(Func):
    """How many bits of two looks differ."""

    template = "bit_count(%(expressions)s)"
    arg_joiner = " # "
    output_field = BigIntegerField()


def twins(evidence: Evidence) -> QuerySet[Evidence]:
    """The same bytes on other claims."""
    return Evidence.objects.filter(sha256=evidence.sha256).exclude(claim=evidence.claim_id)


def alike(evidence: Evidence) -> QuerySet[Evidence]:
    """What looks the same among other customers' files of the incident, with `differing`: how many bits of 256."""
    if evidence.look is None:
        return Evidence.objects.none().annotate(differing=Value(0))
    differing = Differing(F("look"), Cast(Value(evidence.look), BitField()))
    others = Evidence.objects.filter(look__isnull=False, claim__incident=evidence.claim.incident_id)
    return others.exclude(claim=evidence.claim_id).annotate(differing=differing).filter(differing__lte=ALIKE)


def mark(evidence: Evidence) -> None:
    """Put the findings on it and on those it resembles. Inside the transaction that brings its hash or its look."""
    _one_after_another()
    found = {
        "identical_elsewhere": twins(evidence),
        "near_identical": alike(evidence).exclude(sha256=evidence.sha256),
    }
    for finding, others in found.items():
        if ids := list(others.values_list("pk", flat=True)):
            _add(finding, [evidence.pk, *ids])
    evidence.refresh_from_db(fields=["findings"])


def _add(finding: str, ids: list[int]) -> None:
    unmarked = Evidence.objects.filter(~Q(findings__contains=[finding]), pk__in=ids)
    findings = ArrayField(CharField(max_length=40))
    unmarked.update(findings=Func(F("findings"), Value(finding), function="array_append", output_field=findings))


def _one_after_another() -> None:
    """Two claims that bring the file at the same moment see each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('claims.likenesses', 0))")
