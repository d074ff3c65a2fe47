"""People's names and addresses in one spelling each: what looks the same is the same."""

import re
import unicodedata

import idna

from cpms_core.errors import InvalidError

_MAX_NAME = 120
_MAX_EMAIL = 254
# As HTML's own input asks for it. Letters of other alphabets look like ours and are not, and so
# does what nobody sees: two people must never have addresses that nobody can tell apart.
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII)

# Printable as Unicode has it, and yet blank: fillers, joiners of accents, choices of a shape.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]")

# Latin letters with an accent, from sharp s on. A domain of them is kept as the network spells it,
# in which no two look alike; other alphabets have letters that look like ours.
_ACCENTED = re.compile("[a-z0-9.\u00df-\u024f-]+")


def normal_email(text: str) -> str:
    """NFKC, case folded, plain letters only; InvalidError if it is no address.

    `klinik-köln.de` becomes `xn--klinik-kln-lcb.de` (RFC 5891), as it may also be given.
    """
    name, _, domain = unicodedata.normalize("NFKC", text).strip().rpartition("@")
    email = f"{name.casefold()}@{_ascii(domain.lower())}"
    if len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email):
        raise InvalidError(
            "This is not an e-mail address.",
            {"email": "Enter an address like name@hospital.eu, in plain letters before the @."},
        )
    return email


def _ascii(domain: str) -> str:
    """The domain in plain letters; unchanged if it is so, or if it cannot be."""
    if domain.isascii() or len(domain) > _MAX_EMAIL or not _ACCENTED.fullmatch(domain):
        return domain
    try:
        return idna.encode(domain).decode()
    except idna.IDNAError:
        return domain


def normal_name(text: str) -> str:
    """On one line, with one space between the words and nothing in it that nobody sees."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    is_seen = name.isprintable() and not _UNSEEN.search(name)
    if not 1 < len(name) <= _MAX_NAME or not is_seen:
        raise InvalidError(
            "A name is needed.",
            {"name": f"Enter the full name, at most {_MAX_NAME} characters, none of them hidden."},
        )
    return name
