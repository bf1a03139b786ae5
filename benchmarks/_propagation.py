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

Steps = dict[tuple[int, int], Tensor]
"""Flow (1, 2, H, W) between neighbours, from the first index to the second."""


def chained(frames: Tensor, masks: Tensor) -> Tensor:
    """Repair a clip: (T, 3, H, W) uint8 and (T, 1, H, W) bool → (T, 3, H, W) uint8."""
    return copied(frames, masks, smooth_steps(frames, masks, Aligner()))


def grays(frames: Tensor, masks: Tensor) -> list[np.ndarray]:
    """Luminance (H, W) uint8 of each frame, holes filled smoothly."""
    filled = push_pull(frames / 255, 1 - masks.float())
    pixels = (filled * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in pixels]


def smooth_steps(frames: Tensor, masks: Tensor, aligner: Aligner) -> Steps:
    """Flow between neighbours, continued smoothly into the holes."""
    known, pictures = 1 - masks.float(), grays(frames, masks)
    steps = {}
    for i in range(len(frames) - 1):
        forward, backward, ahead, back = aligner.both(pictures[i], pictures[i + 1])
        for start, goal, flow, agree in ((i, i + 1, forward, ahead), (i + 1, i, backward, back)):
            field = torch.from_numpy(flow).permute(2, 0, 1)[None]
            seen = known[start] * (sample(known[goal][None], field, padding="zeros") > 0.99)
            steps[start, goal] = push_pull(field, (torch.from_numpy(agree) * seen).float())
    return steps


def copied(frames: Tensor, masks: Tensor, steps: Steps) -> Tensor:
    """Take each hidden pixel from the nearest frame that saw it, along chained steps."""
    known = 1 - masks.float()
    filled = push_pull(frames / 255, known)
    result = frames.clone()
    for i in range(len(frames)):
        pixels = frames[i].permute(1, 2, 0).numpy()
        image = cv2.inpaint(pixels, masks[i, 0].numpy().astype(np.uint8), 3, cv2.INPAINT_TELEA)
        result[i] = torch.from_numpy(image).permute(2, 0, 1)
        missing = masks[i].clone()
        flows = {way: torch.zeros(1, 2, *masks.shape[-2:]) for way in (-1, 1)}
        for distance in range(1, len(frames)):
            for way in (-1, 1):
                j = i + way * distance
                if not 0 <= j < len(frames) or not missing.any():
                    continue
                flows[way] = flows[way] + sample(steps[j - way, j], flows[way])
                seen = (sample(known[j][None], flows[way], padding="zeros")[0] > 0.99) & missing
                found = (sample(filled[j][None], flows[way])[0] * 255).round().byte()
                result[i] = torch.where(seen, found, result[i])
                missing &= ~seen
    return result
