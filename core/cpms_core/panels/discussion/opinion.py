"""What a member says about a case: a dataset's schema, so its form comes from the same engine.

A plain text alone is enough, and so is any other part alone.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy.orm import Session

from cpms_core.datasets import records
from cpms_core.datasets.kinds import Term
from cpms_core.declarations import Dataset
from cpms_core.errors import InvalidError
from cpms_core.panels.models import Contribution
from cpms_core.terminology.search import resolve

KEY = "core.opinion"
LONGEST = 20_000
Certainty = Literal["sure", "fairly_sure", "unsure", "not_my_field"]
CERTAINTIES: Mapping[str, str] = {
    "sure": "Sure",
    "fairly_sure": "Fairly sure",
    "unsure": "Unsure",
    "not_my_field": "Not my field",
}
Form = Mapping[str, Sequence[str]]


class Weighed(Struct, frozen=True, kw_only=True):
    """A diagnosis or a sign that would explain the case; the order of the list is the rank."""

    diagnosis: Annotated[Term, Meta(title="Diagnosis", extra={"systems": ["orpha", "omim", "hpo"]})]
    why: Annotated[str, Meta(title="For and against", max_length=1000)] = ""


class Opinion(Struct, frozen=True, kw_only=True):
    text: Annotated[
        str,
        Meta(
            title="Your contribution",
            description="What do you think? Name a member with @ to speak to them. "
            "You can change it later; earlier versions stay readable.",
            max_length=LONGEST,
            extra={"lines": 4},
        ),
    ] = ""
    certainty: (
        Annotated[Certainty, Meta(title="How sure", extra={"labels": dict(CERTAINTIES)})] | None
    ) = None
    differential: Annotated[
        tuple[Weighed, ...],
        Meta(
            title="Differential",
            description="The most likely first.",
            max_length=20,
            extra={"row": "diagnosis"},
        ),
    ] = ()
    tests: Annotated[
        tuple[Annotated[str, Meta(title="Test", max_length=500)], ...],
        Meta(
            title="Suggested tests",
            description="In the order they should be done.",
            max_length=20,
            extra={"row": "test"},
        ),
    ] = ()
    needs: Annotated[
        str,
        Meta(
            title="What I need to see",
            description="A photo, a result, an image, something of the history.",
            max_length=1000,
        ),
    ] = ""
    colleague: Annotated[
        str,
        Meta(
            title="Who would know",
            description="If it is not your field: a name, a centre, a specialty.",
            max_length=300,
        ),
    ] = ""


DATASET = Dataset(key=KEY, title="Contribution", schema=Opinion)


def read_opinion(session: Session, form: Form, before: Opinion | None = None) -> Opinion:
    """What a form says; InvalidError names everything that is wrong with it."""
    parsed = records.parse(
        DATASET,
        form,
        resolve=lambda systems, text: resolve(session, systems, text),
        before=before,
    )
    wrong = dict(parsed.errors)
    opinion = parsed.value
    if isinstance(opinion, Opinion) and _says_nothing(opinion):
        wrong["text"] = "Write what you think."
    if wrong or not isinstance(opinion, Opinion):
        raise InvalidError("Your contribution was not given yet. What you typed is kept.", wrong)
    return opinion


def _says_nothing(opinion: Opinion) -> bool:
    """That it is not one's field is an answer; how sure one is of nothing is none."""
    is_passed_on = opinion.certainty == "not_my_field"
    return not is_passed_on and msgspec.structs.replace(opinion, certainty=None) == Opinion()


def opinion_of(given: Contribution | Any) -> Opinion:
    """As it is stored in three columns, of a contribution or of a version of one."""
    stored = {**given.body, "text": given.text, "certainty": given.certainty or None}
    return msgspec.convert(stored, Opinion)


def columns_of(opinion: Opinion) -> dict[str, Any]:
    """The three columns: text and certainty stand alone, what is empty is left out of the rest."""
    body = {key: part for key, part in records.encode(opinion).items() if part}
    return {
        "text": body.pop("text", ""),
        "certainty": body.pop("certainty", None) or "",
        "body": body,
    }
