"""A field may need another consent than its form: others find it locked, with the reason."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from typing import Annotated, Any
from uuid import UUID
from zipfile import ZipFile

import pytest
from msgspec import Meta, Struct
from msgspec.structs import replace
from sqlalchemy import select

from cpms_core import Dataset, Finding, Term
from cpms_core.access import PERMISSIONS
from cpms_core.cases.models import Case, Record
from cpms_core.cases.records import store_record
from cpms_core.datasets.fields import describe
from cpms_core.panels.models import Outcome, Panel
from cpms_core.panels.outcome import outcomes
from cpms_core.registry import DatasetEntry
from tests.site import Browser, TestSite
from tests.web.matrix import Matrix, allowed
from tests.web.test_consents import limit
from tests.web.test_leaks import routes
from tests.web.world import CENTRE, World

GENOME: dict[str, Any] = {"consent": "genome"}
CODE = "HP:0000998"
LOCKED = "Genome: the consent does not cover it."
OPEN, CANARY = "seen-by-all", "canary-c1816CtoT"


class Gene(Struct, frozen=True, kw_only=True):
    method: Annotated[str, Meta(title="Method")] = ""
    change: Annotated[str, Meta(title="Change", extra=GENOME)] = ""


class Probe(Struct, frozen=True, kw_only=True):
    story: Annotated[str, Meta(title="Story")] = ""
    answer: Annotated[str, Meta(title="Answer", extra=GENOME)] = ""
    genes: Annotated[tuple[Gene, ...], Meta(title="Genes", extra={"row": "gene"})] = ()
    found: Annotated[
        tuple[Finding, ...], Meta(title="Found", extra={"systems": ["hpo"], **GENOME})
    ] = ()


PROBE = Dataset(key="probe.intake", title="Probe", schema=Probe)
ENTRY = DatasetEntry(plugin="probe", dataset=PROBE, fields=describe(Probe))
FILLED = Probe(
    story=OPEN,
    answer=CANARY,
    genes=(Gene(method=OPEN, change=CANARY), Gene(change=CANARY)),
    found=(Finding(term=Term("hpo", CODE, f"Label {CANARY}"), note=CANARY),),
)


def fill(world: World, value: Probe = FILLED) -> str:
    """The case with the form in it; its address."""
    case_id = UUID(world.values["case_id"])
    with world.site.transaction() as session:
        case = session.get_one(Case, case_id)
        store_record(session, world["professional"].actor, case, ENTRY, value)
    return f"/cases/{case_id}"


@contextmanager
def with_probe(site: TestSite) -> Iterator[None]:
    """As if a plugin had declared the form."""
    registry = site.live.registry
    site.live.registry = replace(registry, datasets={**registry.datasets, PROBE.key: ENTRY})
    yield
    site.live.registry = registry


@pytest.fixture
def probed(site: TestSite) -> Iterator[World]:
    with with_probe(site):
        yield World(site, "assessment")


def test_others_find_a_locked_field_with_the_reason_and_the_rest_of_the_form(
    probed: World,
) -> None:
    case = fill(probed)
    member: Browser = probed["member"]
    assert CANARY in member.get(case).text
    limit(probed, classes=["text"])
    page = member.get(case).text
    assert CANARY not in page and CODE not in page
    # The answer, the findings, and the change of each gene.
    assert page.count(LOCKED) == 4
    assert page.count(OPEN) == 2
    limit(probed, classes=["text", "genome"])
    assert CANARY in member.get(case).text


def test_what_nobody_has_answered_is_not_locked(probed: World) -> None:
    case = fill(probed, Probe(story=OPEN))
    limit(probed, classes=["text"])
    page = probed["member"].get(case).text
    assert OPEN in page and LOCKED not in page


def test_the_own_centre_reads_it_and_is_told_that_others_do_not(probed: World) -> None:
    case = fill(probed)
    limit(probed, classes=["text"])
    own: Browser = probed["professional"]
    told = "Genome: the consent does not cover it, so others do not see"
    assert CANARY in own.get(case).text
    assert own.get(case).text.count(told) == 4
    form = own.get(f"{case}/records/{PROBE.key}").text
    # And the change in the row that a script may add.
    assert CANARY in form and form.count(told) == 5
    limit(probed, classes=["text", "genome"])
    assert told not in own.get(case).text + own.get(f"{case}/records/{PROBE.key}").text


def test_saving_loses_no_locked_answer(probed: World) -> None:
    """Whoever may change a form reads all of it, so nothing that is locked passes through one."""
    assert PERMISSIONS["case.edit"] <= PERMISSIONS["patient.read"]
    case = fill(probed)
    limit(probed, classes=["text"])
    form = {"_base": "1", "story": "told anew", "answer": CANARY}
    saved = probed["professional"].post(f"{case}/records/{PROBE.key}", form)
    assert saved.status_code == 303, saved.text
    page = probed["member"].get(case).text
    assert "told anew" in page and CANARY not in page and LOCKED in page
    limit(probed, classes=["text", "genome"])
    assert CANARY in probed["member"].get(case).text


def test_the_history_leaves_it_out_of_every_version(probed: World) -> None:
    case = fill(probed)
    fill(probed, replace(FILLED, answer=f"{CANARY} again", story="told anew"))
    limit(probed, classes=["text"])
    history = f"{case}/records/{PROBE.key}/history"
    page = probed["member"].get(history).text
    assert CANARY not in page and CODE not in page
    assert "told anew" in page and "Genome: the consent does not cover it" in page
    assert f"{CANARY} again" in probed["professional"].get(history).text


def test_nobody_finds_a_case_by_a_code_that_is_locked(probed: World) -> None:
    case = fill(probed)
    search = f"/search?q={CODE}"
    assert case in probed["member"].get(search).text
    limit(probed, classes=["text"])
    assert case not in probed["member"].get(search).text
    assert case in probed["professional"].get(search).text
    limit(probed, classes=["text", "genome"])
    assert case in probed["member"].get(search).text


def test_a_form_that_cannot_be_read_is_locked_as_a_whole(probed: World) -> None:
    case = fill(probed)
    with probed.site.transaction() as session:
        for row in session.scalars(select(Record).where(Record.dataset == PROBE.key)):
            row.schema_version = 99
    assert CANARY in probed["member"].get(case).text
    limit(probed, classes=["text"])
    page = probed["member"].get(case).text
    assert CANARY not in page and OPEN not in page and LOCKED in page


def test_an_export_says_what_it_leaves_out(probed: World) -> None:
    case = fill(probed)
    own: Browser = probed["professional"]
    assert CANARY in own.post(f"{case}/export.json").text
    limit(probed, classes=["text"])
    answer = own.post(f"{case}/export.json").text
    assert CANARY not in answer and OPEN in answer
    left = {"probe.intake.answer", "probe.intake.genes.change", "probe.intake.found"}
    assert dict.fromkeys(left, "Genome").items() <= json.loads(answer)["left_out"].items()
    table = own.post(f"{case}/export.csv").content.decode("utf-8-sig")
    assert CANARY not in table
    assert ["probe.intake", "answer", ""] in [row[1:] for row in csv.reader(StringIO(table))]
    packet = own.post(f"{case}/exports/reporting.phenopacket")
    assert packet.status_code == 200 and CODE not in packet.text


def test_the_patients_own_copy_holds_all_of_it(probed: World) -> None:
    fill(probed)
    limit(probed, classes=["text"])
    copy = probed["centre manager"].post(f"/patients/{probed.values['patient_id']}/copy")
    assert copy.status_code == 200
    with ZipFile(BytesIO(copy.content)) as files:
        assert CANARY in files.read("read-me-first.html").decode()


def test_the_outcome_says_that_the_panel_did_not_review_it(site: TestSite) -> None:
    with with_probe(site):
        world = World(site, "outcome")
        fill(world)
        limit(world, classes=["text"])
        lead = world["lead"]
        with site.transaction() as session:
            panel = session.scalars(select(Panel)).one()
            seen = session.scalars(select(Outcome)).one().row_version
            registry = site.live.registry
            outcomes.put_to_members(session, lead.actor, registry, "CPMS", panel.id, seen)
        page = lead.get(f"/panels/{panel.id}/outcome").text
    assert "Probe, version 1, without what is of the class “genome”" in page


def test_no_page_gives_a_locked_answer_to_anybody_but_the_own_centre(quick_site: TestSite) -> None:
    with with_probe(quick_site):
        matrix = Matrix(quick_site, "assessment")
        fill(matrix.world)
        assert any(CANARY in text for address, text in pages(matrix) if "/cases/" in address)
        limit(matrix.world, classes=["text"])
        shown = list(pages(matrix))
    assert len(shown) > 200
    assert [address for address, text in shown if CANARY in text or CODE in text] == []


def pages(matrix: Matrix) -> Iterator[tuple[str, str]]:
    """Whatever people who are not of the case's centre may look at."""
    for name, route, attempt in routes(matrix.site):
        if route.method == "GET" and attempt.until == matrix.world.until:
            for person in sorted(allowed(name, route) - CENTRE):
                _, address = matrix.address(name, attempt)
                yield f"{address} as {person}", matrix.send(name, attempt, person).text
