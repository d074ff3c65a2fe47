"""People: the list, invitations, lost keys, ended accounts."""

import re

import pytest

from cpms_core.actor import Role
from tests.site import TestSite


def test_an_administrator_sees_everybody(site: TestSite) -> None:
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None, name="Ada Admin")
    site.person(name="Příliš Žluťoučký")
    page = admin.get("/people")
    assert page.status_code == 200
    assert "Příliš Žluťoučký" in page.text
    assert "Ada Admin" in page.text
