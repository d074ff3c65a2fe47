"""Reports over many cases."""

from collections.abc import Sequence

from cpms_core import Export, Link, Plugin, Report, Route, hookimpl
from cpms_reporting.pages import MOUNT, ROUTES
from cpms_reporting.phenopacket import PHENOPACKET
from cpms_reporting.reports import PERMISSION, REPORTS


class Reporting(Plugin):
    """Panels per stage, their times and who stood behind them, as table, chart and file."""

    @hookimpl
    def reports(self) -> Sequence[Report]:
        return REPORTS

    @hookimpl
    def exports(self) -> Sequence[Export]:
        return (PHENOPACKET,)

    @hookimpl
    def links(self) -> Sequence[Link]:
        return (Link(title="Reports", href=MOUNT, permission=PERMISSION),)

    @hookimpl
    def routes(self) -> Sequence[Route]:
        return ROUTES
