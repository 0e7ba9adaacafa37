"""Small screen recordings, made for the occasion."""

import io
import tempfile
from pathlib import Path

import av
from PIL import Image, ImageDraw

CODECS = {"mp4": "libx264", "mov": "libx264", "webm": "libvpx"}
TYPES = {"mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm"}


def page(number: int = 0, *, size=(160, 320)) -> Image.Image:
    """A page of the exchange: bars of texts, one of them longer with every image."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for row in range(0, size[1], 20):
        left = (row * 7) % (size[0] // 2)
        draw.rectangle((left, row, left + 20 + (number * 3 + row) % (size[0] // 2), row + 10), fill=(row % 200, 40, 90))
    return image


def film(form="mp4", *, codec="", images=50, rate=25, size=(160, 320), moving=True, tags=(), options=()) -> bytes:
    """A film of `images` pages, or of the first one so often; `tags` and `options` are those of the container."""
    kept = io.BytesIO()
    with av.open(kept, "w", format=form, options={"movflags": "use_metadata_tags"} | dict(options)) as container:
        container.metadata.update(dict(tags))
        stream = container.add_stream(codec or CODECS[form], rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        frame = None
        for number in range(images):
            if moving or frame is None:
                frame = av.VideoFrame.from_image(page(number, size=size))
            frame.pts = None
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return kept.getvalue()


def sound() -> bytes:
    """An MP4 file without a picture."""
    kept = io.BytesIO()
    with av.open(kept, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.rate = 8000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return kept.getvalue()


def index_first(content: bytes) -> bytes:
    """The same MP4 file with its index in front, as it is written for streaming: that needs a file with a name."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as kept:
        options = {"movflags": "faststart"}
        with av.open(io.BytesIO(content)) as source, av.open(kept.name, "w", format="mp4", options=options) as to:
            stream = to.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    to.mux(packet)
        return kept.read()


def watchers(group: int) -> list[int]:
    """The children of a process group that look at strangers' files."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            same = int(stat.read_text().rsplit(")", 1)[1].split()[2]) == group
            if same and b"claims.evidence.child" in (stat.parent / "cmdline").read_bytes():
                found.append(int(stat.parent.name))
        except (OSError, IndexError):  # gone meanwhile
            continue
    return found
