"""The frame and the styleguide render with nothing undefined, and every class has a rule."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from cpms_core.actor import Actor
from cpms_core.answers import Page
from cpms_core.http.render import NavLink, Rendering, Templates

WEB = Path(__file__).parents[2] / "web"
SOMEBODY = Actor(
    user_id=UUID(int=1), name="Lena Klein", email="lena@example.org", grants=frozenset()
)
TOKEN = "a-token-of-this-session"  # noqa: S105 - a stand-in
ERROR = {"status": 409, "title": "Too late", "message": "Kept.", "fields": {"onset": "A date."}}
# Named by a page for its own script or sense, without a look of their own.
NO_LOOK_OF_THEIR_OWN = {"plain", "narrow", "medium"}


@pytest.fixture(scope="module")
def templates() -> Templates:
    common = {
        "asset": lambda package, path: f"/assets/{package}/x/{path}",
        "site_name": "CPMS",
        "version": "1",
        "is_demonstration": True,
    }
    return Templates({"web": "cpms_web"}, common)


def render(templates: Templates, template: str, actor: Actor | None, **values: object) -> str:
    links = (NavLink("Home", "/", True), NavLink("ERN", "/ern", False))
    rendering = Rendering(actor=actor, csrf_token=TOKEN, flash=("Kept.",), nav_links=links)
    return templates.render(Page(template=template, values=values), rendering, "n0nce")


def test_the_styleguide_renders_with_nothing_undefined(templates: Templates) -> None:
    html = render(templates, "web/styleguide.html", SOMEBODY, now=datetime.now(UTC))
    assert 'aria-current="page">Home' in html
    assert "Lena Klein" in html and ">LK<" in html
    assert "Demonstration" in html


@pytest.mark.parametrize("actor", [SOMEBODY, None])
def test_the_error_page_renders_signed_in_or_not(templates: Templates, actor: Actor | None) -> None:
    html = render(templates, "web/error.html", actor, **ERROR)
    assert "Too late" in html and "Kept." in html and "A date." in html
    assert ("Sign out" in html) == (actor is not None)


def test_no_page_of_the_frame_holds_inline_script_or_style(templates: Templates) -> None:
    html = render(templates, "web/styleguide.html", SOMEBODY, now=datetime.now(UTC))
    assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", html) == []
    scripts = re.findall(r"<script[^>]*>", html)
    assert scripts and all('nonce="n0nce"' in script for script in scripts)


def test_a_name_cannot_leave_its_text(templates: Templates) -> None:
    nasty = Actor(user_id=UUID(int=1), name='"><b x=', email="x@example.org", grants=frozenset())
    assert "<b x=" not in render(templates, "web/error.html", nasty, **ERROR)


def test_every_class_of_the_styleguide_has_a_rule(templates: Templates) -> None:
    styles = "".join(path.read_text() for path in (WEB / "assets/css").glob("*.css"))
    ruled = set(re.findall(r"\.([a-z][a-z-]*)", styles))
    html = render(templates, "web/styleguide.html", SOMEBODY, now=datetime.now(UTC))
    used = {name for value in re.findall(r'class="([^"]*)"', html) for name in value.split()}
    assert used - ruled - NO_LOOK_OF_THEIR_OWN == set()


def test_no_source_of_the_look_is_longer_than_400_lines() -> None:
    sources = [*WEB.glob("assets/css/*.css"), *WEB.glob("assets/js/*.js")]
    lengths = {path.name: len(path.read_text().splitlines()) for path in sources}
    assert len(lengths) > 20
    assert {name: length for name, length in lengths.items() if length > 400} == {}
