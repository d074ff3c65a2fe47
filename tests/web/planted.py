"""A text in every place that people, imported files or images fill, however it would come there.

What forms and importers refuse does not matter here: what is stored may be older than their rules.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from cpms_core.cases.models import Attachment, Case, CodedValue, Facet, Record
from cpms_core.store import METADATA
from tests.web.world import World

FREE: Mapping[str, tuple[str, ...]] = {
    "access_request": ("comment", "message"),
    "api_token": ("name",),
    "attachment": ("name",),
    "broken_glass": ("reason",),
    "coded_value": ("label",),
    "concept": ("label", "definition", "branch"),
    "concept_term": ("wording",),
    "consent": ("form_version", "original_at"),
    "consultation_request": ("question", "reason"),
    "contribution": ("text",),
    "contribution_version": ("text",),
    "country": ("name",),
    "ern": ("name", "scope"),
    "expert_group": ("name",),
    "follow_up": ("note",),
    "follow_up_answer": ("why",),
    "hcp": ("name", "city"),
    "key_model": ("description",),
    "outcome": ("reason",),
    "panel": ("few_reason", "closing_note"),
    "panel_member": ("reason",),
    "panel_question": ("text", "answer"),
    "panel_reopening": ("reason", "answer"),
    "patient_transfer": ("reason",),
    "position": ("remark",),
    "recovery": ("reason",),
    "security_key": ("label",),
    "session": ("client",),
    "thematic_area": ("title",),
    "user_account": ("name", "specialty", "job_title"),
}
"""Columns that hold somebody's words. The others hold what the program decides by."""
OF_IMAGES = ("modality", "series_description", "study_description", "body_part", "laterality")
"""What a viewer may keep of the elements of an image; the numbers it computes with stay."""


def plant(session: Session, world: World, text: str) -> None:
    tables = {table.name: table for table in METADATA.sorted_tables}
    for name, columns in FREE.items():
        session.execute(update(tables[name]).values(dict.fromkeys(columns, text)))
    case = session.get_one(Case, UUID(world.values["case_id"]))
    # As a file that was imported may say it, in keys and values.
    case.origin = {
        "format": text,
        "file": text,
        "remarks": [text],
        "leftover": {text: [text, {text: text}]},
    }
    session.add(_of_a_plugin_that_is_gone(world, text))
    session.add(
        CodedValue(
            case_id=case.id,
            dataset="ithaca.findings",
            field="findings",
            system="hpo",
            code="HP:0000252",
            label=text,
            absent=False,
        )
    )
    session.execute(update(Facet).where(Facet.key.in_(OF_IMAGES)).values(value=text))
    known = {facet.key for facet in session.get_one(Attachment, world.image.id).facets}
    session.add_all(
        Facet(attachment_id=world.image.id, key=key, value=text)
        for key in OF_IMAGES
        if key not in known
    )


def _of_a_plugin_that_is_gone(world: World, text: str) -> Record:
    """Shown and exported as it is, for nobody knows its form any more."""
    return Record(
        case_id=UUID(world.values["case_id"]),
        dataset="gone.plugin",
        revision=1,
        schema_version=1,
        data={text: text, "said": [text]},
        author_id=world.id_of("professional"),
    )
