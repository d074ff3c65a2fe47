"""What changed between two versions of a record, in words."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import msgspec
from msgspec import Struct

from cpms_core.datasets.display import Names, say, say_finding, stored
from cpms_core.datasets.field import Field, join
from cpms_core.datasets.fields import describe
from cpms_core.declarations import Dataset


class Change(Struct, frozen=True, kw_only=True):
    """One answer that differs; `before` or `after` is empty where there was none."""

    path: str
    title: str
    """`Birth, Weight`."""
    before: str
    after: str


def diff(
    dataset: Dataset,
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any] | None,
    names: Names | None = None,
) -> list[Change]:
    """Both as stored by the dataset's present version; None for a record that was not yet there."""
    differ = _Differ(names or {})
    return [
        change
        for field in describe(dataset.schema)
        for change in differ.field(
            field, field.key, field.title, stored(old, field), stored(new, field)
        )
    ]


class _Differ:
    def __init__(self, names: Names) -> None:
        self.names = names

    def field(self, field: Field, path: str, title: str, old: Any, new: Any) -> Iterator[Change]:
        if old == new:
            return
        if field.kind == "findings":
            yield from self.findings(path, title, old or [], new or [])
        elif field.item is not None:
            yield from self.rows(field, path, title, old or [], new or [])
        elif field.kind == "section" and (old is None) == (new is None):
            yield from self.children(field, path, title, old, new)
        else:
            yield from self.change(field, path, title, old, new)

    def change(self, field: Field, path: str, title: str, old: Any, new: Any) -> Iterator[Change]:
        before, after = say(field, old, self.names), say(field, new, self.names)
        if field.kind == "term" and before == after:
            before, after = (
                f"{data['label']} ({data['code']})" if data else "" for data in (old, new)
            )
        if before != after:
            yield Change(path=path, title=title, before=before, after=after)

    def children(self, field: Field, path: str, title: str, old: Any, new: Any) -> Iterator[Change]:
        for child in field.children:
            yield from self.field(
                child,
                join(path, child.key),
                f"{title}, {child.title}",
                stored(old, child),
                stored(new, child),
            )

    def rows(
        self, field: Field, path: str, title: str, old: Sequence[Any], new: Sequence[Any]
    ) -> Iterator[Change]:
        """Rows that stayed the same are matched first; those between them are compared in turn."""
        item, name = field.rows_of, field.row or "row"
        matcher = SequenceMatcher(None, list(map(_frozen, old)), list(map(_frozen, new)), False)
        for tag, old_at, old_end, new_at, new_end in matcher.get_opcodes():
            if tag == "equal":
                continue
            for step in range(max(old_end - old_at, new_end - new_at)):
                before = old[old_at + step] if old_at + step < old_end else None
                after = new[new_at + step] if new_at + step < new_end else None
                at = old_at + step if after is None else new_at + step
                yield from self.field(
                    item, join(path, at), f"{title}, {name} {at + 1}", before, after
                )

    def findings(
        self, path: str, title: str, old: Sequence[Any], new: Sequence[Any]
    ) -> Iterator[Change]:
        """Matched by term, wherever they stand in the list."""
        before, after = _by_term(old), _by_term(new)
        for key in [*before, *(key for key in after if key not in before)]:
            was, became = before.get(key), after.get(key)
            if was != became:
                term = (became or was or {})["term"]
                yield Change(
                    path=path,
                    title=f"{title}, {term['label']} ({term['code']})",
                    before=_state(was),
                    after=_state(became),
                )


def _frozen(data: Any) -> bytes:
    return msgspec.json.encode(data, order="sorted")


def _by_term(findings: Sequence[Any]) -> dict[tuple[str, str, int], Any]:
    """A term that is listed twice keeps its order."""
    found: dict[tuple[str, str, int], Any] = {}
    for finding in findings:
        term, count = finding["term"], 0
        while (term["system"], term["code"], count) in found:
            count += 1
        found[term["system"], term["code"], count] = finding
    return found


def _state(finding: Any) -> str:
    """Without the name, which stands in the title: `absent, onset 3 y`."""
    return say_finding(finding).partition("), ")[2] if finding else ""
