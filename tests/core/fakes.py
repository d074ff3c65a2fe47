"""Plugins written inside a test, and what they declare."""

import asyncio
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from cpms_core import Dataset, Plugin, Route, Viewer, hookimpl, route
from cpms_core.answers import Data
from cpms_core.errors import PluginError
from cpms_core.testing import registry_of


class Intake(Struct, frozen=True, kw_only=True):
    note: Annotated[str, Meta(title="Note")] = ""


INTAKE = Dataset(key="fake.intake", title="Intake", schema=Intake)


def declaring(hook: str, *declarations: Any, returns: Any = None) -> type[Plugin]:
    """A plugin whose one hook returns these declarations."""

    def answer(self: Plugin) -> Any:  # noqa: ARG001 - a method
        return returns if returns is not None else declarations

    answer.__name__ = hook
    return type("Fake", (Plugin,), {hook: hookimpl(answer)})


def refusal(cls: Any) -> str:
    with pytest.raises(PluginError) as caught:
        registry_of({"fake": cls})
    return str(caught.value)


def page(path: str, **changes: Any) -> Route:
    declared = {"permission": "site.use", "event": None, **changes}
    return route("GET", path, **declared)(lambda visit, **values: Data(value=values))  # noqa: ARG005 - the shape of a handler


def viewer(**changes: Any) -> Viewer:
    declared = {
        "key": "fake.scan",
        "title": "Scan",
        "media_type": "image/scan",
        "recognises": lambda head: head.startswith(b"SCAN"),
        "ingest": f"{__name__}:declaring",
        "group_by": "study",
        "path": "/x/fake/show/{case_id}/{group}",
    }
    return Viewer(**{**declared, **changes})


def dataset(**changes: Any) -> Dataset:
    return Dataset(**{"key": "fake.a", "title": "A", "schema": Intake, **changes})


async def forgotten() -> tuple[Dataset, ...]:
    await asyncio.sleep(0)
    return (INTAKE,)
