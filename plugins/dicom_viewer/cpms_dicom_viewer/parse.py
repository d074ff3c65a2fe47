"""Reads the structure of a DICOM file: tags, kinds and lengths, and no value.

Strict where leniency is how parsers get hurt: every length must fit, sequences must close, depth
and count are bounded. Values stay views into the file; nothing is copied, converted or believed.
Raises `Refused` with a sentence for the person who sent the file.
"""

# ruff: noqa: PLR2004 - the standard's own numbers say more than names made up for them

import struct
import zlib
from functools import cache

from msgspec import Struct
from pydicom.datadict import dictionary_VR

from cpms_dicom_viewer.recognise import LONG_KINDS, SHORT_KINDS, has_bare_start

MOST_ELEMENTS = 500_000
DEEPEST = 16
MOST_INFLATED = 128 << 20
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
TRANSFER_SYNTAX = 0x00020010

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"


class Refused(ValueError):  # noqa: N818 - it is what the user reads, not a programming error
    """A sentence that says why this file is not taken."""


class Element(Struct):
    """One data element: bytes, or a sequence's items, or the fragments of compressed pixels."""

    tag: int
    kind: str
    """The VR."""
    value: memoryview | bytes = b""
    items: "list[Dataset] | None" = None
    fragments: list[memoryview | bytes] | None = None


Dataset = dict[int, Element]


class Parsed(Struct):
    """A file's data set and the transfer syntax it is in from now on (never deflated)."""

    dataset: Dataset
    transfer_syntax: str


def parse(content: memoryview) -> Parsed:
    """The whole file; `content` must outlive what is returned."""
    start = _after_preamble(content)
    meta, start = _read_meta(content, start)
    syntax = text(meta.get(TRANSFER_SYNTAX)) or _guess_syntax(content, start)
    body = content[start:]
    if syntax == DEFLATED:
        body, syntax = _inflate(body), EXPLICIT
    reader = _Reader(body, explicit=syntax != IMPLICIT, order=">" if syntax == BIG_ENDIAN else "<")
    dataset, _ = reader.dataset(0, len(body), depth=0)
    if not dataset:
        raise Refused("This file holds no DICOM image.")
    return Parsed(dataset=dataset, transfer_syntax=syntax)


def text(element: Element | None) -> str:
    """A value as ASCII text without its padding; empty if there is none."""
    return bytes(element.value).decode("ascii", "replace").strip(" \0") if element else ""


@cache
def kind_of(tag: int) -> str:
    """The VR of the standard's dictionary, UN for what it does not know."""
    if tag & 0xFFFF == 0:
        return "UL"
    if (tag >> 16) % 2:
        return "UN"
    try:
        return dictionary_VR(tag)[:2]  # of "US or SS" the first
    except KeyError:
        return "UN"


def _after_preamble(content: memoryview) -> int:
    if bytes(content[128:132]) == b"DICM":
        return 132
    if has_bare_start(bytes(content[:8])):
        return 0
    raise Refused("This file is no DICOM image.")


def _read_meta(content: memoryview, start: int) -> tuple[Dataset, int]:
    """Group 2, always explicit little endian, whatever its group length claims."""
    reader, meta = _Reader(content, explicit=True, order="<"), Dataset()
    while bytes(content[start : start + 2]) == b"\x02\x00":
        element, start = reader.element(start, len(content), depth=0)
        meta.setdefault(element.tag, element)
    return meta, start


def _guess_syntax(content: memoryview, start: int) -> str:
    kind = bytes(content[start + 4 : start + 6]).decode("ascii", "replace")
    return EXPLICIT if kind in SHORT_KINDS | LONG_KINDS else IMPLICIT


def _inflate(body: memoryview) -> memoryview:
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(body, MOST_INFLATED)
    except zlib.error:
        raise Refused("This file is damaged: its compressed part cannot be read.") from None
    if inflater.unconsumed_tail:
        raise Refused("This file unfolds to more than this site accepts.")
    if not inflater.eof:
        raise Refused(CUT)
    return memoryview(inflated)


CUT = "This file is cut off or damaged: it ends in the middle of a value."


class _Reader:
    """Walks one encoding; counts elements over the whole file."""

    def __init__(self, content: memoryview, *, explicit: bool, order: str) -> None:
        self.content = content
        self.explicit = explicit
        self.count = 0
        self.unpack_tag = struct.Struct(order + "HH").unpack_from
        self.unpack_short = struct.Struct(order + "H").unpack_from
        self.unpack_long = struct.Struct(order + "I").unpack_from

    def dataset(self, at: int, end: int, depth: int) -> tuple[Dataset, int]:
        """Elements up to `end`, or for an item of unknown length up to its delimiter."""
        if depth > DEEPEST:
            raise Refused(f"This file is nested deeper than the {DEEPEST} levels accepted here.")
        found = Dataset()
        while at < end:
            if depth == 0 and self._is_padding(at, end):
                break
            if depth and self._tag(at, end) == ITEM_END:
                return found, at + 8
            element, at = self.element(at, end, depth)
            found.setdefault(element.tag, element)  # of a repeated tag the first counts
        return found, at

    def element(self, at: int, end: int, depth: int) -> tuple[Element, int]:
        self.count += 1
        if self.count > MOST_ELEMENTS:
            raise Refused(f"This file has more than the {MOST_ELEMENTS:,} elements accepted here.")
        tag = self._tag(at, end)
        if tag >> 16 == 0xFFFE:
            raise Refused("This file is damaged: a sequence closes that was not open.")
        kind, length, at = self._head(tag, at, end)
        if length == UNDEFINED:
            return self._of_unknown_length(tag, kind, at, end, depth)
        if length > end - at:
            raise Refused(CUT)
        element = Element(tag, kind)
        if kind == "SQ" and not (tag >> 16) % 2:
            element.items, _ = self._items(at, at + length, depth, closes=False)
        else:
            element.value = self.content[at : at + length]
        return element, at + length

    def _head(self, tag: int, at: int, end: int) -> tuple[str, int, int]:
        """VR, length, and where the value starts."""
        if at + 8 > end:
            raise Refused(CUT)
        if not self.explicit:
            return kind_of(tag), self.unpack_long(self.content, at + 4)[0], at + 8
        kind = bytes(self.content[at + 4 : at + 6]).decode("ascii", "replace")
        if kind in SHORT_KINDS:
            return kind, self.unpack_short(self.content, at + 6)[0], at + 8
        if kind not in LONG_KINDS:
            raise Refused("This file is damaged: it has a value of a kind DICOM does not know.")
        if at + 12 > end:
            raise Refused(CUT)
        return kind, self.unpack_long(self.content, at + 8)[0], at + 12

    def _of_unknown_length(
        self, tag: int, kind: str, at: int, end: int, depth: int
    ) -> tuple[Element, int]:
        if tag == PIXEL_DATA and kind in {"OB", "OW"} and depth == 0:
            fragments, at = self._fragments(at, end)
            return Element(tag, kind, fragments=fragments), at
        if kind == "UN" and self.explicit:  # PS3.5 6.2.2: such a one is encoded implicitly
            inner = _Reader(self.content, explicit=False, order="<")
            inner.count = self.count
            items, at = inner._items(at, end, depth, closes=True)
            self.count = inner.count
        elif kind in {"SQ", "UN"}:
            items, at = self._items(at, end, depth, closes=True)
        else:
            raise Refused("This file is damaged: a value has no length.")
        return Element(tag, "SQ" if kind == "SQ" else "UN", items=items), at

    def _items(self, at: int, end: int, depth: int, *, closes: bool) -> tuple[list[Dataset], int]:
        items: list[Dataset] = []
        while at < end or closes:
            tag, length, at = self._item_head(at, end)
            if tag == SEQUENCE_END and closes:
                return items, at
            if tag != ITEM:
                raise Refused("This file is damaged: a sequence holds something else than items.")
            if length == UNDEFINED:
                item, at = self.dataset(at, end, depth + 1)
                self._check_closed(at)
            elif length > end - at:
                raise Refused(CUT)
            else:
                item, at = self.dataset(at, at + length, depth + 1)
            items.append(item)
            self.count += 1
        return items, at

    def _check_closed(self, at: int) -> None:
        if self._tag(at - 8, len(self.content)) != ITEM_END:
            raise Refused(CUT)

    def _fragments(self, at: int, end: int) -> tuple[list[memoryview | bytes], int]:
        fragments: list[memoryview | bytes] = []
        while len(fragments) <= MOST_ELEMENTS:
            tag, length, at = self._item_head(at, end)
            if tag == SEQUENCE_END:
                return fragments, at
            if tag != ITEM or length > end - at:
                raise Refused(CUT)
            fragments.append(self.content[at : at + length])
            at += length
        raise Refused(f"This file has more than the {MOST_ELEMENTS:,} elements accepted here.")

    def _item_head(self, at: int, end: int) -> tuple[int, int, int]:
        tag = self._tag(at, end)
        if at + 8 > end:
            raise Refused(CUT)
        return tag, self.unpack_long(self.content, at + 4)[0], at + 8

    def _tag(self, at: int, end: int) -> int:
        if at + 4 > end:
            raise Refused(CUT)
        group, element = self.unpack_tag(self.content, at)
        return int(group << 16 | element)

    def _is_padding(self, at: int, end: int) -> bool:
        """Some archives fill a file up with zeros."""
        return not any(self.content[at : at + 4]) and not any(self.content[at:end])
