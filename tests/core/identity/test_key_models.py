"""The FIDO Alliance's list of models: whose signature counts, and what is taken from it."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cpms_core.cli import main
from cpms_core.errors import InvalidError
from cpms_core.http.site import key_policy
from cpms_core.identity.ceremony import KeyPolicy
from cpms_core.identity.key_models import (
    compromise_of,
    current_policy,
    import_metadata,
    list_models,
    problems,
)
from cpms_core.identity.metadata_file import LARGEST, read_metadata
from cpms_core.identity.models import KeyModel
from cpms_core.identity.sessions import signed_in, start_session
from cpms_core.identity.tokens import new_token
from cpms_core.settings import Settings, write_settings
from tests import factories
from tests.metadata import DER, Authority, edition, listed
from tests.softkey import MODEL, Maker, b64

AUTHORITY = Authority()
SIGNER = AUTHORITY.signer()
MAKER = Maker()
OTHER = "11111111-2222-4333-8444-555555555555"
POLICY = KeyPolicy(
    rp_id="example.eu",
    rp_name="CPMS",
    origin="https://example.eu",
    allowed_aaguids=frozenset({MODEL}),
)


def take(session: Session, number: int, *reports: tuple[str, str | None]) -> None:
    blob = SIGNER.sign(edition(number, listed(MAKER.root, *reports)))
    import_metadata(session, read_metadata(blob, AUTHORITY.root))


def test_the_models_of_a_signed_file_are_read() -> None:
    second = {"aaguid": OTHER.upper(), "statusReports": []}
    u2f = {"attestationCertificateKeyIdentifiers": ["00" * 20], "statusReports": []}
    blob = SIGNER.sign(edition(7, listed(MAKER.root), second, u2f))
    for root in (AUTHORITY.root, AUTHORITY.certificate.public_bytes(DER)):
        found = read_metadata(blob + b"\n", root)
        assert found.number == 7
        assert [one.aaguid for one in found.models] == [MODEL, OTHER]
        assert [one.description for one in found.models] == ["Key One", ""]


def test_the_alliances_own_algorithm_is_understood() -> None:
    signer = AUTHORITY.signer(is_rsa=True)
    assert read_metadata(signer.sign(edition(1)), AUTHORITY.root).number == 1
    with pytest.raises(InvalidError, match="signature is wrong"):
        read_metadata(signer.sign(edition(1), alg="ES256"), AUTHORITY.root)


def test_a_file_may_be_signed_by_somebody_whom_the_root_lets_certify() -> None:
    between = AUTHORITY.signer("Test CA 2", ca=True)
    blob = between.certified().sign(edition(1, listed()))
    assert read_metadata(blob, AUTHORITY.root).number == 1


def _swapped() -> bytes:
    """The signature of one file under another's text."""
    first, second = SIGNER.sign(edition(1)), SIGNER.sign(edition(2))
    return second.rpartition(b".")[0] + b"." + first.rpartition(b".")[2]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Authority().signer().sign(edition(1)), "does not lead to the root"),
        (lambda: AUTHORITY.signer("www.example.org").sign(edition(1)), "was not signed by mds"),
        (
            lambda: AUTHORITY.signer("www.example.org").certified().sign(edition(1)),
            "does not lead to the root",
        ),
        (lambda: AUTHORITY.signer(days=-1).sign(edition(1)), "does not lead to the root"),
        (_swapped, "signature is wrong"),
        (lambda: SIGNER.sign(edition(1))[:-20], "signature is wrong"),
        (lambda: SIGNER.sign(edition(1, listed()))[:400], "no metadata file"),
        (lambda: SIGNER.sign(edition(1), alg="none"), "signature is wrong"),
        (lambda: SIGNER.sign(edition(1), alg="HS256"), "signature is wrong"),
        (lambda: SIGNER.sign(edition(1), alg="RS256"), "signature is wrong"),
        (lambda: SIGNER.sign(edition(1), alg="none").rpartition(b".")[0] + b".", "wrong"),
        (lambda: SIGNER.sign(edition(1), x5c=[]), "is not signed"),
        (lambda: SIGNER.sign(edition(1), x5c=["AAAA"]), "no metadata file"),
        (lambda: SIGNER.sign(edition(1), x5c="no"), "no metadata file"),
        (lambda: b"", "no metadata file"),
        (lambda: b"<html>Not found</html>", "no metadata file"),
        (lambda: b"a.b.c", "no metadata file"),
        (lambda: b"a.b.c.d", "no metadata file"),
        (lambda: b"\xff\xfe.\x00.\x00", "no metadata file"),
        (lambda: b64(b"[" * 30_000).encode() + b".e30.AA", "no metadata file"),
        (lambda: b"A" * 100_000 + b".e30.AA", "no metadata file"),
        (lambda: SIGNER.sign(b"[" * 100_000), "no metadata file"),
        (lambda: SIGNER.sign({"no": "seven"}), "no metadata file"),
        (lambda: SIGNER.sign(edition(1, {"aaguid": "x"})), "no metadata file"),
        (lambda: b"A" * (50 * 2**20), "larger than 32 MB"),
    ],
)
def test_what_was_not_signed_by_the_alliance_is_refused(
    make: Callable[[], bytes], told: str
) -> None:
    with pytest.raises(InvalidError, match=told):
        read_metadata(make(), AUTHORITY.root)


def test_a_root_that_is_no_certificate_is_refused() -> None:
    for root in (b"", b"-----BEGIN CERTIFICATE-----\nx", json.dumps({}).encode()):
        with pytest.raises(InvalidError, match="no certificate in PEM or DER"):
            read_metadata(SIGNER.sign(edition(1)), root)


def test_an_older_edition_is_refused_and_the_same_one_is_taken_again(session: Session) -> None:
    take(session, 5)
    take(session, 5)
    take(session, 6, ("REVOKED", "2026-01-01"))
    with pytest.raises(InvalidError, match="edition 5, and the site has edition 6"):
        take(session, 5)
    (model,) = list_models(session)
    assert compromise_of(model) == "REVOKED"


def test_a_new_edition_takes_the_place_of_the_one_before(session: Session) -> None:
    take(session, 1)
    blob = SIGNER.sign(edition(2, listed(aaguid=OTHER)))
    import_metadata(session, read_metadata(blob, AUTHORITY.root))
    assert [one.aaguid for one in list_models(session)] == [OTHER]


@pytest.mark.parametrize(
    ("reports", "found"),
    [
        ([("FIDO_CERTIFIED_L1", "2024-01-01")], None),
        ([("FIDO_CERTIFIED_L1", "2024-01-01"), ("REVOKED", "2025-01-01")], "REVOKED"),
        ([("REVOKED", None), ("FIDO_CERTIFIED_L1", "2024-01-01")], "REVOKED"),
        (
            [("USER_VERIFICATION_BYPASS", "2025-01-01"), ("UPDATE_AVAILABLE", "2025-02-01")],
            "USER_VERIFICATION_BYPASS",
        ),
        ([("ATTESTATION_KEY_COMPROMISE", "2025-01-01")], "ATTESTATION_KEY_COMPROMISE"),
        ([("USER_KEY_REMOTE_COMPROMISE", "2025-01-01")], "USER_KEY_REMOTE_COMPROMISE"),
        ([("USER_KEY_PHYSICAL_COMPROMISE", "2025-01-01")], "USER_KEY_PHYSICAL_COMPROMISE"),
        # It was certified anew.
        ([("REVOKED", "2024-01-01"), ("FIDO_CERTIFIED_L2", "2025-01-01")], None),
        ([("SOMETHING_OF_THE_FUTURE", "2025-01-01")], None),
    ],
)
def test_the_newest_statuses_decide(
    session: Session, reports: list[tuple[str, str | None]], found: str | None
) -> None:
    take(session, 1, *reports)
    (model,) = list_models(session)
    assert compromise_of(model) == found
    assert current_policy(session, POLICY).compromised == (
        frozenset({MODEL}) if found else frozenset()
    )


def test_the_lists_certificates_come_before_the_folders(session: Session) -> None:
    folder = KeyPolicy(
        rp_id="example.eu",
        rp_name="CPMS",
        origin="https://example.eu",
        allowed_aaguids=frozenset({MODEL, OTHER}),
        roots={MODEL: (b"of the folder",), OTHER: (b"of the folder",)},
    )
    assert current_policy(session, folder) == folder
    take(session, 1)
    roots = current_policy(session, folder).roots
    assert roots[OTHER] == (b"of the folder",)
    assert [one.strip() for one in roots[MODEL]] == [MAKER.root.strip()]


def test_a_certificate_that_cannot_be_read_anchors_nothing(session: Session) -> None:
    entry = listed(MAKER.root)
    entry["metadataStatement"]["attestationRootCertificates"] += ["AAAA", "%%%"]
    import_metadata(session, read_metadata(SIGNER.sign(edition(1, entry)), AUTHORITY.root))
    assert len(current_policy(session, POLICY).roots[MODEL]) == 1


def test_an_administrator_is_told_what_is_wrong_with_the_models(session: Session) -> None:
    assert [one.partition(":")[0] for one in problems(session, POLICY)] == [
        f"no certificate of key model {MODEL}"
    ]
    take(session, 1)
    assert list(problems(session, POLICY)) == []
    old = SIGNER.sign(
        edition(2, listed(MAKER.root, ("REVOKED", "2026-01-01")), until=date(2025, 1, 1))
    )
    import_metadata(session, read_metadata(old, AUTHORITY.root))
    first, second = problems(session, POLICY)
    assert "Key One is refused" in first and "REVOKED" in first
    assert "1 Jan 2025" in second


def test_a_demonstration_looks_at_no_list(session: Session) -> None:
    take(session, 1, ("REVOKED", "2026-01-01"))
    policy = key_policy(Settings(demonstration=True))
    assert current_policy(session, policy) is policy
    assert list(problems(session, policy)) == []


@pytest.fixture
def data(engine: Engine, tmp_path: Path) -> Path:
    """A production site's folder over this store."""
    folder = tmp_path / "data"
    folder.mkdir()
    url = engine.url.render_as_string(hide_password=False)
    write_settings(folder, Settings(database=url, allowed_aaguids=(MODEL,)))
    return folder


def cpms(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def test_the_command_imports_a_list_and_shows_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, root = tmp_path / "blob.jwt", tmp_path / "root.pem"
    root.write_bytes(AUTHORITY.root)
    entries = (listed(MAKER.root), listed(MAKER.root, ("REVOKED", None), aaguid=OTHER, name="Two"))
    file.write_bytes(SIGNER.sign(edition(3, *entries, until=date(2025, 1, 1))))
    assert cpms("keys", "import-mds", file, "--root", root, "--data", data) == 0
    said = capsys.readouterr()
    assert "Edition 3" in said.out and "2 models" in said.out
    assert "out of date" in said.err
    assert cpms("keys", "list", "--data", data) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [MODEL, "allowed", "FIDO_CERTIFIED_L1", "Key", "One"]
    assert lines[1].split() == [OTHER, "-", "REVOKED", "Two"]
    file.write_bytes(SIGNER.sign(edition(2, *entries)))
    assert cpms("keys", "import-mds", file, "--root", root, "--data", data) == 1
    assert "the site has edition 3" in capsys.readouterr().err


def test_the_command_does_not_read_what_is_far_too_large(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "blob.jwt"
    with file.open("wb") as large:
        large.truncate(LARGEST + 1)
    assert cpms("keys", "import-mds", file, "--root", file, "--data", data) == 1
    assert "larger than 32 MB" in capsys.readouterr().err
    assert cpms("keys", "import-mds", tmp_path / "no", "--root", file, "--data", data) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_model_is_stored_under_one_spelling(session: Session) -> None:
    blob = SIGNER.sign(edition(1, listed(aaguid=MODEL.upper()), listed(aaguid=MODEL)))
    import_metadata(session, read_metadata(blob, AUTHORITY.root))
    assert session.get(KeyModel, MODEL) is not None


def test_whoever_is_signed_in_with_a_model_that_is_revoked_no_longer_is(session: Session) -> None:
    revoked, other = (signed_in_with(session, model) for model in (MODEL, OTHER))
    take(session, 1, ("FIDO_CERTIFIED_L1", "2025-01-01"))
    assert {is_living(session, token) for token in (revoked, other)} == {True}
    take(session, 2, ("FIDO_CERTIFIED_L1", "2025-01-01"), ("REVOKED", "2026-01-01"))
    assert not is_living(session, revoked)
    assert is_living(session, other)


def signed_in_with(session: Session, model: str) -> str:
    user = factories.make_user(session)
    token = new_token()
    start_session(session, user, factories.make_key(session, user, aaguid=model), token, "test")
    return token


def is_living(session: Session, token: str) -> bool:
    return signed_in(session, token, Settings()) is not None
