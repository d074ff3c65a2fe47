"""A panel that is closed by a signature, and the same people some weeks later."""

import re
from datetime import timedelta

from cpms_core.clock import clock
from cpms_core.identity.models import User
from cpms_core.identity.people import new_ticket
from cpms_core.identity.sessions import actor_for
from cpms_core.panels.after.archiving import tidy_up
from cpms_core.panels.models import Panel
from tests import factories
from tests.journeys.people import Someone, hidden_inputs
from tests.site import Browser, TestSite
from tests.web.test_panel_pages import Panels, read


class ClosedPanel(Panels):
    """The lead has a key and signs with it."""

    def __init__(self, site: TestSite) -> None:
        super().__init__(site)
        self.signer = Someone(site, "lead@example.org")
        with site.transaction() as session:
            user = factories.make_user(
                session, hcp="NO01", email=self.signer.email, name="Dr Signer"
            )
            ticket = new_ticket(session, site.live.key, user, created_by=None)
        self.signer.enrol(f"/enrol/{ticket.token}", ticket.code)
        self._lead_id = ticket.user_id
        self._sign_in()
        self.make().discuss().draft().put()
        self.sign()

    @property
    def url(self) -> str:
        return f"{self.panel}/outcome"

    def sign(self) -> "ClosedPanel":
        version = self.seen(read(self.ghent, self.url))
        for member in (self.ghent, self.lyon):
            form = {"verdict": "agree", "seen": version}
            assert member.post(f"{self.url}/position", form).status_code == 303
        self.signer.confirm(f"{self.url}/sign/begin", f"{self.url}/sign/finish")
        return self

    def later(self, days: int) -> "ClosedPanel":
        """Time passes, and everybody signs in again."""
        clock.offset += timedelta(days=days)
        for name in ("submitter", "coordinator", "ghent", "lyon"):
            user_id = getattr(self, name).actor.user_id
            setattr(self, name, self.site.sign_in_again(user_id))
        self._sign_in()
        return self

    def tidy(self) -> int:
        """What the server does by itself every hour."""
        with self.site.transaction() as session:
            return tidy_up(session)

    def stage(self) -> str:
        with self.site.transaction() as session:
            return session.get_one(Panel, self.panel_id).stage

    def act(self, who: Browser, page: str, path: str, **fields: str) -> str:
        """Fill the form of the page that goes to this path; the page it leads to."""
        form = {**hidden_inputs(read(who, page), path), **fields}
        answer = who.follow(who.post(path, form))
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:3000]}"
        return answer.text

    def _sign_in(self) -> None:
        self.signer.sign_in()
        with self.site.transaction() as session:
            actor = actor_for(session, session.get_one(User, self._lead_id))
        self.signer.browser._actor = actor
        self.lead = self.signer.browser


def taps(page: str) -> list[str]:
    """Where the buttons of the recommendations lead, one for each."""
    return re.findall(r'<form class="row-actions" method="post" action="(/follow-ups/[^"]+)"', page)


def text_of(page: str) -> str:
    """Without tags, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
