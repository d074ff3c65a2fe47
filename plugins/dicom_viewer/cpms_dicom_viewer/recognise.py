"""Tells a DICOM file by its first bytes. Light: the server itself asks, not only the sandbox."""

import struct

# ruff: noqa: PLR2004 - the standard's own numbers say more than names made up for them

_LONG = "OB OD OF OL OV OW SQ SV UC UN UR UT UV"
_SHORT = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"
LONG_KINDS = frozenset(_LONG.split())
SHORT_KINDS = frozenset(_SHORT.split())


def recognises(start: bytes) -> bool:
    """Whether a file's first bytes are those of a DICOM file, with or without a preamble."""
    return start[128:132] == b"DICM" or has_bare_start(start[:8])


def has_bare_start(start: bytes) -> bool:
    """Whether a file without preamble begins as a DICOM data set does (group 2 or 8)."""
    group, element, kind = struct.unpack("<HH2s", start[:6].ljust(6, b"\0"))
    if group == 0x0002:
        return element in {0, 1, 2, 3, 0x10} and kind in {b"UL", b"OB", b"UI"}
    explicit = kind.decode("ascii", "replace") in SHORT_KINDS
    plausible = element in {0x0000, 0x0001, 0x0005, 0x0008, 0x0012, 0x0016, 0x0018}
    return bool(group == 0x0008 and plausible and (explicit or start[6:8] == b"\0\0"))
