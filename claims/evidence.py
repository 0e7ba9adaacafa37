"""What a picture really is: its bytes in, what a reviewer should know out. Knows no claim, no database, no Django.

Never call `inspect` on a stranger's file in a process that matters: `claims.probe` runs it in a child with limits.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import puremagic
from PIL import Image

BYTES_MAX = 20 << 20
PIXELS_MAX = 25_000_000
FRAMES_MAX = 100
PREVIEW_SIDE = 1600
SNIFFED = 8192  # bytes from the start that the first gate looks at
ACCEPTED = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}

Image.MAX_IMAGE_PIXELS = PIXELS_MAX

GPS, DETAILS = 0x8825, 0x8769  # directories of EXIF, then tags
SOFTWARE, ORIENTATION, TAKEN, TAKEN_OFFSET, LATITUDE, LONGITUDE = 0x0131, 0x0112, 0x9003, 0x9011, 2, 4
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
EDITORS = re.compile(
    r"photoshop|imageready|lightroom|gimp|snapseed|pixelmator|affinity|picsart|canva|paint\.net|mspaint|meitu|facetune"
    r"|figma|krita|acorn|polarr|photopea|pixlr|inkscape|photodirector|luminar|vsco|remini|fotor|befunky|inshot",
    re.IGNORECASE,
)
CREATOR = re.compile(r"(?:CreatorTool|softwareAgent|creatortool)[\s=>\"']{1,9}([^<\"']{1,200})")
JPEG_MARK = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class Unfit(Exception):
    """Not an acceptable file. `code` says why (the words are in `claims.receiving`), `details` what is put into them."""

    def __init__(self, code: str, **details: Any):
        self.code, self.details = code, details
        super().__init__(code, details)


@dataclass(frozen=True)
class Inspection:
    """What the bytes say of themselves. `captured_at` is UTC, and anyone's to edit."""

    kind: str
    content_type: str
    width: int
    height: int
    captured_at: datetime | None
    findings: tuple[str, ...]
    preview_type: str
    preview: bytes


def inspect(content: bytes) -> Inspection:
    """The inspection of a screenshot or photo, its every pixel decoded. Raises Unfit."""
    content_type = sniff(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # crooked metadata is a finding, not a fault
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = decode(content, ACCEPTED[content_type])
        tail = len(content) - end_of(content, content_type)
        if tail < 0:
            raise Unfit("truncated")
        captured_at, findings = read_metadata(image)
        findings += ["trailing_data"] * (tail > 0) + ["animated"] * (frames_of(image) > 1)
        return Inspection(
            kind="screenshot",
            content_type=content_type,
            width=image.width,
            height=image.height,
            captured_at=captured_at,
            findings=tuple(findings),
            preview_type=content_type,
            preview=preview_of(image, ACCEPTED[content_type]),
        )


def sniff(content: bytes) -> str:
    """The accepted type that the first bytes claim; the decoder has the last word. Raises Unfit."""
    if not content:
        raise Unfit("empty")
    try:
        types = [match.mime_type for match in puremagic.magic_string(content[:SNIFFED]) if match.mime_type]
    except puremagic.PureError:
        raise Unfit("unknown_type") from None
    accepted = [name for name in types if name in ACCEPTED]
    if not accepted:
        raise Unfit("other_type", type=types[0]) if types else Unfit("unknown_type")
    return accepted[0]


def decode(content: bytes, form: str) -> Image.Image:
    """The picture with all its pixels (of an animation the first frame). Raises Unfit."""
    try:
        image = Image.open(io.BytesIO(content), formats=(form,))
        if frames_of(image) > FRAMES_MAX:
            raise Unfit("too_many_frames", frames=frames_of(image), limit=FRAMES_MAX)
        image.load()
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Unfit("too_many_pixels", limit=PIXELS_MAX // 1_000_000) from None
    except (Unfit, MemoryError):
        raise
    except Exception as error:  # decoders of broken files raise anything: SyntaxError, struct.error, KeyError
        raise Unfit("truncated" if "truncated" in str(error).lower() else "damaged") from None
    return image


def frames_of(image: Image.Image) -> int:
    """Pictures in the file; those of a JPEG (a phone's second lens, its thumbnail) are no animation."""
    return getattr(image, "n_frames", 1) if image.format in ("PNG", "WEBP") else 1


# --- metadata


def read_metadata(image: Image.Image) -> tuple[datetime | None, list[str]]:
    """When it was taken, and the findings of what the file says about itself."""
    try:
        exif = image.getexif()
        own, details, position = dict(exif), exif.get_ifd(DETAILS), exif.get_ifd(GPS)
    except Exception:  # any nonsense can stand there
        return None, ["damaged_metadata"]
    xmp = _text(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"))
    captured_at, findings = when_taken(details)
    if LATITUDE in position or LONGITUDE in position or "GPSLatitude" in xmp:
        findings.append("position_data")
    software = [_text(own.get(SOFTWARE)), _text(image.info.get("Software")), *CREATOR.findall(xmp)]
    if any(EDITORS.search(name) for name in software):
        findings.append("edited_with_software")
    return captured_at, findings


def when_taken(details: dict) -> tuple[datetime | None, list[str]]:
    """EXIF's instant in UTC; a local time without its offset is no instant, only a finding."""
    taken, offset = _text(details.get(TAKEN)), _text(details.get(TAKEN_OFFSET))
    try:
        local = datetime.strptime(taken, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 the offset stands in its own tag
    except ValueError:
        return None, []
    try:
        return datetime.fromisoformat(f"{local.isoformat()}{offset or 'none'}").astimezone(UTC), []
    except (ValueError, OverflowError):
        return None, ["capture_time_without_zone"]


def _text(value: object) -> str:
    """A tag's value as text, whatever type the file gave it."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip(" \t\r\n\0") if isinstance(value, str) else ""


def seen_against(captured_at: datetime | None, spans: Sequence[tuple[datetime, datetime | None]]) -> list[str]:
    """Whether it was taken while the outage lasted (both ends inside); nothing when either is unknown."""
    if captured_at is None or not spans:
        return []
    inside = any(start <= captured_at and (end is None or captured_at <= end) for start, end in spans)
    return ["taken_inside_windows" if inside else "taken_outside_windows"]


# --- the preview


def preview_of(image: Image.Image, form: str) -> bytes:
    """The picture upright, small and new: nothing of the file but its pixels."""
    turn = UPRIGHT.get(_orientation(image))
    clear = form != "JPEG" and (image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info)
    image = _eight_bits(image).convert("RGBA" if clear else "RGB")
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    if turn is not None:
        image = image.transpose(turn)
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    kept = io.BytesIO()
    bare.save(kept, format=form, quality=85)
    return kept.getvalue()


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(ORIENTATION)
    except Exception:
        return 1
    return found if isinstance(found, int) else 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey would turn white: Pillow cuts it off instead of scaling it."""
    if not image.mode.startswith("I"):
        return image
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")


# --- where the picture ends: whatever stands behind it is no part of it


def end_of(content: bytes, content_type: str) -> int:
    """The offset behind the picture's last byte; more than there is when its end is missing."""
    return {"image/png": _end_of_png, "image/jpeg": _end_of_jpeg, "image/webp": _end_of_webp}[content_type](content)


def _end_of_png(content: bytes) -> int:
    at = 8
    while at + 12 <= len(content):
        name, at = content[at + 4 : at + 8], at + 12 + int.from_bytes(content[at : at + 4], "big")
        if name == b"IEND":
            return at
    return len(content) + 1


def _end_of_webp(content: bytes) -> int:
    size = 8 + int.from_bytes(content[4:8], "little")
    return min(size + size % 2, len(content)) if size <= len(content) else size


def _end_of_jpeg(content: bytes) -> int:
    """Behind the last of the pictures that follow one another: phones keep several in one file."""
    at = 0
    while content[at : at + 2] == b"\xff\xd8":
        at = _end_of_one_jpeg(content, at + 2)
    return at


def _end_of_one_jpeg(content: bytes, at: int) -> int:
    while mark := JPEG_MARK.search(content, at):  # from mark to mark, over segments by their length
        if mark[0] == b"\xff\xd9":
            return mark.end()
        length = int.from_bytes(content[mark.end() : mark.end() + 2], "big")
        at = mark.end() + (0 if mark[0] in (b"\xff\x01", b"\xff\xd8") else length)
    return len(content) + 1
