"""How ERN ITHACA works: its thematic areas, and what it asks for beside the question."""

from cpms_core import Network, ThematicArea

ITHACA = Network(
    key="ithaca",
    case_prefix="ITH",
    # A question and a summary are enough to be sent; a panel asks for what it still needs.
    helpful_datasets=("ithaca.findings",),
    areas=(
        ThematicArea(key="known_syndrome", title="Dysmorphic syndrome, known"),
        ThematicArea(key="undiagnosed", title="Undiagnosed multiple anomalies"),
        ThematicArea(
            key="neurodevelopment",
            title="Intellectual disability and neurodevelopmental disorders",
        ),
        ThematicArea(key="chromosomal", title="Chromosomal disorders and copy-number variants"),
        ThematicArea(key="growth", title="Overgrowth and growth failure"),
        ThematicArea(key="neural_tube", title="Spina bifida and neural tube defects"),
        ThematicArea(key="prenatal", title="Prenatal anomalies and teratogens"),
        ThematicArea(key="adults", title="Adults and transition to adult care"),
        ThematicArea(
            key="behaviour",
            title="Behaviour and psychiatry in genetic intellectual disability",
        ),
        ThematicArea(key="variants", title="Variant interpretation"),
    ),
)
