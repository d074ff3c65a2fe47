"""An outside team's plugin: written, built outside the workspace, installed, enabled, used."""

from pathlib import Path

from cpms_core.db import transaction
from tests import factories
from tests.engines import SqliteTemplate
from tests.journeys.server import Server, cpms, make_data
from tests.wheels import build_wheel, install_wheel

DATASET = "head_count.visit"


def test_a_plugin_from_a_wheel_asks_stores_and_exports(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    cpms("plugins", "new", "head_count", "--into", tmp_path)
    wheel = build_wheel(tmp_path / "head_count", tmp_path)
    env = install_wheel(wheel, tmp_path / "installed")
    data = tmp_path / "data"
    make_data(data, sqlite_template, plugins=("ern_ithaca",))
    cpms("plugins", "check", "head_count", "--data", data, env=env)
    cpms("plugins", "enable", "head_count", "--data", data, env=env)
    with Server(data, env) as server:
        clinician = server.person()
        with transaction(server.engine) as session:
            case_id = factories.make_case(session, clinician.actor).id
        case = f"/cases/{case_id}"
        page = clinician.get(case).text
        assert f"{case}/records/{DATASET}" in page

        form = clinician.get(f"{case}/records/{DATASET}").text
        assert "Walks without help" in form and "kg" in form
        wrong = clinician.post(
            f"{case}/records/{DATASET}", data={"_base": "0", "seen_on": "", "weight": "900"}
        )
        assert wrong.status_code == 422
        assert "500" in wrong.text
        saved = clinician.post(
            f"{case}/records/{DATASET}",
            data={"_base": "0", "seen_on": "2026-05-17", "weight": "18.5", "walks": "yes"},
        )
        assert saved.status_code == 303, saved.text

        assert "18.5" in clinician.get(case).text
        export = "save a case outside of this site"
        server.touch(clinician, export, case_id)
        saved_json = clinician.post(f"{case}/export.json").json()
        assert "18.5" in str(saved_json) and DATASET in str(saved_json)
        server.touch(clinician, export, case_id)
        assert "2026-05-17" in clinician.post(f"{case}/export.csv").text
