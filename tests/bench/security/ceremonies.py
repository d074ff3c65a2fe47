"""Key ceremonies that are spoilt in some way: none may be accepted, none may break the site."""

import json
import random
from collections.abc import Callable
from typing import Any

import cbor2

from cpms_core.errors import InvalidError
from cpms_core.identity.ceremony import verify_assertion, verify_enrolment
from tests.bench.figure import Figure, none_of
from tests.core.identity.ceremonies import (
    ANY,
    CHALLENGE,
    MAKER,
    ORIGIN,
    STRICT,
    creation,
    request,
    stored,
)
from tests.softkey import AT, BE, BS, UP, UV, SoftKey, b64, unb64

Spoil = Callable[[random.Random, dict[str, Any]], dict[str, Any]]
_ORIGINS = (
    *("http://localhost:8000", "https://evil.example", "null", "", "https://cpms.example."),
    *("https://cpms.example:8443", "https://sub.cpms.example", "https://CPMS.example"),
)


def measure(count: int, seed: int) -> Figure:
    chance = random.Random(seed)  # noqa: S311 - a repeatable attack, not a secret
    proven, known = SoftKey(ORIGIN, maker=MAKER), SoftKey(ORIGIN)
    new, old = proven.enrol(creation(STRICT)), known.sign_in(request())
    verify_enrolment(STRICT, CHALLENGE, json.dumps(new))
    verify_assertion(ANY, CHALLENGE, json.dumps(old), stored(known))
    accepted, broken = 0, 0
    for _ in range(count):
        is_new = chance.random() < 0.5
        answer = _spoilt(chance, new if is_new else old, proven if is_new else known, is_new=is_new)
        try:
            if is_new:
                verify_enrolment(STRICT, CHALLENGE, answer)
            else:
                verify_assertion(ANY, CHALLENGE, answer, stored(known))
            accepted += 1
        except InvalidError:
            pass
        except Exception:  # noqa: BLE001 - whatever else it is, it would have been a fault of ours
            broken += 1
    what = f"Malformed key ceremonies accepted, of {count:,}"
    return none_of(what, accepted + broken, f"seed {seed}; {broken} broke the verifier")


def _spoilt(
    chance: random.Random, good: dict[str, Any], key: SoftKey, *, is_new: bool
) -> bytes | str:
    """The good answer with something wrong; half of them rightly signed, but of the wrong thing."""
    if chance.random() < 0.3:
        return json.dumps(_misbehaved(chance, key, is_new=is_new))
    kind = chance.choice((_bits, _fields, _structure))
    spoilt = kind(chance, json.loads(json.dumps(good)))
    text = json.dumps(spoilt).encode()
    if spoilt == good or chance.random() < 0.1:
        return _mangled(chance, text)
    return text


def _misbehaved(chance: random.Random, key: SoftKey, *, is_new: bool) -> dict[str, Any]:
    """What a real key would sign if something had led it astray."""
    wrong = chance.choice(
        (
            {"origin": chance.choice(_ORIGINS)},
            {"rp_id": chance.choice(("evil.example", "example", "sub.cpms.example"))},
            {"challenge": b64(chance.randbytes(chance.choice((0, 16, 31, 32, 33))))},
            {"type": chance.choice(("webauthn.get" if is_new else "webauthn.create", "payment"))},
            {"crossOrigin": True},
            {"flags": _wrong_flags(chance, is_new=is_new)},
        )
    )
    if is_new:
        return key.enrol(creation(STRICT), **wrong)
    return key.sign_in(request(), **wrong)


def _wrong_flags(chance: random.Random, *, is_new: bool) -> int:
    """Not touched, not verified, or (a new key of a strict site) one that can be copied."""
    base = AT if is_new else 0
    wrong = [base, base | UP, base | UV, base | UP | UV | BS]
    return chance.choice([*wrong, base | UP | UV | BE | BS])


def _bits(chance: random.Random, answer: dict[str, Any]) -> dict[str, Any]:
    response = answer["response"]
    names = [name for name in response if isinstance(response[name], str) and response[name]]
    name = chance.choice(names)
    raw = bytearray(unb64(response[name]))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(raw) + 1)
        match chance.randrange(3):
            case 0 if place < len(raw):
                raw[place] ^= 1 << chance.randrange(8)
            case 1:
                raw[place:place] = chance.randbytes(chance.randint(1, 8))
            case _:
                del raw[place : place + chance.randint(1, 8)]
        if not raw:
            break
    response[name] = b64(bytes(raw))
    return answer


_STRANGE: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 1.5, [], ["x"], {}, {"id": 1}, "", "A", "=", "é", "\ud800"),
    "x" * 3000,
)


def _fields(chance: random.Random, answer: dict[str, Any]) -> dict[str, Any]:
    # Not what browsers add unsigned (attachment, extensions): nobody reads it.
    where = chance.choice((answer, answer["response"]))
    name = chance.choice(("id", "rawId", "type", "response") if where is answer else list(where))
    if chance.random() < 0.3:
        del where[name]
    else:
        where[name] = chance.choice(_STRANGE)
    return answer


def _structure(chance: random.Random, answer: dict[str, Any]) -> dict[str, Any]:
    """CBOR that is well formed and says something else."""
    response = answer["response"]
    if "attestationObject" not in response:
        return _bits(chance, answer)
    parsed = cbor2.loads(unb64(response["attestationObject"]))
    name = chance.choice(("fmt", "attStmt", "authData"))
    strange: tuple[Any, ...] = (
        None,
        [],
        {},
        "",
        b"",
        7,
        {"alg": -7, "sig": b"x", "x5c": [b"y"]},
        "none",
        "tpm",
    )
    parsed[name] = chance.choice(strange)
    response["attestationObject"] = b64(cbor2.dumps(parsed))
    return answer


def _mangled(chance: random.Random, text: bytes) -> bytes:
    cut = chance.randrange(len(text))
    return chance.choice((text[:cut], text[:cut] + chance.randbytes(4) + text[cut:], text + text))
