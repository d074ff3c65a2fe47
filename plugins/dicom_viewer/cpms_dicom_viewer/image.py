"""What a data set says of its pixels, checked before anything is made of them."""

# ruff: noqa: PLR2004 - the standard's own numbers say more than names made up for them

import struct

import numpy as np
from msgspec import Struct

from cpms_dicom_viewer.codestream import JPEG, JPEG_2000, RLE, Bytes, clean_frames
from cpms_dicom_viewer.parse import (
    BIG_ENDIAN,
    CUT,
    EXPLICIT,
    IMPLICIT,
    PIXEL_DATA,
    Dataset,
    Element,
    Parsed,
    Refused,
    text,
)

MOST_FRAME_BYTES = 128 << 20
MOST_FRAMES = 20_000
PLAIN = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN})
SHOWN = PLAIN | JPEG | JPEG_2000 | {RLE}
COLOURS = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}


class Shape(Struct, frozen=True, kw_only=True):
    """The Image Pixel Module (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    frames: int
    samples: int
    allocated: int
    stored: int
    signed: bool
    photometric: str
    planar: bool

    @property
    def frame_bytes(self) -> int:
        """An uncompressed frame's length; bits that do not fill a byte count as one."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return (self.rows * self.columns * samples * self.allocated + 7) // 8


def shape_of(parsed: Parsed) -> Shape:
    """The image's measures, or a refusal if there is none or they cannot be true."""
    dataset, syntax = parsed.dataset, parsed.transfer_syntax
    if PIXEL_DATA not in dataset:
        raise Refused(_why_no_image(dataset))
    if syntax not in SHOWN:
        uid = syntax[:64] if set(syntax) <= set("0123456789.") else "unknown"
        raise Refused(f"This file is compressed in a way this site cannot show ({uid}).")
    order = order_of(syntax)
    shape = Shape(
        rows=unsigned(dataset, 0x00280010, order),
        columns=unsigned(dataset, 0x00280011, order),
        frames=integer(dataset, 0x00280008) or 1,
        samples=unsigned(dataset, 0x00280002, order) or 1,
        allocated=unsigned(dataset, 0x00280100, order),
        stored=unsigned(dataset, 0x00280101, order),
        signed=unsigned(dataset, 0x00280103, order) == 1,
        photometric=text(dataset.get(0x00280004)),
        planar=unsigned(dataset, 0x00280006, order) == 1,
    )
    _check(shape)
    return shape


def clean_pixels(parsed: Parsed, shape: Shape) -> None:
    """Leave of the pixels exactly the frames: nothing behind, beside or between the bits."""
    element = parsed.dataset[PIXEL_DATA]
    if element.kind not in {"OB", "OW"}:
        element.kind = "OW"
    if parsed.transfer_syntax in PLAIN:
        if element.fragments is not None:
            raise Refused("This file is damaged: its pixels are not encoded as it says.")
        if parsed.transfer_syntax == BIG_ENDIAN and element.kind == "OW" and shape.allocated == 8:
            element.value, element.kind = _in_bytes(element.value), "OB"
        element.value = _exact(element.value, shape)
        if _has_overlay_within(parsed, shape):
            element.value = _without_spare_bits(element.value, shape, parsed.transfer_syntax)
        return
    if element.fragments is None:
        raise Refused("This file is damaged: its pixels are not encoded as it says.")
    size = (shape.rows, shape.columns)
    frames = clean_frames(element.fragments, parsed.transfer_syntax, shape.frames, size)
    parsed.dataset[PIXEL_DATA] = Element(PIXEL_DATA, "OB", fragments=frames)


def order_of(syntax: str) -> str:
    return ">" if syntax == BIG_ENDIAN else "<"


def unsigned(dataset: Dataset, tag: int, order: str) -> int:
    """A US value; 0 if it is missing or of another kind."""
    element = dataset.get(tag)
    if element is None or element.kind != "US" or len(element.value) != 2:
        return 0
    return int(struct.unpack(order + "H", element.value)[0])


def numbers(dataset: Dataset, tag: int, count: int | None = None) -> list[float]:
    """A DS or IS value's numbers; empty if any of them is none, or if they are not `count`."""
    element = dataset.get(tag)
    if element is None or element.kind not in {"DS", "IS"} or len(element.value) > 1024:
        return []
    try:
        found = [float(part) for part in text(element).split("\\")]
    except ValueError:
        return []
    sound = all(abs(number) < 1e12 for number in found) and count in {None, len(found)}
    return found if sound else []


def integer(dataset: Dataset, tag: int) -> int:
    """The first of an IS value's numbers; 0 if there is none."""
    return next((int(number) for number in numbers(dataset, tag)), 0)


def _why_no_image(dataset: Dataset) -> str:
    if 0x00041220 in dataset:
        return "This is a disc's table of contents (DICOMDIR), not an image; the images are enough."
    if 0x00420011 in dataset:
        return "This DICOM file holds a document, not an image; send the document by itself."
    return "This DICOM file holds no image."


def _check(shape: Shape) -> None:
    possible = (
        shape.rows
        and shape.columns
        and 1 <= shape.frames <= MOST_FRAMES
        and COLOURS.get(shape.photometric) == shape.samples
        and shape.allocated in {1, 8, 16, 32}
        and 1 <= shape.stored <= shape.allocated
    )
    if not possible:
        raise Refused("This file is damaged or of a rare kind: its image has no size we can show.")
    if shape.frame_bytes > MOST_FRAME_BYTES:
        raise Refused(
            f"An image of this file has {shape.rows} by {shape.columns} points, "
            "more than this site accepts."
        )


def _exact(value: Bytes, shape: Shape) -> Bytes:
    length = (shape.rows * shape.columns * shape.samples * shape.allocated * shape.frames + 7) // 8
    if shape.photometric == "YBR_FULL_422":
        length = shape.frame_bytes * shape.frames
    if len(value) < length:
        raise Refused(CUT)
    return value[:length] if length % 2 == 0 else bytes(value[:length]) + b"\0"


def _in_bytes(value: Bytes) -> bytes:
    """Bytes sent as big-endian words: two by two in the wrong order."""
    return np.frombuffer(value[: len(value) // 2 * 2], "<u2").byteswap().tobytes()


def _has_overlay_within(parsed: Parsed, shape: Shape) -> bool:
    """Retired, still seen: an overlay drawn in the pixels' unused high bits."""
    declared = any(tag >> 24 == 0x60 and tag & 0xFFFF == 0x0102 for tag in parsed.dataset)
    return declared and shape.stored < shape.allocated and shape.allocated in {8, 16, 32}


def _without_spare_bits(value: Bytes, shape: Shape, syntax: str) -> bytes:
    kind = np.dtype(f"{order_of(syntax)}{'i' if shape.signed else 'u'}{shape.allocated // 8}")
    spare = shape.allocated - shape.stored
    length = len(value) - len(value) % kind.itemsize
    pixels = np.frombuffer(value[:length], kind).astype(kind.newbyteorder("="))
    pixels <<= spare
    pixels >>= spare
    return pixels.astype(kind).tobytes() + bytes(value[length:])
