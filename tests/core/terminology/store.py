"""A handful of concepts, each there for one question a test asks."""

from sqlalchemy import Engine

from cpms_core.db import Base, transaction
from cpms_core.terminology.hpo import Edition, Source
from cpms_core.terminology.loading import store_edition

ALL = ("hpo", "orpha", "omim")

CONCEPTS = [
    Source("hpo", "HP:0000478", "Abnormality of the eye", branch="Eye"),
    Source("hpo", "HP:0000505", "Eye abnormality of another kind"),
    Source(
        "hpo",
        "HP:0000252",
        "Microcephaly",
        definition="Head circumference below 2 standard deviations.",
        branch="Head or neck",
        synonyms=("Small head", "Reduced head circumference"),
    ),
    Source("hpo", "HP:0005484", "Secondary microcephaly"),
    Source("hpo", "HP:0001263", "Global developmental delay"),
    Source("hpo", "HP:0012758", "Neurodevelopmental delay"),
    Source("hpo", "HP:0002032", "Esophageal atresia"),
    Source("hpo", "HP:0002664", "Tumor"),
    Source("hpo", "HP:0000057", "Clitoromegaly", is_obsolete=True, replaced_by="HP:0000058"),
    Source("hpo", "HP:0000058", "Large clitoris", is_obsolete=True, replaced_by="HP:0008665"),
    Source("hpo", "HP:0008665", "Clitoral hypertrophy"),
    Source("hpo", "HP:0040295", "Gone for good", is_obsolete=True),
    Source("hpo", "HP:0040296", "Turning", is_obsolete=True, replaced_by="HP:0040296"),
    Source("orpha", "ORPHA:2332", "KBG syndrome"),
    Source("orpha", "ORPHA:117", "Behçet disease"),
    Source("orpha", "ORPHA:9", "100% made-up_syndrome"),
    Source("omim", "OMIM:148050", "KBG syndrome"),
    *(Source("omim", f"OMIM:{900000 + n}", f"Numbered disorder {n}") for n in range(40)),
]


def fill(engine: Engine, concepts: list[Source] = CONCEPTS) -> None:
    """The tables, and in them these concepts as the only ones."""
    Base.metadata.create_all(engine)
    with transaction(engine) as session:
        store_edition(session, Edition(dict.fromkeys(ALL, "test"), concepts), "test")
