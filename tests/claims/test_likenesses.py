"""Files that another customer sent as well: both sides are told, and nobody is judged by it."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from PIL import Image, ImageDraw

from claims import likenesses, tasks
from claims.models import Evidence
from claims.receiving import receive_evidence
from jobs.models import Job
from tests import factories as make
from tests.claims.films import film, page
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def incident():
    return make.incident()


def sent(claim, image: Image.Image | bytes, form: str = "PNG") -> Evidence:
    kept = io.BytesIO(image if isinstance(image, bytes) else b"")
    if not isinstance(image, bytes):
        image.save(kept, form)
        kept.seek(0)
    return receive_evidence(claim, name="error.png", content=kept, by=None, now=NOW)


def again(row: Evidence) -> Evidence:
    return Evidence.objects.get(pk=row.pk)


def test_the_same_page_from_two_customers_is_a_signal_on_both(incident):
    carla, dora = make.claim(incident), make.claim(incident, "dora")
    first = sent(carla, page())
    second = sent(dora, page().resize((320, 640)), "JPEG")
    assert (again(first).findings, second.findings) == (["near_identical"], ["near_identical"])
    assert [(row.pk, row.differing) for row in likenesses.alike(first)] == [(second.pk, 0)]


def test_the_identical_file_is_said_once_and_not_as_a_likeness(incident):
    first, second = (sent(make.claim(incident, code), page()) for code in ("carla", "dora"))
    assert (again(first).findings, second.findings) == (["identical_elsewhere"], ["identical_elsewhere"])


def test_a_customers_own_two_pictures_of_a_page_are_no_signal(incident):
    carla = make.claim(incident)
    assert [sent(carla, page()).findings, sent(carla, page(), "JPEG").findings] == [[], []]


def test_another_incidents_page_is_no_signal(incident):
    sent(make.claim(incident), page())
    other = make.claim(make.incident("INC-2022-002"), "dora")
    assert sent(other, page(), "JPEG").findings == []


def test_other_pages_and_pictures_of_one_colour_are_no_signal(incident):
    turned = page().transpose(Image.Transpose.ROTATE_180)
    plain = Image.new("RGB", (90, 160), "navy")
    named = plain.copy()
    ImageDraw.Draw(named).rectangle((1, 1, 9, 9), fill="black")
    found = [
        sent(make.claim(incident, f"C{number}"), image) for number, image in enumerate([page(), turned, plain, named])
    ]
    assert [row.findings for row in found] == [[], [], [], []]


def test_a_recording_resembles_a_screenshot_once_it_was_watched(incident):
    shot = sent(make.claim(incident), page())
    recording = sent(make.claim(incident, "dora"), film())
    assert (again(shot).findings, recording.findings) == ([], [])
    tasks.inspect(Job.objects.get(key=f"inspect/{recording.pk}").pk)
    assert [again(row).findings for row in (shot, recording)] == [["near_identical"], ["near_identical"]]


@pytest.mark.django_db(transaction=True)
def test_two_customers_at_the_same_moment_see_each_other():
    incident = make.incident()
    claims = [make.claim(incident, code) for code in ("carla", "dora", "emil", "fay")]

    def send(number: int) -> None:
        try:
            sent(claims[number], page().resize((160 + number, 320)))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as people:
        list(people.map(send, range(4)))
    assert [row.findings for row in Evidence.objects.all()] == [["near_identical"]] * 4
