"""`{% keep %}`: drawn once for each value, and from nothing but the value."""

import pytest
from jinja2 import DictLoader, Environment, TemplateSyntaxError

from cpms_core.http.fragments import Keep
from cpms_core.words import FILTERS


def environment(**templates: str) -> Environment:
    made = Environment(autoescape=True, extensions=[Keep], loader=DictLoader(templates))
    made.filters.update(FILTERS)
    return made


def test_a_part_is_drawn_once_for_each_value() -> None:
    drawn = []

    class Row(str):
        __slots__ = ()

        @property
        def shown(self) -> str:
            drawn.append(str(self))
            return self.upper()

    page = environment().from_string(
        "{% for row in rows %}{% keep row %}<i>{{ row.shown }}</i>{% endkeep %}{% endfor %}"
    )
    for _ in range(3):
        assert page.render(rows=[Row("a"), Row("<b>"), Row("a")]) == (
            "<i>A</i><i>&lt;B&gt;</i><i>A</i>"
        )
    assert drawn == ["a", "<b>"]


def test_two_places_do_not_share_what_they_drew() -> None:
    page = environment().from_string(
        "{% keep x %}one {{ x }}{% endkeep %}\n{% keep x %}two {{ x }}{% endkeep %}"
    )
    assert page.render(x=1) == page.render(x=1) == "one 1\ntwo 1"


@pytest.mark.parametrize(
    ("inside", "foreign"),
    [
        ("{{ csrf_token }}", "csrf_token"),
        ("{{ row.name if actor else '' }}", "actor"),
        ("{% for one in row.all %}{{ one }}{{ nonce }}{% endfor %}", "nonce"),
        ("{{ row.at | since }}", "since"),
        ("{{ asset('web', row.file) }}", "asset"),
    ],
)
def test_a_part_that_uses_more_than_its_value_does_not_compile(inside: str, foreign: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=f"kept by row must not use {foreign}"):
        environment().from_string(f"{{% keep row %}}{inside}{{% endkeep %}}")


def test_a_part_may_use_what_it_imports_and_makes_itself() -> None:
    made = environment(
        macros="{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}",
        page="{% keep row %}{% from 'macros' import bold as fat %}{% set last = row[-1] %}"
        "{% for one in row %}{{ fat(one) }}{% endfor %}{{ last }}{% endkeep %}",
    )
    assert made.get_template("page").render(row=(1, 2)) == "<b>1</b><b>2</b>2"
