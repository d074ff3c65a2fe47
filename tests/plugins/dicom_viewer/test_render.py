from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imagecodecs import jpeg8_decode
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sequence import Sequence

from cpms_core import sandbox
from cpms_core.errors import InvalidError
from cpms_dicom_viewer.render import render
from tests.plugins.dicom_viewer.images import cleaned, make_image, pydicom_file

RAMP = np.repeat(np.arange(16, dtype=np.uint16), 16).reshape(16, 16) * 100


def drawn(
    content: bytes, folder: Path, *, frame: int = 0, window: str = "", largest: int = 4096
) -> NDArray[Any]:
    path = folder / "image.dcm"
    path.write_bytes(cleaned(content, folder))
    return np.asarray(jpeg8_decode(render(str(path), frame, window, largest))).astype(int)


def near(value: int, wanted: int) -> bool:
    """Within what JPEG may change."""
    return abs(value - wanted) <= 6


def test_the_files_own_window_is_used_as_the_standard_says(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        dataset.WindowCenter, dataset.WindowWidth = 750, 1000

    picture = drawn(make_image(change, pixels=RAMP), tmp_path)
    assert near(picture[2, 8], 0)  # 200, below the window
    assert near(picture[7, 8], round(((700 - 749.5) / 999 + 0.5) * 255))
    assert near(picture[14, 8], 255)  # 1400, above it


def test_without_a_window_the_range_of_the_image_is_shown(tmp_path: Path) -> None:
    picture = drawn(make_image(pixels=RAMP), tmp_path)
    assert near(picture[0, 8], 0) and near(picture[15, 8], 255)


def test_a_window_asked_for_wins(tmp_path: Path) -> None:
    picture = drawn(make_image(pixels=RAMP), tmp_path, window="200/100")
    assert near(picture[1, 8], 0) and near(picture[3, 8], 255)


@pytest.mark.parametrize("window", ["", "x", "1/0", "1/-5", "nan/inf", "9" * 60])
def test_a_senseless_window_is_passed_over(window: str, tmp_path: Path) -> None:
    picture = drawn(make_image(pixels=RAMP), tmp_path, window=window)
    assert near(picture[0, 8], 0) and near(picture[15, 8], 255)


def test_stored_values_become_units_before_the_window(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 2, -1000

    picture = drawn(make_image(change, pixels=RAMP), tmp_path, window="0/400")
    assert near(picture[3, 8], 0)  # 300 * 2 - 1000
    assert near(picture[5, 8], 128)
    assert near(picture[7, 8], 255)


def test_monochrome1_is_shown_inverted(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"

    picture = drawn(make_image(change, pixels=RAMP), tmp_path)
    assert near(picture[0, 8], 255) and near(picture[15, 8], 0)


def test_a_frame_has_its_own_window_in_a_multi_frame_file(tmp_path: Path) -> None:
    def group(centre: float) -> Dataset:
        window, item = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = centre, 100
        item.FrameVOILUTSequence = Sequence([window])
        return item

    def change(dataset: Dataset) -> None:
        dataset.NumberOfFrames = 2
        dataset.PixelData *= 2
        dataset.PerFrameFunctionalGroupsSequence = Sequence([group(200), group(1200)])

    content = make_image(change, pixels=RAMP)
    assert near(drawn(content, tmp_path, frame=0)[4, 8], 255)
    assert near(drawn(content, tmp_path, frame=1)[4, 8], 0)


def test_colours_and_palettes_are_drawn(tmp_path: Path) -> None:
    red = drawn(pydicom_file("SC_rgb_rle_16bit.dcm"), tmp_path)[5, 50]
    assert near(red[0], 255) and near(red[1], 0) and near(red[2], 0)
    assert drawn(pydicom_file("SC_ybr_full_422_uncompressed.dcm"), tmp_path).shape == (100, 100, 3)
    palette = drawn(pydicom_file("examples_palette.dcm"), tmp_path)
    assert palette.ndim == 3 and len(np.unique(palette.reshape(-1, 3), axis=0)) > 20


def test_a_thumbnail_is_no_larger_than_asked(tmp_path: Path) -> None:
    wide = np.zeros((100, 300), np.uint16)
    assert drawn(make_image(pixels=wide), tmp_path, largest=128).shape == (33, 100)


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "JPEG-lossy.dcm"])
def test_a_broken_compressed_frame_ends_in_a_sentence(name: str, tmp_path: Path) -> None:
    target = tmp_path / "broken.dcm"
    content = bytearray(cleaned(pydicom_file(name), tmp_path))
    middle = len(content) * 2 // 3
    content[middle : middle + 600] = b"\x93\x27" * 300
    target.write_bytes(content)
    ref = "cpms_dicom_viewer.render:render"
    try:
        picture = sandbox.run(ref, target, 0, "", 512, returns=bytes)
    except InvalidError as error:
        assert "damaged" in str(error)  # noqa: PT017 - a decoder may also make something of it
    else:
        assert picture.startswith(b"\xff\xd8")
    finally:
        sandbox.close_all()


def test_a_frame_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no image 2"):
        drawn(make_image(), tmp_path, frame=1)
