"""A screenshot or a photo: every pixel decoded, within bounds."""

from __future__ import annotations

import io
import warnings

import pillow_heif
from PIL import Image

from claims.evidence import kinds, looks, tags
from claims.evidence.ends import end_of
from claims.evidence.said import Inspection, Unfit

PIXELS_MAX = 25_000_000
FRAMES_MAX = 100
PREVIEW_SIDE = 1600

Image.MAX_IMAGE_PIXELS = PIXELS_MAX
pillow_heif.register_heif_opener()
pillow_heif.options.THUMBNAILS = False
pillow_heif.options.DECODE_THREADS = 1  # each more takes address space that the child has not

ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PREVIEWS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}  # what every browser shows


def inspect(content: bytes) -> Inspection:
    """The inspection of a screenshot or photo, its every pixel decoded. Raises Unfit."""
    content_type = kinds.sniff(content)
    if content_type not in kinds.PICTURES:
        raise Unfit("other_type", type=content_type)
    form = kinds.PICTURES[content_type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # crooked metadata is a finding, not a fault
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = decode(content, form)
        tail = len(content) - end_of(content, content_type)
        if tail < 0:
            raise Unfit("truncated")
        captured_at, device, findings = tags.read_exif(image)
        findings += ["trailing_data"] * (tail > 0) + ["animated"] * (frames_of(image) > 1)
        shown_as = form if form in PREVIEWS else "JPEG"
        seen = bare(image, clear=shown_as != "JPEG")
        return Inspection(
            kind="screenshot",
            content_type=content_type,
            width=image.width,
            height=image.height,
            captured_at=captured_at,
            findings=tuple(findings),
            preview_type=PREVIEWS[shown_as],
            preview=encoded(seen, shown_as),
            device=device,
            look=looks.look_of(seen),
        )


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
        cut_off = any(word in str(error).lower() for word in ("truncated", "end of file", "unexpected end"))
        raise Unfit("truncated" if cut_off else "damaged") from None
    return image


def frames_of(image: Image.Image) -> int:
    """Pictures in the file; those of a JPEG or HEIC (a phone's second lens, its thumbnail) are no animation."""
    return getattr(image, "n_frames", 1) if image.format in ("PNG", "WEBP") else 1


# --- the preview


def bare(image: Image.Image, *, clear: bool) -> Image.Image:
    """The picture upright, small and new: nothing of the file but its pixels. `clear`: what one sees through stays so."""
    turn = UPRIGHT.get(_orientation(image))
    clear = clear and (image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info)
    image = _eight_bits(image).convert("RGBA" if clear else "RGB")
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    if turn is not None:
        image = image.transpose(turn)
    return Image.frombytes(image.mode, image.size, image.tobytes())


def encoded(image: Image.Image, form: str) -> bytes:
    kept = io.BytesIO()
    image.save(kept, format=form, quality=85)
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
