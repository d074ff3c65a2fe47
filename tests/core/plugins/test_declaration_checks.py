"""A declaration core cannot accept refuses its plugin with a sentence that names it."""

from typing import Any

import pytest
from msgspec import Struct

from cpms_core import (
    Check,
    Dataset,
    Export,
    Importer,
    Link,
    Network,
    Permission,
    Report,
    ReportTable,
    Route,
    ThematicArea,
    route,
)
from cpms_core.declarations import Method
from cpms_core.errors import PluginError
from cpms_core.testing import registry_of
from tests.core.fakes import INTAKE, Intake, dataset, declaring, forgotten, page, refusal, viewer


def raising(head: bytes) -> bool:
    return head[0] == 0


def table(counts: object) -> ReportTable:  # noqa: ARG001 - the shape of a report
    return ReportTable(columns=(), rows=())


class Unusual(Struct):
    value: complex


def network(**changes: Any) -> Network:
    return Network(**{"key": "fake", **changes})


def read_by_machines(scope: str, method: Method = "GET", **changes: Any) -> Route:
    values = {"permission": "site.use", "event": "fake:thing:read", **changes}
    return route(method, "/a", api=scope, **values)(lambda visit: visit)


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
        ("networks", network(required_datasets=("fake.gone",)), "asks for 'fake.gone'"),
        ("networks", network(helpful_datasets=("fake.gone",)), "asks for 'fake.gone'"),
        ("viewers", viewer(media_type="scan"), "is no media type"),
        ("viewers", viewer(recognises=raising), "recognises(b'') failed: IndexError"),
        ("viewers", viewer(recognises=lambda head: True), "must be False, not True"),  # noqa: ARG005 - the fault
        ("viewers", viewer(ingest="os:system"), "ingest 'os:system' must lie in"),
        ("viewers", viewer(ingest="tests.core.fakes:gone"), "there is no module-level function"),
        ("viewers", viewer(ingest="tests.gone:ingest"), "there is no module-level function"),
        ("viewers", viewer(path="/x/fake/show"), "must hold {case_id} and {group}"),
        ("viewers", viewer(), "none of its GET routes serves"),
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
        ("routes", page("/a/{b}"), "its path must be"),
        ("routes", page("/a/{b:path}/c"), "only the last part"),
        ("routes", page("/{a:str}/{a:int}"), "stands in its path twice"),
        ("routes", page("/a", permission="fake.none"), "there is no permission"),
        ("routes", page("/a", event="case:opened"), "must be one of core's or fake:subject:done"),
        ("routes", page("/a", event="other:thing:done"), "must be one of core's"),
        (
            "routes",
            route("GET", "/a/{b:str}", permission="site.use", event=None)(lambda visit: visit),
            "its handler must take (visit, b)",
        ),
        (
            "routes",
            route("GET", "/a", permission="site.use", event=None)(forgotten),  # type: ignore[arg-type]  # the fault
            "must not be async",
        ),
        ("routes", page("/a", step_up="read a mark"), "only an act that sends a form"),
        (
            "routes",
            route("POST", "/a", permission="site.use", event=None, rate="upload", step_up="a")(
                lambda visit: visit
            ),
            "only an act that sends a form",
        ),
        (
            "routes",
            route("POST", "/a", permission="site.use", event=None, step_up=" ")(
                lambda visit: visit
            ),
            "must say in words what is done",
        ),
        ("routes", read_by_machines("fake.read", event=None), "must record an audit event"),
        ("routes", read_by_machines("other.read"), "must be one of core's or fake.something"),
        ("routes", read_by_machines("case"), "must be one of core's or fake.something"),
        ("routes", read_by_machines("fake.read", permission="site.enter"), "needs no token"),
        ("routes", read_by_machines("fake.read", method="POST"), "machines only read"),
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


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a/{b:str}", "/a.csv", "/{b:uuid}/c/{d:int}", "/f/{p:path}"]
)
@pytest.mark.parametrize("event", [None, "case:images:viewed", "fake:thing:done"])
def test_an_ordinary_route_is_accepted(path: str, event: str | None) -> None:
    registry = registry_of({"fake": declaring("routes", page(path, event=event))})
    ((info, declared),) = registry.routes
    assert (info.mount, declared.path) == ("/x/fake", path)


def test_declaring_a_thing_twice_is_refused() -> None:
    assert "dataset fake.intake 2 times" in refusal(declaring("datasets", INTAKE, INTAKE))
    twice = declaring("routes", page("/{a:str}"), page("/{b:int}"))
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
