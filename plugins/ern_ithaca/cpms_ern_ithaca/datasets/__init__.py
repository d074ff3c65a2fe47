"""The ITHACA record, in the order in which a clinician tells a case."""

from cpms_core import Dataset
from cpms_ern_ithaca.datasets.birth import Birth
from cpms_ern_ithaca.datasets.development import Development
from cpms_ern_ithaca.datasets.diagnosis import DiagnosisRecord
from cpms_ern_ithaca.datasets.family import Family
from cpms_ern_ithaca.datasets.findings import Findings
from cpms_ern_ithaca.datasets.genetics import Genetics
from cpms_ern_ithaca.datasets.growth import Growth
from cpms_ern_ithaca.datasets.person import Person

_ERNS = ("ithaca",)

DATASETS = (
    Dataset(
        key="ithaca.findings",
        title="Findings",
        schema=Findings,
        erns=_ERNS,
        description="What was looked for, present or absent, as HPO terms.",
    ),
    Dataset(
        key="ithaca.person",
        title="Person",
        schema=Person,
        erns=_ERNS,
        description="Age when last seen and living status.",
    ),
    Dataset(
        key="ithaca.family",
        title="Family",
        schema=Family,
        erns=_ERNS,
        description="Parents, relatives with similar findings, losses.",
        consent="pedigree",
    ),
    Dataset(
        key="ithaca.birth",
        title="Pregnancy and birth",
        schema=Birth,
        erns=_ERNS,
        description="Exposures, prenatal findings, measures at birth, the first weeks.",
    ),
    Dataset(
        key="ithaca.growth",
        title="Growth",
        schema=Growth,
        erns=_ERNS,
        description="Measures with their dates, one entry for each visit.",
    ),
    Dataset(
        key="ithaca.development",
        title="Development and behaviour",
        schema=Development,
        erns=_ERNS,
        description="Milestones, speech, cognition, behaviour, daily life.",
    ),
    Dataset(
        key="ithaca.genetics",
        title="Genetics",
        schema=Genetics,
        erns=_ERNS,
        description="Tests done and the variants they found.",
        consent="genome",
    ),
    Dataset(
        key="ithaca.diagnosis",
        title="Diagnosis",
        schema=DiagnosisRecord,
        erns=_ERNS,
        description="Working, confirmed and excluded diagnoses.",
    ),
)
