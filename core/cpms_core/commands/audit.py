"""`audit anchor|verify|export`: the chain's head outside, the walk over it, the way out of it."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from cpms_core.auditing.anchors import Anchor, AnchorsError, add_anchor, by_place, read_anchors
from cpms_core.auditing.chain import seal_all, walk
from cpms_core.auditing.dicom import Source, syslog_line
from cpms_core.auditing.entries import Entry
from cpms_core.auditing.export import exported, json_line
from cpms_core.auditing.syslog import parse_receiver, send
from cpms_core.commands import Commands, Options, opened
from cpms_core.db import transaction
from cpms_core.errors import CpmsError
from cpms_core.keys import load_site_key
from cpms_core.settings import Site
from cpms_core.words import moment, plural


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    audit = commands.add_parser("audit", help="anchor, verify or export the audit")
    acts = audit.add_subparsers(required=True, metavar="ACT")
    anchor = acts.add_parser("anchor", parents=[common], help="add the chain's signed head to FILE")
    anchor.add_argument("file", type=Path, help="outside the site's folder, better elsewhere")
    anchor.set_defaults(run=anchor_audit)
    verify = acts.add_parser("verify", parents=[common], help="walk the whole chain")
    verify.add_argument("--anchors", type=Path, metavar="FILE", help="compare with these anchors")
    verify.set_defaults(run=verify_audit)
    export = acts.add_parser("export", parents=[common], help="write events, or send them")
    export.add_argument("--since", required=True, type=_moment, metavar="DATE", help="from here on")
    export.add_argument("--until", type=_moment, metavar="DATE", help="up to here, without it")
    export.add_argument("--format", choices=list(_FORMATS), default="rfc5424")
    export.add_argument("--syslog", metavar="HOST:PORT", help="send them there over TLS")
    export.add_argument("--ca", type=Path, metavar="FILE", help="certificates to believe")
    export.add_argument("--plain", action="store_true", help="no TLS; to this machine only")
    export.add_argument("file", type=Path, nargs="?", help="a new one; printed if left out")
    export.set_defaults(run=export_audit)


def anchor_audit(options: Options) -> int:
    with opened(options.data) as (site, engine):
        file = options.file.resolve()
        if file.is_relative_to(site.data):
            raise CpmsError(
                f"{file} is in the site's folder: who can change the one could change the other."
                " Name a file elsewhere."
            )
        key = load_site_key(site.site_key_path, site.settings.site_key_command)
        anchor = add_anchor(engine, key, file)
    print(f"Anchored at #{anchor.seq}.")
    return 0


def verify_audit(options: Options) -> int:
    with opened(options.data) as (site, engine):
        seal_all(engine)
        anchors, problems = _anchors(site, options.anchors)
        with transaction(engine, read_only=True) as session:
            walked = walk(session, noted=by_place(anchors))
    if walked.first_break:
        problems.append(f"The audit's chain breaks: the entry {walked.first_break}")
    for problem in problems:
        print(f"PROBLEM: {problem}")
    if anchors:
        last = anchors[-1]
        print(f"{plural(len(anchors), 'anchor')}, the last at #{last.seq} on {moment(last.at)}.")
    if problems:
        return 1
    print(f"{plural(walked.end.seq, 'entry', 'entries')}, the chain holds.")
    return 0


def export_audit(options: Options) -> int:
    receiver = None
    if options.syslog:
        if options.file or options.format != "rfc5424":
            raise CpmsError("--syslog sends rfc5424 and writes no file; leave the others out.")
        receiver = parse_receiver(options.syslog, ca=options.ca, is_plain=options.plain)
    form = "syslog" if receiver else options.format
    with opened(options.data) as (site, engine):
        line = _line_maker(site, options.format)
        with exported(engine, options.since, options.until, form) as entries:
            if receiver:
                count = send(receiver, map(line, entries))
            else:
                with _target(options.file) as target:
                    count = 0
                    for count, entry in enumerate(entries, 1):  # noqa: B007 - counted
                        target.write(line(entry) + b"\n")
    print(f"{plural(count, 'entry', 'entries')} exported.", file=sys.stderr)
    return 0


def _anchors(site: Site, file: Path | None) -> tuple[tuple[Anchor, ...], list[str]]:
    """Those that can be believed, and what is wrong with the rest."""
    if file is None:
        return (), []
    key = load_site_key(site.site_key_path, site.settings.site_key_command)
    try:
        return read_anchors(file, key), []
    except AnchorsError as error:
        return error.good, [str(error)]


_FORMATS = ("rfc5424", "json")


def _line_maker(site: Site, form: str) -> Callable[[Entry], bytes]:
    if form == "json":
        return json_line
    host = urlsplit(site.settings.base_url).hostname or "cpms"
    source = Source(host=host, site=site.settings.site_name)
    return lambda entry: syslog_line(entry, source)


@contextmanager
def _target(file: Path | None) -> Iterator[BinaryIO]:
    """A new file for its owner alone, gone again if it did not become whole; or the output."""
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CpmsError(f"{file} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "wb") as target:
            yield target
    except BaseException:
        with suppress(OSError):
            file.unlink()
        raise


def _moment(text: str) -> datetime:
    """A day or a moment; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-22") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
