"""A factual summary made of the file's own codes; nothing is concluded.

It names no variant: whoever reads a case reads its summary, and not always the genome.
"""

from collections.abc import Iterable, Iterator

from cpms_core import Finding
from cpms_ern_ithaca.datasets.diagnosis import Diagnosis, DiagnosisRecord
from cpms_ern_ithaca.datasets.person import Person

_MOST = 40


def summarise(
    sex: str,
    person: Person,
    findings: Iterable[Finding],
    record: DiagnosisRecord,
) -> str:
    findings = tuple(findings)
    lines = [
        _source(record),
        _who(sex, person),
        _listed("Diagnosis in the file", map(_diagnosis, record.diagnoses)),
        _listed("Findings present", _labels(findings, absent=False)),
        _listed("Findings absent", _labels(findings, absent=True)),
    ]
    return "\n".join(line for line in lines if line)


def _source(record: DiagnosisRecord) -> str:
    if not record.publications:
        return "Case from a phenopacket."
    lines = record.publications.splitlines()
    told = "Published case" if lines[0].startswith(("PMID:", "DOI:", "PMC:")) else "Case told in"
    return f"{told}: {'; '.join(lines)}."


def _who(sex: str, person: Person) -> str:
    words = ["Sex unknown" if sex == "unknown" else sex.capitalize()]
    words.append(f"last seen at {person.age_last_seen}" if person.age_last_seen else "age not told")
    if person.living_status == "deceased":
        words.append("deceased")
    return ", ".join(words) + "."


def _labels(findings: Iterable[Finding], *, absent: bool) -> Iterator[str]:
    for finding in findings:
        if finding.absent is absent:
            onset = f" ({finding.onset})" if finding.onset else ""
            yield finding.term.label + onset


def _diagnosis(diagnosis: Diagnosis) -> str:
    disease = diagnosis.disease
    words = [f"{disease.label} ({disease.code})" if disease else diagnosis.in_words]
    if diagnosis.certainty != "not told":
        words.append(diagnosis.certainty)
    if diagnosis.onset:
        words.append(f"onset: {diagnosis.onset}")
    return ", ".join(words)


def _listed(title: str, entries: Iterable[str]) -> str:
    told = [entry for entry in entries if entry]
    if not told:
        return ""
    more = f"; and {len(told) - _MOST} more" if len(told) > _MOST else ""
    return f"{title}: {'; '.join(told[:_MOST])}{more}."
