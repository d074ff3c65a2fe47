import re

import pytest

from cpms_core.identity.tokens import (
    CODE_ALPHABET,
    code_digest,
    code_matches,
    csrf_matches,
    csrf_token,
    decoy_credential_id,
    new_code,
    new_token,
    token_digest,
)

KEY, LINK = bytes(32), bytes(range(32))


def test_tokens_hold_256_bits_and_never_repeat() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)


@pytest.mark.parametrize("text", ["", "é", "\udcff", "\0", "x" * 1_000_000])
def test_any_text_has_a_digest(text: str) -> None:
    assert len(token_digest(text)) == 32


def test_a_digest_is_found_by_its_token_alone() -> None:
    token = new_token()
    assert token_digest(token) == token_digest(token)
    assert token_digest(token) != token_digest(token[:-1])
    assert token.encode() not in token_digest(token)


def test_codes_are_easy_to_tell_over_the_telephone() -> None:
    for _ in range(200):
        assert re.fullmatch(f"[{CODE_ALPHABET}]{{4}}-[{CODE_ALPHABET}]{{4}}", new_code())
    assert not set(CODE_ALPHABET) & set("0O1IL2Z5S8B")
    assert len({new_code() for _ in range(200)}) == 200


@pytest.mark.parametrize("typed", ["ACDE-FGHJ", "acde fghj", " acdefghj ", "A C D E-F G H J"])
def test_a_code_may_be_typed_in_any_manner(typed: str) -> None:
    assert code_matches(KEY, LINK, typed, code_digest(KEY, LINK, "ACDE-FGHJ"))


@pytest.mark.parametrize(
    "typed", ["", "ACDE-FGH", "ACDE-FGHK", "ACDE-FGHJJ", "ÁCDE-FGHJ", "\udcff" * 8, "A" * 1_000_000]
)
def test_a_wrong_code_does_not_match(typed: str) -> None:
    assert not code_matches(KEY, LINK, typed, code_digest(KEY, LINK, "ACDE-FGHJ"))


def test_a_code_is_worth_nothing_with_another_link_or_another_sites_key() -> None:
    stored = code_digest(KEY, LINK, "ACDE-FGHJ")
    assert not code_matches(KEY, bytes(32), "ACDE-FGHJ", stored)
    assert not code_matches(LINK, LINK, "ACDE-FGHJ", stored)


def test_a_form_token_belongs_to_one_session() -> None:
    mine, other = new_token().encode(), new_token().encode()
    assert csrf_matches(mine, csrf_token(mine))
    assert not csrf_matches(mine, csrf_token(other))


def test_a_form_token_does_not_follow_from_what_is_stored() -> None:
    token = new_token()
    assert csrf_token(token_digest(token)) != csrf_token(token.encode())


@pytest.mark.parametrize(
    "given",
    [None, 0, [], ["x"], {}, b"x" * 43, "", "x" * 43, "é" * 43, "\udcff" * 43, "x" * 1_000_000],
    ids=lambda given: ascii(given)[:12],
)
def test_nothing_strange_is_a_form_token(given: object) -> None:
    assert not csrf_matches(b"secret", given)


def test_a_form_token_as_bytes_or_in_a_list_does_not_count() -> None:
    token = csrf_token(b"secret")
    assert not csrf_matches(b"secret", token.encode())
    assert not csrf_matches(b"secret", [token])


def test_an_unknown_address_is_offered_the_same_key_each_time() -> None:
    first = decoy_credential_id(KEY, "ada@example.eu")
    assert first == decoy_credential_id(KEY, "ada@example.eu")
    assert first != decoy_credential_id(KEY, "bob@example.eu")
    assert first != decoy_credential_id(LINK, "ada@example.eu")
