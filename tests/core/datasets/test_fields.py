from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from cpms_core.datasets.field import own_classes
from cpms_core.datasets.fields import describe, find
from cpms_core.datasets.kinds import Finding, Measurement, PartialDate, Term, YesNo
from tests.core.datasets.every_kind import EveryKind


def schema(**fields: Any) -> type[Struct]:
    """A Struct named Intake; a value is a type, or a pair of type and default."""
    return msgspec.defstruct(
        "Intake",
        [(key, *kind) if isinstance(kind, tuple) else (key, kind) for key, kind in fields.items()],
        kw_only=True,
        frozen=True,
        module=__name__,
    )


def refusal(**fields: Any) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        describe(schema(**fields))
    return str(caught.value)


def with_extra(kind: Any, /, **extra: Any) -> Any:
    return Annotated[kind, Meta(extra=extra)]


def test_every_kind_is_told_from_its_type_in_declared_order() -> None:
    assert [(field.key, field.kind) for field in describe(EveryKind)] == [
        ("name", "text"),
        ("story", "long_text"),
        ("count", "integer"),
        ("head", "decimal"),
        ("seizures", "yes_no"),
        ("urgent", "tick"),
        ("onset_on", "date"),
        ("since", "partial_date"),
        ("mode", "choice"),
        ("acmg", "choice"),
        ("tests", "choices"),
        ("diagnosis", "term"),
        ("findings", "findings"),
        ("height", "measurement"),
        ("visits", "list"),
        ("weights", "list"),
        ("birth", "section"),
        ("photo", "file"),
    ]


def test_a_field_says_its_title_hint_example_unit_and_limits() -> None:
    name, head = (find(describe(EveryKind), key) for key in ("name", "head"))
    assert name and (name.title, name.hint, name.example) == ("Name", "As told.", "ANKRD11")
    assert head and (head.unit, head.limits.ge, head.limits.le) == ("cm", 20, 80)


def test_a_field_without_a_title_is_named_by_its_key() -> None:
    assert describe(schema(head_circumference=float))[0].title == "Head circumference"


def test_a_row_is_called_what_the_list_says_or_what_its_value_is() -> None:
    visits, weights, notes = (
        find(describe(EveryKind), path) for path in ("visits", "weights", "visits.0.notes")
    )
    assert [field.row for field in (visits, weights, notes) if field] == [
        "visit",
        "weight",
        "remark",
    ]


def test_required_is_the_default_and_none_or_empty_makes_optional() -> None:
    fields = describe(
        schema(
            a=str, b=(str, ""), c=float | None, d=(int, 40), e=(YesNo, "unknown"), f=(bool, False)
        )
    )
    assert [field.required for field in fields] == [True, False, False, True, True, False]


def test_choices_keep_the_authors_order_and_labels() -> None:
    acmg, mode = (find(describe(EveryKind), key) for key in ("acmg", "mode"))
    assert acmg and [choice.value for choice in acmg.choices] == [5, 4, 3, 2, 1]
    assert mode and [choice.label for choice in mode.choices] == ["Examined", "Was told"]


def test_a_path_with_row_numbers_finds_its_field() -> None:
    fields = describe(EveryKind)
    weight, remark, term = (
        find(fields, path) for path in ("visits.3.weight", "visits.0.notes.1", "findings.7.term")
    )
    assert weight and weight.path == "visits.weight"
    assert remark and remark.title == "Remark"
    assert term and term.systems == ("hpo",)
    assert find(fields, "visits.3.nothing") is None


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (list[int], "tuple[X, ...]"),
        (dict[str, int], "not supported"),
        (datetime, "use date"),
        (complex, "not supported"),
        (Any, "every field needs a type"),
        (bool | None, "YesNo"),
        (int | str, "one type"),
        (Finding, "tuple[Finding, ...]"),
        (Term, "code systems"),
        (tuple[Finding, ...], "code systems"),
        (tuple[int, str], "tuple[X, ...]"),
        (tuple[bool, ...], "no list, tick or long text"),
        (tuple[int | None, ...], "a row cannot be None"),
        (Literal["a", None], "| None"),  # noqa: PYI061 - the mistake under test
        (Literal["", "a"], "| None"),
        (Literal["1", 1], "read the same"),
        (with_extra(float, units="cm"), "unknown key 'units'"),
        (with_extra(str, unit="cm"), "unknown key 'unit'"),
        (with_extra(float, unit=3), "unit=3"),
        (with_extra(str, lines="many"), "lines='many'"),
        (with_extra(str, kind="poem"), "kind"),
        (with_extra(str, consent="secrets"), "consent='secrets'"),
        (with_extra(str, consent="genome"), "needs a default"),
        (tuple[with_extra(str, consent="genome"), ...], "names its consent"),  # type: ignore[misc]  # made at run time
        (with_extra(Literal["a", "b"], labels={"c": "See"}), "'c', which is no choice"),
        (with_extra(Term, systems="hpo"), "code systems"),
        (Annotated[float, Meta(multiple_of=0.1)], "multiple_of"),
        (Annotated[float | None, Meta(ge=0)], "Can only set `ge`"),
    ],
)
def test_a_type_no_form_can_ask_for_is_refused_by_schema_and_field(kind: Any, reason: str) -> None:
    message = refusal(onset=kind)
    assert message.startswith("Intake.onset: ")
    assert reason in message


def test_a_field_may_need_a_consent_of_its_own_and_what_stands_in_it_no_other() -> None:
    genome = {"consent": "genome"}
    gene = msgspec.defstruct("Gene", [("change", with_extra(str, **genome), "")], frozen=True)
    rows = tuple[gene, ...]  # type: ignore[valid-type]  # made at run time
    fields = describe(schema(genes=(rows, ()), notes=(with_extra(str, consent="pedigree"), "")))
    assert own_classes(fields) == {"genes.change": "genome", "notes": "pedigree"}
    assert "names none of its own" in refusal(genes=(with_extra(rows, **genome), ()))


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        (Annotated[int, Meta(ge=3)], 1),
        (float, float("nan")),
        (float | None, float("inf")),
        (str, 3),
        (Annotated[PartialDate, Meta(title="Since")], "yesterday"),
        (YesNo, "perhaps"),
        (date, "2024-01-01x"),
    ],
)
def test_a_default_that_breaks_its_own_type_is_refused(kind: Any, default: Any) -> None:
    assert refusal(onset=(kind, default)).startswith("Intake.onset: its default")


def test_a_default_that_may_differ_each_day_is_refused() -> None:
    default = msgspec.field(default_factory=date.today)
    assert "factory" in refusal(onset=(date, default))


class Family(Struct, frozen=True):
    mother: "Family | None" = None


class Unknown(Struct):
    fine: int
    gone: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 - the mistake under test


class Renamed(Struct, rename="camel"):
    first_seen: int


class Tagged(Struct, tag=True):
    weeks: int


class Empty(Struct):
    pass


class Hidden(Struct):
    _add: str


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Family, "Family: a form cannot contain itself"),
        (Unknown, "Unknown.gone: name 'Nowhere' is not defined"),
        (Renamed, "Renamed.first_seen: a renamed field"),
        (Tagged, "Tagged: tagged"),
        (Empty, "Empty: a form needs at least one field"),
        (Hidden, "Hidden._add: a field's name must not start"),
        (int, "is no msgspec Struct"),
    ],
)
def test_a_schema_that_is_no_form_is_refused(wrong: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        describe(wrong)
    assert reason in str(caught.value)


def test_a_mistake_below_a_list_names_the_struct_it_stands_in() -> None:
    inner = msgspec.defstruct("Row", [("when", datetime)])
    with pytest.raises(ValueError, match=r"^Row\.when: type DateTime is not supported"):
        describe(schema(rows=tuple[inner, ...]))  # type: ignore[valid-type]  # made at run time


def test_the_same_section_may_stand_twice() -> None:
    inner = msgspec.defstruct("Parent", [("age", int)], frozen=True)
    assert [field.path for field in describe(schema(mother=inner, father=inner))[1].children] == [
        "father.age"
    ]


def test_a_measurements_unit_and_limits_reach_its_figure() -> None:
    kind = with_extra(Measurement, unit="cm", min=10, max=250)
    value = describe(schema(height=kind))[0].children[0]
    assert (value.unit, value.limits.ge, value.limits.le) == ("cm", 10, 250)


def test_an_enum_brings_its_members_as_choices() -> None:
    enum: Callable[..., Any] = Enum
    mode = enum("Mode", {"ONE": "one", "TWO": "two"})
    field = describe(schema(mode=mode))[0]
    assert field.kind == "choice"
    assert [choice.value for choice in field.choices] == ["one", "two"]
