"""One view of a frame's attributes, whether the file has one image or a thousand.

A multi-frame file keeps geometry and window in functional groups, shared or per frame (PS3.3
C.7.6.16), two sequences down; a plain file keeps them on top.
"""

from cpms_dicom_viewer.parse import Dataset

SHARED, PER_FRAME = 0x52009229, 0x52009230


def of_frame(dataset: Dataset, index: int) -> Dataset:
    """The data set with the functional groups of frame `index` (from 0) laid over it."""
    flat = dict(dataset)
    for sequence, item in ((SHARED, 0), (PER_FRAME, index)):
        items = dataset[sequence].items if sequence in dataset else None
        if items and item < len(items):
            for group in items[item].values():
                for content in (group.items or [])[:1]:
                    flat |= content
    return flat
