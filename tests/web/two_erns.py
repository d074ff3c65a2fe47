"""A request to ERN ITHACA, and two more ERNs on the same site that could be brought in."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.directory.models import Ern
from cpms_core.panels.models import ConsultationRequest
from tests.site import Browser, TestSite
from tests.web.test_panel_pages import Panels, read

HERE, THERE, THIRD = "ithaca", "rnd", "epicare"
WHY = "Ataxia leads the picture."


class TwoErns(Panels):
    def __init__(self, site: TestSite) -> None:
        super().__init__(site)
        with site.transaction() as session:
            for ern_id in (THERE, THIRD):
                session.get_one(Ern, ern_id).ends_on = clock.today() + timedelta(days=30)
        self.there = site.person(Role.COORDINATOR, hcp="DE01", ern=THERE, name="Dr There")
        self.third = site.person(Role.COORDINATOR, hcp="DE01", ern=THIRD, name="Dr Third")
        self.munich = site.person(hcp="DE01", name="Dr Munich")

    def forward(self, ern_id: str = THERE, **form: str) -> UUID:
        """The request there."""
        answer = self.coordinator.post(
            f"/requests/{self.request_id}/forward",
            {"ern": ern_id, "reason": WHY, "seen": "1", **form},
        )
        assert answer.status_code == 303, answer.text[:5000]
        return self.request_to(ern_id)

    def ask(self, ern_id: str = THERE) -> UUID:
        answer = self.coordinator.post(
            f"/requests/{self.request_id}/share", {"ern": ern_id, "reason": WHY}
        )
        assert answer.status_code == 303, answer.text[:5000]
        return self.request_to(ern_id)

    def join(self, by: Browser | None = None) -> "TwoErns":
        """Make the panel here, ask there, and share it."""
        self.make()
        request_id = self.ask()
        answer = (by or self.there).post(
            f"/requests/{request_id}/join", {"panel": str(self.panel_id), "seen": "1"}
        )
        assert answer.status_code == 303, answer.text[:5000]
        return self

    def request_to(self, ern_id: str) -> UUID:
        with self.site.transaction() as session:
            wanted = select(ConsultationRequest.id).where(
                ConsultationRequest.case_id == self.case_id, ConsultationRequest.ern_id == ern_id
            )
            return session.scalars(wanted).one()


__all__ = ["HERE", "THERE", "THIRD", "WHY", "TwoErns", "read"]
