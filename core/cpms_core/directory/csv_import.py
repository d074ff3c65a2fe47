"""Import centres or people from a CSV file: first a plan that changes nothing, then exactly that.

A plan says of each line what it would do, or why it is refused. Whoever confirms it sends its marks
back: if the store has changed since, the marks of some lines differ, and nothing is done.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.directory import import_centres, import_people
from cpms_core.directory.csv_file import Line, read_csv
from cpms_core.directory.planned import Planned, Verdict
from cpms_core.errors import InvalidError

_MARK = 8
"""Hexadecimal digits of a line's mark."""


class _Importer(Struct, frozen=True):
    needed: Sequence[str]
    optional: Sequence[str]
    plan: Callable[[Session, Actor, Sequence[Line]], list[Planned]]
    carry_out: Callable[[Session, Actor, Sequence[Planned]], None]
    example: str


_IMPORTERS: Final[Mapping[str, _Importer]] = {
    "people": _Importer(
        import_people.NEEDED,
        import_people.OPTIONAL,
        import_people.plan_people,
        import_people.carry_out,
        import_people.EXAMPLE,
    ),
    "centres": _Importer(
        import_centres.NEEDED,
        import_centres.OPTIONAL,
        import_centres.plan_centres,
        import_centres.carry_out,
        import_centres.EXAMPLE,
    ),
}
KINDS: Final = tuple(_IMPORTERS)


class Plan(Struct, frozen=True, kw_only=True):
    kind: str
    sha256: str
    """Of the file it was made of."""
    lines: tuple[Planned, ...]

    def of(self, verdict: Verdict) -> list[Planned]:
        return [line for line in self.lines if line.verdict == verdict]

    @property
    def does_something(self) -> bool:
        return any(line.act is not None for line in self.lines)

    @property
    def marks(self) -> str:
        """What tells whether a later plan of the same file is the same, line by line."""
        return "".join(_mark(line) for line in self.lines)

    def differing(self, seen: str) -> list[Planned]:
        """The lines that are not what they were when these marks were made."""
        marks = [seen[place : place + _MARK] for place in range(0, len(seen), _MARK)]
        if len(marks) != len(self.lines):
            return list(self.lines)
        return [line for line, mark in zip(self.lines, marks, strict=True) if _mark(line) != mark]


def plan_import(session: Session, actor: Actor, kind: str, data: bytes) -> Plan:
    """What the file would do now; nothing is changed."""
    ensure(actor, "directory.manage", Subject())
    importer = _importer(kind)
    lines = read_csv(data, importer.needed, importer.optional)
    planned = importer.plan(session, actor, lines)
    return Plan(kind=kind, sha256=hashlib.sha256(data).hexdigest(), lines=tuple(planned))


def apply_import(
    session: Session, actor: Actor, kind: str, data: bytes, seen: str
) -> tuple[Plan, list[Planned]]:
    """Do what was seen, in this transaction, or nothing; the lines that differ from it."""
    plan = plan_import(session, actor, kind, data)
    differing = plan.differing(seen)
    if not differing:
        _importer(kind).carry_out(session, actor, plan.lines)
        note(session, actor, Event.IMPORT_APPLIED, plan)
    return plan, differing


def note(session: Session, actor: Actor, event: Event, plan: Plan) -> None:
    audit.record(
        session,
        actor,
        event,
        kind=plan.kind,
        sha256=plan.sha256[:16],
        added=len(plan.of("added")),
        changed=len(plan.of("changed")),
        left=len(plan.of("left")),
        refused=len(plan.of("refused")),
    )


def example_of(kind: str) -> str:
    return _importer(kind).example


def _importer(kind: str) -> _Importer:
    if kind not in _IMPORTERS:
        raise InvalidError("Choose what the file holds.", {"kind": "Choose one."})
    return _IMPORTERS[kind]


def _mark(line: Planned) -> str:
    told = "\0".join((str(line.number), line.verdict, line.what, *line.says))
    return hashlib.sha256(told.encode()).hexdigest()[:_MARK]
