"""diseases and interpretations → diagnoses and variants."""

import re

from msgspec.structs import replace

from cpms_core import Term, YesNo
from cpms_ern_ithaca.datasets.diagnosis import Certainty, Diagnosis, DiagnosisRecord
from cpms_ern_ithaca.datasets.genetics import Genetics, StructuralVariant, Variant
from cpms_ern_ithaca.phenopacket.ages import take_time
from cpms_ern_ithaca.phenopacket.tree import Node, is_empty
from cpms_ern_ithaca.phenopacket.variants import take_variant

_CODE = re.compile(r"^(OMIM|ORPHA|Orphanet|ORPHANET):(\d{1,7})$")
_SOLVED: dict[str, YesNo] = {"SOLVED": "yes", "UNSOLVED": "no"}


def take_diagnoses(packet: Node) -> tuple[DiagnosisRecord, Genetics]:
    """A summary of an interpretation is about the genome, and goes where that is read."""
    diagnoses = _Diagnoses()
    for disease in packet.children("diseases"):
        diagnoses.take_disease(disease)
    variants: list[Variant | StructuralVariant] = []
    for interpretation in packet.children("interpretations"):
        diagnoses.take_interpretation(interpretation)
        found = interpretation.child("diagnosis").children("genomicInterpretations")
        variants += [one for one in map(take_variant, found) if one]
    record = DiagnosisRecord(
        solved=diagnoses.solved,
        diagnoses=tuple(diagnoses.by_name.values()),
        publications=_publications(packet),
    )
    genetics = Genetics(
        variants=tuple(one for one in variants if isinstance(one, Variant)),
        structural=tuple(one for one in variants if isinstance(one, StructuralVariant)),
        notes="\n\n".join(diagnoses.reasons),
    )
    return record, genetics


class _Diagnoses:
    """Both lists of a phenopacket name diseases; one named in both is one diagnosis."""

    def __init__(self) -> None:
        self.by_name: dict[str, Diagnosis] = {}
        self.solved: YesNo | None = None
        self.reasons: list[str] = []

    def take_disease(self, disease: Node) -> None:
        term = disease.child("term")
        about = dict(term.data)
        if (term.text("id") or term.text("label")) in self.by_name:
            return  # told twice: the second telling stays as it is
        name = self._take_name(term)
        if name:
            certainty: Certainty = "ruled out" if disease.flag("excluded") else "not told"
            onset = take_time(disease, "onset")
            self.by_name[name] = replace(self.by_name[name], certainty=certainty, onset=onset)
            if not is_empty(disease):
                disease.data["about"] = about

    def take_interpretation(self, interpretation: Node) -> None:
        solved = _SOLVED.get(interpretation.text("progressStatus"))
        if solved:
            interpretation.take("progressStatus")
            self.solved = "yes" if "yes" in (solved, self.solved) else "no"
        reason = interpretation.take_text("summary")
        self.reasons += [reason] if reason else []
        name = self._take_name(interpretation.child("diagnosis").child("disease"))
        if name and solved == "yes" and self.by_name[name].certainty == "not told":
            self.by_name[name] = replace(self.by_name[name], certainty="confirmed")

    def _take_name(self, term: Node) -> str:
        """The key of the diagnosis that this names, new or known; empty if it names none."""
        code, label = term.text("id"), term.text("label")
        known = self.by_name.get(code or label)
        if known is None and (code or label):
            self.by_name[code or label] = _named(code, label)
            term.take("id", "label")
        elif known is not None:
            term.take("id")
            if label in ("", known.disease.label if known.disease else known.in_words):
                term.take("label")  # another wording of the same code is worth keeping
        return code or label


def _named(code: str, label: str) -> Diagnosis:
    found = _CODE.match(code)
    if not found:
        told = f"{label} ({code})" if label and code else label or code
        return Diagnosis(in_words=told)
    system = "omim" if found[1] == "OMIM" else "orpha"
    return Diagnosis(disease=Term(system, f"{system.upper()}:{found[2]}", label or code))


def _publications(packet: Node) -> str:
    """A line for each: number, title, address."""
    lines = []
    for reference in packet.child("metaData").children("externalReferences"):
        parts = (reference.take_text(key) for key in ("id", "description", "reference"))
        lines.append(" ".join(part for part in parts if part))
    return "\n".join(line for line in lines if line)
