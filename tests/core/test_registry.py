"""What was declared is found again by its key, its ERN, a file's head or a file's name."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from cpms_core import (
    CaseEvent,
    Dataset,
    Importer,
    Link,
    Network,
    Permission,
    Plugin,
    Route,
    Viewer,
    hookimpl,
)
from cpms_core.testing import registry_of
from tests.core.fakes import INTAKE, Intake, dataset, declaring, page, viewer


class Whole(Plugin):
    """One of each that needs another."""

    @hookimpl
    def permissions(self) -> Sequence[Permission]:
        return (Permission(key="fake.see", title="See", standings=frozenset({"lead"})),)

    @hookimpl
    def routes(self) -> Sequence[Route]:
        return page("/"), page("/show/{case_id:uuid}/{group:str}", permission="fake.see")

    @hookimpl
    def viewers(self) -> Sequence[Viewer]:
        return (viewer(),)

    @hookimpl
    def links(self) -> Sequence[Link]:
        return (Link(title="Fakes", href="/x/fake", permission="fake.see"),)

    @hookimpl
    def importers(self) -> Sequence[Importer]:
        return (
            Importer(key="fake.json", title="J", suffixes=(".json",), read=lambda _: 1 / 0),  # type: ignore[arg-type,return-value]  # never called
            Importer(key="fake.long", title="L", suffixes=(".x.json",), read=lambda _: 1 / 0),  # type: ignore[arg-type,return-value]  # never called
        )


def test_links_and_viewers_may_point_at_the_plugins_own_pages() -> None:
    registry = registry_of({"fake": Whole})
    assert [link.href for link in registry.links] == ["/x/fake"]
    found = registry.viewer_for(b"SCAN and more")
    assert found is not None and found.key == "fake.scan"
    assert registry.viewer_for(b"else") is None


def test_the_longest_suffix_finds_the_importer() -> None:
    registry = registry_of({"fake": Whole})
    found = [registry.importer_for(name) for name in ("A.X.JSON", "b.json", "c.txt")]
    assert [one.key if one else None for one in found] == ["fake.long", "fake.json", None]


def test_a_recogniser_that_fails_on_a_file_recognises_nothing() -> None:
    class Fragile(Whole):
        @hookimpl
        def viewers(self) -> Sequence[Viewer]:
            return (viewer(recognises=lambda head: bool(head) and head[9] == 0),)

    assert registry_of({"fake": Fragile}).viewer_for(b"short") is None


def test_a_network_asks_only_for_datasets_that_are_there() -> None:
    ern = declaring("networks", Network(key="ithaca", required_datasets=("other.intake",)))
    other = declaring("datasets", Dataset(key="other.intake", title="Intake", schema=Intake))
    assert registry_of({"fake": ern}).required_for("ithaca") == ()
    both = registry_of({"fake": ern, "other": other})
    assert both.required_for("ithaca") == ("other.intake",)
    assert both.required_for("rita") == ()


def test_a_case_shows_the_forms_of_its_ern_and_of_all() -> None:
    registry = registry_of(
        {"fake": declaring("datasets", dataset(), dataset(key="fake.b", erns=("ithaca",)))}
    )

    def keys(ern: str | None) -> list[str]:
        return [entry.dataset.key for entry in registry.datasets_for(ern)]

    assert keys("ithaca") == ["core.request", "fake.a", "fake.b"]
    assert keys("rita") == ["core.request", "fake.a"]
    assert keys(None) == ["core.request", "fake.a"]


def test_an_event_reaches_every_plugin_though_one_fails() -> None:
    heard: list[str] = []

    class Failing(Plugin):
        @hookimpl
        def case_event(self, event: CaseEvent) -> None:
            raise SystemExit(event.tag)

    class Listening(Plugin):
        @hookimpl
        def case_event(self, event: CaseEvent) -> None:
            heard.append(event.tag)

    registry = registry_of({"failing": Failing, "listening": Listening})
    event = CaseEvent(tag="case:case:opened", case_id=UUID(int=1), at=datetime.now(UTC))
    assert registry.announce(event) == ("failing",)
    assert heard == ["case:case:opened"]


def test_what_is_in_the_registry_cannot_be_changed() -> None:
    registry = registry_of({"fake": declaring("datasets", INTAKE)})
    with pytest.raises(TypeError):
        registry.datasets["fake.other"] = registry.datasets["fake.intake"]  # type: ignore[index]  # the fault
    with pytest.raises(AttributeError):
        registry.links = ()  # type: ignore[misc]  # the fault
