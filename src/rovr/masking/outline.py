"""The outline of an object, followed by SAM 2 from a box or a place in one frame, in constant memory."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.masking.click import place_within
from rovr.masking.track import OnLost, tracking, within
from rovr.masking.write import Mask, Masker
from rovr.video.masks import Box

if TYPE_CHECKING:
    from rovr.masking.sam2 import Sam2

Spot = tuple[int, int]


def outlining(
    sam: "Sam2",
    at: Box | Spot,
    start: int = 0,
    on_lost: OnLost = lambda frame, time: None,
) -> Masker:
    """A masker of an object's outline; frames before the start, and those that do not show the object, have no hole.

    Unlike :func:`rovr.masking.follow.following` it goes on looking after a loss.

    Args:
        sam: from :func:`rovr.masking.sam2.read_sam2`.
        at: x, y, width and height around the object in the first frame followed, or x and y of a place on it; in
            pixels as played.
        start: index of that frame.
        on_lost: called once with the first frame, and its time in seconds, that does not show the object.

    Raises:
        UserError: a start before the first frame; from the masker, one beyond the last, a box or place outside the
            picture, or one where SAM 2 sees no object.
    """
    return tracking(lambda image: _Outline(sam, image, at), start, on_lost)


class _Outline:
    """One object on its way through one video.

    Args:
        sam: the model.
        image: (H, W, 3) uint8 BGR, where it starts.
        at: around it or on it.
    """

    searches = True

    def __init__(self, sam: "Sam2", image: NDArray[np.uint8], at: Box | Spot) -> None:
        self._sam, self._index = sam, 0
        self._session = sam.processor.init_video_session(inference_device=sam.device)
        config = sam.model.config
        # As many frames back as the next one is compared with: whole ones, and the summaries of objects.
        self._memory = max(config.num_maskmem, config.max_object_pointers_in_encoder) - 1
        if len(at) == 4:
            x, y, w, h = within(at, image)
            given: dict[str, object] = {"input_boxes": [[[x, y, x + w, y + h]]]}
            said = f"--box {x},{y},{w},{h}"
        else:
            place_within(*at, image)
            given = {"input_points": [[[[*at]]]], "input_labels": [[[1]]]}
            said = f"--click {at[0]},{at[1]}"
        sam.processor.add_inputs_to_inference_session(
            self._session, frame_idx=0, obj_ids=1, original_size=image.shape[:2], **given
        )
        if not self._look(image):
            raise UserError(f"{said}: SAM 2 sees no object there; give a box that just encloses it.")

    def mask(self) -> Mask:
        """See :meth:`rovr.masking.track.Track.mask`."""
        return self._mask

    def step(self, image: NDArray[np.uint8]) -> bool:
        """See :meth:`rovr.masking.track.Track.step`."""
        self._index += 1
        return self._look(image)

    def _look(self, image: NDArray[np.uint8]) -> bool:
        import torch

        model, processor = self._sam.model, self._sam.processor
        rgb = np.ascontiguousarray(image[..., ::-1])
        pixels = processor(images=rgb, device=self._sam.device, return_tensors="pt").pixel_values[0]
        with torch.inference_mode():
            seen = model(inference_session=self._session, frame=pixels, frame_idx=self._index)
            # Where the object's score is negative, the model itself empties the mask.
            masks = processor.post_process_masks([seen.pred_masks], [image.shape[:2]])[0]
        self._mask: Mask = masks[0, 0].cpu().numpy()
        self._forget()
        return bool(self._mask.any())

    def _forget(self) -> None:
        """Let go of what the next frame is not compared with; the session would keep everything."""
        session = self._session
        session.processed_frames.clear()
        for tracked, outputs in zip(
            session.frames_tracked_per_obj.values(), session.output_dict_per_obj.values(), strict=True
        ):
            for kept in (tracked, outputs["non_cond_frame_outputs"]):
                for index in [index for index in kept if index <= self._index - self._memory]:
                    del kept[index]
