"""The pages of the Clinical Patient Management System, loaded like a plugin but always on."""

from collections.abc import Sequence

from cpms_core import Link, Plugin, Route, hookimpl
from cpms_web import routes


class Web(Plugin):
    @hookimpl
    def links(self) -> Sequence[Link]:
        return routes.LINKS

    @hookimpl
    def routes(self) -> Sequence[Route]:
        return routes.ALL
