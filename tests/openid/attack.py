"""Somebody who has linked an account at a provider that lies, and who comes back from there."""

from httpx import Response

from tests.openid.fake import FakeProvider
from tests.openid.sites import begin, link, round_trips
from tests.site import Browser, TestSite
from tests.web.key_person import Person, is_in


class Attack:
    """A site that trusts a fake provider, and somebody who has linked an account there."""

    def __init__(self, site: TestSite, fake: FakeProvider) -> None:
        self.site, self.fake = site, fake
        self.ana = Person(site)
        link(site, self.ana, fake.issuer, "ana")
        self.browser = site.browser()

    def begin(self) -> dict[str, str]:
        sent = begin(self.browser)
        self.fake.claims.setdefault("nonce", sent["nonce"])
        return sent

    def come_back(self, browser: Browser | None = None, *, state: str, iss: str = "…") -> Response:
        iss = self.fake.issuer if iss == "…" else iss
        sent = {"code": "c0de", "state": state, "iss": iss}
        return (browser or self.browser).post("/sign-in/openid/finish", sent)

    def go_through(self, iss: str = "…") -> Response:
        return self.come_back(state=self.begin()["state"], iss=iss)

    def ensure_nothing(self, answer: Response, status: int = 422) -> None:
        assert answer.status_code == status, answer.text
        assert round_trips(self.site) == 0, "the round trip can be used again"
        assert not is_in(self.browser)
        assert "site:openid:named" not in self.site.events()
