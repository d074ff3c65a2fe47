import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cpms_core import ImportedCase
from cpms_ern_ithaca.phenopacket import read
from tests.plugins.ern_ithaca.published import as_bytes, make_packet

_DEEP = b"[" * 100_000 + b"]" * 100_000
_FEATURE = {"type": {"id": "HP:0000252", "label": "Microcephaly"}}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not JSON"),
        (b"\x89PNG\r\n", "not JSON"),
        (b"{", "not JSON"),
        (as_bytes(make_packet())[:-40], "not JSON"),
        (b'{"subject": {"id": "\xff"}}', "not UTF-8"),
        (b'{"subject": {"id": "\\ud800"}}', "not JSON"),
        (b"[]", "no object"),
        (b"{}", "neither a subject nor findings"),
        (b'{"name": "package", "version": "1"}', "neither a subject nor findings"),
        (b'{"subject": ' + _DEEP + b"}", "nested"),
        (b'{"subject": {"id": ' + b"[" * 70 + b"]" * 70 + b"}}", "nested"),
        (b'{"subject": {}, "x": "' + b"x" * 10_000_000 + b'"}', "larger than 10 MB"),
        (b'{"subject": {"id": "a\\u0000b"}}', "NUL"),
        (b'{"subject": {"a\\u0000b": 1}}', "NUL"),
        (as_bytes({"proband": make_packet(), "id": "family"}), "a family"),
        (as_bytes({"members": [make_packet()], "id": "cohort"}), "a cohort"),
        (as_bytes(make_packet(subject={"taxonomy": {"id": "NCBITaxon:10090"}})), "no human"),
        (as_bytes(make_packet(subject=[1])), "“subject” should be an object and is a list"),
        (as_bytes(make_packet(subject={"sex": "BOY"})), "'BOY'"),
        (as_bytes(make_packet(subject={"sex": 1})), "“subject.sex” should be a text"),
        (as_bytes(make_packet(phenotypicFeatures="none")), "should be a list and is a text"),
        (as_bytes(make_packet(phenotypicFeatures=["x"])), "“phenotypicFeatures[0]”"),
        (
            as_bytes(make_packet(phenotypicFeatures=[_FEATURE | {"excluded": "false"}])),
            "“phenotypicFeatures[0].excluded” should be true or false and is a text",
        ),
        (as_bytes(make_packet(phenotypicFeatures=[_FEATURE] * 501)), "ithaca.findings"),
    ],
    ids=range(24),
)
def test_a_broken_file_is_refused_with_a_sentence(content: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as refused:
        read(content)
    assert len(str(refused.value)) < 300


def test_a_byte_order_mark_is_no_reason_to_refuse() -> None:
    assert read(b"\xef\xbb\xbf" + as_bytes(make_packet())) == read(as_bytes(make_packet()))


def test_any_value_in_any_place_is_read_or_refused_and_never_crashes() -> None:
    read_well, refused = 0, set()
    for packet in _with_each_value_replaced(make_packet()):
        try:
            read_well += isinstance(read(as_bytes(packet)), ImportedCase)
        except ValueError as error:
            refused.add(str(error))
    assert read_well > 100
    assert len(refused) > 50
    assert "" not in refused


_ODD: tuple[Any, ...] = (None, 0, -1, 1e300, 2**80, True, "", "x", "🦷" * 9, [], {}, [[]], [None])


def _with_each_value_replaced(packet: Any) -> Iterator[Any]:
    for path in _places(packet):
        for odd in _ODD:
            changed = copy.deepcopy(packet)
            node = changed
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = odd
            yield changed


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps: list[Any] = []
    if isinstance(value, dict):
        steps = list(value)
    elif isinstance(value, list):
        steps = list(range(len(value)))
    for step in steps:
        yield (*path, step)
        yield from _places(value[step], (*path, step))
