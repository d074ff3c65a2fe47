"""`run` a demonstration with one command; `serve`, `migrate` a site that is set up."""

import argparse
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import Engine, inspect, select

from cpms_core.commands import Commands, Options, opened
from cpms_core.db import make_engine, transaction
from cpms_core.demonstration import fill_demonstration
from cpms_core.directory.loading import load_directory
from cpms_core.errors import CpmsError
from cpms_core.http import assets
from cpms_core.http.app import site_key
from cpms_core.http.serve import serve
from cpms_core.identity.models import User
from cpms_core.identity.people import first_admin, has_key, new_ticket
from cpms_core.identity.sessions import actor_for
from cpms_core.keys import create_site_key, load_site_key
from cpms_core.plugins.enabled import read_enabled, site_file
from cpms_core.plugins.host import GROUP, load
from cpms_core.settings import Settings, Site, read_site, write_settings
from cpms_core.store import migrate
from cpms_core.terminology.loading import find_obo, load_terms

DEFAULT_PORT = 8000
FIRST_ADMIN = "admin@demonstration.example"


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    run = commands.add_parser("run", parents=[common], help="set up what is missing and serve it")
    run.add_argument("--port", type=int, default=DEFAULT_PORT)
    run.set_defaults(run=run_demonstration)
    server = commands.add_parser("serve", parents=[common], help="serve a site that is set up")
    server.add_argument("--port", type=int, default=DEFAULT_PORT)
    server.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    server.add_argument("--workers", type=int, default=1, help="processes; SQLite allows one")
    server.set_defaults(run=serve_site)
    commands.add_parser(
        "migrate", parents=[common], help="bring the store to this version"
    ).set_defaults(run=migrate_site)


def run_demonstration(options: Options) -> int:
    """From nothing to a page in the browser."""
    data: Path = options.data.resolve()
    build_assets()
    if not (data / "site.toml").exists():
        _say(f"Making a demonstration site in {data} …")
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        base_url = f"http://localhost:{options.port}"
        write_settings(
            data,
            Settings(site_name="CPMS demonstration", demonstration=True, base_url=base_url),
        )
    site = read_site(data)
    if site.settings.demonstration and site.settings.base_url.rpartition(":")[2] != str(
        options.port
    ):
        base_url = f"http://localhost:{options.port}"
        write_settings(data, replace(site.settings, base_url=base_url))
        site = read_site(data)
    engine = set_up(site)
    link = _first_link(site, engine)
    engine.dispose()
    print(f"\n  Open {site.settings.base_url}")
    if link:
        print(f"  The first administrator enrols a security key here, once:\n\n    {link}\n")
    sys.stdout.flush()
    serve(site, "127.0.0.1", options.port)
    return 0


def serve_site(options: Options) -> int:
    with opened(options.data) as (site, engine):
        if options.workers > 1 and site.database_url.startswith("sqlite"):
            raise CpmsError("Several workers need PostgreSQL; a SQLite site is served by one.")
        if site.settings.demonstration and options.host not in {"127.0.0.1", "::1", "localhost"}:
            raise CpmsError("A demonstration accepts any key, so it listens on this machine only.")
        site_key(site, engine)
    build_assets()
    serve(site, options.host, options.port, options.workers)
    return 0


def migrate_site(options: Options) -> int:
    site = read_site(options.data)
    site.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    set_up(site)
    print("The store is up to date.")
    return 0


def set_up(site: Site) -> Engine:
    """Key, tables, directory, terms and the list of plugins: whatever of it is missing."""
    engine = make_engine(site.database_url)
    has_key = bool(site.settings.site_key_command) or site.site_key_path.exists()
    if not has_key and not inspect(engine).has_table("site_state"):
        create_site_key(site.site_key_path)
        _say(f"Wrote the site key to {site.site_key_path}: keep a copy apart from the backups.")
    load_site_key(site.site_key_path, site.settings.site_key_command)
    site_file(site.data)
    migrate(engine)
    site_key(site, engine)
    with transaction(engine) as session:
        load_directory(session)
    started = time.monotonic()
    if any(load_terms(engine, find_obo(site.data)).values()) and time.monotonic() - started > 1:
        _say(f"Loaded the coded terms in {time.monotonic() - started:.0f} s.")
    return engine


def build_assets() -> None:
    """Build the front-end files of every installed plugin that lies here as source."""
    packages = {point.module.partition(".")[0] for point in entry_points(group=GROUP)}
    folders = [folder for name in sorted(packages) if (folder := assets.source_folder(name))]
    assets.ensure(folders)


def _first_link(site: Site, engine: Engine) -> str:
    """A new demonstration's people and cases, and its administrator's link until there is a key."""
    key = load_site_key(site.site_key_path, site.settings.site_key_command)
    with transaction(engine) as session:
        admin = session.scalar(select(User).where(User.email == FIRST_ADMIN))
        if admin is None and session.scalar(select(User.id).limit(1)):
            return ""
        if admin is None:
            admin = first_admin(session, FIRST_ADMIN, "First Administrator")
            registry = load(read_enabled(site_file(site.data))).registry
            fill_demonstration(session, actor_for(session, admin), key, registry)
        if has_key(admin):
            return ""
        ticket = new_ticket(session, key, admin, created_by=None, with_code=False)
    return f"{site.settings.base_url}/enrol/{ticket.token}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
