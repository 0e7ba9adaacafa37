"""Evidence on a claim: kept once, kept whole, reviewed by people, shown to few."""

import hashlib
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import reverse

from claims import workflow
from claims.gate import Refused
from claims.models import Claim, Evidence
from claims.receiving import EvidenceRefused, Sizes, attach_evidence, plain_name, receive_evidence
from tests import factories as make
from tests.claims.test_evidence import exif, huge_png, picture
from tests.conftest import ROOT
from tests.factories import NOW, staff

pytestmark = pytest.mark.django_db
TAKEN = "PNG, JPEG, WebP, HEIC, MP4, MOV or WebM"


@pytest.fixture
def incident():
    return make.incident()


@pytest.fixture
def claim(incident):
    return make.claim(incident)


@pytest.fixture
def ana():
    return staff("ana", "agent")


def received(claim, content=None, *, name="error.png", by=None, **options) -> Evidence:
    return receive_evidence(claim, name=name, content=io.BytesIO(content or picture()), by=by, now=NOW, **options)


def kept(files_dir) -> list[str]:
    """The files that exist, by their place in the evidence folder."""
    return sorted(str(path.relative_to(files_dir / "evidence")) for path in files_dir.rglob("*") if path.is_file())


def close(claim: Claim) -> None:
    Claim.objects.filter(pk=claim.pk).update(status="denied")


# --- keeping


def test_a_screenshot_is_kept_byte_for_byte_and_waits_for_review(claim, ana, files_dir):
    content = picture("JPEG", exif=exif(taken="2022:11:16 22:30:00", offset="+08:00"))
    evidence = received(claim, content, by=ana, name="error.png")
    sha256 = hashlib.sha256(content).hexdigest()
    assert evidence.original.open("rb").read() == content
    assert kept(files_dir) == [
        f"originals/{sha256[:2]}/{sha256[2:4]}/{sha256}",
        f"previews/{sha256[:2]}/{sha256[2:4]}/{sha256}.jpg",
    ]
    evidence.refresh_from_db()
    assert (evidence.sha256, evidence.size, evidence.content_type) == (sha256, len(content), "image/jpeg")
    assert (evidence.status, evidence.received_by, evidence.received_at) == ("received", ana, NOW)
    assert (evidence.captured_at, evidence.findings) == (make.at("14:30"), ["taken_inside_windows"])


def test_a_picture_of_another_day_is_a_finding_not_a_refusal(claim):
    content = picture("JPEG", exif=exif(taken="2022:11:15 22:30:00", offset="+08:00"))
    assert received(claim, content).findings == ["taken_outside_windows"]


def test_new_evidence_sends_the_claim_back_to_be_assessed(claim):
    workflow.assess_now(claim.incident, now=NOW)
    received(claim)
    claim.refresh_from_db()
    assert claim.status == "submitted"


def test_the_same_file_again_is_the_row_that_is_there(claim, files_dir):
    first = received(claim)
    claim.refresh_from_db()
    before, files = claim.revision, kept(files_dir)
    assert received(claim, name="again.png") == first
    claim.refresh_from_db()
    assert (Evidence.objects.count(), claim.revision, kept(files_dir)) == (1, before, files)


def test_the_same_file_on_two_claims_is_stored_once_and_marked_on_both(incident, claim, files_dir):
    first, second = received(claim), received(make.claim(incident, "dora"))
    first.refresh_from_db()
    assert (first.findings, second.findings) == (["identical_elsewhere"], ["identical_elsewhere"])
    assert len(kept(files_dir)) == 2


def test_a_closed_claim_takes_no_more(claim, files_dir):
    first = received(claim)
    close(claim)
    with pytest.raises(Refused, match="takes no more evidence"):
        received(claim, picture("JPEG"))
    assert received(claim) == first
    assert Evidence.objects.count() == 1


def test_an_auditor_brings_no_evidence(claim, files_dir):
    with pytest.raises(Refused, match="permission"):
        received(claim, by=staff("aude", "auditor"))
    assert kept(files_dir) == []


def test_who_brought_evidence_does_not_approve(claim):
    mia = staff("mia", "manager")
    received(claim, by=mia)
    workflow.assess_now(claim.incident, now=NOW)
    claim.refresh_from_db()
    with pytest.raises(Refused, match="another person decides"):
        workflow.approve(claim, by=mia, now=NOW)


def test_a_commit_that_fails_leaves_files_without_a_row_and_never_the_reverse(claim, files_dir):
    with pytest.raises(ConnectionAbortedError), transaction.atomic():
        received(claim)
        raise ConnectionAbortedError("the power went before the commit")
    assert (Evidence.objects.count(), len(kept(files_dir))) == (0, 2)
    assert received(claim).original.open("rb").read() == picture()
    assert (Evidence.objects.count(), len(kept(files_dir))) == (1, 2)


# --- refusing


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GIF89a" + bytes(40), f"error.png: this is image/gif; send a {TAKEN} file"),
        (b"I could not log in", f"error.png: this is neither a picture nor a screen recording; send a {TAKEN} file"),
        (picture()[:-40], "error.png: the picture is cut off before its end; send it again"),
        (huge_png(6000, 6000, rows=9), "error.png: the picture has more than 25 million pixels; send a smaller one"),
    ],
    ids=["gif", "text", "cut off", "huge"],
)
def test_a_refusal_says_what_is_wrong_and_what_would_be_right(claim, files_dir, content, words):
    with pytest.raises(EvidenceRefused) as refused:
        received(claim, content)
    assert (refused.value.errors, Evidence.objects.count(), kept(files_dir)) == ([words], 0, [])


def test_an_empty_file_is_refused(claim):
    with pytest.raises(EvidenceRefused, match="the file is empty"):
        receive_evidence(claim, name="x.png", content=io.BytesIO(), by=None, now=NOW)


def test_a_file_too_large_is_refused_before_it_is_read_to_its_end(claim):
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            self.given += size
            return bytes(size)

    endless = Endless()
    with pytest.raises(EvidenceRefused, match="larger than 20 MB"):
        receive_evidence(claim, name="x.png", content=endless, by=None, now=NOW)
    assert endless.given < 21 << 20


def test_the_limit_is_the_doors_to_set(claim):
    with pytest.raises(EvidenceRefused, match="larger than 0.0625 MB"):
        received(claim, bytes(1 << 17), sizes=Sizes(picture=1 << 16))


def test_a_torn_upload_leaves_nothing(claim, files_dir):
    class Torn(io.RawIOBase):
        parts = [picture()[:100]]

        def read(self, size=-1):
            if self.parts:
                return self.parts.pop()
            raise ConnectionResetError("the customer's train went into a tunnel")

    with pytest.raises(ConnectionResetError):
        receive_evidence(claim, name="x.png", content=Torn(), by=None, now=NOW)
    assert (Evidence.objects.count(), kept(files_dir)) == (0, [])


def test_of_several_files_all_are_kept_or_none(claim, files_dir):
    files = [("a.png", picture()), ("b.gif", b"GIF89a" + bytes(40)), ("c.txt", b"?")]
    with pytest.raises(EvidenceRefused) as refused:
        attach_evidence(claim, files=[(name, io.BytesIO(content)) for name, content in files], by=None, now=NOW)
    assert [error.partition(":")[0] for error in refused.value.errors] == ["b.gif", "c.txt"]
    assert (Evidence.objects.count(), kept(files_dir)) == (0, [])


def test_the_same_file_twice_in_one_call_is_one_row(claim):
    files = [(name, io.BytesIO(picture())) for name in ("a.png", "b.png")]
    first, second = attach_evidence(claim, files=files, by=None, now=NOW)
    assert (first, first.name) == (second, "a.png")


# --- names


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../x.png", "x.png"),
        ("C:\\Users\\carla\\x.png", "x.png"),
        ("/etc/passwd", "passwd"),
        ("登录失败 截图.png", "登录失败 截图.png"),
        ("x\0.png", "x.png"),
        ("x\u202egnp.exe", "xgnp.exe"),
        ("a\r\nSet-Cookie: b.png", "aSet-Cookie: b.png"),
        ("..", ".."),
        ("", "unnamed"),
        ("x/", "unnamed"),
        ("\ud800.png", ".png"),
        ("a" * 300 + ".jpeg", "a" * 250 + ".jpeg"),
        ("图" * 300, "图" * 255),
    ],
)
def test_a_name_is_only_ever_read(claim, files_dir, given, name):
    assert plain_name(given) == name
    evidence = received(claim, name=given)
    evidence.refresh_from_db()
    assert evidence.name == name
    assert {place.split("/")[0] for place in kept(files_dir)} == {"originals", "previews"}


# --- at the same moment


@pytest.mark.django_db(transaction=True)
def test_two_uploads_of_one_file_at_once_are_one_row(incident, claim, files_dir):
    def upload(_number: int) -> int:
        try:
            return received(claim).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as people:
        assert len(set(people.map(upload, range(4)))) == 1
    assert (Evidence.objects.count(), len(kept(files_dir))) == (1, 2)


@pytest.mark.django_db(transaction=True)
def test_two_claims_with_one_file_at_once_see_each_other(incident, files_dir):
    claims = [make.claim(incident, code) for code in ("carla", "dora", "emil")]

    def upload(claim: Claim) -> None:
        try:
            received(claim)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as people:
        list(people.map(upload, claims))
    assert list(Evidence.objects.values_list("findings", flat=True)) == [["identical_elsewhere"]] * 3
    assert len(kept(files_dir)) == 2


def test_a_private_file_is_whole_or_not_there(files_dir):
    class Torn(ContentFile):
        def chunks(self, chunk_size=None):
            yield b"half"
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        storages["evidence"].save("originals/aa/bb/x", Torn(b""))
    assert kept(files_dir) == []
    assert storages["evidence"].save("originals/aa/bb/x", ContentFile(b"whole")) == "originals/aa/bb/x"
    assert storages["evidence"].save("originals/aa/bb/x", ContentFile(b"other")) != "originals/aa/bb/x"
    assert len(kept(files_dir)) == 2
    assert (files_dir / "evidence/originals/aa/bb/x").read_bytes() == b"whole"


# --- the command


def attach(capsys, *arguments: str) -> tuple[int, dict]:
    status = 0
    try:
        call_command("attach_evidence", *arguments, "--json")
    except SystemExit as exit_:
        status = exit_.code
    return status, json.loads(capsys.readouterr().out)


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / "one.png", tmp_path / "two.jpg"]
    paths[0].write_bytes(picture())
    paths[1].write_bytes(picture("JPEG"))
    return [str(path) for path in paths]


def test_the_command_attaches_and_may_be_run_twice(claim, files, capsys):
    first = attach(capsys, claim.reference, *files)
    assert first == attach(capsys, claim.reference, *files)
    rows = Evidence.objects.all()
    assert first == (
        0,
        {
            "evidence": [
                {"id": row.pk, "kind": "screenshot", "sha256": row.sha256, "findings": [], "status": "received"}
                for row in rows
            ]
        },
    )


def test_the_command_reviews_once_and_may_change_its_mind(claim, files, ana, capsys):
    review = ["--reason", "shows the login error", "--by", "ana", "--verdict"]
    status, result = attach(capsys, claim.reference, *files, *review, "accepted")
    assert (status, [row["status"] for row in result["evidence"]]) == (0, ["accepted", "accepted"])
    reviewed = list(Evidence.objects.values_list("reviewed_at", "reviewed_by"))
    attach(capsys, claim.reference, *files, *review, "accepted")
    assert list(Evidence.objects.values_list("reviewed_at", "reviewed_by")) == reviewed
    _status, result = attach(capsys, claim.reference, files[0], *review, "rejected")
    assert [row["status"] for row in result["evidence"]] == ["rejected"]


def test_the_command_keeps_nothing_when_one_file_is_refused(claim, files, tmp_path, files_dir, capsys):
    (tmp_path / "notes.txt").write_text("I could not log in")
    status, result = attach(capsys, claim.reference, *files, str(tmp_path / "notes.txt"))
    assert (status, result) == (
        1,
        {"errors": [f"notes.txt: this is neither a picture nor a screen recording; send a {TAKEN} file"]},
    )
    status, result = attach(capsys, claim.reference, *files, str(tmp_path / "gone.png"))
    assert (status, result) == (1, {"errors": [f"{tmp_path}/gone.png: No such file or directory"]})
    assert (Evidence.objects.count(), kept(files_dir)) == (0, [])


def test_the_command_keeps_nothing_when_the_review_is_refused(claim, files, capsys):
    staff("aude", "auditor")
    status, result = attach(
        capsys, claim.reference, *files, "--verdict", "accepted", "--reason", "fine", "--by", "aude"
    )
    assert (status, list(result), Evidence.objects.count()) == (1, ["errors"], 0)


def test_the_command_refuses_a_claim_nobody_knows(files, capsys):
    status, result = attach(capsys, "CLM-999999", *files)
    assert (status, result) == (1, {"errors": ["there is no claim 'CLM-999999'"]})


@pytest.mark.parametrize(
    "options", [["--verdict", "accepted"], ["--verdict", "accepted", "--by", "ana"], ["--reason", "fine"]]
)
def test_half_a_review_is_wrong_usage(claim, files, ana, options):
    with pytest.raises(CommandError) as error:
        call_command("attach_evidence", claim.reference, *files, *options)
    assert error.value.returncode == 2


@pytest.mark.django_db(transaction=True)
def test_the_command_works_as_a_process_of_its_own(claim, files, command_env):
    command = [sys.executable, "manage.py", "attach_evidence", claim.reference, *files]
    done = subprocess.run(command, cwd=ROOT, env=command_env, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("\n  "), done.stderr) == (0, 2, "")


# --- the view


def sent(client, evidence: Evidence, what: str = "original"):
    return client.get(reverse(f"evidence_{what}", args=[evidence.pk]))


def test_an_agent_saves_the_original_under_a_name_that_opens_nothing(claim, ana, client):
    evidence = received(claim, picture(), name="page.html")
    client.force_login(ana)
    response = sent(client, evidence)
    assert (response.status_code, b"".join(response.streaming_content)) == (200, picture())
    assert response["Content-Disposition"] == f'attachment; filename="{claim.reference}-{evidence.pk}.png"'
    assert response["Content-Type"] == "image/png"


@pytest.mark.parametrize("what", ["original", "preview"])
def test_evidence_is_sent_so_that_no_browser_runs_or_keeps_it(claim, ana, client, what):
    evidence = received(claim, picture("JPEG"))
    client.force_login(ana)
    response = sent(client, evidence, what)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Cache-Control"] == "private, no-store"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_preview_is_looked_at_in_place(claim, ana, client):
    evidence = received(claim, picture("WEBP"))
    client.force_login(ana)
    response = sent(client, evidence, "preview")
    assert (response.status_code, response["Content-Type"]) == (200, "image/webp")
    assert response["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize("what", ["original", "preview"])
def test_who_is_not_signed_in_is_asked_to(claim, client, what):
    response = sent(client, received(claim), what)
    assert (response.status_code, response["Location"].split("?")[0]) == (302, reverse("admin:login"))


@pytest.mark.parametrize("what", ["original", "preview"])
def test_staff_without_the_permission_see_nothing(claim, client, django_user_model, what):
    client.force_login(django_user_model.objects.create_user("nora", is_staff=True))
    assert sent(client, received(claim), what).status_code == 403


def test_who_left_the_staff_sees_nothing(claim, ana, client):
    ana.is_staff = False
    ana.save()
    client.force_login(ana)
    assert sent(client, received(claim)).status_code == 403


def test_a_file_that_is_gone_is_not_found(claim, ana, client):
    evidence = received(claim)
    os.unlink(evidence.original.path)
    client.force_login(ana)
    assert sent(client, evidence).status_code == 404
    assert client.get(reverse("evidence_original", args=[evidence.pk + 1])).status_code == 404


# --- real files


@pytest.mark.shared
def test_the_real_pictures_are_kept_unchanged(claim, shared):
    for path in sorted((shared / "data/evidence_images").glob("*.*g")):
        evidence = received(claim, path.read_bytes(), name=path.name)
        assert evidence.original.open("rb").read() == path.read_bytes()


@pytest.mark.shared
def test_every_hostile_file_is_kept_or_refused_in_words(claim, shared):
    for path in sorted((shared / "data/hostile_images").iterdir()):
        try:
            received(claim, path.read_bytes(), name=path.name)
        except EvidenceRefused as refused:
            assert refused.errors[0].startswith(f"{path.name}: th")
