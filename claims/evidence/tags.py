"""What a file says about itself: when, with what and where it was taken, and what has been at it since."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from PIL import Image

GPS, DETAILS = 0x8825, 0x8769  # directories of EXIF, then tags
MAKE, MODEL, SOFTWARE, TAKEN, TAKEN_OFFSET, LATITUDE, LONGITUDE = 0x010F, 0x0110, 0x0131, 0x9003, 0x9011, 2, 4
EDITORS = re.compile(
    r"photoshop|imageready|lightroom|gimp|snapseed|pixelmator|affinity|picsart|canva|paint\.net|mspaint|meitu|facetune"
    r"|figma|krita|acorn|polarr|photopea|pixlr|inkscape|photodirector|luminar|vsco|remini|fotor|befunky|inshot"
    r"|premiere|after effects|final cut|imovie|davinci|capcut|kinemaster|filmora|camtasia|vegas pro|handbrake|kdenlive"
    r"|openshot|shotcut|jianying|剪映|美图",
    re.IGNORECASE,
)
CREATOR = re.compile(r"(?:CreatorTool|softwareAgent|creatortool)[\s=>\"']{1,9}([^<\"']{1,200})")
DEVICE_MAX = 100
APPLE = "com.apple.quicktime."
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)  # an earlier "creation" of a recording is a clock that was never set


def read_exif(image: Image.Image) -> tuple[datetime | None, str, list[str]]:
    """When a picture was taken (UTC), with what device, and the findings."""
    try:
        exif = image.getexif()
        own, details, position = dict(exif), exif.get_ifd(DETAILS), exif.get_ifd(GPS)
    except Exception:  # any nonsense can stand there
        return None, "", ["damaged_metadata"]
    xmp = text(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"))
    captured_at, findings = when_taken(details)
    if LATITUDE in position or LONGITUDE in position or "GPSLatitude" in xmp:
        findings.append("position_data")
    software = [own.get(SOFTWARE), image.info.get("Software"), *CREATOR.findall(xmp)]
    return captured_at, device_named(own.get(MAKE), own.get(MODEL)), findings + edited(software)


def when_taken(details: Mapping) -> tuple[datetime | None, list[str]]:
    """EXIF's instant in UTC; a local time without its offset is no instant, only a finding."""
    taken, offset = text(details.get(TAKEN)), text(details.get(TAKEN_OFFSET))
    try:
        local = datetime.strptime(taken, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 the offset stands in its own tag
    except ValueError:
        return None, []
    try:
        return datetime.fromisoformat(f"{local.isoformat()}{offset or 'none'}").astimezone(UTC), []
    except (ValueError, OverflowError):
        return None, ["capture_time_without_zone"]


def read_film(tags: Mapping[str, str]) -> tuple[datetime | None, str, list[str]]:
    """The same of a recording, from the tags of QuickTime, MP4 and WebM; Apple's own know the zone, so they go first."""
    tags = {name.lower(): value for name, value in tags.items()}
    captured_at = instant(tags.get(f"{APPLE}creationdate")) or instant(tags.get("creation_time"))
    make = tags.get(f"{APPLE}make") or tags.get("com.android.manufacturer") or tags.get("make")
    model = tags.get(f"{APPLE}model") or tags.get("com.android.model") or tags.get("model")
    findings = ["position_data"] if any("location" in name or "gps" in name for name in tags) else []
    software = [value for name, value in tags.items() if name.endswith(("software", "encoder", "tool", "writing_app"))]
    return captured_at, device_named(make, model), findings + edited([*software, tags.get("comment")])


def instant(said: str | None) -> datetime | None:
    """An ISO 8601 instant with its zone, in UTC; None when it is none, or older than any phone."""
    try:
        found = datetime.fromisoformat(text(said))
        found = found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return found if found and found > OLDEST else None


def edited(software: Iterable[object]) -> list[str]:
    """The finding, if an editor signed."""
    return ["edited_with_software"] if any(EDITORS.search(text(name)) for name in software) else []


def device_named(make: object, model: object) -> str:
    """Maker and model as one reads them: 'Apple iPhone 13'; nothing invisible, 100 characters at most."""
    make, model = _plain(make), _plain(model)
    named = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    return named[:DEVICE_MAX].strip()


def _plain(value: object) -> str:
    return "".join(letter for letter in text(value) if unicodedata.category(letter)[0] != "C").strip()


def text(value: object) -> str:
    """A tag's value as text, whatever type the file gave it."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip(" \t\r\n\0") if isinstance(value, str) else ""
