"""Writes a data set in the encoding it was read in, behind a new preamble and file meta group.

The same elements always give the same bytes: no time, no machine, nothing random.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from cpms_dicom_viewer.parse import (
    BIG_ENDIAN,
    IMPLICIT,
    ITEM,
    SEQUENCE_END,
    UNDEFINED,
    Dataset,
    Element,
    text,
)
from cpms_dicom_viewer.recognise import LONG_KINDS

SOP_CLASS, SOP_INSTANCE = 0x00080016, 0x00080018
IMPLEMENTATION_UID = "2.25.105432189750637411279263027839186427311"
IMPLEMENTATION_NAME = "CPMS_1"


def write(target: BinaryIO, dataset: Dataset, transfer_syntax: str) -> None:
    """The whole file. Pixel data are streamed, everything else is small."""
    target.write(bytes(128) + b"DICM" + _meta(dataset, transfer_syntax))
    writer = _Writer(
        explicit=transfer_syntax != IMPLICIT, order=">" if transfer_syntax == BIG_ENDIAN else "<"
    )
    for tag in sorted(dataset):
        target.writelines(writer.element(dataset[tag]))


def text_element(tag: int, kind: str, value: str) -> Element:
    """ASCII text, padded to even length as its kind wants."""
    content = value.encode("ascii")
    return Element(tag, kind, content + (b"\0" if kind == "UI" else b" ") * (len(content) % 2))


def _meta(dataset: Dataset, transfer_syntax: str) -> bytes:
    writer = _Writer(explicit=True, order="<")
    elements = [
        Element(0x00020001, "OB", b"\0\1"),
        text_element(0x00020002, "UI", text(dataset.get(SOP_CLASS))),
        text_element(0x00020003, "UI", text(dataset.get(SOP_INSTANCE))),
        text_element(0x00020010, "UI", transfer_syntax),
        text_element(0x00020012, "UI", IMPLEMENTATION_UID),
        text_element(0x00020013, "SH", IMPLEMENTATION_NAME),
    ]
    group = b"".join(part for element in elements for part in writer.element(element))
    length = Element(0x00020000, "UL", struct.pack("<I", len(group)))
    return b"".join(writer.element(length)) + group


class _Writer:
    def __init__(self, *, explicit: bool, order: str) -> None:
        self.explicit = explicit
        self.order = order

    def element(self, element: Element) -> Iterator[bytes | memoryview]:
        if element.fragments is not None:
            yield self._head(element, UNDEFINED)
            for fragment in element.fragments:
                yield self._item(ITEM, len(fragment))
                yield fragment
            yield self._item(SEQUENCE_END, 0)
            return
        content = element.value if element.items is None else self._sequence(element.items)
        yield self._head(element, len(content))
        yield content

    def _sequence(self, items: list[Dataset]) -> bytes:
        parts: list[bytes | memoryview] = []
        for item in items:
            content = b"".join(part for tag in sorted(item) for part in self.element(item[tag]))
            parts += [self._item(ITEM, len(content)), content]
        return b"".join(parts)

    def _head(self, element: Element, length: int) -> bytes:
        group, number = element.tag >> 16, element.tag & 0xFFFF
        if not self.explicit:
            return struct.pack(self.order + "HHI", group, number, length)
        kind = element.kind.encode("ascii")
        if element.kind in LONG_KINDS:
            return struct.pack(self.order + "HH2sHI", group, number, kind, 0, length)
        return struct.pack(self.order + "HH2sH", group, number, kind, length)

    def _item(self, tag: int, length: int) -> bytes:
        return struct.pack(self.order + "HHI", tag >> 16, tag & 0xFFFF, length)
