"""A plugin is taken whole or refused by name; the others never notice."""

import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import pytest
from msgspec import Meta, Struct

from cpms_core import (
    CaseEvent,
    Check,
    Dataset,
    Export,
    Importer,
    Link,
    Network,
    Permission,
    Plugin,
    Report,
    ReportTable,
    Route,
    ThematicArea,
    Viewer,
    hookimpl,
    route,
)
from cpms_core.answers import Data
from cpms_core.errors import PluginError
from cpms_core.guarded import guarded
from cpms_core.host import check_plugin, installed_plugins, load
from cpms_core.registry import Registry
from cpms_core.testing import registry_of


class Intake(Struct, frozen=True, kw_only=True):
    note: Annotated[str, Meta(title="Note")] = ""


INTAKE = Dataset(key="fake.intake", title="Intake", schema=Intake)


def declaring(hook: str, *declarations: Any, returns: Any = None) -> type[Plugin]:
    """A plugin whose one hook returns these declarations."""

    def answer(self: Plugin) -> Any:  # noqa: ARG001 - a method
        return returns if returns is not None else declarations

    answer.__name__ = hook
    return type("Fake", (Plugin,), {hook: hookimpl(answer)})


def refusal(cls: Any) -> str:
    with pytest.raises(PluginError) as caught:
        registry_of({"fake": cls})
    return str(caught.value)


def page(path: str, **changes: Any) -> Route:
    declared = {"permission": "site.use", "event": None, **changes}
    return route("GET", path, **declared)(lambda visit, **values: Data(value=values))  # noqa: ARG005 - the shape of a handler


def test_the_plugins_of_the_project_can_be_enabled_together() -> None:
    names = ["ern_ithaca", "dicom_viewer", "reporting"]
    loaded = load(names)
    assert loaded.failures == ()
    assert list(loaded.registry.plugins) == ["web", *names]


@pytest.mark.parametrize("name", ["web", "ern_ithaca", "dicom_viewer", "reporting"])
def test_each_plugin_of_the_project_has_no_problems(name: str) -> None:
    assert check_plugin(name) == []


def test_installed_plugins_are_listed_without_importing_any() -> None:
    before = set(sys.modules)
    offered = {plugin.name: plugin for plugin in installed_plugins()}
    assert offered["reporting"].dist == "cpms-reporting"
    assert offered["reporting"].title
    assert {"web", "ern_ithaca", "dicom_viewer"} <= set(offered)
    assert not {name for name in set(sys.modules) - before if name.startswith("cpms_")}


def test_a_plugin_that_is_not_installed_is_named_and_the_rest_starts() -> None:
    loaded = load(["nowhere", "reporting"])
    assert [failure.name for failure in loaded.failures] == ["nowhere"]
    assert "no installed package offers" in loaded.failures[0].reason
    assert list(loaded.registry.plugins) == ["web", "reporting"]


def test_a_dataset_arrives_with_its_fields_described() -> None:
    registry = registry_of({"fake": declaring("datasets", INTAKE)})
    entry = registry.datasets["fake.intake"]
    assert (entry.plugin, entry.dataset) == ("fake", INTAKE)
    assert [field.title for field in entry.fields] == ["Note"]


def test_an_ern_plugin_may_leave_ern_out_of_its_keys() -> None:
    short = Dataset(key="abc.intake", title="Intake", schema=Intake)
    whole = Dataset(key="ern_abc.intake", title="Intake", schema=Intake)
    assert list(registry_of({"ern_abc": declaring("datasets", short, whole)}).datasets) == [
        "abc.intake",
        "ern_abc.intake",
    ]


class NoPlugin:
    pass


class Misspelt(Plugin):
    @hookimpl
    def dataset(self) -> Sequence[Dataset]:
        return (INTAKE,)


class MisspeltUnmarked(Plugin):
    def dataset(self) -> Sequence[Dataset]:
        return (INTAKE,)


class Invented(Plugin):
    @hookimpl
    def before_request(self) -> None: ...


class Unmarked(Plugin):
    def datasets(self) -> Sequence[Dataset]:
        return (INTAKE,)


class Extra(Plugin):
    @hookimpl
    def datasets(self, registry: Registry) -> Sequence[Dataset]:  # type: ignore[override]  # noqa: ARG002 - the fault
        return (INTAKE,)


class Awaited(Plugin):
    @hookimpl
    async def datasets(self) -> Sequence[Dataset]:  # type: ignore[override]  # the fault
        return (INTAKE,)


class Yielding(Plugin):
    @hookimpl
    def datasets(self) -> Any:
        yield INTAKE


class Early(Plugin):
    @hookimpl(tryfirst=True)
    def datasets(self) -> Sequence[Dataset]:
        return (INTAKE,)


class Constant(Plugin):
    datasets = (INTAKE,)  # type: ignore[assignment]  # the fault


class Demanding(Plugin):
    def __init__(self, settings: object) -> None:
        pass


class ListenerWithout(Plugin):
    @hookimpl
    def case_event(self) -> None:  # type: ignore[override]  # the fault
        pass


@pytest.mark.parametrize(
    ("cls", "complaint"),
    [
        (NoPlugin, "no subclass of cpms_core.Plugin"),
        (Unmarked(), "no subclass of cpms_core.Plugin"),
        (Plugin, "cpms_core.Plugin itself"),
        (Misspelt, "no such hook; did you mean datasets()?"),
        (MisspeltUnmarked, "dataset() is no hook; did you mean datasets()?"),
        (Invented, "before_request() is marked @hookimpl, but there is no such hook"),
        (Unmarked, "datasets() needs the marker @hookimpl"),
        (Extra, "datasets(self, registry) must be datasets(self)"),
        (ListenerWithout, "case_event(self) must be case_event(self, event)"),
        (Awaited, "datasets() must not be async"),
        (Yielding, "datasets() must return a tuple, not yield"),
        (Early, "@hookimpl takes no options"),
        (Constant, "datasets must be a plain method, not tuple"),
        (Demanding, "its construction failed: TypeError"),
    ],
)
def test_a_class_that_is_no_proper_plugin_is_refused(cls: Any, complaint: str) -> None:
    assert complaint in refusal(cls)


async def forgotten() -> tuple[Dataset, ...]:
    await asyncio.sleep(0)
    return (INTAKE,)


@pytest.mark.parametrize(
    ("returns", "complaint"),
    [
        ((), None),
        ([INTAKE], None),
        (INTAKE, "must return a tuple, not Dataset"),
        ("fake.intake", "must return a tuple, not str"),
        ((one for one in (INTAKE,)), "must return a tuple, not generator"),
        ({"fake.intake": INTAKE}, "must return a tuple, not dict"),
        ((Intake(),), "must return Datasets, not Intake"),
        ((Dataset,), "must return Datasets, not StructMeta"),
        ((INTAKE,) * 1001, "returned 1001 declarations"),
        ((Dataset(key=1, title="x", schema=Intake),), "Expected `str`, got `int` - at `$.key`"),  # type: ignore[arg-type]  # the fault
        ((Dataset(key="fake.a", title="x", schema=3),), "Expected `type`, got `int`"),  # type: ignore[arg-type]  # the fault
    ],
)
def test_what_a_hook_returns_is_looked_at(returns: Any, complaint: str | None) -> None:
    cls = declaring("datasets", returns=returns)
    if complaint is None:
        registry_of({"fake": cls})
    else:
        assert complaint in refusal(cls)


def test_a_hook_that_returns_nothing_or_a_coroutine_is_refused() -> None:
    class Nothing(Plugin):
        @hookimpl
        def datasets(self) -> Any:
            return None

    class Coroutine(Plugin):
        @hookimpl
        def datasets(self) -> Any:
            return forgotten()

    assert "must return a tuple, not NoneType" in refusal(Nothing)
    assert "must return a tuple, not coroutine" in refusal(Coroutine)


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), GeneratorExit(), OSError(28)])
@pytest.mark.parametrize("hook", ["networks", "datasets", "viewers", "routes", "checks"])
def test_a_hook_that_raises_refuses_its_plugin_with_the_line(
    hook: str, error: BaseException
) -> None:
    def answer(self: Plugin) -> Any:  # noqa: ARG001 - a method
        raise error

    answer.__name__ = hook
    told = refusal(type("Fake", (Plugin,), {hook: hookimpl(answer)}))
    assert told.startswith(f"{hook}() failed: {type(error).__name__}: {error}")
    assert "core/test_host.py, line " in told


def test_a_plugin_that_hangs_is_given_up() -> None:
    begun = time.monotonic()
    with pytest.raises(PluginError, match=r"its import did not end within 0\.1 s"):
        guarded("its import", lambda: time.sleep(1), deadline=0.1)
    assert time.monotonic() - begun < 0.9


def bad_viewer(**changes: Any) -> Viewer:
    declared = {
        "key": "fake.scan",
        "title": "Scan",
        "media_type": "image/scan",
        "recognises": lambda head: head.startswith(b"SCAN"),
        "ingest": f"{__name__}:refusal",
        "group_by": "study",
        "path": "/x/fake/show/{case_id}/{group}",
    }
    return Viewer(**{**declared, **changes})


def raising(head: bytes) -> bool:
    return head[0] == 0


def table(counts: object) -> ReportTable:  # noqa: ARG001 - the shape of a report
    return ReportTable(columns=(), rows=())


def dataset(**changes: Any) -> Dataset:
    return Dataset(**{"key": "fake.a", "title": "A", "schema": Intake, **changes})


class Unusual(Struct):
    value: complex


def network(**changes: Any) -> Network:
    return Network(**{"key": "fake", **changes})


AREA = ThematicArea(key="one", title="One")


@pytest.mark.parametrize(
    ("hook", "declaration", "complaint"),
    [
        ("datasets", dataset(key="other.a"), "must be fake.thing"),
        ("datasets", dataset(key="fake.A"), "must be fake.thing"),
        ("datasets", dataset(key="fake"), "must be fake.thing"),
        ("datasets", dataset(title=" "), "needs a title"),
        ("datasets", dataset(title="x" * 121), "needs a title"),
        ("datasets", dataset(title="a\x00b"), "needs a title"),
        ("datasets", dataset(version=0), "versions start at 1"),
        ("datasets", dataset(version=2), "needs upgrade(version, data)"),
        ("datasets", dataset(upgrade=lambda data: data), "upgrade must take (version, data)"),
        ("datasets", dataset(erns=("ITHACA",)), "no key of an ERN"),
        ("datasets", dataset(schema=Unusual), "dataset fake.a: Unusual.value"),
        ("datasets", dataset(schema=int), "dataset fake.a"),
        ("networks", network(key="A B"), "its key must be"),
        ("networks", network(case_prefix="ithaca"), "capital letters"),
        ("networks", network(areas=(AREA, AREA)), "thematic area 'one' must be unique"),
        ("networks", network(required_datasets=("fake.gone",)), "requires 'fake.gone'"),
        ("viewers", bad_viewer(media_type="scan"), "is no media type"),
        ("viewers", bad_viewer(recognises=raising), "recognises(b'') failed: IndexError"),
        ("viewers", bad_viewer(recognises=lambda head: True), "must be False, not True"),  # noqa: ARG005 - the fault
        ("viewers", bad_viewer(ingest="os:system"), "ingest 'os:system' must lie in"),
        ("viewers", bad_viewer(ingest=f"{__name__}:gone"), "there is no module-level function"),
        ("viewers", bad_viewer(ingest="tests.gone:ingest"), "there is no module-level function"),
        ("viewers", bad_viewer(path="/x/fake/show"), "must hold {case_id} and {group}"),
        ("viewers", bad_viewer(), "none of its GET routes serves"),
        (
            "permissions",
            Permission(key="fake.use", title="Use", standings=frozenset({"everybody"})),
            "standings must be some of",
        ),
        (
            "permissions",
            Permission(key="case.read", title="Read", standings=frozenset({"signed_in"})),
            "permission case.read is one of core's",
        ),
        (
            "reports",
            Report(key="fake.r", title="R", permission="fake.none", build=table),
            "there is no permission 'fake.none'",
        ),
        (
            "exports",
            Export(key="fake.e", title="E", media_type="json", suffix=".json", write=repr),  # type: ignore[arg-type]  # never called
            "'json' is no media type",
        ),
        (
            "exports",
            Export(key="fake.e", title="E", media_type="a/b", suffix="json", write=repr),  # type: ignore[arg-type]  # never called
            "must look like '.json'",
        ),
        (
            "importers",
            Importer(key="fake.i", title="I", suffixes=(), read=repr),  # type: ignore[arg-type]  # never called
            "suffixes must look like",
        ),
        ("links", Link(title="Away", href="https://example.org", permission="site.use"), "serves"),
        ("links", Link(title="Home", href="/", permission="site.use"), "serves"),
        ("links", Link(title="Gone", href="/x/fake/gone", permission="site.use"), "serves"),
        ("checks", Check(key="check", title="C", run=lambda folder: ()), "must be fake.thing"),  # noqa: ARG005 - never run
        ("routes", page("no/slash"), "its path must be"),
        ("routes", page("/a/"), "its path must be"),
        ("routes", page("/a/../b"), "its path must be"),
        ("routes", page("//evil"), "its path must be"),
        ("routes", page("/a/{b"), "its path must be"),
        ("routes", page("/{a}/{a}"), "stands in its path twice"),
        ("routes", page("/a", permission="fake.none"), "there is no permission"),
        ("routes", page("/a", event="case:opened"), "must be one of core's or fake:subject:done"),
        ("routes", page("/a", event="other:thing:done"), "must be one of core's"),
        (
            "routes",
            route("GET", "/a/{b}", permission="site.use", event=None)(lambda visit: visit),
            "its handler must take (visit, b)",
        ),
        (
            "routes",
            route("GET", "/a", permission="site.use", event=None)(forgotten),  # type: ignore[arg-type]  # the fault
            "must not be async",
        ),
        (
            "routes",
            route("PUT", "/a", permission="site.use", event=None)(lambda visit: visit),  # type: ignore[arg-type]  # the fault
            "Invalid enum value 'PUT'",
        ),
    ],
)
def test_a_declaration_core_cannot_accept_is_refused(
    hook: str, declaration: Any, complaint: str
) -> None:
    assert complaint in refusal(declaring(hook, declaration))


@pytest.mark.parametrize("path", ["/", "/a", "/a/{b}", "/a.csv", "/{b:uuid}/c/{d:int}"])
@pytest.mark.parametrize("event", [None, "case:images:viewed", "fake:thing:done"])
def test_an_ordinary_route_is_accepted(path: str, event: str | None) -> None:
    registry = registry_of({"fake": declaring("routes", page(path, event=event))})
    ((info, declared),) = registry.routes
    assert (info.mount, declared.path) == ("/x/fake", path)


class Whole(Plugin):
    """One of each that needs another."""

    @hookimpl
    def permissions(self) -> Sequence[Permission]:
        return (Permission(key="fake.see", title="See", standings=frozenset({"lead"})),)

    @hookimpl
    def routes(self) -> Sequence[Route]:
        return page("/"), page("/show/{case_id}/{group}", permission="fake.see")

    @hookimpl
    def viewers(self) -> Sequence[Viewer]:
        return (bad_viewer(),)

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
    viewer = registry.viewer_for(b"SCAN and more")
    assert viewer is not None and viewer.key == "fake.scan"
    assert registry.viewer_for(b"else") is None


def test_the_longest_suffix_finds_the_importer() -> None:
    registry = registry_of({"fake": Whole})
    found = [registry.importer_for(name) for name in ("A.X.JSON", "b.json", "c.txt")]
    assert [one.key if one else None for one in found] == ["fake.long", "fake.json", None]


def test_a_recogniser_that_fails_on_a_file_recognises_nothing() -> None:
    class Fragile(Whole):
        @hookimpl
        def viewers(self) -> Sequence[Viewer]:
            return (bad_viewer(recognises=lambda head: bool(head) and head[9] == 0),)

    assert registry_of({"fake": Fragile}).viewer_for(b"short") is None


def test_declaring_a_thing_twice_is_refused() -> None:
    assert "dataset fake.intake 2 times" in refusal(declaring("datasets", INTAKE, INTAKE))
    twice = declaring("routes", page("/{a}"), page("/{b:int}"))
    assert "route GET /x/fake/{} 2 times" in refusal(twice)


def test_two_owners_of_one_thing_refuse_the_later_plugin() -> None:
    first = declaring("datasets", Dataset(key="abc.intake", title="Intake", schema=Intake))
    with pytest.raises(PluginError, match=r"dataset abc\.intake already belongs to ern_abc"):
        registry_of({"ern_abc": first, "abc": first})
    ern = declaring("networks", Network(key="ithaca", case_prefix="ITH"))
    with pytest.raises(PluginError, match=r"ERN ithaca already belongs to one"):
        registry_of({"one": ern, "two": ern})
    other = declaring("networks", Network(key="rita", case_prefix="ITH"))
    with pytest.raises(PluginError, match=r"case prefix ITH already belongs to one"):
        registry_of({"one": ern, "two": other})


def test_every_problem_is_told_at_once() -> None:
    told = refusal(declaring("datasets", dataset(key="x.y", version=0, erns=("A",))))
    assert len(told.splitlines()) == 3


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

    assert keys("ithaca") == ["fake.a", "fake.b"]
    assert keys("rita") == ["fake.a"]
    assert keys(None) == ["fake.a"]


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
