"""Whether what a plugin declared can be accepted, by itself and beside the other plugins.

Types were checked when the hook returned (host.py); here it is about what the values mean. Each
check yields a sentence that names the thing, so that the plugin's author need not search.

A key is `prefix.thing`. The prefix is the plugin's name, or what follows `ern_` in it: `ern_ithaca`
owns `ithaca.intake`. So no plugin can take another's keys, or one of core's permissions.
"""

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from cpms_core.access import PERMISSIONS, Standing
from cpms_core.datasets.fields import describe
from cpms_core.declarations import Dataset, Link, Network, Permission, Viewer
from cpms_core.errors import PluginError
from cpms_core.plugins.guarded import guarded
from cpms_core.plugins.module_search import finds_function
from cpms_core.plugins.route_checks import is_served, path_shape, route_problems
from cpms_core.registry import Declared

KEYED = (
    "datasets",
    "viewers",
    "permissions",
    "reports",
    "exports",
    "importers",
    "checks",
)

_THING = re.compile(r"[a-z][a-z0-9_]{0,59}")
_ERN = re.compile(r"[a-z][a-z0-9_-]{1,39}")
_PANEL_PREFIX = re.compile(r"[A-Z]{2,8}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_SUFFIX = re.compile(r"(\.[a-z0-9]+)+")
_MAX_TITLE = 120


def problems(part: Declared) -> list[str]:
    """What is wrong with one plugin's declarations, other plugins aside."""
    return [*_all_problems(part)]


def clashes(part: Declared, others: Iterable[Declared]) -> list[str]:
    """What this plugin declares that another, earlier one already owns."""
    return [
        f"{what} already belongs to {other.info.name}"
        for other in others
        for what in sorted(_owned(part) & _owned(other))
    ]


def _all_problems(part: Declared) -> Iterator[str]:
    yield from _name_problems(part)
    for network in part.networks:
        yield from _network_problems(network, part)
    for dataset in part.datasets:
        yield from _dataset_problems(dataset)
    for viewer in part.viewers:
        yield from _viewer_problems(viewer, part)
    for permission in part.permissions:
        yield from _permission_problems(permission)
    yield from _file_problems(part)
    yield from _page_problems(part)


def _name_problems(part: Declared) -> Iterator[str]:
    prefixes = {part.info.prefix, part.info.name}
    for kind in KEYED:
        for declaration in getattr(part, kind):
            yield from _key_problems(declaration.key, prefixes)
            yield from _title_problems(declaration.key, declaration.title)
    for what, count in Counter(_owned_list(part)).items():
        if count > 1:
            yield f"it declares {what} {count} times"


def _page_problems(part: Declared) -> Iterator[str]:
    allowed = {*PERMISSIONS, *(permission.key for permission in part.permissions)}
    for report in part.reports:
        yield from _granted(report.permission, allowed, f"report {report.key}")
    for route in part.routes:
        where = f"route {route.method} {route.path}"
        yield from _granted(route.permission, allowed, where)
        yield from (f"{where}: {problem}" for problem in route_problems(route, part.info))
    for link in part.links:
        yield from _granted(link.permission, allowed, f"link {link.title!r}")
        yield from _link_problems(link, part)


def _owned(part: Declared) -> set[str]:
    return set(_owned_list(part))


def _owned_list(part: Declared) -> Iterator[str]:
    """Everything that can have one owner only."""
    if part.info.dist:
        yield f"package {part.info.package}"
    for kind in KEYED:
        yield from (f"{kind[:-1]} {declaration.key}" for declaration in getattr(part, kind))
    for network in part.networks:
        yield f"ERN {network.key}"
        if network.case_prefix:
            yield f"case prefix {network.case_prefix}"
    for route in part.routes:
        yield f"route {route.method} {part.info.mount}{path_shape(route.path)}"


def _key_problems(key: str, prefixes: set[str]) -> Iterator[str]:
    prefix, _, thing = key.partition(".")
    if prefix not in prefixes or not _THING.fullmatch(thing):
        wanted = " or ".join(f"{one}.thing" for one in sorted(prefixes))
        yield f"key {key!r} must be {wanted}, in a-z, 0-9 and _"


def _title_problems(what: str, title: str) -> Iterator[str]:
    if not title.strip() or len(title) > _MAX_TITLE or not title.isprintable():
        yield f"{what} needs a title of 1 to {_MAX_TITLE} characters"


def _granted(permission: str, allowed: set[str], what: str) -> Iterator[str]:
    if permission not in allowed:
        yield f"{what}: there is no permission {permission!r}, in core or declared by this plugin"


def _network_problems(network: Network, part: Declared) -> Iterator[str]:
    what = f"ERN {network.key!r}"
    if not _ERN.fullmatch(network.key):
        yield f"{what}: its key must be in a-z, 0-9 and _"
    if network.case_prefix and not _PANEL_PREFIX.fullmatch(network.case_prefix):
        yield f"{what}: case_prefix must be 2 to 8 capital letters"
    for area, count in Counter(area.key for area in network.areas).items():
        if count > 1 or not _THING.fullmatch(str(area)):
            yield f"{what}: thematic area {area!r} must be unique, in a-z, 0-9 and _"
    for area_declared in network.areas:
        yield from _title_problems(f"{what}: area {area_declared.key}", area_declared.title)
    own = {dataset.key for dataset in part.datasets}
    for key in (*network.required_datasets, *network.helpful_datasets):
        if key not in own and key.partition(".")[0] in {part.info.prefix, part.info.name}:
            yield f"{what} asks for {key!r}, which this plugin does not declare"


def _dataset_problems(dataset: Dataset) -> Iterator[str]:
    try:
        describe(dataset.schema)
    except Exception as error:  # noqa: BLE001 - msgspec raises many kinds about a schema
        yield f"dataset {dataset.key}: {error}"
    if dataset.version < 1:
        yield f"dataset {dataset.key}: versions start at 1"
    if dataset.version > 1 and dataset.upgrade is None:
        yield f"dataset {dataset.key}: version {dataset.version} needs upgrade(version, data)"
    if dataset.upgrade and not _accepts(dataset.upgrade, 2):
        yield f"dataset {dataset.key}: upgrade must take (version, data)"
    for ern in dataset.erns:
        if not _ERN.fullmatch(ern):
            yield f"dataset {dataset.key}: {ern!r} is no key of an ERN"


def _viewer_problems(viewer: Viewer, part: Declared) -> Iterator[str]:
    what = f"viewer {viewer.key}"
    if not _MEDIA_TYPE.fullmatch(viewer.media_type):
        yield f"{what}: {viewer.media_type!r} is no media type"
    yield from _recogniser_problems(viewer, what)
    module, _, function = viewer.ingest.partition(":")
    if module.partition(".")[0] != part.info.package:
        yield f"{what}: ingest {viewer.ingest!r} must lie in {part.info.package}"
    elif not finds_function(module, function):
        yield f"{what}: there is no module-level function {viewer.ingest!r}"
    if not viewer.group_by:
        yield f"{what}: group_by must name a facet"
    if "{case_id}" not in viewer.path or "{group}" not in viewer.path:
        yield f"{what}: path {viewer.path!r} must hold {{case_id}} and {{group}}"
    elif not is_served(viewer.path, part):
        yield f"{what}: none of its GET routes serves path {viewer.path!r}"


def _recogniser_problems(viewer: Viewer, what: str) -> Iterator[str]:
    try:
        answer = guarded("recognises(b'')", lambda: viewer.recognises(b""))
    except PluginError as error:
        yield f"{what}: {error}"
    else:
        if answer is not False:
            yield f"{what}: recognises(b'') must be False, not {answer!r}"


def _permission_problems(permission: Permission) -> Iterator[str]:
    if permission.key in PERMISSIONS:
        yield f"permission {permission.key} is one of core's"
    unknown = permission.standings - set(Standing)
    if unknown or not permission.standings:
        known = ", ".join(Standing)
        yield f"permission {permission.key}: standings must be some of {known}"


def _file_problems(part: Declared) -> Iterator[str]:
    for export in part.exports:
        if not _MEDIA_TYPE.fullmatch(export.media_type):
            yield f"export {export.key}: {export.media_type!r} is no media type"
        if not _SUFFIX.fullmatch(export.suffix):
            yield f"export {export.key}: suffix {export.suffix!r} must look like '.json'"
    for importer in part.importers:
        if not importer.suffixes or not all(map(_SUFFIX.fullmatch, importer.suffixes)):
            yield f"importer {importer.key}: suffixes must look like ('.json',)"


def _accepts(function: object, count: int) -> bool:
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def _link_problems(link: Link, part: Declared) -> Iterator[str]:
    yield from _title_problems("a link", link.title)
    if "{" in link.href or not is_served(link.href.partition("?")[0], part):
        yield f"link {link.title!r}: none of its GET routes serves {link.href!r}"
