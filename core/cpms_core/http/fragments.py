"""`{% keep one %}…{% endkeep %}` in a template: draw this part once for each value of `one`.

The rows of a list are the same from one reader to the next. What stands inside may use nothing but
the value it is kept by, so that nobody can be shown what was drawn for somebody else, or what is no
longer so; a template that uses more does not compile.
"""

from collections.abc import Callable, Hashable

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from markupsafe import Markup

_MOST = 4000
"""Parts kept, at about a kilobyte each."""
_BY_THE_CLOCK = frozenset({"since"})
"""Filters that say something else a minute later."""


class Keep(Extension):
    tags = {"keep"}  # noqa: RUF012 - Jinja's own way of declaring it

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._kept: dict[tuple[str, Hashable], Markup] = {}

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        name = parser.parse_assign_target(name_only=True).name
        body = parser.parse_statements(("name:endkeep",), drop_needle=True)
        foreign = sorted(_foreign(body) - {name})
        if foreign:
            raise TemplateSyntaxError(
                f"what is kept by {name} must not use {', '.join(foreign)}", line, parser.name
            )
        place = nodes.Const(f"{parser.name}:{line}")
        part = self.call_method("_part", [place, nodes.Name(name, "load")])
        return nodes.CallBlock(part, [], [], body).set_lineno(line)

    def _part(self, place: str, value: Hashable, caller: Callable[[], str]) -> Markup:
        part = self._kept.get((place, value))
        if part is None:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            part = self._kept[place, value] = Markup(caller())  # noqa: S704 - a template's own output
        return part


def _foreign(body: list[nodes.Node]) -> set[str]:
    """What these nodes use and do not make or import themselves; filters that ask the clock."""
    within = nodes.Output(body)
    names = list(within.find_all(nodes.Name))
    imported = (name for one in within.find_all(nodes.FromImport) for name in one.names)
    own = {name if isinstance(name, str) else name[1] for name in imported}
    own |= {node.name for node in names if node.ctx != "load"}
    used = {node.name for node in names if node.ctx == "load"}
    filters = {node.name for node in within.find_all(nodes.Filter)}
    return used - own | filters & _BY_THE_CLOCK
