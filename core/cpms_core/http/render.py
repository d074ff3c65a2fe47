"""Templates: a page is one template, and an HTMX response is one of its blocks.

Each package's templates stand behind its plugin's name (`web/home.html`), so that no plugin can
take the place of another's.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, select_autoescape
from jinja2_fragments import render_block
from msgspec import Struct

from cpms_core.actor import Actor
from cpms_core.answers import Page
from cpms_core.http.fragments import Keep
from cpms_core.words import FILTERS


class NavLink(NamedTuple):
    title: str
    href: str
    current: bool


class Rendering(Struct, frozen=True, kw_only=True):
    """What every template knows of the request it answers."""

    actor: Actor | None
    csrf_token: str = ""
    flash: tuple[str, ...] = ()
    nav_links: tuple[NavLink, ...] = ()
    session_seconds: int = 0
    """Until the session ends if nobody uses it from now on."""
    is_htmx: bool = False


class Templates:
    def __init__(self, packages: Mapping[str, str], common: Mapping[str, Any]) -> None:
        """`packages` maps a plugin's name to its import package; `common` is for all templates."""
        folders = {name: _templates_folder(package) for name, package in packages.items()}
        loaders = {name: FileSystemLoader(folder) for name, folder in folders.items() if folder}
        self.environment = Environment(
            loader=PrefixLoader(loaders),
            undefined=StrictUndefined,
            autoescape=select_autoescape(default=True, default_for_string=True),
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=1000,
            extensions=[Keep],
        )
        self.environment.globals.update(common)
        self.environment.filters.update(FILTERS)

    def render(self, page: Page, rendering: Rendering, nonce: str) -> str:
        values = {
            **page.values,
            "actor": rendering.actor,
            "csrf_token": rendering.csrf_token,
            "csp_nonce": nonce,
            "flash": rendering.flash,
            "nav_links": rendering.nav_links,
            "session_seconds": rendering.session_seconds,
        }
        if rendering.is_htmx and page.block:
            return render_block(self.environment, page.template, page.block, **values)
        return self.environment.get_template(page.template).render(**values)


def _templates_folder(package: str) -> Path | None:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "templates"
    return folder if folder.is_dir() else None
