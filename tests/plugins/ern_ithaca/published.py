"""Published cases: the shared folder of 360, and one file small enough to change."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[3]
_SHARED = Path(os.environ.get("CPMS_SHARED_DATA", _ROOT.parent / "shared" / "data"))


def published_files() -> list[Path]:
    files = sorted((_SHARED / "phenopackets").glob("*/*.json"))
    if not files:
        pytest.skip("no phenopackets: set CPMS_SHARED_DATA to the folder that holds them")
    return files


def make_packet(**changes: Any) -> dict[str, Any]:
    """An invented case that uses every part the importer knows, with some parts replaced."""
    packet: dict[str, Any] = {
        "id": "case-1",
        "subject": {
            "id": "patient-1",
            "sex": "FEMALE",
            "timeAtLastEncounter": {"age": {"iso8601duration": "P2Y3M"}},
            "vitalStatus": {"status": "DECEASED"},
        },
        "phenotypicFeatures": [
            {"type": {"id": "HP:0001572", "label": "Macrodontia"}},
            {
                "type": {"id": "HP:0000252", "label": "Microcephaly"},
                "excluded": True,
                "onset": {"ontologyClass": {"id": "HP:0003623", "label": "Neonatal onset"}},
            },
        ],
        "interpretations": [
            {
                "id": "interpretation-1",
                "progressStatus": "SOLVED",
                "diagnosis": {
                    "disease": {"id": "OMIM:148050", "label": "KBG syndrome"},
                    "genomicInterpretations": [make_small_variant()],
                },
            }
        ],
        "diseases": [
            {
                "term": {"id": "OMIM:148050", "label": "KBG syndrome"},
                "onset": {"age": {"iso8601duration": "P8M"}},
            }
        ],
        "metaData": {
            "createdBy": "somebody",
            "externalReferences": [{"id": "PMID:1", "description": "A title"}],
        },
    }
    return packet | changes


def make_small_variant() -> dict[str, Any]:
    return {
        "subjectOrBiosampleId": "patient-1",
        "interpretationStatus": "CAUSATIVE",
        "variantInterpretation": {
            "acmgPathogenicityClassification": "PATHOGENIC",
            "variationDescriptor": {
                "id": "variant-1",
                "geneContext": {"valueId": "HGNC:21316", "symbol": "ANKRD11"},
                "expressions": [
                    {"syntax": "hgvs.c", "value": "NM_013275.6:c.7216C>T"},
                    {"syntax": "hgvs.p", "value": "NP_037407.4:p.(Gln2406Ter)"},
                ],
                "vcfRecord": {
                    "genomeAssembly": "hg38",
                    "chrom": "chr16",
                    "pos": "89279326",
                    "ref": "G",
                    "alt": "A",
                },
                "allelicState": {"id": "GENO:0000135", "label": "heterozygous"},
            },
        },
    }


def as_bytes(packet: Any) -> bytes:
    return json.dumps(packet).encode()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path without the numbers of rows, and value, of everything a file says."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, path)
    else:
        yield path, value
