"""What is looked at when a site starts, and what a running one does by itself."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cpms_core.clock import clock
from cpms_core.commands import serving
from cpms_core.db import make_engine, transaction
from cpms_core.errors import CpmsError
from cpms_core.files import FileStore
from cpms_core.http.app import live_site, load_plugins, site_key
from cpms_core.http.serve import ChangingApp
from cpms_core.http.site import key_policy, read_roots
from cpms_core.jobs import seldom
from cpms_core.keys import SiteKeyError, create_site_key
from cpms_core.settings import Settings, Site, write_settings
from cpms_core.state import KEY_ID, ensure_key, read_state
from cpms_core.store import migrate
from tests.softkey import MODEL, Maker


def test_models_are_compared_in_lower_case(tmp_path: Path) -> None:
    maker = Maker()
    (tmp_path / f"{MODEL.upper()}.pem").write_bytes(maker.root)
    policy = key_policy(
        Settings(
            allowed_aaguids=(f" {MODEL.upper()}",),
            attestation_roots=str(tmp_path),
            base_url="https://cpms.example.org",
        )
    )
    assert policy.allowed_aaguids == frozenset({MODEL})
    assert policy.roots == {MODEL: (maker.root,)}
    assert (policy.rp_id, policy.origin) == ("cpms.example.org", "https://cpms.example.org")


@pytest.mark.parametrize("content", [b"", b"not a certificate", b"-----BEGIN CERTIFICATE-----\nx"])
def test_a_broken_certificate_is_said_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{MODEL}.pem").write_bytes(content)
    with pytest.raises(CpmsError, match=rf"{MODEL}\.pem holds no certificate"):
        read_roots(tmp_path)


def test_a_missing_folder_of_certificates_is_said(tmp_path: Path) -> None:
    with pytest.raises(CpmsError, match="does not exist"):
        key_policy(Settings(attestation_roots=str(tmp_path / "nowhere")))


def test_a_model_without_a_certificate_is_said(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = create_site_key(tmp_path / "a.key")
    settings = Settings(allowed_aaguids=(MODEL,))
    live_site(Site(tmp_path, settings), load_plugins(()), engine=engine, key=key)
    assert f"no certificate of key model {MODEL}" in caplog.text


def test_the_first_key_becomes_the_sites_key_and_another_is_refused(
    engine: Engine, tmp_path: Path
) -> None:
    first, other = (create_site_key(tmp_path / name) for name in ("a.key", "b.key"))
    with transaction(engine) as session:
        ensure_key(session, first)
        ensure_key(session, first)
        assert read_state(session, KEY_ID) == first.key_id
        with pytest.raises(SiteKeyError, match="is not the one this site was made with"):
            ensure_key(session, other)
        assert read_state(session, KEY_ID) == first.key_id


def made_site(tmp_path: Path) -> Site:
    data = tmp_path / "data"
    data.mkdir()
    write_settings(data, Settings(demonstration=True))
    (data / "plugins.toml").write_text("enabled = []\n")
    return Site(data, Settings(demonstration=True))


def test_a_site_does_not_start_with_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "load_terms", lambda *_, **__: {})
    site = made_site(tmp_path)
    serving.set_up(site).dispose()
    site.site_key_path.unlink()
    with pytest.raises(SiteKeyError, match="There is no site key"):
        serving.set_up(site)
    assert not site.site_key_path.exists(), "a site that has lost its key is given no new one"
    create_site_key(site.site_key_path)
    with pytest.raises(SiteKeyError, match="is not the one this site was made with"):
        serving.set_up(site)


def test_a_task_happens_only_so_often() -> None:
    done: list[int] = []
    task = seldom(timedelta(hours=1), lambda: done.append(1))
    task()
    task()
    assert done == [1]
    clock.offset = timedelta(minutes=61)
    task()
    assert done == [1, 1]


def test_a_running_site_sweeps_what_interrupted_uploads_left(tmp_path: Path) -> None:
    site = made_site(tmp_path)
    create_site_key(site.site_key_path)
    migrate(make_engine(site.database_url))
    app = ChangingApp(site)
    store = FileStore(site.files)
    old, young = store.incoming(), store.incoming()
    two_days_ago = time.time() - 2 * 86400
    os.utime(old, (two_days_ago, two_days_ago))
    app.start()
    deadline = time.monotonic() + 10
    while old.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    app.stop()
    app.engine.dispose()
    assert not old.exists()
    assert young.exists()


def test_the_key_is_looked_at_before_anything_is_served(tmp_path: Path, engine: Engine) -> None:
    site = made_site(tmp_path)
    create_site_key(site.site_key_path)
    assert site_key(site, engine).key_id
    site.site_key_path.unlink()
    create_site_key(site.site_key_path)
    with pytest.raises(SiteKeyError):
        site_key(site, engine)
