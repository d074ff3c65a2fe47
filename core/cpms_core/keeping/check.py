"""Look whether a site is whole: rows against files, the audit's chain, key, tables, plugins."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Engine, func, select, union
from sqlalchemy.exc import SQLAlchemyError

from cpms_core.audit import AuditEvent
from cpms_core.auditing.chain import walk
from cpms_core.cases.models import Attachment, Case
from cpms_core.db import transaction
from cpms_core.declarations import Check
from cpms_core.errors import CpmsError, NotFoundError
from cpms_core.files import FileStore
from cpms_core.identity.models import User
from cpms_core.jobs import MAX_ATTEMPTS, Job
from cpms_core.keeping import parts
from cpms_core.keys import load_site_key
from cpms_core.patients.models import Patient
from cpms_core.plugins.enabled import read_enabled
from cpms_core.plugins.guarded import guarded
from cpms_core.plugins.host import load
from cpms_core.settings import Site
from cpms_core.state import KEY_ID, read_state
from cpms_core.store import is_current
from cpms_core.words import plural, size

ORPHAN_AGE = timedelta(hours=1)
"""A younger file may be about to be named by a row."""


class Report(Struct):
    """What was counted, and what is wrong; a site is whole if nothing is."""

    figures: list[str] = []
    problems: list[str] = []

    @property
    def is_whole(self) -> bool:
        return not self.problems


Look = Callable[[Site, Engine, Report], None]


def check_site(site: Site, engine: Engine, *, is_quick: bool = False) -> Report:
    """Everything that can be compared. `is_quick` leaves out reading each file's bytes."""
    report = Report()
    if not _is_store_there(engine, report):
        return report
    looks: tuple[Look, ...] = (_rows, _key, _chain, _jobs, _plugins)
    for look in looks:
        look(site, engine, report)
    _files(site, engine, report, is_quick=is_quick)
    return report


def orphans(site: Site, engine: Engine) -> Iterator[str]:
    """Files that no row names and that are too old to be named soon."""
    named = _named(engine)
    for stored in FileStore(site.files).iter_all(older_than=ORPHAN_AGE):
        if stored.sha256 not in named:
            yield stored.sha256


def _is_store_there(engine: Engine, report: Report) -> bool:
    file = engine.url.database
    if engine.dialect.name == "sqlite" and not Path(file or "").is_file():
        report.problems.append(f"There is no store: {file} does not exist.")
        return False
    try:
        if is_current(engine):
            return True
        report.problems.append("The store is of another version. Run `cpms migrate`.")
    except SQLAlchemyError as error:
        report.problems.append(f"The store cannot be read: {str(error).splitlines()[0]}")
    return False


def _rows(site: Site, engine: Engine, report: Report) -> None:
    del site
    with transaction(engine, read_only=True) as session:
        counts = [
            plural(session.scalar(select(func.count()).select_from(model)) or 0, one, many)
            for model, one, many in (
                (User, "person", "people"),
                (Patient, "patient", ""),
                (Case, "case", ""),
                (AuditEvent, "audit event", ""),
            )
        ]
        report.figures.append(", ".join(counts))
        if engine.dialect.name == "sqlite":
            connection = session.connection()
            for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
                if line != "ok":
                    report.problems.append(f"SQLite finds its file damaged: {line}")
            for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
                report.problems.append(f"A row of {row[0]} points at a {row[2]} that is gone.")


def _key(site: Site, engine: Engine, report: Report) -> None:
    with transaction(engine, read_only=True) as session:
        expected = read_state(session, KEY_ID)
    try:
        key = load_site_key(site.site_key_path, site.settings.site_key_command)
        if expected:
            key.require_id(expected)
    except CpmsError as error:
        report.problems.append(str(error))
    else:
        report.figures.append(f"site key {key.key_id}")


def _chain(site: Site, engine: Engine, report: Report) -> None:
    del site
    with transaction(engine, read_only=True) as session:
        walked = walk(session)
    if walked.first_break is None:
        report.figures.append(f"audit sealed to #{walked.end.seq}, the chain holds")
    else:
        report.problems.append(f"The audit's chain breaks: the entry {walked.first_break}")


def _jobs(site: Site, engine: Engine, report: Report) -> None:
    del site
    with transaction(engine, read_only=True) as session:
        for job in session.scalars(
            select(Job).where(Job.done_at.is_(None), Job.attempts >= MAX_ATTEMPTS)
        ):
            report.problems.append(f"The job {job.kind} gave up: {job.error}")


def _plugins(site: Site, engine: Engine, report: Report) -> None:
    del engine
    try:
        names = read_enabled(site.plugins_file)
    except CpmsError as error:
        report.problems.append(str(error))
        return
    loaded = load(names)
    for failure in loaded.failures:
        report.problems += [
            f"The plugin {failure.name} fails: {line}" for line in failure.reason.splitlines()
        ]
    report.figures.append(f"plugins on: {', '.join(loaded.registry.plugins)}")
    for check in loaded.registry.checks.values():
        _plugin_check(check, site, report)


def _plugin_check(check: Check, site: Site, report: Report) -> None:
    try:
        results = list(guarded("the check", lambda: list(check.run(site.data))))
    except CpmsError as error:
        report.problems.append(f"{check.title}: {error}")
        return
    report.figures.append(f"{check.title}: {plural(len(results), 'result')}")
    report.problems += [f"{check.title}: {one.message}" for one in results if not one.ok]


def _files(site: Site, engine: Engine, report: Report, *, is_quick: bool) -> None:
    store = FileStore(site.files)
    with transaction(engine, read_only=True) as session:
        # A file that was removed from its case may be erased.
        needed = set(
            session.scalars(select(Attachment.sha256).where(Attachment.removed_at.is_(None)))
        )
    total = 0
    for name in sorted(_named(engine)):
        if not store.exists(name):
            if name in needed:
                report.problems.append(f"The file {name} is missing.")
            continue
        total += store.path(name).stat().st_size
        if not is_quick and not _is_unchanged(store, name):
            report.problems.append(f"The file {name} is damaged: its bytes are not what was kept.")
    report.figures.append(f"{plural(len(needed), 'file')}, {size(total)}")
    for name in orphans(site, engine):
        report.problems.append(f"The file {name} belongs to no case; a crash may have left it.")


def _is_unchanged(store: FileStore, name: str) -> bool:
    try:
        return store.verify(name)
    except NotFoundError:
        return False


def _named(engine: Engine) -> set[str]:
    with transaction(engine, read_only=True) as session:
        return set(session.scalars(union(*(select(column) for column in parts.FILES_NAMED))))
