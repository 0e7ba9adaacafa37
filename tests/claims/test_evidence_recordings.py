"""A screen recording on a claim: kept at once, watched by a worker, reviewed after that, played part by part."""

import io
import json
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import File
from django.core.files.storage import Storage
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from claims import byte_ranges, inspecting, probe, tasks, workflow
from claims.gate import Refused
from claims.models import Claim, Evidence, Frame
from claims.receiving import EvidenceRefused, Sizes, receive_evidence
from jobs.models import Job
from tests import factories as make
from tests.claims.films import film, index_first, page, sound, watchers
from tests.factories import NOW, staff
from tests.together import wait_until

pytestmark = pytest.mark.django_db
FILM = film()  # once: an encoder may write the same images differently


@pytest.fixture
def claim():
    return make.claim(make.incident())


@pytest.fixture
def ana():
    return staff("ana", "agent")


def received(claim, content=None, *, name="login.mp4", **options) -> Evidence:
    return receive_evidence(claim, name=name, content=io.BytesIO(content or FILM), by=None, now=NOW, **options)


def watched(evidence: Evidence) -> Evidence:
    """As the worker does it."""
    tasks.inspect(Job.objects.get(key=f"inspect/{evidence.pk}").pk)
    return Evidence.objects.get(pk=evidence.pk)


def kept(files_dir: Path) -> set[str]:
    return {path.relative_to(files_dir / "evidence").parts[0] for path in files_dir.rglob("*") if path.is_file()}


# --- kept, then watched


def test_a_recording_is_kept_at_once_and_watched_by_a_worker(claim, files_dir):
    content = film(tags={"creation_time": "2022-11-16T14:30:00.000000Z"})
    evidence = received(claim, content)
    assert evidence.original.open("rb").read() == content
    assert (evidence.kind, evidence.content_type, evidence.inspected_at) == ("recording", "video/mp4", None)
    assert (evidence.findings, kept(files_dir)) == (["taken_inside_windows"], {"originals"})
    evidence = watched(evidence)
    assert evidence.inspected_at is not None and str(evidence.seconds) == "2.000" and len(evidence.look) == 256
    assert (evidence.findings, kept(files_dir)) == (["taken_inside_windows"], {"originals", "previews", "stills"})
    assert [str(frame.at) for frame in evidence.frames.all()] == ["0.000", "0.520", "1.040", "1.560"]
    assert Job.objects.get().state == Job.State.DONE


def test_the_worker_asked_twice_watches_once(claim):
    evidence = watched(received(claim))
    inspecting.keep_inspection(evidence, *inspecting.watch_kept(evidence), now=NOW)
    assert (watched(evidence).inspected_at, Frame.objects.count()) == (evidence.inspected_at, 4)


def test_until_it_was_watched_nobody_reviews_it(claim, ana):
    evidence = received(claim)
    with pytest.raises(Refused, match="still being looked at by a worker"):
        workflow.review_evidence(evidence, accept=True, reason="clear", by=ana, now=NOW)
    evidence = workflow.review_evidence(watched(evidence), accept=True, reason="clear", by=ana, now=NOW)
    assert evidence.status == "accepted"


def test_the_same_recording_again_is_the_row_that_is_there_and_one_job(claim):
    assert received(claim) == received(claim)
    assert Job.objects.count() == 1


def test_what_is_cut_off_is_kept_with_what_there_is_and_a_finding(claim, ana):
    content = index_first(film())
    evidence = watched(received(claim, content[: len(content) * 3 // 4]))
    assert (evidence.findings, evidence.frames.exists(), bool(evidence.preview)) == (["truncated"], True, True)


def test_two_customers_recordings_of_one_page_are_a_signal_on_both(claim):
    carlas = watched(received(claim))
    doras = watched(received(make.claim(claim.incident, "dora"), film("webm")))
    assert [Evidence.objects.get(pk=row.pk).findings for row in (carlas, doras)] == [["near_identical"]] * 2


# --- refused at once


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (film()[:-400], "login.mp4: the recording is cut off before its end; send it again"),
        (sound(), "login.mp4: there is no moving picture in the file, only sound; send the screen recording itself"),
        (
            film("mov", codec="mpeg2video", images=2),
            "login.mp4: the recording is coded as mpeg2video; export it as H.264, HEVC, VP9 or AV1",
        ),
        (
            film(images=601, rate=1, size=(16, 16)),
            "login.mp4: the recording lasts longer than 10 minutes; send the part that shows the failure",
        ),
    ],
    ids=["cut off", "sound", "another codec", "too long"],
)
def test_a_refusal_says_what_is_wrong_and_what_would_be_right(claim, files_dir, content, words):
    with pytest.raises(EvidenceRefused) as refused:
        received(claim, content)
    assert (refused.value.errors, Evidence.objects.count(), Job.objects.count()) == ([words], 0, 0)
    assert not list(files_dir.rglob("*.*"))


def test_pictures_and_recordings_each_have_their_own_limit(claim):
    sizes = Sizes(picture=1 << 10, recording=1 << 12)
    with pytest.raises(EvidenceRefused, match="the recording is larger than 0.00390625 MB"):
        received(claim, sizes=sizes)
    assert received(claim, film(images=1, size=(16, 16)), sizes=sizes).kind == "recording"


def test_what_is_called_a_picture_and_is_a_recording_is_one(claim):
    assert received(claim, name="error.png").content_type == "video/mp4"


# --- faults


def test_a_codec_that_dies_is_a_finding_and_the_worker_goes_on(claim, ana, monkeypatch):
    first, second = received(claim), received(claim, film("webm"))
    monkeypatch.setitem(probe.WALL_SECONDS, "watch", 0.01)
    first = watched(first)
    monkeypatch.undo()
    assert (first.findings, first.inspected_at is not None, bool(first.preview)) == (["bomb"], True, False)
    assert (watched(second).findings, {job.state for job in Job.objects.all()}) == ([], {Job.State.DONE})
    rejected = workflow.review_evidence(first, accept=False, reason="", ground="unreadable", by=ana, now=NOW)
    assert (rejected.status, rejected.reason) == ("rejected", "cannot be read")


@pytest.mark.django_db(transaction=True)
def test_the_child_is_killed_in_the_middle_and_the_worker_goes_on(worker):
    claim = make.claim(make.incident())
    long = received(claim, film(images=200))
    short = received(claim, film("webm"))
    group = worker().pid
    wait_until(lambda: watchers(group), "the worker starts a child")
    os.kill(watchers(group)[0], signal.SIGKILL)
    seen = Evidence.objects.filter(inspected_at__isnull=False)
    wait_until(lambda: seen.count() == 2, "both are looked at")
    found = [Evidence.objects.get(pk=row.pk).findings for row in (long, short)]
    assert sorted(found) in ([[], ["bomb"]], [["bomb"], ["near_identical"]])
    assert {job.state for job in Job.objects.all()} == {Job.State.DONE}


def watching() -> Job:
    return Job.objects.get(task="claims.tasks.inspect")


def test_a_recording_at_which_every_worker_dies_is_a_finding_and_a_person_goes_on(claim, ana, monkeypatch):
    received(claim)

    def die(*_of_what):
        raise SystemExit  # as a killed process: no error is told to the queue

    with monkeypatch.context() as patched:
        patched.setattr(inspecting, "watch_kept", die)
        for _attempt in range(3):
            with pytest.raises(SystemExit):
                tasks.inspect(watching().pk)
            assert Evidence.objects.get().inspected_at is None
            Job.objects.filter(pk=watching().pk).update(lease_until=timezone.now() - timedelta(seconds=1))
            tasks.sweep()
    given_up = Evidence.objects.get()
    assert (watching().state, given_up.findings) == ("failed", ["unplayable"])
    assert given_up.inspected_at is not None
    assert (
        workflow.review_evidence(given_up, accept=False, reason="", ground="unreadable", by=ana, now=NOW).status
        == "rejected"
    )
    tasks.sweep()
    assert Evidence.objects.get().findings == given_up.findings


def test_what_failed_with_an_error_waits_for_whoever_tries_it_again(claim, monkeypatch):
    received(claim)

    def unreachable(*_of_what):
        raise OSError("the bucket cannot be reached")

    with monkeypatch.context() as patched:
        patched.setattr(inspecting, "watch_kept", unreachable)
        for _attempt in range(3):
            with pytest.raises(OSError, match="the bucket"):
                tasks.inspect(watching().pk)
            tasks.sweep()
    assert (watching().state, Evidence.objects.get().inspected_at) == ("failed", None)


# --- played part by part


def played(client, evidence: Evidence, **headers):
    return client.get(reverse("evidence_recording", args=[evidence.pk]), headers=headers)


@pytest.mark.parametrize(
    ("header", "first", "end"),
    [("bytes=0-", 0, 20), ("bytes=5-9", 5, 10), ("bytes=-5", 15, 20), ("bytes=18-99", 18, 20), ("bytes=-99", 0, 20)],
)
def test_a_range_is_what_http_says(header, first, end):
    assert byte_ranges.asked(header, 20) == (first, end)


@pytest.mark.parametrize("header", ["", "bytes=-", "bytes=9-5", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b"])
def test_what_is_no_single_range_is_the_whole(header):
    assert byte_ranges.asked(header, 20) is None


@pytest.mark.parametrize("header", ["bytes=20-", "bytes=20-30", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_had(header):
    with pytest.raises(byte_ranges.Unsatisfiable):
        byte_ranges.asked(header, 20)


def test_the_player_asks_for_a_part_and_gets_it(claim, ana, client):
    evidence, content = received(claim), FILM
    client.force_login(ana)
    response = played(client, evidence, range="bytes=100-199")
    assert (response.status_code, b"".join(response.streaming_content)) == (206, content[100:200])
    assert response["Content-Range"] == f"bytes 100-199/{len(content)}"
    assert (response["Content-Length"], response["Content-Type"]) == ("100", "video/mp4")
    whole = played(client, evidence)
    assert (whole.status_code, b"".join(whole.streaming_content)) == (200, content)
    assert whole["Accept-Ranges"] == "bytes"
    beyond = played(client, evidence, range=f"bytes={len(content)}-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(content)}")


def test_a_part_of_a_file_that_is_not_the_same_any_more_is_the_whole(claim, ana, client):
    evidence = received(claim)
    client.force_login(ana)
    assert played(client, evidence, range="bytes=0-9", if_range='"another"').status_code == 200
    assert played(client, evidence, range="bytes=0-9", if_range=f'"{evidence.sha256}"').status_code == 206


@pytest.mark.parametrize("header", [{}, {"range": "bytes=0-9"}])
def test_a_recording_is_sent_so_that_no_browser_opens_or_keeps_it(claim, ana, client, header):
    client.force_login(ana)
    response = played(client, received(claim, film("mov")), **header)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Cache-Control"] == "private, no-store"
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Type"] == "video/mp4"


def test_who_may_not_see_evidence_sees_neither_recording_nor_stills(claim, client, django_user_model):
    evidence = watched(received(claim))
    frame = evidence.frames.first()
    addresses = [reverse("evidence_recording", args=[evidence.pk]), reverse("evidence_frame", args=[frame.pk])]
    assert [client.get(address).status_code for address in addresses] == [302, 302]
    client.force_login(django_user_model.objects.create_user("nora", is_staff=True))
    assert [client.get(address).status_code for address in addresses] == [403, 403]


def test_a_still_is_looked_at_in_place_and_a_screenshot_is_not_played(claim, ana, client):
    frame = watched(received(claim)).frames.last()
    client.force_login(ana)
    response = client.get(reverse("evidence_frame", args=[frame.pk]))
    assert (response.status_code, response["Content-Type"]) == (200, "image/jpeg")
    shot = io.BytesIO()
    page().save(shot, "PNG")
    assert played(client, received(claim, shot.getvalue())).status_code == 404


# --- somewhere else


class Bucket(Storage):
    """Files on another machine, as S3 has them: whole objects by name, without a path here and without an address."""

    def __init__(self):
        self.objects = {}

    def _open(self, name, mode="rb"):
        return File(io.BytesIO(self.objects[name]), name)

    def _save(self, name, content):
        self.objects[name] = content.read()
        return name

    def exists(self, name):
        return name in self.objects

    def size(self, name):
        return len(self.objects[name])

    def delete(self, name):
        self.objects.pop(name, None)


def test_any_storage_will_do(claim, ana, client, files_dir, monkeypatch):
    elsewhere = Bucket()
    for model, names in ((Evidence, ("original", "preview")), (Frame, ("picture",))):
        for name in names:
            monkeypatch.setattr(model._meta.get_field(name), "storage", elsewhere)
    evidence = watched(received(claim))
    assert (evidence.findings, evidence.frames.count(), list(files_dir.rglob("*.*"))) == ([], 4, [])
    client.force_login(ana)
    response = played(client, evidence, range="bytes=10-19")
    assert b"".join(response.streaming_content) == FILM[10:20]
    assert b"".join(played(client, evidence).streaming_content) == FILM
    screenshot = io.BytesIO()
    page().save(screenshot, "PNG")
    shot = received(claim, screenshot.getvalue(), name="login-error.png")
    for file in (evidence, shot):
        assert client.get(f"/staff/claims/claim/evidence/{file.pk}/").status_code == 200
    original = client.get(reverse("evidence_original", args=[shot.pk]))
    assert b"".join(original.streaming_content) == screenshot.getvalue()
    assert list(files_dir.rglob("*.*")) == []


# --- the command


def test_the_command_watches_at_once_and_reviews_with_a_ground(claim, ana, tmp_path, capsys):
    (tmp_path / "login.webm").write_bytes(film("webm"))
    options = ["--verdict", "accepted", "--reason", "the login fails", "--ground", "shows_failure", "--by", "ana"]
    call_command("attach_evidence", claim.reference, str(tmp_path / "login.webm"), *options, "--json")
    (row,) = json.loads(capsys.readouterr().out)["evidence"]
    evidence = Evidence.objects.get()
    assert row == {
        "id": evidence.pk, "kind": "recording", "sha256": evidence.sha256, "findings": [], "status": "accepted"
    }  # fmt: skip
    assert (evidence.ground, evidence.reason, evidence.reviewed_by) == ("shows_failure", "the login fails", ana)
    assert (
        evidence.frames.count(),
        evidence.inspected_at is not None,
        Job.objects.filter(task="claims.tasks.inspect").count(),
    ) == (4, True, 0)


# --- grounds


def test_a_ground_of_the_list_is_reason_enough(claim, ana):
    evidence = workflow.review_evidence(
        make.evidence(claim), accept=False, reason=" ", ground="other_time", by=ana, now=NOW
    )
    assert (evidence.status, evidence.ground, evidence.reason) == (
        "rejected",
        "other_time",
        "was taken at another time",
    )


@pytest.mark.parametrize(
    ("accept", "ground", "words"),
    [
        (True, "no_failure", "no ground to accept"),
        (False, "shows_error", "no ground to reject"),
        (False, "ugly", "there is no ground 'ugly'"),
        (True, "other", "a review needs a reason"),
        (True, "", "a review needs a reason"),
    ],
)
def test_a_ground_goes_with_its_verdict_and_another_reason_needs_words(claim, ana, accept, ground, words):
    evidence = make.evidence(claim)
    with pytest.raises(Refused, match=words):
        workflow.review_evidence(evidence, accept=accept, reason="", ground=ground, by=ana, now=NOW)
    assert Claim.objects.get().evidence.get().status == "received"
