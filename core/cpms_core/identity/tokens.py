"""Secrets people carry: links, session cookies, short codes, form tokens. Only digests are stored.

Links and cookies hold 256 random bits, so a plain SHA-256 of them tells a thief nothing. A short
code is guessable by a machine, so its digest is slow and keyed with the site key, and the caller
counts wrong attempts.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode

TOKEN_LENGTH = 43  # characters: 32 bytes in base64url
CODE_ALPHABET = (
    "ACDEFGHJKMNPQRTUVWXY34679"  # nothing that is read as something else: 0O 1IL 2Z 5S 8B
)
CODE_LENGTH = 8  # 25^8, 37 bits
_CSRF_TAG = b"CPMS form token v1\0"
_DECOY_TAG = b"CPMS decoy key v1\0"


def new_token() -> str:
    """For a link or a session cookie: 256 bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """What is stored of a token, and what it is looked up by. Any text is welcome."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_code() -> str:
    """A code for telling over the telephone, `XXXX-XXXX`."""
    letters = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def code_digest(key: bytes, link_digest: bytes, code: str) -> bytes:
    """What is stored of a code: about 50 ms of work, and worthless with another link or key.

    `key` is derived from the site key, `link_digest` is the digest of the link the code goes with.
    """
    keyed = hmac.digest(key, _plain(code).encode("utf-8", "surrogatepass"), "sha256")
    return hashlib.scrypt(keyed, salt=link_digest, n=2**14, r=8, p=1, dklen=32)


def code_matches(key: bytes, link_digest: bytes, code: str, stored: bytes) -> bool:
    """Whether a person typed the code, in whatever case and with whatever separators."""
    if len(_plain(code)) != CODE_LENGTH:
        return False
    return hmac.compare_digest(code_digest(key, link_digest, code), stored)


def csrf_token(session_secret: bytes) -> str:
    """The token of one session's forms.

    `session_secret` is the cookie's token: the store holds only its digest, so a stolen store
    yields no form token either.
    """
    return _text(hmac.digest(session_secret, _CSRF_TAG, "sha256"))


def csrf_matches(session_secret: bytes, given: object) -> bool:
    """Whether a form or header carries this session's token; never raises, whatever is sent."""
    if not isinstance(given, str) or len(given) != TOKEN_LENGTH or not given.isascii():
        return False
    return hmac.compare_digest(csrf_token(session_secret), given)


def decoy_credential_id(key: bytes, address: str, number: int = 0, length: int = 64) -> bytes:
    """A key that does not exist, the same each time for an address without an account.

    Offered in the options for signing in, so that they look alike whether the address is known.
    """
    told = _DECOY_TAG + bytes([number]) + address.encode("utf-8", "surrogatepass")
    return hashlib.shake_256(hmac.digest(key, told, "sha512")).digest(length)


def _plain(code: str) -> str:
    return "".join(code.upper().replace("-", "").split())


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
