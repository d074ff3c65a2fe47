"""Anchors outside: what the chain alone cannot show, and that the file of them proves itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, delete, select, update

from cpms_core import audit
from cpms_core.audit import AuditEvent, Event
from cpms_core.auditing import chain
from cpms_core.auditing.anchors import AnchorsError, add_anchor, by_place, read_anchors
from cpms_core.auditing.chain import seal, walk
from cpms_core.db import new_id, transaction
from cpms_core.errors import CpmsError
from cpms_core.keys import SiteKey
from cpms_core.state import write_state

KEY = SiteKey(b"k" * 32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "anchors"


def add(engine: Engine, count: int = 3) -> None:
    with transaction(engine) as session:
        for page in range(count):
            audit.record(session, None, Event.CASE_READ, case_id=new_id(), page=page)


def anchored(engine: Engine, file: Path, times: int = 3) -> None:
    for _ in range(times):
        add(engine)
        add_anchor(engine, KEY, file)


def rewrite(engine: Engine) -> None:
    """Make a whole chain again over what is there now, as somebody would who knows this program."""
    with transaction(engine) as session:
        session.execute(update(AuditEvent).values(seq=None, hash=None))
        write_state(session, "audit_head", "")
    seal(engine)


def found(engine: Engine, file: Path | None = None) -> chain.Break | None:
    anchors = read_anchors(file, KEY) if file else ()
    with transaction(engine) as session:
        return walk(session, noted=by_place(anchors)).first_break


def test_each_anchor_is_a_line_that_follows_the_one_before(engine: Engine, file: Path) -> None:
    anchored(engine, file)
    anchors = read_anchors(file, KEY)
    assert [anchor.seq for anchor in anchors] == [3, 6, 9]
    assert len(file.read_bytes().splitlines()) == 3
    assert found(engine, file) is None
    with transaction(engine) as session:
        stored = session.scalars(
            select(AuditEvent.hash).where(AuditEvent.seq.in_([3, 6, 9])).order_by(AuditEvent.seq)
        ).all()
    assert [anchor.hash for anchor in anchors] == [one.hex() for one in stored if one]


def test_anchoring_again_without_a_new_event_is_no_harm(engine: Engine, file: Path) -> None:
    add(engine)
    add_anchor(engine, KEY, file)
    add_anchor(engine, KEY, file)
    assert [anchor.seq for anchor in read_anchors(file, KEY)] == [3, 3]


def test_an_empty_audit_has_no_head_to_sign(engine: Engine, file: Path) -> None:
    with pytest.raises(CpmsError, match="no event yet"):
        add_anchor(engine, KEY, file)


def test_a_chain_that_was_rewritten_as_a_whole_is_found_by_its_anchors(
    engine: Engine, file: Path
) -> None:
    anchored(engine, file)
    with transaction(engine) as session:
        session.execute(update(AuditEvent).where(AuditEvent.seq == 5).values(roles="guest"))
    rewrite(engine)
    assert found(engine) is None, "the chain alone cannot know"
    first = found(engine, file)
    assert first is not None and first.seq == 6
    assert "the chain was rewritten" in str(first)


@pytest.mark.parametrize("kept", [0, 2, 3, 5, 6, 8])
def test_a_chain_that_was_cut_with_all_that_remembers_it_is_found(
    engine: Engine, file: Path, kept: int
) -> None:
    anchored(engine, file)
    with transaction(engine) as session:
        session.execute(delete(AuditEvent).where(AuditEvent.seq > kept))
        write_state(session, "audit_head", "")
    assert found(engine) is None, "the chain alone cannot know"
    first = found(engine, file)
    assert first is not None and first.seq == kept + 1
    add(engine, 20)
    seal(engine)
    assert found(engine) is None
    first = found(engine, file)
    assert first is not None and first.seq in {3, 6, 9}


def test_an_older_store_that_was_put_back_is_found(engine: Engine, file: Path) -> None:
    add(engine)
    seal(engine)
    with transaction(engine) as session:
        before = session.execute(select(AuditEvent.__table__)).mappings().all()
        head = chain.read_end(session)
    anchored(engine, file)
    with transaction(engine) as session:
        session.execute(delete(AuditEvent))
        session.execute(AuditEvent.__table__.insert(), [dict(row) for row in before])  # type: ignore[attr-defined]  # a FromClause to mypy, a Table in fact
        write_state(session, "audit_head", f"{head.seq} {head.hash.hex()}")
    assert found(engine) is None
    first = found(engine, file)
    assert first is not None and first.seq == head.seq + 1
    with pytest.raises(CpmsError, match="#12"):
        add_anchor(engine, KEY, file)


def test_nothing_is_anchored_on_a_chain_that_broke(engine: Engine, file: Path) -> None:
    anchored(engine, file, 1)
    before = file.read_bytes()
    add(engine)
    seal(engine)
    with transaction(engine) as session:
        session.execute(update(AuditEvent).where(AuditEvent.seq == 5).values(roles="guest"))
    with pytest.raises(CpmsError, match="breaks: the entry #5"):
        add_anchor(engine, KEY, file)
    assert file.read_bytes() == before


@pytest.fixture(scope="module")
def four_lines(tmp_path_factory: pytest.TempPathFactory, request: Any) -> list[bytes]:
    template = request.getfixturevalue("sqlite_template")
    file = tmp_path_factory.mktemp("anchors") / "anchors"
    with template.copy(file.parent) as engine:
        anchored(engine, file, 4)
    return file.read_bytes().splitlines(keepends=True)


def test_any_byte_that_is_changed_is_found_in_its_line(four_lines: list[bytes], file: Path) -> None:
    whole = b"".join(four_lines)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        file.write_bytes(changed)
        line = whole[:place].count(b"\n") + 1
        with pytest.raises(AnchorsError, match=f"^Line {line} of ") as told:
            read_anchors(file, KEY)
        assert len(told.value.good) == line - 1


TAMPERED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int]] = {
    "the first is gone": (lambda lines: lines[1:], 1),
    "one in the middle is gone": (lambda lines: [lines[0], *lines[2:]], 2),
    "two changed places": (lambda lines: [lines[0], lines[2], lines[1], lines[3]], 2),
    "one stands there twice": (lambda lines: [*lines[:2], lines[1], *lines[2:]], 3),
    "an old one was added": (lambda lines: [*lines, lines[0]], 5),
    "the last is half written": (lambda lines: [*lines[:3], lines[3][:90]], 4),
    "the last line has no end": (lambda lines: [*lines[:3], lines[3][:-1]], 4),
    "something else stands there": (lambda lines: [*lines[:3], b"anchor\n"], 4),
    "not even text": (lambda lines: [*lines[:3], b'{"seq": "\xff"}\n'], 4),
    "an empty line": (lambda lines: [*lines[:2], b"\n", *lines[2:]], 3),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_file_of_anchors_that_was_tampered_with_is_found(
    four_lines: list[bytes], file: Path, what: str
) -> None:
    tamper, line = TAMPERED[what]
    file.write_bytes(b"".join(tamper(four_lines)))
    with pytest.raises(AnchorsError, match=f"^Line {line} of "):
        read_anchors(file, KEY)


def test_who_has_another_key_can_sign_no_anchor(engine: Engine, file: Path, tmp_path: Path) -> None:
    anchored(engine, file, 1)
    other = SiteKey(b"o" * 32)
    foreign = tmp_path / "foreign"
    add_anchor(engine, other, foreign)
    with pytest.raises(AnchorsError, match="of another site"):
        read_anchors(foreign, KEY)
    pretended = {**msgspec.json.decode(foreign.read_bytes()), "key_id": KEY.key_id}
    foreign.write_bytes(msgspec.json.encode(pretended) + b"\n")
    with pytest.raises(AnchorsError, match="signature"):
        read_anchors(foreign, KEY)


def test_an_anchor_is_not_added_to_a_file_that_was_tampered_with(
    engine: Engine, file: Path
) -> None:
    anchored(engine, file, 2)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[1])
    with pytest.raises(AnchorsError, match="Line 1"):
        add_anchor(engine, KEY, file)
    assert file.read_bytes() == lines[1]


def test_a_place_that_cannot_be_written_is_told(engine: Engine, tmp_path: Path) -> None:
    add(engine)
    with pytest.raises(CpmsError, match="cannot be written"):
        add_anchor(engine, KEY, tmp_path / "none" / "anchors")
    with pytest.raises(CpmsError, match="cannot be read"):
        read_anchors(tmp_path / "none", KEY)
