"""A plugin is taken whole or refused by name; the others never notice."""

import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest

from cpms_core import Dataset, Plugin, hookimpl
from cpms_core.errors import PluginError
from cpms_core.plugins.guarded import guarded
from cpms_core.plugins.host import check_plugin, installed_plugins, load
from cpms_core.registry import Registry
from cpms_core.testing import registry_of
from tests.core.fakes import INTAKE, Intake, declaring, forgotten, refusal


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
        "core.request",
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
    assert "plugins/test_host.py, line " in told


def test_a_plugin_that_hangs_is_given_up() -> None:
    begun = time.monotonic()
    with pytest.raises(PluginError, match=r"its import did not end within 0\.1 s"):
        guarded("its import", lambda: time.sleep(1), deadline=0.1)
    assert time.monotonic() - begun < 0.9
