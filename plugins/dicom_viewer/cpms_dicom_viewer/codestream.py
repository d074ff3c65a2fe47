"""Compressed frames: told apart, measured, and rid of comments and application data.

JPEG and its kin carry free text and whole previews beside the picture (COM, APPn: a camera's EXIF,
a scanner's patient line). They are overwritten with zeros in place, so the picture stays bit for
bit. What a frame claims to measure must be what the data set says, before any decoder sees it.
"""

# ruff: noqa: PLR2004 - the standard's own numbers say more than names made up for them

import re
import struct

from cpms_dicom_viewer.parse import CUT, Refused

JPEG = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81))
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203))
RLE = "1.2.840.10008.1.2.5"

DAMAGED = "This file is damaged: its compressed pixels cannot be read."
OTHER_SIZE = "This file is damaged: its pixels have another size than it says."

Bytes = memoryview | bytes


def clean_frames(
    fragments: list[Bytes], syntax: str, frames: int, size: tuple[int, int]
) -> list[Bytes]:
    """One fragment per frame, behind an empty offset table; `size` is rows and columns."""
    if not fragments:
        raise Refused(CUT)
    grouped = _group(fragments[1:], syntax)
    if len(grouped) != frames:
        raise Refused(CUT if len(grouped) < frames else DAMAGED)
    return [b"", *(_clean(frame, syntax, size) for frame in grouped)]


def _group(fragments: list[Bytes], syntax: str) -> list[list[Bytes]]:
    """The fragments of each frame: a new one starts where a code stream does."""
    if syntax == RLE:
        return [[fragment] for fragment in fragments]
    start = b"\xff\xd8" if syntax in JPEG else b"\xff\x4f"
    grouped: list[list[Bytes]] = []
    for fragment in fragments:
        if fragment[:2] == start:
            grouped.append([])
        elif not grouped:
            raise Refused(DAMAGED)
        grouped[-1].append(fragment)
    return grouped


def _clean(fragments: list[Bytes], syntax: str, size: tuple[int, int]) -> bytes:
    stream = bytearray(b"".join(fragments))
    stream += bytes(len(stream) % 2)
    try:
        if syntax == RLE:
            _check_rle(stream)
        elif syntax in JPEG:
            _clean_jpeg(stream, size)
        else:
            _clean_jpeg_2000(stream, size)
    except (struct.error, IndexError):
        raise Refused(DAMAGED) from None
    return bytes(stream)


def _check_rle(stream: bytearray) -> None:
    count, *offsets = struct.unpack_from("<16I", stream)
    used = offsets[: min(count, 15)]
    if not 1 <= count <= 15 or used != sorted(used) or used[0] != 64 or used[-1] > len(stream):
        raise Refused(DAMAGED)


# --- JPEG, lossless JPEG, JPEG-LS -----------------------------------------------------------------

_MARKER = re.compile(rb"\xff+([\xc0-\xcf\xd8-\xfe])")
_FRAME_STARTS = frozenset([*range(0xC0, 0xD0), 0xF7]) - {0xC4, 0xC8, 0xCC}
_KEPT_APPLICATION = {0xE0: (b"JFIF\0", 14), 0xE8: (b"mrfx", 5), 0xEE: (b"Adobe", 12)}
_LAST = 0xD9


def _clean_jpeg(stream: bytearray, size: tuple[int, int]) -> None:
    measured, at = False, 2
    while True:
        # Between the segments of the head this matches at once; within a scan it finds its end.
        found = _MARKER.search(stream, at)
        if not found:
            raise Refused(CUT)
        marker, at = found.group(1)[0], found.end()
        if marker == _LAST:
            break
        (length,) = struct.unpack_from(">H", stream, at)
        if length < 2 or at + length > len(stream):
            raise Refused(CUT)
        if marker in _FRAME_STARTS:
            _check_size(struct.unpack_from(">HH", stream, at + 3), size)
            measured = True
        elif marker == 0xFE or 0xE0 <= marker <= 0xEF:
            _blank(stream, at + 2 + _kept(marker, stream, at + 2), at + length)
        at += length
    if not measured:
        raise Refused(DAMAGED)
    _blank(stream, at, len(stream))


def _kept(marker: int, stream: bytearray, at: int) -> int:
    """How many bytes of an application segment the picture needs."""
    start, length = _KEPT_APPLICATION.get(marker, (b"?", 0))
    return length if stream[at : at + len(start)] == start else 0


# --- JPEG 2000, HTJ2K -----------------------------------------------------------------------------

_SIZ, _COM, _SOT, _SOD, _EOC = 0xFF51, 0xFF64, 0xFF90, 0xFF93, 0xFFD9


def _clean_jpeg_2000(stream: bytearray, size: tuple[int, int]) -> None:
    at, tile_end, measured = 2, 0, False
    while (marker := struct.unpack_from(">H", stream, at)[0]) != _EOC:
        if marker == _SOD:
            at = tile_end
            continue
        (length,) = struct.unpack_from(">H", stream, at + 2)
        end = at + 2 + length
        if marker < 0xFF4F or length < 2 or end > len(stream):
            raise Refused(CUT)
        if marker == _SIZ:
            x, y, left, top = struct.unpack_from(">4I", stream, at + 6)
            _check_size((y - top, x - left), size)
            measured = True
        elif marker == _COM:
            _blank(stream, at + 6, end)
        elif marker == _SOT:
            tile_end = _end_of_tile(stream, at)
        at = end
    if not measured:
        raise Refused(DAMAGED)
    _blank(stream, at + 2, len(stream))


def _end_of_tile(stream: bytearray, at: int) -> int:
    (length,) = struct.unpack_from(">I", stream, at + 6)
    end = int(at + length) if length else stream.rindex(b"\xff\xd9")
    if end <= at + 12 or end > len(stream):
        raise Refused(CUT)
    return end


# --- both -----------------------------------------------------------------------------------------


def _check_size(found: tuple[int, ...], size: tuple[int, int]) -> None:
    if found != size:
        raise Refused(OTHER_SIZE)


def _blank(stream: bytearray, start: int, end: int) -> None:
    if end > start:
        stream[start:end] = bytes(end - start)
