"""The hand-made rule to beat: copy hole pixels along chained frame-to-frame flow, nearest frame first.

Flow between neighbours is found once a clip with holes filled smoothly, continued into the holes from where forward
and backward flow agree, and chained outwards from each target. A pixel is taken from the first frame, nearest in
time, that saw it; what no frame saw is filled with Telea's method.
"""

import cv2
import numpy as np
import torch
from torch import Tensor

from rovr.editor.alignment import Aligner
from rovr.editor.sampling import push_pull, sample


def chained(frames: Tensor, masks: Tensor) -> Tensor:
    """Repair a clip: (T, 3, H, W) uint8 and (T, 1, H, W) bool → (T, 3, H, W) uint8."""
    length = len(frames)
    known = 1 - masks.float()
    filled = push_pull(frames / 255, known)
    grays = [
        cv2.cvtColor((image * 255).round().byte().permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY) for image in filled
    ]
    aligner = Aligner()
    steps = {
        (i, j): _completed(aligner, grays, known, i, j)
        for i in range(length)
        for j in (i - 1, i + 1)
        if 0 <= j < length
    }
    result = frames.clone()
    for i in range(length):
        image = cv2.inpaint(
            frames[i].permute(1, 2, 0).numpy(), masks[i, 0].numpy().astype(np.uint8), 3, cv2.INPAINT_TELEA
        )
        result[i] = torch.from_numpy(image).permute(2, 0, 1)
        missing = masks[i].clone()
        flows = {-1: torch.zeros(1, 2, *masks.shape[-2:]), 1: torch.zeros(1, 2, *masks.shape[-2:])}
        for distance in range(1, length):
            for way in (-1, 1):
                j = i + way * distance
                if not 0 <= j < length or not missing.any():
                    continue
                step = steps[j - way, j]
                flows[way] = flows[way] + sample(step, flows[way])
                seen = (sample(known[j][None], flows[way], padding="zeros")[0] > 0.99) & missing
                pixels = (sample(filled[j][None], flows[way])[0] * 255).round().byte()
                result[i] = torch.where(seen, pixels, result[i])
                missing &= ~seen
    return result


def _completed(aligner: Aligner, grays: list[np.ndarray], known: Tensor, i: int, j: int) -> Tensor:
    flow, agree = aligner.dense(grays[i], grays[j])
    field = torch.from_numpy(flow).permute(2, 0, 1)[None]
    trust = torch.from_numpy(agree)[None, None] * known[i] * (sample(known[j][None], field, padding="zeros") > 0.99)
    return push_pull(field, trust.float())
