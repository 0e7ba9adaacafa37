"""What a picture looks like, in 256 bits: two of the same thing differ in few of them, whatever size or format they are."""

from __future__ import annotations

from PIL import Image

SIDE = 16
NOISE = 2  # of 255: what a re-encoding does to a plain area
SHAPELESS = 6  # so few bits on one side: two pictures with nothing in common would differ in no more than 12
ALIKE = 12  # bits that may differ


def look_of(image: Image.Image) -> str | None:
    """The difference hash of an upright picture, as 256 times 0 or 1: is the next point to the right darker?

    None for a picture of one colour: it would resemble every other.
    """
    grey = on_white(image).convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    points = grey.tobytes()
    rows = [points[start : start + SIDE + 1] for start in range(0, len(points), SIDE + 1)]
    bits = "".join(
        "1" if left > right + NOISE else "0" for row in rows for left, right in zip(row, row[1:], strict=False)
    )
    ones = bits.count("1")
    return bits if SHAPELESS < ones < len(bits) - SHAPELESS else None


def on_white(image: Image.Image) -> Image.Image:
    """What shows through is seen on white, as the page shows it."""
    if "A" not in image.getbands():
        return image
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image.convert("RGBA"))
    return paper
