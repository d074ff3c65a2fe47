"""Whom the site connects to: nobody but whom its settings name."""

import re
from pathlib import Path

import cpms_core
import cpms_web

_CONNECTS = re.compile(
    r"^\s*(?:import|from)\s+(?:httpx|requests|aiohttp|urllib3|urllib\.request|http\.client|ftplib"
    r"|smtplib|socket)\b",
    re.MULTILINE,
)
KNOWN = {
    "identity/openid_provider.py": "the sign-in providers of the settings, at their own hosts",
    "auditing/syslog.py": "the server that the administrator names on the command line",
    "sandbox.py": "its own child, by a pair of sockets",
    "sandbox_child.py": "its own parent",
}


def test_only_these_modules_can_connect_to_anything() -> None:
    """So no field, import or file of anybody can make the site ask an address (SSRF)."""
    found = set()
    for package in (cpms_core, cpms_web):
        root = Path(package.__file__ or "").parent
        for path in root.rglob("*.py"):
            if _CONNECTS.search(path.read_text(encoding="utf-8")):
                found.add(path.relative_to(root).as_posix())
    assert found == KNOWN.keys()
