"""From an uploaded file to what may be kept of it. Runs in the sandbox; see `Viewer.ingest`."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from cpms_core import Ingested
from cpms_dicom_viewer.deidentify import deidentify
from cpms_dicom_viewer.describe import doubt_about, facets_of, name_of
from cpms_dicom_viewer.frames import of_frame
from cpms_dicom_viewer.image import clean_pixels, shape_of
from cpms_dicom_viewer.parse import Dataset, Parsed, Refused, parse, text
from cpms_dicom_viewer.write import write

MOST_BYTES = 256 << 20


def ingest(source: str, target: str, secret: bytes) -> Ingested:
    """Write the de-identified image to `target`; the same file and secret give the same bytes."""
    try:
        with mapped(Path(source)) as content:
            return _ingest(content, Path(target), secret)
    except Refused as refusal:
        raise ValueError(str(refusal)) from None
    except ValueError:
        # Not one of our sentences: it may quote the file, so nobody is shown it.
        raise RuntimeError("an unforeseen value") from None


def _ingest(content: memoryview, target: Path, secret: bytes) -> Ingested:
    parsed = parse(content)
    shape = shape_of(parsed)
    clean_pixels(parsed, shape)
    clean = Parsed(
        dataset=deidentify(parsed.dataset, secret), transfer_syntax=parsed.transfer_syntax
    )
    facets = facets_of(of_frame(clean.dataset, 0), shape, clean.transfer_syntax)
    if not (facets["study"] and facets["series"] and facets["instance"]):
        raise Refused("This DICOM file does not say which study and series it belongs to.")
    facets["subject"] = _subject(parsed.dataset, secret)
    with target.open("wb") as file:
        write(file, clean.dataset, clean.transfer_syntax)
    return Ingested(name=name_of(facets), facets=facets, held=doubt_about(clean.dataset, shape))


def _subject(dataset: Dataset, secret: bytes) -> str:
    """A keyed mark of whom the file names: tells that two files of a case name two people."""
    named = "|".join(text(dataset.get(tag)) for tag in (0x00100020, 0x00100010, 0x00100030))
    return blake2b(named.encode(), key=secret, digest_size=8, person=b"subject").hexdigest()


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """A file's bytes without reading them all into memory."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise Refused(f"This file is larger than the {MOST_BYTES >> 20} MB accepted here.")
    if size == 0:
        raise Refused("This file is empty.")
    with path.open("rb") as file:
        # Not closed by hand: views into it live as long as the data set read from it.
        yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
