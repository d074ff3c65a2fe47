"""How ERN ITHACA works: its thematic areas and what a request to it must hold."""

from cpms_core import Network, ThematicArea

ITHACA = Network(
    key="ithaca",
    case_prefix="ITH",
    # A dysmorphology panel can do nothing without findings; all else may be asked for later.
    required_datasets=("ithaca.findings",),
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
