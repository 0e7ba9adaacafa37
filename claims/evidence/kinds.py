"""Which type the first bytes claim, never the name. The decoder has the last word."""

from __future__ import annotations

import puremagic

from claims.evidence.said import Unfit

SNIFFED = 8192  # bytes from the start that the first gate looks at
PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/heic": "HEIF"}
RECORDINGS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
}  # and the one demuxer that reads it
SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/heic": ".heic",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
}

# The brands of ISO 14496-12 files: in one kind of box live photos, films and sounds.
BRANDS = {b"qt  ": "video/quicktime", b"avif": "image/avif", b"avis": "image/avif", b"crx ": "image/x-canon-cr3"}
BRANDS |= dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "image/heic")
BRANDS |= dict.fromkeys((b"M4A ", b"M4B ", b"M4P ", b"F4A "), "audio/mp4")
BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # that QuickTime files of old begin with
EBML = b"\x1a\x45\xdf\xa3"
DOCTYPE = b"\x42\x82"


def sniff(content: bytes) -> str:
    """The accepted type that the first bytes claim. Raises Unfit."""
    if not content:
        raise Unfit("empty")
    found = _type_of(content[:SNIFFED])
    if not found:
        raise Unfit("unknown_type")
    accepted = [name for name in found if name in PICTURES or name in RECORDINGS]
    if not accepted:
        raise Unfit("other_type", type=found[0])
    return accepted[0]


def is_recording(head: bytes) -> bool:
    """Whether the first bytes claim to be a film: then the larger limit holds."""
    return bool({*_type_of(head[:SNIFFED])} & {*RECORDINGS})


def _type_of(head: bytes) -> list[str]:
    """Types, likeliest first; none when nothing is known that begins like this."""
    if head[4:8] == b"ftyp":
        return [BRANDS.get(head[8:12], "video/mp4")]
    if head[4:8] in BOXES:
        return ["video/quicktime"]
    if head.startswith(EBML):
        return [_type_of_ebml(head)]
    try:
        return [match.mime_type for match in puremagic.magic_string(head) if match.mime_type]
    except (puremagic.PureError, ValueError):
        return []


def _type_of_ebml(head: bytes) -> str:
    """WebM and Matroska begin alike; the document type tells them apart."""
    at = head.find(DOCTYPE, 0, 64)
    size = head[at + 2] & 0x7F if 0 <= at < len(head) - 2 else 0
    return "video/webm" if head[at + 3 : at + 3 + size].rstrip(b"\0") == b"webm" else "video/x-matroska"
