"""SQLite and PostgreSQL answer alike, whatever is asked: the same pages find the same things."""

import re
from pathlib import Path

import pytest

from cpms_core.patients import pseudonyms
from tests.engines import PostgresTemplate, SqliteTemplate
from tests.site import Live, TestSite
from tests.web.queries import noting_queries
from tests.web.world import World

PAGES = {
    "/search": "professional",
    "/terms": "professional",
    "/erns/ithaca": "coordinator",
    "/people": "system administrator",
    "/audit": "system administrator",
    "/centre": "professional",
    "/directory": "professional",
}
# "-01" and not "-1", which a pseudonym may hold by chance; no number of one begins with a nought.
TEXTS = (
    *("dr", "DR", "Zde\u0148ka", "zdenka", "\u00df", "\u0130", "'", '"', "%", "_", "\\", "a%b"),
    *("' OR 1=1 --", "x'); DROP TABLE patient; --", "name DESC", "(SELECT 1)", "-01", "\x00"),
    *('"dr*"', "NEAR(a b)", "a AND b", "*", "9" * 30, "1e400", "2024-02-30", "x" * 500),
)


def without_chance(text: str) -> str:
    """The words of a page, without what was made up for this store."""
    words = re.sub(r"<[^>]*>", " ", text.partition("<main")[2] or text)
    words = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|[A-Z][a-z]+-\d+|\d+", "#", words)
    return re.sub(r"\s+", " ", words)


def asked(live: Live, template: SqliteTemplate | PostgresTemplate, folder: Path) -> dict[str, str]:
    """What is shown, by what was asked for."""
    folder.mkdir()
    answers: dict[str, str] = {}
    with template.copy(folder) as engine, TestSite(live, engine, folder) as site:
        world = World(site, "assessment")
        for path, person in PAGES.items():
            with noting_queries() as keys:
                world[person].get(path)
            for key in sorted(keys):
                for text in TEXTS:
                    site.live.limiter.clear()
                    answer = world[person].get(path, params={key: text})
                    shown = f"{answer.status_code} {without_chance(answer.text)}"
                    answers[f"{path} {key}={text!r}"] = shown
    return answers


def test_what_is_asked_finds_the_same_in_both(
    sqlite_template: SqliteTemplate,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "postgresql" not in request.config.getoption("--engines"):
        pytest.skip("only one engine is asked for")
    # By its pseudonym, "dr" would find a Roadrunner in one of them.
    monkeypatch.setattr(pseudonyms, "BIRDS", ("Heron",))
    live: Live = request.getfixturevalue("_live")
    postgres: PostgresTemplate = request.getfixturevalue("postgresql_template")
    here = asked(live, sqlite_template, tmp_path / "sqlite")
    there = asked(live, postgres, tmp_path / "postgresql")
    assert len(here) > 200
    assert here.keys() == there.keys()
    differing = [what for what, shown in here.items() if there[what] != shown]
    assert not differing, "\n".join(differing)
