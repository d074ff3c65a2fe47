import pickle
from datetime import date
from uuid import UUID

import pytest

from cpms_core.errors import NotFoundError
from cpms_core.keys import SiteKey
from cpms_core.patients.vault import (
    CentreVault,
    Identity,
    VaultError,
    create_centre_vault,
    open_centre_vault,
    rewrap_centre_key,
)

SITE, OTHER_SITE = SiteKey(bytes(32)), SiteKey(bytes(range(32)))
CENTRE, OTHER_CENTRE = UUID(int=1), UUID(int=2)
PATIENT, OTHER_PATIENT = UUID(int=3), UUID(int=4)
ADA = Identity(
    given_name="Ada",
    family_name="Œuvré-Šimůnek",
    birth_date=date(2019, 2, 28),
    local_record_number="R-7",
)
VAULT, WRAPPED = create_centre_vault(SITE, CENTRE)


def test_what_is_sealed_opens_again_after_a_restart() -> None:
    box = VAULT.seal(PATIENT, ADA)
    again = open_centre_vault(SITE, CENTRE, WRAPPED)
    assert again.open(PATIENT, box.wrapped_key, box.sealed) == ADA


def test_nothing_of_an_identity_shows_in_what_is_stored() -> None:
    box = VAULT.seal(PATIENT, ADA)
    for text in ("Ada", "uvr", "2019", "R-7"):
        assert text.encode() not in box.wrapped_key + box.sealed + VAULT.search_digest(ADA)


def test_a_long_name_and_a_short_one_are_sealed_alike() -> None:
    sizes = {
        len(VAULT.seal(PATIENT, Identity(given_name="x" * n, family_name="y")).sealed)
        for n in range(1, 40)
    }
    assert len(sizes) == 1


def test_sealing_twice_gives_nothing_to_compare() -> None:
    first, second = VAULT.seal(PATIENT, ADA), VAULT.seal(PATIENT, ADA)
    assert first.sealed != second.sealed and first.wrapped_key != second.wrapped_key
    assert VAULT.reseal(PATIENT, first.wrapped_key, ADA) != first.sealed


def test_a_corrected_identity_keeps_the_patients_key() -> None:
    box = VAULT.seal(PATIENT, ADA)
    corrected = Identity(given_name="Ada", family_name="Novak")
    sealed = VAULT.reseal(PATIENT, box.wrapped_key, corrected)
    assert VAULT.open(PATIENT, box.wrapped_key, sealed) == corrected


def test_an_erased_patient_stays_erased() -> None:
    box = VAULT.seal(PATIENT, ADA)
    with pytest.raises(NotFoundError, match="erased"):
        VAULT.open(PATIENT, None, box.sealed)
    other = VAULT.seal(PATIENT, ADA)
    with pytest.raises(VaultError):
        VAULT.open(PATIENT, other.wrapped_key, box.sealed)


def test_a_row_moved_to_another_patient_does_not_open() -> None:
    box = VAULT.seal(PATIENT, ADA)
    with pytest.raises(VaultError):
        VAULT.open(OTHER_PATIENT, box.wrapped_key, box.sealed)


def test_a_row_moved_to_another_centre_does_not_open_even_under_the_same_key() -> None:
    box = VAULT.seal(PATIENT, ADA)
    with pytest.raises(VaultError):
        CentreVault(OTHER_CENTRE, VAULT._key).open(PATIENT, box.wrapped_key, box.sealed)


def test_another_centre_opens_nothing() -> None:
    box = VAULT.seal(PATIENT, ADA)
    other, _ = create_centre_vault(SITE, OTHER_CENTRE)
    with pytest.raises(VaultError):
        other.open(PATIENT, box.wrapped_key, box.sealed)
    with pytest.raises(VaultError):
        open_centre_vault(SITE, OTHER_CENTRE, WRAPPED)


def test_another_site_key_opens_nothing() -> None:
    with pytest.raises(VaultError, match="site key"):
        open_centre_vault(OTHER_SITE, CENTRE, WRAPPED)


def test_a_new_site_key_leaves_everything_below_as_it_is() -> None:
    box = VAULT.seal(PATIENT, ADA)
    wrapped = rewrap_centre_key(SITE, OTHER_SITE, CENTRE, WRAPPED)
    opened = open_centre_vault(OTHER_SITE, CENTRE, wrapped)
    assert opened.open(PATIENT, box.wrapped_key, box.sealed) == ADA
    with pytest.raises(VaultError):
        open_centre_vault(SITE, CENTRE, wrapped)


def test_no_bit_of_a_box_can_be_changed() -> None:
    box = VAULT.seal(PATIENT, ADA)
    for place in range(len(box.sealed)):
        changed = bytearray(box.sealed)
        changed[place] ^= 1
        with pytest.raises(VaultError):
            VAULT.open(PATIENT, box.wrapped_key, bytes(changed))
    for cut in (b"", box.sealed[:1], box.sealed[:13], box.sealed[:-1], box.sealed + b"\0"):
        with pytest.raises(VaultError):
            VAULT.open(PATIENT, box.wrapped_key, cut)


def test_a_patients_key_does_not_pass_for_an_identity() -> None:
    box = VAULT.seal(PATIENT, ADA)
    with pytest.raises(VaultError):
        VAULT.open(PATIENT, box.wrapped_key, box.wrapped_key)


@pytest.mark.parametrize(
    ("given", "family"),
    [
        ("ADA", "œuvré-šimůnek"),
        ("Ada", "Œuvré Šimůnek"),
        (" Ada ", "ŒuvreSimunek"),
        ("Ａｄａ", "Œuvré\u2010S\u030cimu\u030anek"),  # noqa: RUF001 wide letters are the point
    ],
)
def test_a_double_enrolment_is_found_however_it_is_spelt(given: str, family: str) -> None:
    twin = Identity(given_name=given, family_name=family, birth_date=ADA.birth_date)
    assert VAULT.search_digest(twin) == VAULT.search_digest(ADA)


@pytest.mark.parametrize(
    "other",
    [
        Identity(given_name="Ida", family_name="Œuvré-Šimůnek", birth_date=date(2019, 2, 28)),
        Identity(given_name="Ada", family_name="Œuvré-Šimůnek", birth_date=date(2019, 2, 27)),
        Identity(given_name="Ada", family_name="Œuvré-Šimůnek"),
        Identity(given_name="AdaŒ", family_name="uvré-Šimůnek", birth_date=date(2019, 2, 28)),
    ],
)
def test_another_person_has_another_digest(other: Identity) -> None:
    assert VAULT.search_digest(other) != VAULT.search_digest(ADA)


def test_greek_and_cyrillic_names_have_digests_of_their_own() -> None:
    names = ["Ελένη", "Иван", "Ιωάννης", "Анна"]
    found = {VAULT.search_digest(Identity(given_name=name, family_name="")) for name in names}
    assert len(found) == len(names)


def test_a_digest_says_nothing_at_another_centre() -> None:
    other, _ = create_centre_vault(SITE, OTHER_CENTRE)
    assert other.search_digest(ADA) != VAULT.search_digest(ADA)


def test_a_patient_has_one_secret_a_purpose_and_nobody_elses() -> None:
    mine, other = VAULT.seal(PATIENT, ADA), VAULT.seal(OTHER_PATIENT, ADA)
    secret = VAULT.patient_secret(PATIENT, mine.wrapped_key, "images")
    again = open_centre_vault(SITE, CENTRE, WRAPPED)
    assert secret == again.patient_secret(PATIENT, mine.wrapped_key, "images")
    assert len(secret) == 32
    assert secret != VAULT.patient_secret(PATIENT, mine.wrapped_key, "letters")
    assert secret != VAULT.patient_secret(OTHER_PATIENT, other.wrapped_key, "images")
    with pytest.raises(NotFoundError):
        VAULT.patient_secret(PATIENT, None, "images")


def test_neither_names_nor_keys_slip_into_a_log() -> None:
    assert f"{ADA} {ADA!r} {[ADA]}" == "<Identity> <Identity> [<Identity>]"
    assert repr(VAULT) == f"<CentreVault {CENTRE}>"
    with pytest.raises(TypeError):
        pickle.dumps(VAULT)
