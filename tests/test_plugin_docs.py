"""docs/plugins.md names every hook with its exact signature, and its examples work."""

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest

from cpms_core import Aggregates, CaseEvent, CaseView, PanelTimes, Plugin, Term
from cpms_core.plugins.hook_checks import HOOKS
from cpms_core.registry import Registry
from cpms_core.testing import fill_form, form_errors, read_stored, registry_of

DOCS = Path(__file__).parents[1] / "docs" / "plugins.md"
SECTIONS = {
    section.partition("\n")[0].strip(): section
    for section in re.split(r"^### ", DOCS.read_text(), flags=re.MULTILINE)[1:]
}


def block(hook: str, kind: str) -> str:
    """The one fenced block of this kind in a hook's section."""
    (found,) = re.findall(rf"(?ms)^```python {kind}\n(.*?)^```", SECTIONS[hook])
    return str(found)


@pytest.fixture
def example(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ModuleType, Registry]]:
    """The example of the test's hook, as an installed package called `cpms_example`."""
    hook = request.node.name.partition("example_of_")[2].rstrip("]")
    package = tmp_path / "cpms_example"
    package.mkdir()
    (package / "__init__.py").write_text(block(hook, "example"))
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("cpms_example")
    yield module, registry_of({"example": module.Example})
    del sys.modules["cpms_example"]


Example = tuple[ModuleType, Registry]


def test_the_guide_has_each_hook_in_the_order_of_the_contract() -> None:
    assert list(SECTIONS) == list(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_guide_shows_the_exact_signature(hook: str) -> None:
    (defined,) = ast.parse(inspect.getsource(Plugin)).body
    assert isinstance(defined, ast.ClassDef)
    (spec,) = [
        node for node in defined.body if isinstance(node, ast.FunctionDef) and node.name == hook
    ]
    assert spec.returns is not None
    written = f"def {hook}({ast.unparse(spec.args)}) -> {ast.unparse(spec.returns)}"
    assert block(hook, "signature").strip() == written


@pytest.mark.parametrize("hook", HOOKS)
def test_an_example_imports_only_what_a_plugin_may(hook: str) -> None:
    modules = [
        node.module
        for node in ast.walk(ast.parse(block(hook, "example")))
        if isinstance(node, ast.ImportFrom)
    ]
    assert "cpms_core" in modules
    assert not [module for module in modules if str(module).startswith("cpms_core.")]


def test_the_example_of_networks(example: Example) -> None:
    network = example[1].networks["erknet"]
    assert [area.key for area in network.areas] == ["tubular", "glomerular"]


def test_the_example_of_datasets(example: Example) -> None:
    module, registry = example
    entry = registry.datasets["example.intake"]
    assert [field.kind for field in entry.fields] == ["decimal", "yes_no", "text", "findings"]
    term = Term("hpo", "HP:0000252", "Microcephaly")
    submitted = {"head": "31,5", "findings._new": "HP:0000252"}
    filled = fill_form(module.Intake, submitted, terms=[term])
    assert (filled.head, filled.findings[0].term) == (31.5, term)
    assert list(form_errors(module.Intake, {"head": "315"})) == ["head"]
    assert read_stored(entry.dataset, 1, {"head": 315}) == module.Intake(head=31.5)


def test_the_example_of_viewers(example: Example, tmp_path: Path) -> None:
    module, registry = example
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"ECG1 Jane Doe DATA0123")
    viewer = registry.viewer_for(source.read_bytes())
    assert viewer is registry.viewers["example.trace"]
    assert module.ingest(str(source), str(target), bytes(32)).facets == {"recording": "4"}
    assert target.read_bytes() == b"ECG1DATA0123"
    source.write_bytes(b"ECG1")
    with pytest.raises(ValueError, match="export it again"):
        module.ingest(str(source), str(target), bytes(32))


def test_the_example_of_permissions(example: Example) -> None:
    assert "lead" in example[1].permissions["example.compare"].standings


def test_the_example_of_reports(example: Example) -> None:
    class Two(Aggregates):
        def panels(self) -> list[PanelTimes]:
            return [panel("closed"), panel("closed"), panel("open")]

    table = example[1].reports["example.stages"].build(Two())
    assert [(row.labels, row.figures) for row in table.rows] == [
        (("closed",), (2,)),
        (("open",), (1,)),
    ]


def panel(stage: str) -> PanelTimes:
    return PanelTimes(
        number="ERK-2026-0001",
        ern="erknet",
        stage=stage,
        urgency="routine",
        submitted_at=datetime(2026, 1, 1, tzinfo=UTC),
        triaged_at=None,
        first_response_at=None,
        closed_at=None,
        paused_seconds=0,
        contributors=0,
        countries=0,
    )


def test_the_example_of_exports(example: Example) -> None:
    case = CaseView(
        id=UUID(int=1),
        pseudonym="K7-4Q",
        sex="female",
        birth_year=2020,
        birth_month=None,
        age="6 y",
        centre="Robert-Debré",
        country="FR",
        records={},
        attachments=(),
    )
    assert example[1].exports["example.letter"].write(case) == b"K7-4Q, 6 y"


def test_the_example_of_importers(example: Example) -> None:
    importer = example[1].importer_for("letter.JSON")
    assert importer is not None
    read = importer.read(b'{"sex": "male", "shoe": 43}')
    assert (read.sex, read.leftover) == ("male", {"shoe": 43})
    assert read.remarks == ("shoe has no place in a case",)
    with pytest.raises(ValueError, match="no letter"):
        importer.read(b"[]")


def test_the_example_of_links(example: Example) -> None:
    assert [link.href for link in example[1].links] == ["/x/example"]


def test_the_example_of_routes(example: Example) -> None:
    ((plugin, declared),) = example[1].routes
    assert plugin.mount + declared.path == "/x/example/cases/{case_id:uuid}/marks"
    assert (declared.event, declared.rate) == ("example:case:marked", "write")


def test_the_example_of_checks(example: Example, tmp_path: Path) -> None:
    (result,) = example[1].checks["example.room"].run(tmp_path)
    assert "GB are free" in result.message


def test_the_example_of_case_event(example: Example) -> None:
    event = CaseEvent(tag="case:case:opened", case_id=UUID(int=1), at=datetime.now(UTC))
    assert len(example[1].listeners) == 1
    assert example[1].announce(event) == ()
