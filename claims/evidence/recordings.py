"""A screen recording: its container at a glance, or every frame of it, within bounds."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import IO

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from claims.evidence import kinds, looks, tags
from claims.evidence.ends import is_cut
from claims.evidence.pictures import PREVIEW_SIDE, encoded
from claims.evidence.said import Inspection, Still, Unfit

PIXELS_MAX = 9_000_000  # of a frame: 4K, upright too
SECONDS_MAX = 600
FRAMES_MAX = SECONDS_MAX * 60
STILLS_MAX = 12
FIRST_EVERY = Decimal("0.5")  # seconds between stills; every other goes whenever there are too many
MILLISECOND = Decimal("0.001")
CODECS = {
    "h264",
    "hevc",
    "vp8",
    "vp9",
    "av1",
    "mpeg4",
}  # what phones, browsers and recorders write; no other decoder runs


def glance(file: IO[bytes]) -> Inspection:
    """What the container says of itself; nothing is unpacked. Raises Unfit."""
    with _opened(file) as (content_type, container, stream):
        seconds = _promised(container)
        if seconds is not None and seconds > SECONDS_MAX:
            raise Unfit("too_long", minutes=SECONDS_MAX // 60)
        if stream.frames > FRAMES_MAX:
            raise Unfit("too_many_images", frames=stream.frames, limit=FRAMES_MAX)
        captured_at, device, findings = tags.read_film(dict(stream.metadata) | dict(container.metadata))
        return Inspection(
            kind="recording",
            content_type=content_type,
            width=stream.width,
            height=stream.height,
            captured_at=captured_at,
            findings=tuple(findings),
            device=device,
            seconds=seconds,
        )


def watch(file: IO[bytes]) -> Inspection:
    """Every frame decoded, and stills out of it, new and bare; the first is the preview. Raises Unfit."""
    glanced = glance(file)
    with _opened(file) as (content_type, container, stream):
        stream.codec_context.options = {"max_pixels": str(PIXELS_MAX)}  # a stream may grow in the middle
        stream.codec_context.thread_count = 1  # each more takes address space that the child has not
        film = Film(stream)
        film.play(container)
    findings = [*glanced.findings, *film.findings]
    if is_cut(file, content_type) and "truncated" not in findings:
        findings.append("truncated")
    if not film.stills:
        raise Unfit("unplayable")
    return Inspection(
        kind="recording",
        content_type=content_type,
        width=glanced.width,
        height=glanced.height,
        captured_at=glanced.captured_at,
        findings=tuple(findings),
        preview_type="image/jpeg",
        preview=film.stills[0].picture,
        device=glanced.device,
        look=next(filter(None, map(_look_of, film.stills)), None),
        seconds=glanced.seconds or film.lasted,
        stills=tuple(film.stills),
    )


class Film:
    """A stream as it is played: how much of it came, and the stills."""

    def __init__(self, stream: VideoStream):
        self.stream = stream
        self.packets = self.frames = 0
        self.lasted = Decimal(0)
        self.damaged = False
        self.every, self.stills = FIRST_EVERY, list[Still]()

    @property
    def findings(self) -> list[str]:
        """`truncated` where the file promised more than it holds."""
        cut_off = self.packets < self.stream.frames
        return ["truncated"] * cut_off + ["damaged_recording"] * (self.damaged and not cut_off)

    def play(self, container: InputContainer) -> None:
        """To the end, over what cannot be decoded."""
        packets = container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self.damaged, packet = True, None
            if packet is None:
                return
            self.packets += packet.size > 0
            try:
                for frame in packet.decode():
                    self._keep(frame)
            except av.error.FFmpegError:
                self.damaged = True

    def _keep(self, frame: VideoFrame) -> None:
        self.frames += 1
        start = (self.stream.start_time or 0) * (self.stream.time_base or 0)
        at = Decimal(max(float(frame.time or 0) - float(start), 0)).quantize(MILLISECOND)
        self.lasted = max(self.lasted, at)
        if self.frames > FRAMES_MAX:
            raise Unfit("too_many_images", frames=self.frames, limit=FRAMES_MAX)
        if at > SECONDS_MAX:
            raise Unfit("too_long", minutes=SECONDS_MAX // 60)
        if self.stills and at < self.stills[-1].at + self.every:
            return
        self.stills.append(Still(at, encoded(_upright(frame), "JPEG")))
        if len(self.stills) > STILLS_MAX:
            self.stills = self.stills[::2]
            self.every = self.stills[1].at - self.stills[0].at


@contextmanager
def _opened(file: IO[bytes]) -> Iterator[tuple[str, InputContainer, VideoStream]]:
    """The type, the container and its one film. Only the demuxer of the type is tried: a list of other files is no film."""
    file.seek(0)
    content_type = kinds.sniff(file.read(kinds.SNIFFED))
    file.seek(0)
    try:
        container = av.open(file, mode="r", format=kinds.RECORDINGS[content_type], metadata_errors="replace")
    except av.error.FFmpegError:
        raise Unfit("truncated_recording" if is_cut(file, content_type) else "damaged_recording") from None
    with container:
        yield content_type, container, _film_of(container)


def _film_of(container: InputContainer) -> VideoStream:
    """The moving picture, of a kind and size that is decoded. Raises Unfit."""
    if not container.streams.video:
        raise Unfit("no_picture")
    stream = container.streams.video[0]
    codec = stream.codec_context.codec.canonical_name if stream.codec_context else ""
    if codec not in CODECS:
        raise Unfit("other_codec", codec=codec or "?")
    if not stream.width or not stream.height:
        raise Unfit("damaged_recording")
    if stream.width * stream.height > PIXELS_MAX:
        raise Unfit("too_many_pixels_each", limit=PIXELS_MAX // 1_000_000)
    return stream


def _promised(container: InputContainer) -> Decimal | None:
    """Its length in seconds, if it says one."""
    if not container.duration or container.duration < 0:
        return None
    return (Decimal(container.duration) / av.time_base).quantize(MILLISECOND)


def _upright(frame: VideoFrame) -> Image.Image:
    """The frame as it is watched, at most 1600 pixels a side."""
    share = min(1, PREVIEW_SIDE / max(frame.width, frame.height))
    image = frame.to_image(width=max(round(frame.width * share), 1), height=max(round(frame.height * share), 1))
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def _look_of(still: Still) -> str | None:
    return looks.look_of(Image.open(io.BytesIO(still.picture)))
