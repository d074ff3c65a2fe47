"""Removes a patient's identity from a data set: DICOM PS3.15 Annex E, Basic Profile.

The table is data (`ps3_15_table.json`, edition named in it). Beyond it, because files hold what
no table lists: everything private or unknown goes, and so does every text, date, name and opaque
block that is not on the short list of what an image needs. UIDs are replaced by keyed ones, the
same for the same patient on every machine. Burnt-in letters are in the pixels: see `describe`.
"""

import json
import re
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from pydicom._uid_dict import UID_dictionary

from cpms_dicom_viewer.parse import PIXEL_DATA, Dataset, Element, kind_of, text
from cpms_dicom_viewer.write import text_element

TABLE = json.loads(files("cpms_dicom_viewer").joinpath("ps3_15_table.json").read_bytes())
ACTIONS: dict[int, str] = {int(tag, 16): action for tag, action in TABLE["actions"].items()}
METHOD = f"DICOM PS3.15 {TABLE['edition']} Basic Profile; private and free text removed"

# Texts outside the table that describe the machine's settings, not a person.
KEPT_TEXTS = frozenset(
    {
        0x00080070,  # Manufacturer
        0x00081090,  # Manufacturer's Model Name
        0x00180024,  # Sequence Name
        0x00180085,  # Imaged Nucleus
        0x00181160,  # Filter Type
        0x00181210,  # Convolution Kernel
        0x00181250,  # Receive Coil Name
        0x00189005,  # Pulse Sequence Name
        0x00281054,  # Rescale Type
        0x00281055,  # Window Center & Width Explanation
        0x00283003,  # LUT Explanation
        0x00541101,  # Attenuation Correction Method
        0x00541103,  # Reconstruction Method
        0x00080100,  # Code Value, and below what belongs to it; see _is_foreign_code
        0x00080102,
        0x00080103,
        0x00080104,
    }
)
KEPT_BLOCKS = frozenset(
    # Not the pixels: only those of the data set itself stay, no preview's in a sequence.
    {
        *(0x00281201, 0x00281202, 0x00281203),  # palettes
        *(0x00281221, 0x00281222, 0x00281223),  # segmented palettes
        0x00283006,  # LUT Data
    }
)
FIRST_GROUP = 0x0008
CODING_SCHEME = 0x00080102
PUBLIC_CODES = frozenset({"DCM", "SCT", "SRT", "SNM3", "99SDM", "UCUM", "LN", "FMA", "RADLEX"})

TEXTS = frozenset(["AE", "AS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"])
BLOCKS = frozenset(["OB", "OD", "OF", "OL", "OV", "OW"])
DUMMIES = {
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "AS": "000Y",
    "DS": "0",
    "IS": "0",
    "CS": "REMOVED",
    "UI": "2.25.0",
} | dict.fromkeys(["AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"], "REMOVED")
ZEROS = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "AT": 4, "SV": 8, "UV": 8}

_CODED = re.compile(rb"[A-Z0-9_ \\]*\0?")
_NUMBERS = re.compile(rb"[0-9+\-.Ee \\]*\0?")
_PLAIN = re.compile(rb"[\x20-\x7e]*\0?")


def deidentify(dataset: Dataset, secret: bytes) -> Dataset:
    """A new data set with what may stay; `secret` is the patient's, and keys the UIDs."""
    kept = _cleaned(dataset, secret)
    if PIXEL_DATA in dataset:
        kept[PIXEL_DATA] = dataset[PIXEL_DATA]
    kept.pop(0x00080005, None)  # Specific Character Set: all text that is left is ASCII
    marks = [
        text_element(0x00120062, "CS", "YES"),
        text_element(0x00120063, "LO", METHOD[:64]),
        Element(0x00120064, "SQ", items=[_basic_profile()]),
        text_element(0x00280303, "CS", "REMOVED"),
    ]
    return kept | {mark.tag: mark for mark in marks}


def new_uid(uid: str, secret: bytes) -> str:
    """The UID that stands for `uid` among this patient's files."""
    digest = blake2b(uid.encode("ascii", "replace"), key=secret, digest_size=16).digest()
    return f"2.25.{int.from_bytes(digest)}"


def _basic_profile() -> Dataset:
    code = [
        text_element(0x00080100, "SH", "113100"),
        text_element(0x00080102, "SH", "DCM"),
        text_element(0x00080104, "LO", "Basic Application Confidentiality Profile"),
    ]
    return {element.tag: element for element in code}


def _cleaned(dataset: Dataset, secret: bytes) -> Dataset:
    kept = Dataset()
    for tag, element in dataset.items():
        if _goes_whole(tag, element):
            continue
        clean = _apply(_action(tag), element, secret)
        if clean is not None:
            kept[tag] = clean
    return kept


def _goes_whole(tag: int, element: Element) -> bool:
    """Private, group length, command, media directory, curve, overlay, unknown."""
    group = tag >> 16
    return (
        group % 2 == 1
        or group < FIRST_GROUP
        or group & 0xFF00 in {0x5000, 0x6000}
        or tag & 0xFFFF == 0
        or element.kind == "UN"
        or not _is_of_its_kind(tag, element)
    )


def _is_of_its_kind(tag: int, element: Element) -> bool:
    """Whether the file gives the attribute the kind the standard does.

    A name sent as a number, or a sequence as a block, would slip past the rules for its kind.
    """
    expected = kind_of(tag)
    same = {"US": {"US", "SS", "OW"}, "OB": {"OB", "OW"}, "OW": {"OB", "OW"}}
    return element.kind == expected or element.kind in same.get(expected, ())


def _action(tag: int) -> str:
    """X remove, Z empty, D dummy, U new UID; of several the one that keeps most files valid."""
    action = ACTIONS.get(tag, "")
    if action == "X/Z/U*":
        return ""  # recursed into, where its UIDs are replaced
    return "D" if "D" in action else action[-1:]


def _apply(action: str, element: Element, secret: bytes) -> Element | None:
    match action:
        case "X":
            return None
        case "Z":
            return _empty(element)
        case "D":
            return _dummy(element)
        case "U":
            return _with_new_uids(element, secret)
        case _:
            return _unlisted(element, secret)


def _empty(element: Element) -> Element:
    return Element(element.tag, element.kind, items=[] if element.kind == "SQ" else None)


def _dummy(element: Element) -> Element:
    if element.kind in DUMMIES:
        return text_element(element.tag, element.kind, DUMMIES[element.kind])
    if element.kind in ZEROS:
        return Element(element.tag, element.kind, bytes(ZEROS[element.kind]))
    return _empty(element)


def _with_new_uids(element: Element, secret: bytes) -> Element:
    if element.kind != "UI":
        return _empty(element)
    old = text(element)
    new = "\\".join(new_uid(uid.strip(" \0"), secret) for uid in old.split("\\")) if old else ""
    return text_element(element.tag, "UI", new)


def _unlisted(element: Element, secret: bytes) -> Element | None:
    """What the table says nothing about: kept only if it can hold nobody's name."""
    kind = element.kind
    if kind == "SQ":
        items = [item for item in element.items or [] if not _is_foreign_code(item)]
        return Element(element.tag, kind, items=[_cleaned(item, secret) for item in items])
    if kind == "UI":
        return element if _is_standard(text(element)) else _with_new_uids(element, secret)
    if kind in BLOCKS:
        return element if element.tag in KEPT_BLOCKS else None
    allowed = _allowed(element)
    return element if allowed is None or allowed.fullmatch(element.value) else _empty(element)


def _allowed(element: Element) -> re.Pattern[bytes] | None:
    """What a kept value of this kind looks like; None for binary numbers."""
    if element.kind in TEXTS:
        return _PLAIN if element.tag in KEPT_TEXTS else _NOTHING
    return {"CS": _CODED, "DS": _NUMBERS, "IS": _NUMBERS}.get(element.kind)


_NOTHING = re.compile(rb"")


@cache
def _is_standard(uid: str) -> bool:
    return uid in UID_dictionary


def _is_foreign_code(item: Dataset) -> bool:
    """A hospital's own code may mean anything, a person too."""
    return CODING_SCHEME in item and text(item[CODING_SCHEME]) not in PUBLIC_CODES
