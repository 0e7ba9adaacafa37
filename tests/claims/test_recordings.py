"""What a screen recording says of itself: its container at a glance, then every image of it, in a child with limits."""

import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from claims import evidence, inspecting, probe
from claims.evidence import Unfit, is_recording, looks, recordings, sniff
from tests.claims.films import TYPES, film, index_first, page, sound, watchers
from tests.together import wait_until


def seen(content: bytes, work: str = "watch") -> evidence.Inspection:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        return probe.examine(file, work)


def refusal(content: bytes, work: str = "glance") -> str:
    with pytest.raises(Unfit) as unfit:
        seen(content, work)
    return unfit.value.code


def opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture))


@pytest.mark.parametrize("form", ["mp4", "mov", "webm"])
def test_a_recording_is_what_its_bytes_say(form):
    said = seen(film(form))
    assert (said.kind, said.content_type, said.width, said.height) == ("recording", TYPES[form], 160, 320)
    assert (said.seconds, said.findings, said.captured_at) == (Decimal("2.000"), (), None)
    assert [still.at for still in said.stills] == [
        Decimal("0.000"),
        Decimal("0.520"),
        Decimal("1.040"),
        Decimal("1.560"),
    ]
    assert all(opened(still.picture).size == (160, 320) for still in said.stills)
    assert (said.preview, said.preview_type) == (said.stills[0].picture, "image/jpeg")


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx"])
def test_what_browsers_record_is_watched(codec):
    assert len(seen(film("webm", codec=codec, images=5)).stills) == 1


def test_at_a_glance_nothing_is_unpacked():
    said = seen(film(), "glance")
    assert (said.seconds, said.preview, said.look, said.stills) == (Decimal("2.000"), b"", None, ())


def test_a_long_recording_keeps_no_more_than_a_dozen_stills():
    said = seen(film(images=60, rate=1))
    assert (said.seconds, len(said.stills)) == (Decimal("60.000"), 8)
    assert [int(still.at) for still in said.stills] == [0, 8, 16, 24, 32, 40, 48, 56]


def test_it_looks_like_a_screenshot_of_its_first_page():
    difference = sum(a != b for a, b in zip(seen(film()).look, looks.look_of(page()), strict=True))
    assert difference <= looks.ALIKE


# --- what it says about itself


def test_apples_instant_knows_its_zone_and_goes_before_the_containers():
    tags = {
        "com.apple.quicktime.creationdate": "2022-11-16T22:30:00+0800",
        "creation_time": "2022-11-17T09:00:00.000000Z",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 13",
    }
    said = seen(film("mov", tags=tags), "glance")
    assert (said.captured_at, said.device) == (datetime(2022, 11, 16, 14, 30, tzinfo=UTC), "Apple iPhone 13")


def test_the_containers_instant_counts_unless_its_clock_was_never_set():
    said = seen(film(tags={"creation_time": "2022-11-16T14:30:00.000000Z"}), "glance")
    assert said.captured_at == datetime(2022, 11, 16, 14, 30, tzinfo=UTC)
    assert seen(film(tags={"creation_time": "1970-01-01T00:00:00.000000Z"}), "glance").captured_at is None


def test_a_position_is_a_finding_and_in_no_picture_of_it():
    place = "+48.8577+002.2950+035/"
    content = film("mov", tags={"com.apple.quicktime.location.ISO6709": place})
    said = seen(content)
    assert (place.encode() in content, said.findings) == (True, ("position_data",))
    for picture in (said.preview, *(still.picture for still in said.stills)):
        assert place.encode() not in picture and b"Exif" not in picture and b"48.85" not in picture


def test_an_editor_that_signed_is_noticed():
    assert seen(film(tags={"com.apple.quicktime.software": "CapCut 9"}), "glance").findings == ("edited_with_software",)


# --- cut, broken, no recording at all


@pytest.mark.parametrize("form", ["mp4", "mov"])
def test_without_its_index_at_the_end_it_is_refused(form):
    assert refusal(film(form)[:-400]) == "truncated_recording"


@pytest.mark.parametrize("content", [index_first(film()), film("webm")], ids=["mp4", "webm"])
def test_what_is_cut_off_in_the_middle_shows_what_there_is_and_says_so(content):
    cut = content[: len(content) * 3 // 4]
    assert seen(cut, "glance").kind == "recording"
    said = seen(cut)
    assert "truncated" in said.findings
    assert said.stills


def test_what_is_overwritten_in_the_middle_is_damaged_and_watched_all_the_same():
    content = bytearray(film(images=100))
    half = len(content) // 3
    content[half : half + 2000] = os.urandom(2000)
    said = seen(bytes(content))
    assert said.kind == "recording" and len(said.stills) >= 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x00\x00\x00\x18ftypmp42" + bytes(400), "damaged_recording"),
        (b"\x1a\x45\xdf\xa3" + b"\x42\x82\x84webm" + bytes(400), "damaged_recording"),
        (sound(), "no_picture"),
        (film("mov", codec="mpeg2video", images=2), "other_codec"),
    ],
    ids=["empty mp4", "empty webm", "sound only", "another codec"],
)
def test_what_is_no_recording_is_refused(content, code):
    assert refusal(content) == code


def test_a_list_of_other_files_is_no_recording():
    for playlist in (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n"):
        assert not is_recording(playlist)
        with pytest.raises(Unfit):
            sniff(playlist)


def test_the_type_is_that_of_the_bytes():
    assert [sniff(film(form, images=1)) for form in TYPES] == list(TYPES.values())
    assert sniff(page_as("HEIF")) == "image/heic"
    with pytest.raises(Unfit) as unfit:
        sniff(film("matroska", codec="libvpx", images=1))
    assert unfit.value.details == {"type": "video/x-matroska"}


# --- bombs


def test_an_image_of_too_many_pixels_is_refused_at_a_glance():
    assert refusal(film(images=1, size=(4096, 2208))) == "too_many_pixels_each"


def test_more_than_ten_minutes_are_refused_at_a_glance():
    assert refusal(film(images=601, rate=1, size=(16, 16))) == "too_long"


def test_thousands_of_images_a_second_are_refused_at_a_glance():
    assert refusal(film(images=36_001, rate=1000, size=(16, 16), codec="mpeg4", moving=False)) == "too_many_images"


def test_thousands_of_images_that_the_container_does_not_count_end_the_watching(monkeypatch):
    monkeypatch.setattr(recordings, "FRAMES_MAX", 20)
    assert len(recordings.watch(io.BytesIO(film("webm", images=20))).stills) == 2
    with pytest.raises(Unfit, match="too_many_images"):
        recordings.watch(io.BytesIO(film("webm", images=21)))


def test_the_largest_image_allowed_fits_into_the_child():
    said = seen(film(images=3, size=(4096, 2160)))
    assert (said.width, opened(said.preview).size) == (4096, (1600, 844))


@cache
def long_film() -> bytes:
    """Watched for longer than it takes to kill who watches."""
    return film(images=250, size=(480, 854))


def test_a_child_that_is_killed_in_the_middle_is_a_finding():
    content = long_film()
    children = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children")

    def kill_it() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for pid in map(int, children.read_text().split()):
                if b"claims.evidence.child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    time.sleep(0.3)
                    os.kill(pid, signal.SIGKILL)
                    return
            time.sleep(0.01)

    killer = threading.Thread(target=kill_it)
    killer.start()
    with tempfile.TemporaryFile() as file:
        file.write(content)
        assert inspecting.watch(file, Decimal(2)) == (None, ["bomb"])
    killer.join()


def test_a_child_dies_with_whoever_waits_for_it(tmp_path):
    (tmp_path / "long.mp4").write_bytes(long_film())
    waiting = "import sys; from claims import probe; probe.examine(open(sys.argv[1], 'r+b'), 'watch')"
    command = [sys.executable, "-c", waiting, str(tmp_path / "long.mp4")]
    parent = subprocess.Popen(command, cwd=probe.ROOT, start_new_session=True)
    wait_until(lambda: watchers(parent.pid), "the child starts")
    time.sleep(0.3)
    parent.kill(), parent.wait()
    wait_until(lambda: not watchers(parent.pid), "the child is gone")


def test_a_short_recording_is_given_little_time():
    times = [probe.seconds_to_watch(length) for length in (Decimal("2.5"), Decimal(600), None)]
    assert times == [42, 480, 480]


def test_a_recording_that_takes_too_long_is_a_finding(monkeypatch):
    monkeypatch.setitem(probe.WALL_SECONDS, "watch", 0.01)
    with tempfile.TemporaryFile() as file:
        file.write(film())
        assert inspecting.watch(file, Decimal(2)) == (None, ["bomb"])


def test_the_childs_limits_hold():
    limits = """import claims.evidence.child as c, resource as r; c.limit('watch')
print(*(r.getrlimit(name)[1] for name in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_CORE)))"""
    said = subprocess.run([sys.executable, "-c", limits], capture_output=True, text=True, cwd=probe.ROOT)
    assert said.stdout.split() == [str(1 << 30), "240", "0"]


# --- HEIC


def page_as(form: str, **options) -> bytes:
    kept = io.BytesIO()
    page().save(kept, form, **options)
    return kept.getvalue()


def test_a_heic_photo_is_shown_as_a_jpeg_and_kept_as_it_is():
    said = seen(page_as("HEIF"), "inspect")
    assert (said.content_type, said.preview_type, said.width, said.height) == ("image/heic", "image/jpeg", 160, 320)
    assert (opened(said.preview).format, said.findings) == ("JPEG", ())


def test_a_heic_photos_position_is_found_and_not_shown():
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    exif[0x010F], exif[0x0110] = "Apple", "iPhone 13"
    said = seen(page_as("HEIF", exif=exif.tobytes()), "inspect")
    assert (said.findings, said.device) == (("position_data",), "Apple iPhone 13")
    assert b"Exif" not in said.preview


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_cut_off_heic_photo_is_refused(share):
    content = page_as("HEIF")
    assert refusal(content[: int(len(content) * share)], "inspect") in {"truncated", "damaged"}


# --- looks


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "HEIF"])
def test_the_same_page_in_another_form_and_size_looks_alike(form):
    kept = io.BytesIO()
    page().resize((640, 1280)).save(kept, form, quality=60)
    look = seen(kept.getvalue(), "inspect").look
    assert sum(a != b for a, b in zip(look, looks.look_of(page()), strict=True)) <= looks.ALIKE


def test_another_page_looks_different():
    other = page().transpose(Image.Transpose.ROTATE_180)
    assert sum(a != b for a, b in zip(looks.look_of(other), looks.look_of(page()), strict=True)) > looks.ALIKE


def test_a_picture_of_one_colour_looks_like_nothing():
    assert looks.look_of(Image.new("RGB", (90, 160), "navy")) is None
