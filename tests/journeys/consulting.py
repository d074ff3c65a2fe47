"""The people of a consultation at their browsers, and the case they consult about."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.cases.records import store_record
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.directory.models import Ern, Hcp, Membership
from cpms_core.http.app import load_plugins
from cpms_core.identity.people import new_ticket
from cpms_core.keys import load_site_key
from cpms_core.panels.requests.request_form import KEY, RequestForm
from cpms_core.patients.models import Consent, Patient
from tests import factories
from tests.journeys.chromium import Person, bring_session
from tests.journeys.hands import Hands, Mouse
from tests.journeys.server import Server
from tests.site import PLUGINS

PICTURES = Path(__file__).parents[2] / "build" / "screens"
ASKED = RequestForm(
    question_type="diagnosis",
    question="Is a KBG-like disorder worth pursuing, and which test next?",
    summary="Global delay, first words at 34 months, short stature, macrodontia.",
)
_ALLOWED = ("401", "403")
"""Statuses that are no fault: the page that asks for a key, a page that is closed to somebody."""

MakeHands = Callable[[Page], Hands]


class Somebody(Person):
    """A person with hands, and an account made by an administrator."""

    hands: Hands
    user_id: UUID

    def press(self, role: str, name: str, *, exact: bool = False) -> None:
        self.hands.press(
            self.page.get_by_role(role, name=name, exact=exact).first  # type: ignore[arg-type]  # a role, by its name
        )

    def write(self, label: str, text: str) -> None:
        self.hands.write(self.page.get_by_label(label).last, text)

    def is_at(self, stage: str) -> None:
        banner = self.page.locator(".case-banner .badge", has_text=stage)
        expect(banner.first).to_be_visible(timeout=10_000)

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=10_000)


class Stage:
    """The server, the browser, and the people of one consultation."""

    second: Somebody
    lead: Somebody
    expert: Somebody

    def __init__(self, server: Server, browser: Browser, hands: MakeHands, name: str) -> None:
        self.server, self._browser, self._hands, self.name = server, browser, hands, name
        self.everybody: list[Somebody] = []
        self.submitter = self.join("Dr Žofie Příhodová", hcp="CZ01")
        self.dispatcher = self.join("Claire Dubois", Role.COORDINATOR, hcp="FR10", has_key=False)

    def open_second_ern(self) -> None:
        """With a coordinator and two experts."""
        with transaction(self.server.engine) as session:
            session.add(
                Ern(
                    id="prenatal",
                    name="Prenatal network",
                    scope="",
                    ends_on=clock.today() + timedelta(days=90),
                )
            )
            session.flush()
            oslo = session.scalars(select(Hcp.id).where(Hcp.code == "NO01")).one()
            session.add(Membership(hcp_id=oslo, ern_id="prenatal"))
        self.second = self.join("Nils Aune", Role.COORDINATOR, hcp="NO01", ern="prenatal")
        self.lead = self.join("Prof. Ingrid Solberg", hcp="NO01")
        self.expert = self.join("Δρ. Ελένη Παπαδοπούλου", hcp="NO01", has_key=False)

    def join(
        self,
        name: str,
        role: Role = Role.PROFESSIONAL,
        *,
        hcp: str,
        ern: str | None = None,
        has_key: bool = True,
    ) -> Somebody:
        """Who signs nothing needs no key: enrolling one and signing in takes a second or two."""
        email = f"person{len(self.everybody)}@example.org"
        with transaction(self.server.engine) as session:
            user = factories.make_user(
                session, role=role, hcp=hcp, ern=ern, name=name, email=email, job_title="Geneticist"
            )
            key = load_site_key(self.server.site.site_key_path)
            ticket = new_ticket(session, key, user, created_by=None, with_code=False)
            user_id = user.id
        if has_key:
            return self.arrive(f"{self.server.url}/enrol/{ticket.token}", "", email, user_id)
        somebody = self._somebody(user_id)
        bring_session(somebody.page, self.server.url, self.server.sign_in(user_id).token)
        return somebody

    def arrive(self, link: str, code: str, email: str, user_id: UUID) -> Somebody:
        somebody = self._somebody(user_id)
        somebody.enrol(link, code, email)
        return somebody

    def _somebody(self, user_id: UUID) -> Somebody:
        somebody = Somebody(self._browser, self.server.url, PICTURES)
        somebody.hands, somebody.user_id = self._hands(somebody.page), user_id
        self.everybody.append(somebody)
        return somebody

    def draft(self) -> UUID:
        """A case of the submitter that could be sent."""
        registry = load_plugins(PLUGINS).registry
        with transaction(self.server.engine) as session:
            actor = self.server.sign_in(self.submitter.user_id).actor
            case = factories.make_case(session, actor, hcp="CZ01")
            store_record(session, actor, case, registry.datasets[KEY], ASKED)
            given = {"form_version": "2", "language": "Czech", "signer": "parent"}
            session.add(
                Consent(
                    patient_id=case.patient_id,
                    kind="face_photos",
                    given_on=clock.today(),
                    original_at="paper file",
                    recorded_by=actor.user_id,
                    **given,
                )
            )
            self.patient = session.get_one(Patient, case.patient_id).pseudonym
            return case.id

    def picture(self, who: Somebody, name: str) -> None:
        """Once is enough: the pages are the same by the keyboard."""
        if self._hands is Mouse:
            who.picture(f"{self.name}-{name}")

    def ensure_no_faults(self) -> None:
        faults = [one for who in self.everybody for one in who.faults]
        found = [one for one in faults if not any(code in one for code in _ALLOWED)]
        assert not found, "\n".join(found)
