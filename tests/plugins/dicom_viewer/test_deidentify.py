import re
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c
from pydicom import DataElement, Dataset, dcmread
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import dictionary_VR
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from cpms_dicom_viewer.deidentify import ACTIONS, KEPT_TEXTS, TABLE, new_uid
from cpms_dicom_viewer.image import shape_of
from cpms_dicom_viewer.parse import parse
from cpms_dicom_viewer.pixels import frame_of
from tests.plugins.dicom_viewer.images import (
    INSTANCE,
    SECRET,
    STUDY,
    cleaned,
    first_frame,
    make_image,
    pydicom_file,
    to_bytes,
)

CANARY = re.compile(rb"CANARY|canary|19670[67]0[67]|676767|6\.7676|\.67\.67\.67")
NOT_OURS = {0x00080005, 0x00020003, 0x00080016, 0x00020002}  # set anew, or no free value
BINARY = {"US", "SS", "UL", "SL", "FL", "FD", "AT", "SV", "UV"}


def canary(kind: str) -> object:
    """A value of this kind that CANARY finds again."""
    return {
        "AS": "067Y",
        "CS": "CANARY",
        "DA": "19670607",
        "DS": "6.7676",
        "DT": "19670706060606",
        "IS": "676767",
        "TM": "676767",
        "UI": "1.2.3.67.67.67",
    }.get(kind, b"CANARY" if kind[0] == "O" or kind == "UN" else "CANARY^canary")


def fill(dataset: Dataset, tags: list[int], depth: int) -> None:
    """A canary in every attribute, in every sequence too, `depth` levels deep."""
    for tag in tags:
        kind = _kind(tag)
        if tag == 0x00080018 and depth == 0:
            continue
        if kind == "SQ":
            inner = Dataset()
            inner.PatientName = "CANARY^canary"
            inner.add_new(0x00080054, "AE", "CANARY")
            dataset.add_new(tag, "SQ", Sequence([inner]))
        elif kind not in BINARY:
            dataset.add(DataElement(tag, kind, canary(kind), validation_mode=0))
    if depth:
        inner = Dataset()
        fill(inner, tags, depth - 1)
        dataset.AnatomicRegionSequence = Sequence([inner])


def _kind(tag: int) -> str:
    try:
        return str(dictionary_VR(tag)[:2])
    except KeyError:
        return "LO"


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom dislikes our odd values
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_no_canary_in_any_attribute_of_the_table_survives_at_any_of_three_levels(
    syntax: UID, tmp_path: Path
) -> None:
    tags = [tag for tag in ACTIONS if tag not in NOT_OURS and tag >> 16 >= 8]
    dirty = make_image(lambda dataset: fill(dataset, tags, 2), syntax=syntax)
    assert len(CANARY.findall(dirty)) > 1500
    clean = cleaned(dirty, tmp_path)
    assert CANARY.findall(clean) == []
    assert dcmread(BytesIO(clean)).pixel_array.shape == (8, 8)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom dislikes our odd values
def test_of_the_whole_dictionary_only_the_texts_on_the_short_list_survive(tmp_path: Path) -> None:
    skipped = NOT_OURS | {0x00080018, 0x0020000D, 0x0020000E}
    texts = {"AE", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
    blocks = {"OB", "OD", "OF", "OL", "OV"}
    tags = [
        tag
        for tag, entry in DicomDictionary.items()
        if entry[0][:2] in texts | blocks and tag >> 16 >= 8 and tag not in skipped
        if tag >> 16 < 0x7FE0
    ]
    clean = cleaned(make_image(lambda dataset: fill(dataset, tags, 0)), tmp_path)
    survivors = [e.tag for e in dcmread(BytesIO(clean)) if CANARY.search(str(e.value).encode())]
    assert set(survivors) == KEPT_TEXTS & set(tags)


def test_binary_values_of_the_table_are_removed_or_zero(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        dataset.PregnancyStatus = 4
        dataset.GPSAltitudeRef = 1
        dataset.PatientWeight = 67

    clean = dcmread(BytesIO(cleaned(make_image(change), tmp_path)))
    assert not {"PregnancyStatus", "GPSAltitudeRef", "PatientWeight"} & set(clean.dir())


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom dislikes our odd values
def test_nothing_survives_outside_the_attributes(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        block = dataset.private_block(0x0009, "CANARY MAKER", create=True)
        block.add_new(1, "LO", "CANARY")
        block.add_new(2, "SQ", Sequence([Dataset()]))
        dataset.add_new(0x60000010, "US", 8)
        dataset.add_new(0x60000022, "LO", "CANARY")
        dataset.add_new(0x60003000, "OW", b"CANARY")
        dataset.add_new(0x60004000, "LT", "CANARY")
        dataset.add_new(0x50003000, "OW", b"CANARY")
        dataset.add_new(0xFFFCFFFC, "OB", b"CANARY")
        dataset.add_new(0x00420011, "OB", b"CANARY")
        dataset.add_new(0x00280106, "LO", "CANARY")  # a text where a number belongs
        dataset.file_meta.SourceApplicationEntityTitle = "CANARY"
        dataset.file_meta.add_new(0x00020100, "UI", "1.2.3.67.67.67")
        dataset.file_meta.add_new(0x00020102, "OB", b"CANARY")
        dataset.PixelData += b"CANARY"

    dirty = make_image(change, preamble=b"<script>CANARY".ljust(128, b"\0"))
    assert len(CANARY.findall(dirty)) == 14
    clean = cleaned(dirty, tmp_path)
    assert CANARY.findall(clean) == []
    assert clean[:128] == bytes(128)
    assert not any(e.tag.group % 2 or e.tag.group >> 8 in {0x50, 0x60} for e in dcmread_all(clean))


def dcmread_all(content: bytes) -> list[DataElement]:
    return list(dcmread(BytesIO(content)).iterall())


def test_a_hospitals_own_codes_go_and_public_ones_stay(tmp_path: Path) -> None:
    def code(scheme: str) -> Dataset:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", scheme, "Brain"
        return item

    def change(dataset: Dataset) -> None:
        dataset.AnatomicRegionSequence = Sequence([code("SCT"), code("99WARD7")])

    clean = dcmread(BytesIO(cleaned(make_image(change), tmp_path)))
    assert [item.CodingSchemeDesignator for item in clean.AnatomicRegionSequence] == ["SCT"]


def test_an_overlay_in_the_pixels_spare_bits_goes(tmp_path: Path) -> None:
    pixels = np.full((8, 8), 0x0123, dtype=np.uint16)
    pixels[2, 2:6] |= 0x8000

    def change(dataset: Dataset) -> None:
        dataset.BitsStored, dataset.HighBit = 12, 11
        dataset.add_new(0x60000102, "US", 15)

    clean = dcmread(BytesIO(cleaned(make_image(change, pixels=pixels), tmp_path)))
    assert set(np.frombuffer(clean.PixelData, np.uint16)) == {0x0123}


def test_comments_inside_compressed_pixels_go_and_the_picture_stays(tmp_path: Path) -> None:
    original = pydicom_file("SC_rgb_jpeg_dcmtk.dcm")
    dataset = dcmread(BytesIO(original))
    before = first_frame(original)
    note = b"\xff\xfe\x00\x10CANARY CANARY "
    exif = b"\xff\xe1\x00\x10Exif\0\0CANARY  "
    start = dataset.PixelData.index(b"\xff\xd8") + 2
    pixels = dataset.PixelData[:start] + note + exif + dataset.PixelData[start:]
    at = pixels.index(b"\xfe\xff\x00\xe0", 8) + 4
    (length,) = struct.unpack_from("<I", pixels, at)
    dataset.PixelData = pixels[:at] + struct.pack("<I", length + 36) + pixels[at + 4 :]
    dirty = to_bytes(dataset)
    assert CANARY.search(dirty)
    clean = cleaned(dirty, tmp_path)
    assert not CANARY.search(clean)
    assert np.array_equal(first_frame(clean), before)


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "SC_rgb_rle_2frame.dcm",
    ],
)
def test_pixels_come_through_bit_for_bit(name: str, tmp_path: Path) -> None:
    original = pydicom_file(name)
    before, after = parse(memoryview(original)), parse(memoryview(cleaned(original, tmp_path)))
    for index in range(shape_of(after).frames):
        mine, theirs = (frame_of(each, shape_of(each), index) for each in (before, after))
        assert np.array_equal(mine, theirs)


def test_uids_are_the_same_in_all_files_of_a_patient_and_differ_between_patients(
    tmp_path: Path,
) -> None:
    def refer(dataset: Dataset) -> None:
        dataset.SOPInstanceUID = "1.2.3.4.9"
        item = Dataset()
        item.ReferencedSOPInstanceUID = INSTANCE
        dataset.ReferencedImageSequence = Sequence([item])

    first = dcmread(BytesIO(cleaned(make_image(), tmp_path)))
    second = dcmread(BytesIO(cleaned(make_image(refer), tmp_path)))
    other = dcmread(BytesIO(cleaned(make_image(), tmp_path, secret=b"other".ljust(32))))
    assert first.StudyInstanceUID == second.StudyInstanceUID == new_uid(STUDY, SECRET)
    assert second.ReferencedImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID
    assert other.StudyInstanceUID != first.StudyInstanceUID
    assert first.StudyInstanceUID.is_valid and len(first.StudyInstanceUID) <= 64


def test_the_result_says_what_was_done_and_keeps_the_geometry(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        dataset.ImagePositionPatient = [1, 2, 3.5]
        dataset.PixelSpacing = [0.5, 0.5]
        dataset.WindowCenter, dataset.WindowWidth = 40, 400
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024

    clean = dcmread(BytesIO(cleaned(make_image(change), tmp_path)))
    assert clean.PatientIdentityRemoved == "YES"
    assert clean.DeidentificationMethod.startswith("DICOM PS3.15 2026c Basic Profile")
    assert clean.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert clean.LongitudinalTemporalInformationModified == "REMOVED"
    assert clean.ImagePositionPatient == [1, 2, 3.5] and clean.PixelSpacing == [0.5, 0.5]
    assert (clean.WindowCenter, clean.RescaleIntercept, clean.SeriesNumber) == (40, -1024, 3)


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    assert cleaned(make_image(), tmp_path) == cleaned(make_image(), tmp_path)


def test_the_table_is_the_one_of_the_edition_it_names() -> None:
    theirs = {
        tag[0] << 16 | tag[1]
        for name, tags in vars(dicomfields_2026c).items()
        if name.endswith("_TAGS")
        for tag in tags
        if len(tag) == 2
    }
    assert TABLE["edition"] == "2026c"
    assert set(ACTIONS) == theirs
