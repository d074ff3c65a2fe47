"""Frames as arrays of stored values, whatever they were compressed with."""

# ruff: noqa: PLR2004 - the standard's own numbers say more than names made up for them

from typing import Any

import numpy as np
from imagecodecs import (
    jpeg2k_decode,
    jpeg8_decode,
    jpegls_decode,
    packbits_decode,
)
from numpy.typing import NDArray

from cpms_dicom_viewer.codestream import JPEG, RLE
from cpms_dicom_viewer.image import PLAIN, Shape, order_of
from cpms_dicom_viewer.parse import CUT, PIXEL_DATA, Parsed, Refused

Frame = NDArray[Any]
JPEG_LS = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})


def frame_of(parsed: Parsed, shape: Shape, index: int) -> Frame:
    """Frame `index` from 0: (rows, columns) of stored values, or (rows, columns, 3) of RGB."""
    if not 0 <= index < shape.frames:
        raise Refused(f"This file has {shape.frames} images; there is no image {index + 1}.")
    if parsed.transfer_syntax in PLAIN:
        frame = _plain(parsed, shape, index)
    else:
        frame = _compressed(parsed, shape, index)
    if frame.shape[:2] != (shape.rows, shape.columns):
        raise Refused(CUT)
    if shape.samples == 3:
        return frame
    return _signed(frame, shape.stored) if shape.signed else frame


def _plain(parsed: Parsed, shape: Shape, index: int) -> Frame:
    value = parsed.dataset[PIXEL_DATA].value
    if shape.allocated == 1:
        points = shape.rows * shape.columns
        bits = np.unpackbits(np.frombuffer(value, np.uint8), bitorder="little")
        return bits[index * points : (index + 1) * points].reshape(shape.rows, shape.columns)
    kind = np.dtype(f"{order_of(parsed.transfer_syntax)}u{shape.allocated // 8}")
    part = value[index * shape.frame_bytes : (index + 1) * shape.frame_bytes]
    stored = np.frombuffer(part, kind)
    if shape.photometric == "YBR_FULL_422":
        return _rgb_of(_whole_422(stored, shape))
    frame = _in_order(stored, shape)
    return _rgb_of(frame) if shape.photometric == "YBR_FULL" else frame


def _in_order(stored: Frame, shape: Shape) -> Frame:
    if shape.samples == 1:
        return stored.reshape(shape.rows, shape.columns)
    if shape.planar:
        return stored.reshape(3, shape.rows, shape.columns).transpose(1, 2, 0)
    return stored.reshape(shape.rows, shape.columns, 3)


def _compressed(parsed: Parsed, shape: Shape, index: int) -> Frame:
    syntax = parsed.transfer_syntax
    stream = bytes((parsed.dataset[PIXEL_DATA].fragments or [])[index + 1])
    if syntax == RLE:
        frame = _run_length(stream, shape)
        return _rgb_of(frame) if shape.photometric.startswith("YBR_FULL") else frame
    if syntax in JPEG_LS:
        return np.asarray(jpegls_decode(stream))
    if syntax not in JPEG:
        return np.asarray(jpeg2k_decode(stream))
    if shape.samples == 1:
        return np.asarray(jpeg8_decode(stream))
    inside = "RGB" if shape.photometric == "RGB" else "YCBCR"
    return np.asarray(jpeg8_decode(stream, colorspace=inside, outcolorspace="RGB"))


def _run_length(stream: bytes, shape: Shape) -> Frame:
    """PS3.5 Annex G: one PackBits segment per byte of a sample, the high byte first."""
    count, *offsets = np.frombuffer(stream[:64], "<u4").tolist()
    bytes_each = shape.allocated // 8
    if count != shape.samples * bytes_each:
        raise Refused(CUT)
    ends = [*offsets[1:count], len(stream)]
    points = shape.rows * shape.columns
    planes = np.zeros((shape.samples, points, bytes_each), np.uint8)
    for segment, (start, end) in enumerate(zip(offsets[:count], ends, strict=True)):
        content = packbits_decode(stream[start:end], out=points)[:points]
        sample, byte = divmod(segment, bytes_each)
        planes[sample, : len(content), bytes_each - 1 - byte] = np.frombuffer(content, np.uint8)
    values = planes.reshape(-1).view(f"<u{bytes_each}").reshape(shape.samples, -1)
    frame = values.reshape(shape.samples, shape.rows, shape.columns).transpose(1, 2, 0)
    return frame if shape.samples == 3 else frame[:, :, 0]


def _signed(frame: Frame, stored: int) -> Frame:
    """Two's complement over the bits stored, which may be fewer than the array's."""
    spare = 64 - stored
    wide: Frame = frame.astype(np.int64) << spare
    return wide >> spare


def _whole_422(stored: Frame, shape: Shape) -> Frame:
    """Y Y Cb Cr for two points side by side, to one triple each (PS3.3 C.7.6.3.1.2)."""
    quads = stored.reshape(-1, 4)
    triples = np.stack([quads[:, [0, 2, 3]], quads[:, [1, 2, 3]]], axis=1)
    return triples.reshape(shape.rows, shape.columns, 3)


_TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], np.float32).T


def _rgb_of(frame: Frame) -> Frame:
    """YBR_FULL (PS3.3 C.7.6.3.1.2), eight bits a sample."""
    shifted = frame.astype(np.float32) - np.array([0, 128, 128], np.float32)
    picture: Frame = np.clip(shifted @ _TO_RGB + 0.5, 0, 255).astype(np.uint8)
    return picture
