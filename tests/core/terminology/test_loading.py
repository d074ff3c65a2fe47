from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from cpms_core.db import Base, transaction
from cpms_core.terminology import load_terms, loaded_editions, resolve, search
from cpms_core.terminology.hpo import Source, fingerprint, read_edition
from cpms_core.terminology.models import Concept, ConceptTerm, ConceptWord
from cpms_core.terminology.obo import Addition, read_obo
from tests.core.terminology.store import ALL, fill

_OBO = """format-version: 1.2
data-version: hp/releases/2025-11-24

[Term]
id: HP:0001572
name: Macrodontia
def: "Teeth \\"too\\" large." [HPO:someone]
synonym: "Big teeth" EXACT layperson []
synonym: "Big teeth" EXACT []
synonym: "Megadontia" RELATED [ORCID:0]
synonym: "Giant teeth" EXACT obsolete_synonym [ORCID:0]

[Term]
id: HP:0000252
name: Microcephaly

[Typedef]
id: part_of
name: part of
def: "Not of a term." []
"""


def counts(engine: Engine) -> list[int | None]:
    with transaction(engine) as session:
        tables = (Concept, ConceptTerm, ConceptWord)
        return [session.scalar(select(func.count()).select_from(table)) for table in tables]


def test_the_package_becomes_searchable_once(engine: Engine, tmp_path: Path) -> None:
    Base.metadata.create_all(engine)
    obo = tmp_path / "hp.obo"
    obo.write_text(_OBO, encoding="utf-8")
    editions = load_terms(engine, obo)
    assert editions.keys() == set(ALL)
    assert load_terms(engine, obo) == editions
    with transaction(engine) as session:
        assert loaded_editions(session) == editions
        (hit,) = search(session, ("hpo",), "megadontia")
        assert (hit.code, hit.label, hit.branch) == ("HP:0001572", "Macrodontia", "Head or neck")
        assert hit.definition == 'Teeth "too" large.'
        found = {system: resolve(session, (system,), "KBG syndrome") for system in ALL}
        assert found["hpo"] is None
        assert found["orpha"] and found["orpha"].code == "ORPHA:2332"
        assert found["omim"] and found["omim"].code == "OMIM:148050"
        assert search(session, ("hpo",), "HP:0000057")[0].code == "HP:0008665"
        rows = session.execute(select(Concept.system, func.count()).group_by(Concept.system)).all()
        assert all(count > 4_000 for _, count in rows)


def test_a_new_edition_replaces_the_old_one(engine: Engine) -> None:
    fill(engine)
    fill(engine, [Source("hpo", "HP:0000001", "All", synonyms=("Everything",))])
    assert counts(engine) == [1, 2, 2]


def test_another_file_is_another_edition(tmp_path: Path) -> None:
    obo = tmp_path / "hp.obo"
    obo.write_text(_OBO, encoding="utf-8")
    first = fingerprint(obo)
    obo.write_text(_OBO + "\n", encoding="utf-8")
    assert len({fingerprint(None), first, fingerprint(obo)}) == 3


def test_a_synonym_is_read_once_and_a_discarded_one_never() -> None:
    additions = read_obo(_OBO)
    assert additions.keys() == {"HP:0001572", "HP:0000252"}
    assert additions["HP:0001572"].synonyms == ("Big teeth", "Megadontia")
    assert additions["HP:0000252"] == Addition()


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "hp.obo"
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(RuntimeError, match="could not be read"):
        read_edition(broken)
