"""A case as a GA4GH Phenopacket (schema 2.0, JSON), out of whatever forms it holds.

Nothing here knows a form: every `Finding` of an HPO term becomes a phenotypic feature and every
disease code one of `diseases`, a list that the schema means for diagnosed and suspected ones alike.
A disease is excluded when `certainty` beside it says “ruled out”. Free texts stay at home.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from cpms_core import CaseView, Export

_SEX = {"female": "FEMALE", "male": "MALE", "undetermined": "OTHER_SEX"}
_DISEASES = ("orpha", "omim")
_AGE = re.compile(r"P(?=\d)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?")
_RESOURCES = {
    "hpo": ("hp", "Human Phenotype Ontology", "HP", "http://purl.obolibrary.org/obo/hp.owl"),
    "orpha": ("orpha", "Orphanet", "ORPHA", "https://www.orphadata.com"),
    "omim": ("omim", "Online Mendelian Inheritance in Man", "OMIM", "https://www.omim.org"),
}
_PREFIXES = {
    "hpo": "http://purl.obolibrary.org/obo/HP_",
    "orpha": "http://www.orpha.net/ORDO/Orphanet_",
    "omim": "https://www.omim.org/entry/",
}

Node = Mapping[str, Any]


def phenopacket_of(case: CaseView) -> dict[str, Any]:
    nodes = [node for record in case.records.values() for node in _nodes(record.data)]
    terms = [node for node in nodes if _is_term(node)]
    used = {term["system"] for term in terms}
    return {
        "id": f"{case.pseudonym}.{case.id}",
        "subject": _subject(case),
        "phenotypicFeatures": _unique(_features(nodes)),
        "diseases": _unique(_diseases(nodes)),
        "metaData": {
            "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "createdBy": "CPMS",
            "resources": [_resource(system) for system in _RESOURCES if system in used],
            "phenopacketSchemaVersion": "2.0",
        },
    }


def write_phenopacket(case: CaseView) -> bytes:
    return json.dumps(phenopacket_of(case), ensure_ascii=False, indent=2).encode()


PHENOPACKET = Export(
    key="reporting.phenopacket",
    title="Phenopacket (GA4GH, JSON)",
    media_type="application/json",
    suffix=".phenopacket.json",
    write=write_phenopacket,
)


def _features(nodes: Sequence[Node]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        term: Any = node.get("term")
        if not _is_term(term) or term["system"] != "hpo":
            continue
        feature: dict[str, Any] = {"type": _ontology_class(term)}
        if node.get("absent"):
            feature["excluded"] = True
        if (onset := str(node.get("onset") or "")) and _AGE.fullmatch(onset):
            feature["onset"] = {"age": {"iso8601duration": onset}}
        yield feature


def _diseases(nodes: Sequence[Node]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        for value in node.values():
            if _is_term(value) and value["system"] in _DISEASES:
                disease: dict[str, Any] = {"term": _ontology_class(value)}
                if node.get("certainty") == "ruled out":
                    disease["excluded"] = True
                yield disease


def _subject(case: CaseView) -> dict[str, Any]:
    """Under the pseudonym; the age is that of the day something was last saved."""
    subject: dict[str, Any] = {
        "id": case.pseudonym,
        "sex": _SEX.get(case.sex, "UNKNOWN_SEX"),
    }
    days = [record.saved_at.date() for record in case.records.values()]
    if days and case.birth_year is not None:
        subject["timeAtLastEncounter"] = _age(case.birth_year, case.birth_month, max(days))
    return subject


def _age(year: int, month: int | None, on: date) -> dict[str, Any]:
    """In years and months; from a year of birth alone it is the one or the other year."""
    if month is None:
        oldest = max(on.year - year, 0)
        start, end = f"P{max(oldest - 1, 0)}Y", f"P{oldest}Y"
        return {"ageRange": {"start": {"iso8601duration": start}, "end": {"iso8601duration": end}}}
    years, months = divmod(max((on.year - year) * 12 + on.month - month, 0), 12)
    return {"age": {"iso8601duration": f"P{years}Y{months}M"}}


def _nodes(data: Any) -> Iterator[Node]:
    """Every object in a record, from the outside in."""
    if isinstance(data, Mapping):
        yield data
        for value in data.values():
            yield from _nodes(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _nodes(value)


def _is_term(value: Any) -> bool:
    return isinstance(value, Mapping) and {"system", "code", "label"} <= value.keys()


def _ontology_class(term: Node) -> dict[str, str]:
    return {"id": term["code"], "label": term["label"]}


def _resource(system: str) -> dict[str, str]:
    identifier, name, prefix, url = _RESOURCES[system]
    return {
        "id": identifier,
        "name": name,
        "url": url,
        # A record keeps the term and its label of the day, not the release it came from.
        "version": "not recorded",
        "namespacePrefix": prefix,
        "iriPrefix": _PREFIXES[system],
    }


def _unique(found: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same thing told in two forms is one."""
    kept: list[dict[str, Any]] = []
    for one in found:
        if one not in kept:
            kept.append(one)
    return kept
