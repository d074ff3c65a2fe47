"""The files of a case as its page lists them: photos one by one, studies as one entry each."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from cpms_core.cases.attachments import PHOTO, Group
from cpms_core.registry import Registry
from cpms_core.views import AttachmentView

_MOST_NAMES = 4


class Study(Struct, frozen=True, kw_only=True):
    group: Group
    title: str
    names: str
    count: int
    size: int
    held: str
    added_at: datetime
    href: str
    """Empty if the plugin that opens it is switched off."""


def photos_of(attachments: Sequence[AttachmentView]) -> list[AttachmentView]:
    return [one for one in attachments if one.viewer == PHOTO.key]


def studies_of(
    registry: Registry, case_id: UUID, attachments: Sequence[AttachmentView]
) -> list[Study]:
    """Files that a viewer groups are one entry; in the order in which they came."""
    groups: dict[Group, list[AttachmentView]] = {}
    for one in attachments:
        if one.viewer != PHOTO.key:
            group = Group(one.viewer, one.group, None if one.group else one.id)
            groups.setdefault(group, []).append(one)
    return [_study(registry, case_id, group, files) for group, files in groups.items()]


def _study(
    registry: Registry, case_id: UUID, group: Group, files: Sequence[AttachmentView]
) -> Study:
    viewer = registry.viewers.get(group.viewer)
    # A viewer names its files from the general to the particular: "MR series 3, image 12".
    names = list(dict.fromkeys(one.name.partition(",")[0] for one in files))
    more = len(names) - _MOST_NAMES
    return Study(
        group=group,
        title=viewer.title if viewer else files[0].name,
        names=", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else ""),
        count=len(files),
        size=sum(one.size for one in files),
        held=next((one.held for one in files if one.held), ""),
        added_at=max(one.added_at for one in files),
        href=viewer.path.format(case_id=case_id, group=group.key) if viewer and group.key else "",
    )
