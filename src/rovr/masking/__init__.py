"""Masks that people can make: drawn from a list of shapes, or found in the video itself."""

from rovr.masking.draw import drawing, standing
from rovr.masking.follow import following
from rovr.masking.logo import find_logo, logo_in
from rovr.masking.lost_blocks import finding_blocks
from rovr.masking.outline import outlining
from rovr.masking.scratches import finding_scratches
from rovr.masking.shapes import Shape, read_shapes
from rovr.masking.subtitles import finding_subtitles
from rovr.masking.write import Masker, Place, Shown, Written, shown, write_masks

__all__ = [
    "Masker",
    "Place",
    "Shape",
    "Shown",
    "Written",
    "drawing",
    "find_logo",
    "finding_blocks",
    "finding_scratches",
    "finding_subtitles",
    "following",
    "logo_in",
    "outlining",
    "read_shapes",
    "shown",
    "standing",
    "write_masks",
]
