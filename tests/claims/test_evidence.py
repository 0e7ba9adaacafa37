"""What a picture says of itself, and how hostile files are turned away: bytes in, findings out."""

import io
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from datetime import UTC, datetime
from resource import RUSAGE_CHILDREN, getrusage

import pytest
from PIL import Image, ImageDraw

from claims import evidence, probe
from claims.evidence import Unfit, inspect
from tests.factories import at

SOFTWARE, ORIENTATION, DETAILS, GPS = 0x0131, 0x0112, 0x8769, 0x8825
TAKEN, OFFSET = 0x9003, 0x9011


def exif(*, taken="", offset="", software="", orientation=0, latitude=()) -> Image.Exif:
    tags = Image.Exif()
    for tag, value in ((SOFTWARE, software), (ORIENTATION, orientation)):
        if value:
            tags[tag] = value
    details = {tag: value for tag, value in ((TAKEN, taken), (OFFSET, offset)) if value}
    if details:
        tags.get_ifd(DETAILS).update(details)
    if latitude:
        tags.get_ifd(GPS).update({1: "N", 2: latitude})
    return tags


def picture(form: str = "PNG", *, size=(90, 160), mode="RGB", **options) -> bytes:
    """An error page: white, with a red corner at the top left."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 3, size[1] // 3), fill="red")
    kept = io.BytesIO()
    image.convert(mode).save(kept, form, **options)
    return kept.getvalue()


def animation(frames: int) -> bytes:
    pictures = [Image.new("RGB", (8, 8), (number, 0, 0)) for number in range(frames)]
    kept = io.BytesIO()
    pictures[0].save(kept, "PNG", save_all=True, append_images=pictures[1:])
    return kept.getvalue()


def huge_png(width: int, height: int, *, rows: int | None = None) -> bytes:
    """A small file of as many black pixels as one likes; the first `rows` of them really stand in it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    row, number = bytes(1 + width * 3), height if rows is None else rows
    pixels = b"".join(packer.compress(row) for _row in range(number)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def refusal(content: bytes) -> str:
    with pytest.raises(Unfit) as unfit:
        inspect(content)
    return unfit.value.code


def examined(content: bytes) -> evidence.Inspection:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        return probe.examine(file)


def opened(preview: bytes) -> Image.Image:
    return Image.open(io.BytesIO(preview))


@pytest.mark.parametrize(
    ("form", "content_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]
)
def test_a_screenshot_is_what_its_bytes_say(form, content_type):
    said = inspect(picture(form))
    assert (said.kind, said.content_type, said.width, said.height) == ("screenshot", content_type, 90, 160)
    assert (said.findings, said.captured_at, opened(said.preview).format) == ((), None, form)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "I;16"])
def test_every_kind_of_pixel_gets_a_preview(mode):
    assert opened(inspect(picture(mode=mode)).preview).size == (90, 160)


def test_sixteen_bit_grey_stays_grey_in_the_preview():
    kept = io.BytesIO()
    Image.new("I;16", (4, 4), 128 * 256).save(kept, "PNG")
    assert opened(inspect(kept.getvalue()).preview).getpixel((0, 0)) == (128, 128, 128)


def test_a_cmyk_photo_gets_a_preview_in_colours():
    assert opened(inspect(picture("JPEG", mode="CMYK")).preview).mode == "RGB"


def test_the_preview_is_at_most_1600_pixels():
    assert opened(inspect(picture(size=(1320, 3200))).preview).size == (660, 1600)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_the_preview_is_upright_and_knows_nothing_but_pixels(form):
    tags = exif(orientation=6, latitude=(43.0, 28.0, 2.8), taken="2022:11:16 14:30:00")
    said = inspect(picture(form, exif=tags))
    preview = opened(said.preview)
    assert preview.size == (160, 90)
    assert preview.convert("RGB").getpixel((155, 5))[1] < 60  # the red corner went from the top left to the top right
    assert not preview.getexif() and not {"exif", "xmp", "icc_profile", "comment"} & preview.info.keys()
    assert "position_data" in said.findings


def test_the_instant_counts_only_with_its_zone():
    tags = exif(taken="2022:11:16 22:30:00", offset="+08:00")
    assert inspect(picture("JPEG", exif=tags)).captured_at == datetime(2022, 11, 16, 14, 30, tzinfo=UTC)
    said = inspect(picture("JPEG", exif=exif(taken="2022:11:16 22:30:00")))
    assert (said.captured_at, said.findings) == (None, ("capture_time_without_zone",))


@pytest.mark.parametrize(
    ("make", "model", "device"),
    [
        ("Apple", "iPhone 13", "Apple iPhone 13"),
        ("samsung", "Samsung SM-G991B", "Samsung SM-G991B"),
        ("", "Pixel 7", "Pixel 7"),
        ("Apple\0\0", "x\u202ey" + "z" * 200, "Apple xy" + "z" * 92),
        ("", "", ""),
    ],
)
def test_the_device_is_maker_and_model_as_one_reads_them(make, model, device):
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = make, model
    assert evidence.tags.device_named(make, model) == device
    if model.isascii():
        assert inspect(picture("JPEG", exif=tags)).device == device


@pytest.mark.parametrize("taken", ["0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", "0001:01:01 00:00:00"])
def test_a_nonsensical_instant_is_none(taken):
    assert inspect(picture("JPEG", exif=exif(taken=taken, offset="+14:00"))).captured_at is None


@pytest.mark.parametrize(
    ("instant", "finding"),
    [
        (at("14:08:59"), ["taken_outside_windows"]),
        (at("14:09"), ["taken_inside_windows"]),
        (at("15:30"), ["taken_inside_windows"]),
        (at("15:30:01"), ["taken_outside_windows"]),
        (at("18:00"), ["taken_inside_windows"]),
        (None, []),
    ],
)
def test_an_instant_is_held_against_the_windows(instant, finding):
    assert evidence.seen_against(instant, [(at("14:09"), at("15:30")), (at("17:00"), None)]) == finding


def test_without_windows_an_instant_says_nothing():
    assert evidence.seen_against(at("14:09"), ()) == []


@pytest.mark.parametrize(
    ("software", "findings"),
    [("Adobe Photoshop 24.0", ("edited_with_software",)), ("GIMP 2.10", ("edited_with_software",)), ("iOS 16.1", ())],
)
def test_an_editor_that_signed_is_noticed(software, findings):
    assert inspect(picture("JPEG", exif=exif(software=software))).findings == findings


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_what_stands_behind_the_picture_is_noticed_and_not_in_the_preview(form):
    said = inspect(picture(form) + b"<script>alert(1)</script>")
    assert said.findings == ("trailing_data",)
    assert b"<script>" not in said.preview


def test_a_phones_two_pictures_in_one_jpeg_are_one_photo():
    kept = io.BytesIO()
    Image.new("RGB", (9, 9)).save(kept, "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    said = inspect(kept.getvalue())
    assert (said.content_type, said.findings) == ("image/jpeg", ())


def test_of_an_animation_the_first_picture_counts():
    said = inspect(animation(3))
    assert (said.findings, opened(said.preview).getpixel((0, 0))) == (("animated",), (0, 0, 0))


def test_an_animation_without_end_is_refused():
    assert refusal(animation(101)) == "too_many_frames"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_cut_off_picture_is_refused(form, share):
    content = picture(form, size=(300, 300))
    assert refusal(content[: int(len(content) * share)]) in {"truncated", "damaged"}


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_picture_without_its_last_mark_is_refused(form):
    assert refusal(picture(form)[:-2]) == "truncated"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"hello, I could not log in", "unknown_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "other_type"),
        (b"GIF89a" + bytes(40), "other_type"),
        (b"\x89PNG\r\n\x1a\n" + bytes(400), "damaged"),
        (b"\xff\xd8\xff\xe0" + b"<html><script>alert(1)</script></html>" * 9, "truncated"),
    ],
)
def test_what_is_no_picture_is_refused(content, code):
    assert refusal(content) == code


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked():
    with pytest.raises(Unfit) as unfit:
        examined(huge_png(13_000, 13_000, rows=9))
    assert (unfit.value.code, unfit.value.details) == ("too_many_pixels", {"limit": 25})


def test_the_largest_picture_allowed_fits_into_the_child():
    assert examined(huge_png(5000, 5000)).width == 5000


def test_a_child_says_the_same_as_the_parent_would():
    content = picture("JPEG", exif=exif(taken="2022:11:16 22:30:00", offset="+08:00", orientation=6))
    assert examined(content) == inspect(content)


def test_a_child_that_takes_too_long_is_ended_and_the_file_refused(monkeypatch):
    monkeypatch.setitem(probe.WALL_SECONDS, "inspect", 0.001)
    with pytest.raises(Unfit) as unfit:
        examined(picture())
    assert unfit.value.code == "too_heavy"


def test_a_child_without_memory_says_so():
    lean = "import claims.evidence.child as c; c.MEMORY = 250 << 20; c.main('inspect')"
    done = subprocess.run([sys.executable, "-c", lean], input=huge_png(5000, 5000), capture_output=True)
    assert (done.returncode, done.stdout) == (probe.TOO_HEAVY, b"")


def test_a_child_that_does_not_run_is_our_fault_and_not_the_files(monkeypatch, tmp_path):
    monkeypatch.setattr(probe, "ROOT", tmp_path)
    with pytest.raises(probe.ProbeBroken, match="claims"):
        examined(picture())


@pytest.mark.shared
def test_real_pictures_are_accepted_upright_and_without_a_position(shared):
    files = sorted(path for path in (shared / "data/evidence_images").iterdir() if path.suffix in (".png", ".jpg"))
    said = {path.name: examined(path.read_bytes()) for path in files}
    for found in said.values():
        preview = opened(found.preview)
        preview.load()
        assert not preview.getexif() and "exif" not in preview.info and max(preview.size) <= 1600
        assert b"Exif\0\0" not in found.preview and b"GPSLatitude" not in found.preview
    turned = said["photo_orientation_6.jpg"]
    assert (turned.width, turned.height, opened(turned.preview).size) == (600, 450, (450, 600))
    assert [name for name, found in said.items() if "position_data" in found.findings] == ["photo_gps_exif.jpg"]


@pytest.mark.shared
def test_hostile_files_are_refused_or_tamed_within_seconds(shared):
    taken = set()
    for path in sorted((shared / "data/hostile_images").iterdir()):
        began = time.monotonic()
        try:
            found = examined(path.read_bytes())
        except Unfit as unfit:
            assert unfit.code, path.name
        else:
            taken.add(path.name)
            opened(found.preview).load()
        assert time.monotonic() - began < 15, path.name
    assert getrusage(RUSAGE_CHILDREN).ru_maxrss < 1 << 20  # kilobytes
    assert not {name for name in taken if "bomb" in name or "truncated" in name or "dos" in name or "svg" in name}
