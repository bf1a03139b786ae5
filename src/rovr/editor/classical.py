"""Single-frame editors of OpenCV: the floor that every learned editor has to clear."""

from collections.abc import Sequence

import cv2
import torch
from torch import Tensor

from rovr.editor.base import Editor, Prepared, Repair, paste
from rovr.editor.sources import INVENTED

METHODS = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}


class ClassicalEditor(Editor):
    """Fills the hole from its border alone and ignores the contexts.

    ``telea`` is the fast marching method (Telea 2004), ``navier-stokes`` the fluid analogy (Bertalmío et al. 2001).
    """

    def __init__(self, name: str = "telea", radius: float = 3.0) -> None:
        self.name = name
        self.method = METHODS[name]
        self.radius = radius

    def prepare(self, frame: Tensor, doubt: Tensor) -> Prepared:
        """Nothing to compute ahead."""
        return Prepared(frame, doubt)

    def edit(self, target: Prepared, mask: Tensor, contexts: Sequence[Prepared]) -> Repair:
        """Fill the hole from its border; every filled pixel is invented."""
        image = (target.frame * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        hole = mask[0].cpu().numpy().astype("uint8")
        filled = cv2.inpaint(image, hole, self.radius, self.method)
        result = torch.from_numpy(filled).permute(2, 0, 1).to(target.frame) / 255
        return Repair(paste(target.frame, result, mask), mask.to(target.frame), INVENTED)
