"""Whether `package.module` has a function, told from its source: nothing is imported.

What a viewer does with an uploaded file runs in a child process; its module may need libraries
that a web worker should never load.
"""

import ast
import sys
from importlib.machinery import ModuleSpec, PathFinder


def finds_function(module: str, function: str) -> bool:
    """True if the module's top level defines or imports this name."""
    spec = _find(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return False
    with open(spec.origin, "rb") as source:  # noqa: PTH123 - the origin is a path already
        tree = ast.parse(source.read())
    return any(function in _names(statement) for statement in tree.body)


def _find(module: str) -> ModuleSpec | None:
    """As importlib.util.find_spec, which would import the parents."""
    spec: ModuleSpec | None = None
    path = None
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        loaded = sys.modules.get(name)
        spec = loaded.__spec__ if loaded else PathFinder.find_spec(name, path)
        if spec is None:
            return None
        path = spec.submodule_search_locations or []
    return spec


def _names(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef(name=name):
            return {name}
        case ast.ImportFrom(names=aliases):
            return {alias.asname or alias.name for alias in aliases}
        case _:
            return set()
