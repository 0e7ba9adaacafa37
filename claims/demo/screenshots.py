"""Pictures that customers send: what their screens showed that afternoon. Drawn here; PNG or JPEG bytes out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from math import cos, sin, tau

from PIL import ExifTags, Image, ImageDraw, ImageFont

PHONE, DESKTOP = (540, 1080), (1200, 720)
INK, PAPER, NIGHT, GREY, RED, GREEN, BLUE = "#1c2430", "#f6f7f9", "#12161d", "#8a93a2", "#c8322b", "#1f8a5b", "#2457c5"
Draw = ImageDraw.ImageDraw


def draw(subject: str, *, taken_at: datetime, mark: str) -> tuple[str, bytes]:
    """A file name and its bytes. `mark` (an order, a customer) stands in the picture, so that no two are the same."""
    size, paint = SUBJECTS[subject]
    picture = Image.new("RGB", size, NIGHT if subject == "order" else PAPER)
    paint(ImageDraw.Draw(picture), taken_at, mark)
    file = BytesIO()
    if size == PHONE:
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"{taken_at:%Y:%m:%d %H:%M:%S}"
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.OffsetTimeOriginal] = "+00:00"
        picture.save(file, "JPEG", quality=82, exif=exif)
        return f"IMG_{taken_at:%Y%m%d_%H%M%S}.jpg", file.getvalue()
    picture.save(file, "PNG", compress_level=4)
    return f"Screenshot {taken_at:%Y-%m-%d %H.%M.%S}.png", file.getvalue()


def _say(draw: Draw, place: tuple[int, int], text: str, *, size: int = 22, fill: str = INK, anchor: str = "mm") -> None:
    draw.text(place, text, font=ImageFont.load_default(size), fill=fill, anchor=anchor)


def _status_bar(draw: Draw, taken_at: datetime, ink: str) -> None:
    """A phone's clock, signal and battery."""
    _say(draw, (64, 34), f"{taken_at:%H:%M}", fill=ink)
    for bar in range(4):
        draw.rectangle((396 + 9 * bar, 42 - 4 * bar, 401 + 9 * bar, 46), fill=ink)
    draw.rounded_rectangle((448, 24, 496, 46), 5, outline=ink, width=2)
    draw.rectangle((452, 28, 480, 42), fill=ink)


def login_error(draw: Draw, taken_at: datetime, mark: str) -> None:
    """The app refuses to log in."""
    _status_bar(draw, taken_at, INK)
    _say(draw, (270, 190), "Log in", size=42)
    for row in range(2):
        draw.rounded_rectangle((48, 290 + 96 * row, 492, 362 + 96 * row), 12, fill="white", outline="#d5dae2", width=2)
    _say(draw, (72, 326), mark, fill=GREY, anchor="lm")
    for dot in range(8):
        draw.ellipse((72 + 22 * dot, 416, 84 + 22 * dot, 428), fill=GREY)
    draw.rounded_rectangle((48, 500, 492, 572), 12, fill=BLUE)
    _say(draw, (270, 536), "Log in", fill="white", size=26)
    draw.rounded_rectangle((48, 640, 492, 780), 12, fill="#fdecea", outline=RED, width=2)
    _say(draw, (270, 684), "Cannot reach the server", fill=RED, size=26)
    _say(draw, (270, 734), f"Error 503 · {taken_at:%Y-%m-%d %H:%M:%S} UTC", fill=RED, size=20)


def order_refused(draw: Draw, taken_at: datetime, mark: str) -> None:
    """The order form on a dark screen: the close order does not go through."""
    _status_bar(draw, taken_at, "white")
    _say(draw, (40, 120), "BTCUSDT Perpetual", fill="white", size=32, anchor="lm")
    _say(draw, (40, 168), "Last price  - - -", fill=GREY, anchor="lm")
    for row in range(8):
        colour = RED if row < 4 else GREEN
        draw.rectangle((40, 220 + 44 * row, 500, 256 + 44 * row), fill="#1b212b")
        draw.rectangle((500 - 36 * (row % 4 + 2), 220 + 44 * row, 500, 256 + 44 * row), fill=colour)
        _say(draw, (56, 238 + 44 * row), "- - -", fill=GREY, anchor="lm")
    draw.rounded_rectangle((40, 640, 500, 712), 12, fill=GREEN)
    _say(draw, (270, 676), "Close position", fill="white", size=26)
    _say(draw, (270, 752), f"Position {mark}", fill=GREY)
    draw.rounded_rectangle((40, 820, 500, 930), 12, fill="#2b1416", outline=RED, width=2)
    _say(draw, (270, 858), "Request failed: network timeout", fill="white", size=24)
    _say(draw, (270, 898), "Trading service unavailable (code 10071)", fill=GREY, size=20)


def maintenance(draw: Draw, taken_at: datetime, mark: str) -> None:
    """The web platform's page in a browser, with the computer's clock."""
    draw.rectangle((0, 0, 1200, 56), fill="#dfe3ea")
    for dot, colour in enumerate((RED, "#d9a521", GREEN)):
        draw.ellipse((20 + 28 * dot, 20, 36 + 28 * dot, 36), fill=colour)
    draw.rounded_rectangle((140, 12, 1060, 44), 14, fill="white")
    _say(draw, (164, 28), "https://exchange.example/trade/BTCUSDT", fill=GREY, size=18, anchor="lm")
    _say(draw, (600, 240), "Service temporarily unavailable", size=44)
    _say(draw, (600, 310), "We are working on it. Please try again later.", fill=GREY, size=24)
    _say(draw, (600, 400), f"502 Bad Gateway · request {mark}", fill=RED, size=22)
    draw.rectangle((0, 672, 1200, 720), fill=NIGHT)
    _say(draw, (1160, 696), f"{taken_at:%H:%M}   {taken_at:%d/%m/%Y}", fill="white", size=18, anchor="rm")


def clock(draw: Draw, taken_at: datetime, mark: str) -> None:
    """A clock beside a spinner: shows when, not what."""
    _status_bar(draw, taken_at, INK)
    draw.ellipse((120, 260, 420, 560), outline=INK, width=8)
    minutes = taken_at.hour % 12 * 60 + taken_at.minute
    for turn, length, width in ((minutes / 720, 80, 10), (minutes / 60, 120, 6)):
        tip = 270 + length * sin(tau * turn), 410 - length * cos(tau * turn)
        draw.line((270, 410, *tip), fill=INK, width=width)
    draw.arc((230, 700, 310, 780), 20, 300, fill=BLUE, width=10)
    _say(draw, (270, 850), "Loading …", fill=GREY, size=26)
    _say(draw, (270, 900), mark, fill=GREY, size=18)


def portfolio(draw: Draw, taken_at: datetime, mark: str) -> None:
    """A working account page: shows no failure at all."""
    _status_bar(draw, taken_at, INK)
    _say(draw, (40, 140), "My positions", size=36, anchor="lm")
    for row, (text, colour) in enumerate((("+128.40", GREEN), ("-342.75", RED), ("+17.02", GREEN), ("-9.60", RED))):
        draw.rounded_rectangle((40, 210 + 120 * row, 500, 310 + 120 * row), 12, fill="white", outline="#d5dae2")
        _say(draw, (64, 260 + 120 * row), "BTCUSDT" if row % 2 else "ETHUSDT", anchor="lm")
        _say(draw, (476, 260 + 120 * row), f"{text} USDT", fill=colour, anchor="rm")
    _say(draw, (270, 760), mark, fill=GREY, size=18)


SUBJECTS: dict[str, tuple[tuple[int, int], Callable[[Draw, datetime, str], None]]] = {
    "login": (PHONE, login_error),
    "order": (PHONE, order_refused),
    "page": (DESKTOP, maintenance),
    "clock": (PHONE, clock),
    "portfolio": (PHONE, portfolio),
}
