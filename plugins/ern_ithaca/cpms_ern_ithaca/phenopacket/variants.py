"""A genomicInterpretation → one variant, small or structural."""

from collections.abc import Mapping
from typing import TypedDict, TypeVar

from cpms_ern_ithaca.datasets.genetics import (
    AcmgClass,
    Assembly,
    Standing,
    StructuralVariant,
    Variant,
    Zygosity,
)
from cpms_ern_ithaca.phenopacket.ages import coded
from cpms_ern_ithaca.phenopacket.tree import Node

_STANDINGS: dict[str, Standing] = {
    "CAUSATIVE": "causative",
    "CONTRIBUTORY": "contributory",
    "CANDIDATE": "candidate",
    "REJECTED": "ruled out",
    "UNKNOWN_STATUS": "unknown",
}
_ACMG: dict[str, AcmgClass] = {
    "BENIGN": "1 benign",
    "LIKELY_BENIGN": "2 likely benign",
    "UNCERTAIN_SIGNIFICANCE": "3 uncertain",
    "LIKELY_PATHOGENIC": "4 likely pathogenic",
    "PATHOGENIC": "5 pathogenic",
}
_ZYGOSITIES: dict[str, Zygosity] = {
    "GENO:0000134": "hemizygous",
    "GENO:0000135": "heterozygous",
    "GENO:0000136": "homozygous",
    "GENO:0000402": "compound heterozygous",
}
_ASSEMBLIES: dict[str, Assembly] = {
    "hg38": "GRCh38",
    "GRCh38": "GRCh38",
    "hg19": "GRCh37",
    "GRCh37": "GRCh37",
}


class _Common(TypedDict):
    gene: str
    gene_id: str
    zygosity: Zygosity | None
    acmg: AcmgClass | None
    standing: Standing | None


def take_variant(interpretation: Node) -> Variant | StructuralVariant | None:
    """None if it tells of no variant and no gene."""
    judged = interpretation.child("variantInterpretation")
    descriptor = judged.child("variationDescriptor")
    if not descriptor.data:
        gene = interpretation.child("geneDescriptor")
        return Variant(**_common(interpretation, judged, gene)) if gene.data else None
    common = _common(interpretation, judged, descriptor.child("geneContext"))
    expressions = _Expressions(descriptor)
    if "structuralType" in descriptor.data and not expressions.has("hgvs.c"):
        return _structural(descriptor, expressions, common)
    return _small(descriptor, expressions, common)


def _small(descriptor: Node, expressions: "_Expressions", common: _Common) -> Variant:
    assembly, position = _take_position(descriptor)
    return Variant(
        coding=expressions.take("hgvs.c"),
        protein=expressions.take("hgvs.p"),
        genomic=expressions.take("hgvs.g"),
        assembly=assembly,
        position=position,
        notes=_take_words(descriptor),
        **common,
    )


def _structural(
    descriptor: Node, expressions: "_Expressions", common: _Common
) -> StructuralVariant:
    assembly, position = _take_position(descriptor)
    kind = coded(descriptor.child("structuralType"))
    words = [one for one in (_take_words(descriptor), expressions.take("iscn"), position) if one]
    return StructuralVariant(
        description=words[0] if words else kind or "not described",
        kind=kind,
        genomic=expressions.take("hgvs.g"),
        assembly=assembly,
        notes="\n".join(words[1:]),
        **common,
    )


def _common(interpretation: Node, judged: Node, gene: Node) -> _Common:
    """What small and structural variants share."""
    return {
        "gene": gene.take_text("symbol"),
        "gene_id": gene.take_text("valueId"),
        "zygosity": _take_zygosity(judged.child("variationDescriptor").child("allelicState")),
        "acmg": _take_known(judged, "acmgPathogenicityClassification", _ACMG),
        "standing": _take_known(interpretation, "interpretationStatus", _STANDINGS),
    }


Word = TypeVar("Word")


def _take_known(node: Node, key: str, words: Mapping[str, Word]) -> Word | None:
    """Our word for one of the format's; a word that is not known stays."""
    word = words.get(node.text(key))
    if word is not None:
        node.take(key)
    return word


def _take_zygosity(state: Node) -> Zygosity | None:
    zygosity = _ZYGOSITIES.get(state.text("id"))
    if zygosity and state.text("label") in ("", zygosity):
        state.take("id", "label")
        return zygosity
    return None


def _take_words(descriptor: Node) -> str:
    parts = (descriptor.take_text("label"), descriptor.take_text("description"))
    return "\n".join(part for part in parts if part)


def _take_position(descriptor: Node) -> tuple[Assembly | None, str]:
    """`chr16-89279326-G-A` with its assembly; a record that lacks a part stays whole."""
    record = descriptor.child("vcfRecord")
    assembly = _ASSEMBLIES.get(record.text("genomeAssembly"))
    number = record.data.get("pos")
    place = str(number) if isinstance(number, str | int) and not isinstance(number, bool) else ""
    parts = (record.text("chrom"), place, record.text("ref"), record.text("alt"))
    if not assembly or not all(parts):
        return None, ""
    record.take("genomeAssembly", "chrom", "pos", "ref", "alt")
    return assembly, "-".join(parts)


class _Expressions:
    """The ways in which a variant is written; the first of each kind is taken."""

    def __init__(self, descriptor: Node) -> None:
        self.nodes = descriptor.children("expressions")

    def has(self, syntax: str) -> bool:
        return any(node.text("syntax") == syntax for node in self.nodes)

    def take(self, syntax: str) -> str:
        for node in self.nodes:
            if node.text("syntax") == syntax and node.text("value"):
                node.take("syntax")
                return node.take_text("value")
        return ""
