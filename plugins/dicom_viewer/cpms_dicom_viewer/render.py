"""A frame as a JPEG that any browser shows: the first look, the thumbnail, the page without script.

Runs in the sandbox. Modality rescale, then the window (PS3.3 C.11.2), then the colours.
"""

# ruff: noqa: PLR2004 - the standard's own numbers say more than names made up for them

from pathlib import Path

import numpy as np
from imagecodecs import jpeg8_encode

from cpms_dicom_viewer.frames import of_frame
from cpms_dicom_viewer.image import Shape, numbers, shape_of
from cpms_dicom_viewer.ingest import mapped
from cpms_dicom_viewer.parse import Dataset, Element, Refused, parse, text
from cpms_dicom_viewer.pixels import Frame, frame_of

QUALITY = 90
SLOPE, INTERCEPT, CENTRE, WIDTH = 0x00281053, 0x00281052, 0x00281050, 0x00281051
WINDOW_FUNCTION = 0x00281056
PALETTES = ((0x00281101, 0x00281201), (0x00281102, 0x00281202), (0x00281103, 0x00281203))


def render(source: str, frame: int, window: str, largest: int) -> bytes:
    """Frame `frame` from 0 as JPEG, no side longer than `largest` points.

    `window` is "centre/width", or empty for the file's own, or the frame's range without one.
    """
    try:
        with mapped(Path(source)) as content:
            parsed = parse(content)
            shape = shape_of(parsed)
            pixels = frame_of(parsed, shape, frame)
            picture = _shown(pixels, of_frame(parsed.dataset, frame), shape, window)
            return bytes(jpeg8_encode(_fitted(picture, largest), level=QUALITY))
    except Refused as refusal:
        raise ValueError(str(refusal)) from None
    except RuntimeError:  # every decoder's own error is one
        raise ValueError("This image is damaged and cannot be drawn.") from None
    except ValueError:
        # Not one of our sentences: it may quote the file, so nobody is shown it.
        raise RuntimeError("an unforeseen value") from None


def _shown(pixels: Frame, dataset: Dataset, shape: Shape, window: str) -> Frame:
    """Eight bits a sample, grey or RGB."""
    if shape.samples == 3:
        return pixels if pixels.dtype == np.uint8 else (pixels >> (shape.stored - 8)).astype("u1")
    if shape.photometric == "PALETTE COLOR":
        return _painted(pixels, dataset)
    grey = _windowed(pixels, dataset, window)
    return 255 - grey if shape.photometric == "MONOCHROME1" else grey


def _windowed(pixels: Frame, dataset: Dataset, window: str) -> Frame:
    slope, intercept = (numbers(dataset, tag)[:1] for tag in (SLOPE, INTERCEPT))
    values = pixels.astype(np.float32)
    if slope and intercept:
        values = values * slope[0] + intercept[0]
    centre, width = _window(window, dataset, values)
    function = text(dataset.get(WINDOW_FUNCTION)) or "LINEAR"
    if function == "SIGMOID":
        share = 1 / (1 + np.exp(-4 * (values - centre) / width))
    elif function == "LINEAR_EXACT":
        share = (values - centre) / width + 0.5
    else:  # C.11.2.1.2.1: the window's edges lie half a step inside
        share = (values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5
    grey: Frame = np.clip(share * 255 + 0.5, 0, 255).astype(np.uint8)
    return grey


def _window(window: str, dataset: Dataset, values: Frame) -> tuple[float, float]:
    asked = Element(CENTRE, "DS", window.replace("/", "\\").encode("ascii", "replace"))
    found = numbers({CENTRE: asked}, CENTRE)
    if len(found) != 2:
        found = numbers(dataset, CENTRE)[:1] + numbers(dataset, WIDTH)[:1]
    if len(found) == 2 and found[1] > 0:
        return found[0], found[1]
    low, high = float(values.min()), float(values.max())
    return (low + high) / 2 + 0.5, high - low + 1


def _painted(pixels: Frame, dataset: Dataset) -> Frame:
    """Each value looked up in three palettes (PS3.3 C.7.6.3.1.5)."""
    channels = []
    for descriptor, data in PALETTES:
        head, table = dataset.get(descriptor), dataset.get(data)
        if head is None or table is None or len(head.value) != 6:
            raise Refused("This file is damaged: its colours are missing.")
        count, first, bits = np.frombuffer(head.value, "<u2").tolist()
        palette = np.frombuffer(table.value, "<u1" if len(table.value) == count else "<u2")
        if not len(palette):
            raise Refused("This file is damaged: its colours are missing.")
        index = np.clip(pixels.astype(np.int64) - first, 0, len(palette) - 1)
        channels.append((palette[index] >> max(0, bits - 8)).astype(np.uint8))
    return np.stack(channels, axis=-1)


def _fitted(picture: Frame, largest: int) -> Frame:
    """Smaller by a whole factor, each point the mean of those it stands for."""
    factor = -(-max(picture.shape[:2]) // max(largest, 16))
    if factor < 2:
        return np.ascontiguousarray(picture)
    rows, columns = (side // factor * factor for side in picture.shape[:2])
    blocks = picture[:rows, :columns].reshape(
        rows // factor, factor, columns // factor, factor, *picture.shape[2:]
    )
    return np.ascontiguousarray(blocks.mean(axis=(1, 3)).astype(np.uint8))
