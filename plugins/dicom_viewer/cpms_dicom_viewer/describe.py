"""Facets, name and doubts of an image, from coded attributes only: never from free text."""

from cpms_dicom_viewer.image import PLAIN, Shape, integer, numbers
from cpms_dicom_viewer.parse import BIG_ENDIAN, Dataset, text
from cpms_dicom_viewer.words import MODALITIES

MODALITY, BODY_PART, IMAGE_TYPE = 0x00080060, 0x00180015, 0x00080008
STUDY, SERIES, SOP_INSTANCE, SOP_CLASS = 0x0020000D, 0x0020000E, 0x00080018, 0x00080016
SERIES_NUMBER, INSTANCE_NUMBER = 0x00200011, 0x00200013
POSITION, ORIENTATION = 0x00200032, 0x00200037
CENTRE, WIDTH = 0x00281050, 0x00281051

# Whose pictures often carry letters: the patient's name in the corner of an ultrasound image.
LETTERED = {
    "US": "Ultrasound images",
    "SC": "Screen captures",
    "OT": "Images of this kind",
    "ES": "Endoscopy images",
    "XC": "Photographs",
    "GM": "Microscope images",
    "": "Images of an unknown kind",
}
CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
BYTE = 8
STRAIGHT = 0.9
"""A cosine: slices further off an axis of the body than about 25 degrees are oblique."""
IN_GREY = frozenset({"CR", "CT", "DX", "MG", "MR", "RF", "XA"})


def facets_of(dataset: Dataset, shape: Shape, transfer_syntax: str) -> dict[str, str]:
    """What core indexes of the de-identified image; every value is text, some may be empty."""
    return {
        "study": text(dataset.get(STUDY)),
        "series": text(dataset.get(SERIES)),
        "instance": text(dataset.get(SOP_INSTANCE)),
        "modality": text(dataset.get(MODALITY)),
        "series_number": str(integer(dataset, SERIES_NUMBER)),
        "instance_number": str(integer(dataset, INSTANCE_NUMBER)),
        "description": _description(dataset),
        "rows": str(shape.rows),
        "columns": str(shape.columns),
        "frames": str(shape.frames),
        "window": _window(dataset),
        "transfer_syntax": transfer_syntax,
        "drawn_by": "server" if _is_rare(shape, transfer_syntax) else "browser",
        "z": _along_the_normal(dataset),
    }


def _is_rare(shape: Shape, transfer_syntax: str) -> bool:
    """Whether the viewer's decoders in the browser do not know this kind of image."""
    if shape.samples > 1:
        is_subsampled = shape.photometric == "YBR_FULL_422" and transfer_syntax in PLAIN
        return shape.allocated != BYTE or is_subsampled
    return shape.allocated == 1 or (shape.allocated > 2 * BYTE and transfer_syntax == BIG_ENDIAN)


def name_of(facets: dict[str, str]) -> str:
    """`MR series 3, image 12`."""
    kind = MODALITIES.get(facets["modality"], "Image")
    return f"{kind} series {facets['series_number']}, image {facets['instance_number']}"


def doubt_about(dataset: Dataset, shape: Shape) -> str:
    """Why a person must look at the pixels before others do; empty if nobody has to."""
    modality = text(dataset.get(MODALITY))
    if text(dataset.get(0x00280301)) == "YES":
        return "The file says that letters are burnt into its image: look for a name first."
    if modality in LETTERED:
        return f"{LETTERED[modality]} often carry a name in the picture: look first."
    if text(dataset.get(SOP_CLASS)).startswith(CAPTURES):
        return "Screen captures often carry a name in the picture: look first."
    if shape.samples > 1 and modality in IN_GREY:
        return "A colour image from this device is often a screen capture: look for a name first."
    return ""


def _description(dataset: Dataset) -> str:
    kinds = text(dataset.get(IMAGE_TYPE)).split("\\")
    words = [
        text(dataset.get(BODY_PART)).capitalize(),
        _plane(dataset),
        text(dataset.get(0x00180023)),  # MR Acquisition Type: 2D or 3D
        text(dataset.get(0x00180020)).replace("\\", "/"),  # Scanning Sequence
        "localiser" if "LOCALIZER" in kinds else "",
        "derived" if kinds[0] == "DERIVED" else "",
    ]
    return " · ".join(word for word in words if word)


def _plane(dataset: Dataset) -> str:
    normal = _normal(dataset)
    if not normal:
        return ""
    sizes = [abs(part) for part in normal]
    largest = sizes.index(max(sizes))
    name = ("sagittal", "coronal", "axial")[largest]
    return name if sizes[largest] > STRAIGHT else f"oblique {name}"


def _normal(dataset: Dataset) -> tuple[float, float, float] | None:
    cosines = numbers(dataset, ORIENTATION, 6)
    if not cosines:
        return None
    ax, ay, az, bx, by, bz = cosines
    return (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)


def _along_the_normal(dataset: Dataset) -> str:
    """Where the slice lies along its stack, in mm."""
    normal, position = _normal(dataset), numbers(dataset, POSITION, 3)
    if not normal or not position:
        return ""
    return f"{sum(n * p for n, p in zip(normal, position, strict=True)):.3f}"


def _window(dataset: Dataset) -> str:
    centre, width = numbers(dataset, CENTRE), numbers(dataset, WIDTH)
    return f"{centre[0]:g}/{width[0]:g}" if centre and width else ""
