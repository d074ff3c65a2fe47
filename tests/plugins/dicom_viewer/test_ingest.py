"""Files through the whole road: the sandbox, then `ingest`."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from cpms_core import Ingested, sandbox
from cpms_core.errors import InvalidError
from cpms_dicom_viewer.recognise import recognises
from tests.plugins.dicom_viewer.images import (
    SECRET,
    cleaned,
    first_frame,
    make_image,
    pydicom_file,
    real_series,
)

INGEST = "cpms_dicom_viewer.ingest:ingest"
KEPT = "target/image.dcm"


@pytest.fixture(autouse=True, scope="module")
def _nurseries() -> Iterator[None]:
    yield
    sandbox.close_all()


def send(content: bytes, folder: Path) -> Ingested:
    """As core does it."""
    source, target = folder / "upload", folder / KEPT
    target.parent.mkdir(exist_ok=True)
    source.write_bytes(content)
    return sandbox.run(INGEST, source, str(target), SECRET, returns=Ingested, write=target.parent)


def refusal(content: bytes, folder: Path) -> str:
    """The sentence a file is refused with; nothing of it may have been written."""
    with pytest.raises(InvalidError) as caught:
        send(content, folder)
    assert not (folder / KEPT).exists()
    return str(caught.value)


def element(tag: int, kind: bytes, length: int, value: bytes = b"") -> bytes:
    wide = kind in {b"SQ", b"UN", b"OB", b"OW", b"UT"}
    size = struct.pack("<HI", 0, length) if wide else struct.pack("<H", length)
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF) + kind + size + value


def raw(body: bytes, syntax: bytes = b"1.2.840.10008.1.2.1\0") -> bytes:
    return bytes(128) + b"DICM" + element(0x00020010, b"UI", len(syntax), syntax) + body


def test_a_real_series_goes_through_and_keeps_its_order(tmp_path: Path) -> None:
    files = real_series()[:6]
    found = [send(path.read_bytes(), tmp_path) for path in files]
    facets = [ingested.facets for ingested in found]
    assert {facet["modality"] for facet in facets} == {"MR"}
    assert len({facet["study"] for facet in facets}) == 1
    assert len({facet["instance"] for facet in facets}) == len(files)
    numbers = [int(path.stem.rpartition("-")[2]) for path in files]
    assert [int(facet["instance_number"]) for facet in facets] == numbers
    assert found[0].name == f"MR series {facets[0]['series_number']}, image {numbers[0]}"
    assert all(ingested.held == "" and ingested.facets["z"] for ingested in found)


def test_an_image_is_described_by_coded_values_alone(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        dataset.SeriesDescription = "Jane Doe brain"
        dataset.BodyPartExamined, dataset.ScanningSequence = "BRAIN", ["SE", "IR"]
        dataset.ImageType = ["DERIVED", "PRIMARY"]
        dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        dataset.ImagePositionPatient = [-12.5, 0, 0]
        dataset.WindowCenter, dataset.WindowWidth = [40, 300], [80, 2000]

    found = send(make_image(change), tmp_path)
    assert found.name == "MR series 3, image 12"
    assert (
        found.facets
        | {
            "description": "Brain · sagittal · SE/IR · derived",
            "window": "40/80",
            "z": "12.500",
            "rows": "8",
            "columns": "8",
            "frames": "1",
            "modality": "MR",
        }
        == found.facets
    )
    assert "Doe" not in repr(found) and "4711" not in repr(found)


def test_two_peoples_files_carry_different_marks(tmp_path: Path) -> None:
    def other(dataset: Dataset) -> None:
        dataset.PatientID = "4712"

    marks = [send(file, tmp_path).facets["subject"] for file in (make_image(), make_image(other))]
    assert marks[0] != marks[1] and "471" not in "".join(marks)


def _captured(dataset: Dataset) -> None:
    dataset.SOPClassUID = SecondaryCaptureImageStorage


def _coloured(dataset: Dataset) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PlanarConfiguration, dataset.PixelData = 7, 0, bytes(192)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda dataset: setattr(dataset, "BurnedInAnnotation", "YES"), "burnt into"),
        (lambda dataset: setattr(dataset, "Modality", "US"), "Ultrasound"),
        (lambda dataset: setattr(dataset, "Modality", "OT"), "of this kind"),
        (_captured, "Screen captures"),
        (_coloured, "screen capture"),
    ],
)
def test_images_that_may_carry_letters_are_held(
    change: object, reason: str, tmp_path: Path
) -> None:
    assert callable(change)
    assert reason in send(make_image(change), tmp_path).held


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"<html>hello</html>" * 20, "no DICOM"),
        (bytes(128) + b"DICM", "no DICOM image"),
        (pydicom_file("DICOMDIR-nopatient"), "DICOMDIR"),
        (pydicom_file("test-SR.dcm"), "holds no image"),
        (pydicom_file("MR_truncated.dcm"), "cut off"),
        (raw(element(0x00080005, b"CS", 0) * 600_000), "more than the 500,000"),
        (
            raw(element(0x7FE00010, b"OW", 0), b"1.2.840.10008.1.2.4.100\0"),
            "cannot show (1.2.840.10008.1.2.4.100)",
        ),
        (raw(element(0x00080060, b"??", 2, b"MR")), "a kind DICOM does not know"),
        (raw(element(0x7FE00010, b"OW", 0xFFFFFFFE, b"x")), "cut off"),
        (raw(element(0x00080060, b"UT", 0xFFFFFFFF)), "has no length"),
        (raw(b"\xfe\xff\x0d\xe0\0\0\0\0"), "closes that was not open"),
        (
            raw(element(0x00081140, b"SQ", 0xFFFFFFFF) + b"\xfe\xff\0\xe0\xff\xff\xff\xff"),
            "cut off",
        ),
    ],
)
def test_what_is_no_whole_image_is_refused_with_a_sentence(
    content: bytes, sentence: str, tmp_path: Path
) -> None:
    assert sentence in refusal(content, tmp_path)


@pytest.mark.parametrize("closed", [True, False])
def test_ten_thousand_levels_are_refused(closed: bool, tmp_path: Path) -> None:
    opening = element(0x00081140, b"SQ", 0xFFFFFFFF) + b"\xfe\xff\0\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    body = opening * 10_000 + closing * 10_000 * closed
    assert "nested deeper" in refusal(raw(body), tmp_path)


def test_a_deflated_file_is_unfolded_and_a_bomb_refused(tmp_path: Path) -> None:
    deflated = pydicom_file("image_dfl.dcm")
    assert send(deflated, tmp_path).facets["transfer_syntax"] == "1.2.840.10008.1.2.1"
    (tmp_path / KEPT).unlink()
    squeezer = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(squeezer.compress(bytes(1 << 20)) for _ in range(300)) + squeezer.flush()
    assert len(bomb) < 400_000
    sentence = refusal(raw(bomb, b"1.2.840.10008.1.2.1.99"), tmp_path)
    assert "unfolds to more" in sentence


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = make_image()
    for end in range(1, len(whole), 7):
        with pytest.raises(ValueError, match=r"\.$"):
            cleaned(whole[:end], tmp_path)


def test_no_length_field_can_be_forged_into_a_crash(tmp_path: Path) -> None:
    whole = make_image()
    for at in range(132, len(whole) - 130, 5):
        for value in (b"\0\0", b"\1\0", b"\xff\xff", b"\xff\xff\xff\xff"):
            forged = whole[:at] + value + whole[at + len(value) :]
            try:
                first_frame(cleaned(forged, tmp_path))
            except ValueError as error:
                assert type(error).__name__ in {"ValueError", "Refused"}  # noqa: PT017 - either end is right


@pytest.mark.parametrize(
    "change",
    [
        lambda dataset: setattr(dataset, "Rows", 0),
        lambda dataset: dataset.add_new(0x00280010, "UL", 8),
        lambda dataset: setattr(dataset, "BitsAllocated", 3),
        lambda dataset: setattr(dataset, "BitsStored", 64),
        lambda dataset: setattr(dataset, "NumberOfFrames", 2_000_000),
        lambda dataset: setattr(dataset, "PhotometricInterpretation", "RGB"),
        lambda dataset: setattr(dataset, "Columns", 65535),
    ],
)
def test_impossible_measures_are_refused(change: object, tmp_path: Path) -> None:
    assert callable(change)
    assert "damaged" in refusal(make_image(change), tmp_path)


def test_pixels_that_measure_otherwise_than_the_file_says_are_refused(tmp_path: Path) -> None:
    honest = pydicom_file("SC_rgb_jpeg_dcmtk.dcm")
    at = honest.index(b"\xff\xc0") + 5
    forged = honest[:at] + struct.pack(">HH", 65500, 65500) + honest[at + 4 :]
    assert "another size" in refusal(forged, tmp_path)


def test_a_preamble_with_a_program_in_it_is_emptied(tmp_path: Path) -> None:
    send(make_image(preamble=b"MZ\x90\0".ljust(128, b"\x90")), tmp_path)
    assert (tmp_path / KEPT).read_bytes()[:132] == bytes(128) + b"DICM"


def test_a_file_without_preamble_is_known_and_given_one(tmp_path: Path) -> None:
    bare = make_image()[132:]
    assert recognises(bare[:4096])
    send(bare, tmp_path)
    assert np.array_equal(first_frame((tmp_path / KEPT).read_bytes()), first_frame(bare))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n", b"%PDF-1.7", b"PK\3\4", b"\xff\xd8"])
def test_other_files_are_not_taken_for_images(content: bytes) -> None:
    assert not recognises(content.ljust(200, b"\0"))
