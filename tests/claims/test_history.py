"""Every change of a claim leaves what it became, when, by whom and in which work; however many change at once."""

import time

import pghistory
import pytest
from django.db.models import F
from pghistory.models import Context

from claims.models import Claim
from incidents.models import Customer
from tests import factories as make
from tests.factories import NOW

pytestmark = pytest.mark.django_db
MANY = 4_000


@pytest.fixture
def claims():
    incident = make.incident()
    people = Customer.objects.bulk_create(Customer(code=f"customer-{number}") for number in range(MANY))
    return Claim.objects.bulk_create(Claim(incident=incident, customer=who, submitted_at=NOW) for who in people)


def events(**fields):
    return Claim.pgh_event_model.objects.filter(pgh_label="update", **fields)


def test_a_statement_over_thousands_leaves_an_event_for_each_in_one_context(claims):
    with pghistory.context(job="assess-1"):
        Claim.objects.update(status="assessed", revision=F("revision") + 1)
    assert events(status="assessed", revision=1, pgh_context__metadata={"job": "assess-1"}).count() == MANY
    assert set(events().values_list("pgh_obj", flat=True)) == {claim.pk for claim in claims}
    assert Context.objects.count() == 1


def test_only_what_changed_leaves_an_event(claims):
    Claim.objects.filter(pk__lte=claims[9].pk).update(status="on_hold")
    Claim.objects.update(status="on_hold")
    assert events().count() == MANY
    Claim.objects.update(status="on_hold")
    assert events().count() == MANY


def test_the_first_change_of_a_session_does_not_make_the_later_ones_slow(claims):
    """A plan kept from a change of one row would join four thousand with four thousand row by row: tens of seconds."""
    Claim.objects.filter(pk=claims[0].pk).update(revision=7)
    began = time.monotonic()
    Claim.objects.update(revision=8)
    assert events(revision=8).count() == MANY
    assert time.monotonic() - began < 12


def test_history_itself_is_never_changed(claims):
    Claim.objects.filter(pk=claims[0].pk).update(revision=7)
    with pytest.raises(Exception, match="Cannot update or delete rows from claims_claimevent"):
        events().update(revision=0)
