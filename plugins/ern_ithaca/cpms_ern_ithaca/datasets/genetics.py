"""Tests and variants. HGVS stays text: laboratories write it in many ways, all worth keeping."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cpms_core import PartialDate

TestKind = Literal[
    "karyotype",
    "FISH",
    "array",
    "MLPA",
    "single gene",
    "panel",
    "exome",
    "genome",
    "RNA",
    "methylation",
    "repeat expansion",
    "mitochondrial DNA",
    "metabolic",
    "other",
]
Sampled = Literal["patient only", "one parent too", "both parents too"]
TestResult = Literal["normal", "abnormal", "uncertain", "pending", "failed"]
Assembly = Literal["GRCh37", "GRCh38", "T2T-CHM13"]
Zygosity = Literal["heterozygous", "homozygous", "hemizygous", "compound heterozygous", "mosaic"]
Origin = Literal["de novo", "from the mother", "from the father", "from both", "unknown"]
AcmgClass = Literal[
    "1 benign", "2 likely benign", "3 uncertain", "4 likely pathogenic", "5 pathogenic"
]
Standing = Literal["causative", "contributory", "candidate", "reported", "ruled out", "unknown"]

Hgvs = Annotated[str, Meta(max_length=5000)]


class GeneticTest(Struct, frozen=True, kw_only=True):
    kind: Annotated[TestKind, Meta(title="Kind of test")]
    done_on: Annotated[PartialDate, Meta(title="Date", examples=["2024-05"])] | None = None
    laboratory: Annotated[str, Meta(title="Laboratory", max_length=200)] = ""
    sampled: Annotated[Sampled, Meta(title="Who was tested")] | None = None
    result: Annotated[TestResult, Meta(title="Result")] | None = None
    details: Annotated[
        str,
        Meta(
            title="Details",
            description="Platform, genes of the panel, coverage, what was reported.",
            max_length=5000,
            extra={"lines": 2},
        ),
    ] = ""


class Variant(Struct, frozen=True, kw_only=True):
    """A small variant; a large one is a `StructuralVariant`."""

    gene: Annotated[str, Meta(title="Gene", max_length=50, examples=["ANKRD11"])] = ""
    gene_id: Annotated[str, Meta(title="HGNC number", max_length=50, examples=["HGNC:21316"])] = ""
    coding: Annotated[
        Hgvs,
        Meta(
            title="Change in the transcript",
            description="HGVS, with the transcript and its version.",
            examples=["NM_013275.6:c.7216C>T"],
        ),
    ] = ""
    protein: Annotated[Hgvs, Meta(title="Change in the protein", examples=["p.(Gln2406Ter)"])] = ""
    genomic: Annotated[
        Hgvs, Meta(title="Change in the genome", examples=["NC_000016.10:g.89279326G>A"])
    ] = ""
    assembly: Annotated[Assembly, Meta(title="Genome assembly")] | None = None
    position: Annotated[
        Hgvs,
        Meta(
            title="Position",
            description="Chromosome, position, reference, alternative.",
            examples=["chr16-89279326-G-A"],
        ),
    ] = ""
    zygosity: Annotated[Zygosity, Meta(title="Zygosity")] | None = None
    origin: Annotated[Origin, Meta(title="Inherited")] | None = None
    acmg: (
        Annotated[
            AcmgClass,
            Meta(title="ACMG class", description="As the laboratory or you judge it today."),
        ]
        | None
    ) = None
    standing: Annotated[Standing, Meta(title="What it stands for in this patient")] | None = None
    notes: Annotated[
        str,
        Meta(
            title="Notes",
            description="ACMG criteria, ClinVar number, phase, share of reads.",
            max_length=5000,
            extra={"lines": 2},
        ),
    ] = ""


class StructuralVariant(Struct, frozen=True, kw_only=True):
    """A deletion, duplication, translocation or any other large change."""

    description: Annotated[
        Hgvs,
        Meta(
            title="Change",
            description="ISCN, HGVS, or words.",
            min_length=1,
            examples=["16q24.3(89350931_89439639)x3"],
        ),
    ]
    kind: Annotated[str, Meta(title="Kind", max_length=200, examples=["deletion"])] = ""
    gene: Annotated[str, Meta(title="Gene that matters", max_length=200, examples=["ANKRD11"])] = ""
    gene_id: Annotated[str, Meta(title="HGNC number", max_length=50, examples=["HGNC:21316"])] = ""
    genomic: Annotated[
        Hgvs, Meta(title="HGVS", examples=["NC_000009.12:g.134642187_138121999del"])
    ] = ""
    assembly: Annotated[Assembly, Meta(title="Genome assembly")] | None = None
    copies: Annotated[int, Meta(title="Copies", ge=0, le=20)] | None = None
    zygosity: Annotated[Zygosity, Meta(title="Zygosity")] | None = None
    origin: Annotated[Origin, Meta(title="Inherited")] | None = None
    acmg: Annotated[AcmgClass, Meta(title="ACMG class")] | None = None
    standing: Annotated[Standing, Meta(title="What it stands for in this patient")] | None = None
    notes: Annotated[str, Meta(title="Notes", max_length=5000, extra={"lines": 2})] = ""


class Genetics(Struct, frozen=True, kw_only=True):
    tests: Annotated[
        tuple[GeneticTest, ...],
        Meta(
            title="Tests done",
            description="Normal ones too: they spare the panel from asking.",
            max_length=100,
            extra={"row": "test"},
        ),
    ] = ()
    variants: Annotated[
        tuple[Variant, ...],
        Meta(
            title="Variants",
            description="Small changes in or near a gene.",
            max_length=100,
            extra={"row": "variant"},
        ),
    ] = ()
    structural: Annotated[
        tuple[StructuralVariant, ...],
        Meta(
            title="Large changes",
            description="Copy-number and structural variants, chromosomes.",
            max_length=100,
            extra={"row": "change"},
        ),
    ] = ()
    notes: Annotated[str, Meta(title="Notes", max_length=20_000, extra={"lines": 3})] = ""
