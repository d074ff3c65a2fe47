"""Small DICOM files made on the spot, and the real ones where they are to be had."""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

from cpms_dicom_viewer.image import shape_of
from cpms_dicom_viewer.ingest import ingest
from cpms_dicom_viewer.parse import parse
from cpms_dicom_viewer.pixels import Frame, frame_of

ROOT = Path(__file__).parents[3]
SECRET = bytes(range(32))
STUDY, SERIES, INSTANCE = "1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"


def make_image(
    change: Callable[[Dataset], object] = lambda _: None,
    *,
    syntax: UID = ExplicitVRLittleEndian,
    pixels: NDArray[np.uint16] | None = None,
    preamble: bytes = bytes(128),
) -> bytes:
    """A valid little MR image after `change` had its way with the data set."""
    if pixels is None:
        pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, INSTANCE
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, SERIES
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "MR", 3, 12
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.preamble = preamble
    change(dataset)
    return to_bytes(dataset)


def to_bytes(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=False)
    return buffer.getvalue()


def pydicom_file(name: str) -> bytes:
    """One of the files inside the pydicom package; never fetched from anywhere."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return Path(path).read_bytes()


def real_series() -> list[Path]:
    """A real MR series, or a skip that says what is missing."""
    folder = Path(os.environ.get("CPMS_SHARED_DATA", ROOT.parent / "shared" / "data"))
    found = sorted((folder / "dicom").glob("*/*.dcm"))
    if not found:
        pytest.skip(f"no real DICOM files below {folder}; set CPMS_SHARED_DATA")
    return found


def cleaned(content: bytes, folder: Path, secret: bytes = SECRET) -> bytes:
    """What ingest makes of a file, in this process."""
    source, target = folder / "source", folder / "target"
    source.write_bytes(content)
    ingest(str(source), str(target), secret)
    return target.read_bytes()


def first_frame(content: bytes) -> Frame:
    parsed = parse(memoryview(content))
    return frame_of(parsed, shape_of(parsed), 0)
