"""Pictures of personas: any picture made small and plain, and a drawn one for who has none."""

import hashlib
import io
from typing import TYPE_CHECKING

from core.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 512  # pixels
PAPER = ("#f3ead9", "#e6ecf2", "#e9efe3", "#f4e4dc", "#ece6f0")
INK = ("#1f4e79", "#d4502a", "#5b7f4c", "#7a5c8e", "#8a6d3b")


MOST_PIXELS = 40_000_000  # a small file may hold ten times that, and takes gigabytes then


def portrait(data: bytes) -> bytes | None:
    """A PNG of at most SIDE pixels a side, or None where `data` is no picture; texts inside stay behind.

    Raises InputError for a picture of more than MOST_PIXELS.
    """
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (2 * SIDE, 2 * SIDE))  # a JPEG is read small at once
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise _too_large(width, height)
        image.load()
        image = image if image.mode == "RGBA" else image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    image.thumbnail((SIDE, SIDE))
    return _png(image)


def _too_large(width: int, height: int) -> InputError:
    return InputError(
        f"The picture has {width:,} × {height:,} pixels; {MOST_PIXELS:,} in all are allowed. Make it smaller first.",
        f"画像が {width:,} × {height:,} ピクセルあります。全部で {MOST_PIXELS:,} ピクセルまでです。"
        "小さくしてから選んでください。",
    )


def drawn(name: str) -> bytes:
    """A quiet bust in colours that the name decides, as a PNG of SIDE pixels."""
    from PIL import Image, ImageDraw

    seed = hashlib.sha256(name.encode()).digest()
    paper, ink = PAPER[seed[0] % len(PAPER)], INK[seed[1] % len(INK)]
    large = 2 * SIDE  # drawn twice as large and made smaller: smooth edges
    image = Image.new("RGB", (large, large), paper)
    pen = ImageDraw.Draw(image)
    middle, tilt = large // 2, (seed[2] % 9 - 4) * large // 200
    pen.ellipse((large * 0.14, large * 0.66, large * 0.86, large * 1.5), fill=ink)
    pen.ellipse((middle + tilt - large * 0.19, large * 0.2, middle + tilt + large * 0.19, large * 0.62), fill=ink)
    return _png(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _png(image: "Image") -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
