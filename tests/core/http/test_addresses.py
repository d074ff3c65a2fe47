"""Which address a request counts for, whatever its headers claim."""

from typing import Any

import pytest
from litestar import Request

from cpms_core.errors import CpmsError
from cpms_core.http.addresses import client_address, network_of, read_networks

PROXIES = read_networks(("10.1.0.0/24", "::1"))


def address(peer: str | None, *forwarded: str, trusted: Any = PROXIES) -> str:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    scope: Any = {"type": "http", "headers": headers, "client": (peer, 1) if peer else None}
    return client_address(Request(scope), trusted)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", (), "203.0.113.7"),
        ("203.0.113.7", ("198.51.100.1",), "203.0.113.7"),
        ("10.1.0.9", ("198.51.100.1",), "198.51.100.1"),
        ("10.1.0.9", ("1.2.3.4, 198.51.100.1",), "198.51.100.1"),
        ("10.1.0.9", ("1.2.3.4", "198.51.100.1"), "198.51.100.1"),
        ("10.1.0.9", ("1.2.3.4, 198.51.100.1, 10.1.0.8",), "198.51.100.1"),
        ("::1", ("2001:db8::7",), "2001:db8::7"),
        ("10.1.0.9", ("nonsense",), "10.1.0.9"),
        ("10.1.0.9", ("",), "10.1.0.9"),
        ("10.1.0.9", (), "10.1.0.9"),
        (None, ("198.51.100.1",), ""),
    ],
)
def test_only_what_a_proxy_of_the_site_added_counts(
    peer: str | None, forwarded: tuple[str, ...], expected: str
) -> None:
    assert address(peer, *forwarded) == expected


def test_without_proxies_no_header_is_read() -> None:
    assert address("10.1.0.9", "198.51.100.1", trusted=()) == "10.1.0.9"


def test_an_address_of_version_6_counts_with_its_neighbours() -> None:
    assert (
        network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    )
    assert network_of("2001:db8:1:3::9") != network_of("2001:db8:1:2::9")
    assert network_of("::ffff:198.51.100.1") == network_of("198.51.100.1") == "198.51.100.1"
    assert network_of("") == ""


def test_a_wrong_proxy_in_the_settings_is_named() -> None:
    with pytest.raises(CpmsError, match=r"trusted_proxies: .10\.1\.0\.300"):
        read_networks(("10.1.0.300",))
