"""Make an uploaded photo safe to keep: decoded and encoded again, so that nothing but pixels stays.

`ingest` and `shrink` run in the sandbox. EXIF, GPS, maker notes, embedded thumbnails and comments
are gone; the orientation is applied and colours are brought to sRGB.
"""

import warnings
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from cpms_core.declarations import Ingested

MAX_PIXELS = 60_000_000
MAX_SIDE = 4096
SMALL = 480
"""Pixels of a small copy's longer side: sharp on a telephone at three of them a point."""
_KINDS = ("JPEG", "PNG", "WEBP")


def ingest(source: str, target: str, secret: bytes) -> Ingested:
    """Write a JPEG of at most 4096 pixels a side; ValueError with a sentence if it is no photo."""
    del secret  # a photo carries no identifiers that would have to be mapped
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(source, formats=_KINDS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError("The photo has more than 60 million pixels. Send a smaller copy.")
            upright = ImageOps.exif_transpose(image)
            pixels = _in_srgb(upright)
    except (OSError, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("This photo is damaged or incomplete. Nothing of it was kept.") from error
    pixels.thumbnail((MAX_SIDE, MAX_SIDE))
    pixels.info = {}  # Pillow would write comment, XMP and profile of the source into the copy
    with Path(target).open("wb") as file:
        pixels.save(file, "JPEG", quality=90, optimize=True)
    facets = {"width": str(pixels.width), "height": str(pixels.height)}
    return Ingested(name="Photo", facets=facets)


def shrink(source: str) -> bytes:
    """A small JPEG of a stored photo, for the strip of photos."""
    out = BytesIO()
    with Image.open(source, formats=("JPEG",)) as image:
        image.draft("RGB", (SMALL, SMALL))
        image.thumbnail((SMALL, SMALL))
        image.info = {}
        image.save(out, "JPEG", quality=80)
    return out.getvalue()


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile and image.mode in {"RGB", "CMYK", "L"}:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            changed = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError):
            changed = None  # a broken profile: show the plain numbers
        if changed is not None:
            return Image.frombytes("RGB", changed.size, changed.tobytes())
    if image.mode in {"RGBA", "LA", "P"}:
        ground = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
