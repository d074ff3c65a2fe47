"""Where a request comes from: the peer, or what a proxy of the site's own says of it.

`X-Forwarded-For` is believed only if the peer is one of `trusted_proxies`, and in it only what such
proxies have added: the last address that is none of theirs. Whatever a client writes there itself
stands further to the left and counts for nothing.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from litestar import Request

from cpms_core.errors import CpmsError

Network = IPv4Network | IPv6Network


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Addresses or networks, of the settings; CpmsError names a wrong one."""
    try:
        return tuple(ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise CpmsError(f"trusted_proxies: {error}.") from error


def client_address(request: Request[Any, Any, Any], trusted: tuple[Network, ...]) -> str:
    """The address as text; empty for a server's own socket file."""
    peer = request.scope.get("client")
    address = peer[0] if peer else ""
    if not trusted:
        return address
    told = ",".join(request.headers.getall("x-forwarded-for", []))
    for hop in reversed([one.strip() for one in told.split(",") if one.strip()]):
        if not _is_of(address, trusted):
            return address
        if not _is_address(hop):
            return address  # a proxy of ours does not write this
        address = hop
    return address


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What one subscriber has at least: the address for IPv4, the /64 for IPv6."""
    if not _is_address(address):
        return address
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)


def _is_of(address: str, networks: tuple[Network, ...]) -> bool:
    return _is_address(address) and any(ip_address(address) in one for one in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
