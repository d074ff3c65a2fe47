"""A site with something in everything, to back up, restore and check."""

from pathlib import Path

from msgspec import Struct
from sqlalchemy import Engine, select

from cpms_core import audit
from cpms_core.actor import Role
from cpms_core.audit import Event
from cpms_core.auditing.chain import seal
from cpms_core.cases.models import Attachment, Record
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.files import FileStore
from cpms_core.identity.people import new_ticket
from cpms_core.identity.sessions import actor_for
from cpms_core.keeping import parts
from cpms_core.keys import SiteKey, create_site_key
from cpms_core.settings import Settings, Site, read_site, write_settings
from cpms_core.state import ensure_key
from tests import factories


class Kept(Struct):
    """`engine` is open as long as the fixture that made it."""

    site: Site
    engine: Engine
    key: SiteKey
    photo: str
    """SHA-256 of a file that a case holds."""


def make_kept(folder: Path, engine: Engine) -> Kept:
    """Two people, a patient, a case with a form, a photo and a removed file, a sealed audit."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    is_inside = engine.url.database == str(data / "cpms.sqlite3")
    url = "" if is_inside else engine.url.render_as_string(hide_password=False)
    write_settings(data, Settings(site_name="Überall", database=url, idle_minutes=20))
    (data / "plugins.toml").write_text('# ours\nenabled = ["ern_ithaca"]\n')
    site = read_site(data)
    key = create_site_key(site.site_key_path)
    store = FileStore(site.files)
    with transaction(engine) as session:
        ensure_key(session, key)
        user = factories.make_user(session, name="Αλκυόνη Žluťoučká")
        factories.make_user(session, role=Role.COORDINATOR)
        factories.make_session(session, user)
        factories.make_api_token(session, user.id, "case.list")
        new_ticket(session, key, user, created_by=None)
        actor = actor_for(session, user)
        case = factories.make_case(session, actor)
        photo = store.add(_file(folder, b"a photo"))
        removed = store.add(_file(folder, b"a wrong one"))
        for stored, at in ((photo, None), (removed, clock.now())):
            session.add(
                Attachment(
                    case_id=case.id,
                    sha256=stored.sha256,
                    size=stored.size,
                    media_type="image/png",
                    viewer="photo",
                    name="Photo",
                    added_by=user.id,
                    removed_at=at,
                )
            )
        session.add(
            Record(
                case_id=case.id,
                dataset="ithaca.growth",
                revision=1,
                schema_version=1,
                data={"rows": [{"on": "2025-04", "height": 101.5}], "note": None},
                author_id=user.id,
            )
        )
        audit.record(session, actor, Event.CASE_READ, case_id=case.id, hcp_id=case.hcp_id)
    seal(engine)
    return Kept(site, engine, key, photo.sha256)


def content(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that a backup holds, as Python sees it."""
    with transaction(engine, read_only=True) as session:
        return {
            table.name: [
                tuple(row)
                for row in session.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in parts.tables()
        }


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "upload"
    path.write_bytes(content)
    return path
