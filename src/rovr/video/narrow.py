"""Holes that are too narrow for a video's colours, which are stored for several pixels together."""

from rovr.video import pixels
from rovr.video.source import Say

# Share of a hole's pixels that may keep their old colour: more than ordinary holes have along their edges.
_MOST = 0.3


class NarrowHoles:
    """Says once, as masks go by, that many pixels of the holes keep their colour.

    Args:
        pix_fmt: of the video, a plain one.
        dilate: pixels by which the holes were widened already.
        say: told of it.
        by_field: whether the samples of every other line belong together.
    """

    def __init__(self, pix_fmt: str, dilate: int, say: Say, by_field: bool = False) -> None:
        self.steps = pixels.chroma_steps(pix_fmt)
        self.least = 1 << max(self.steps)
        self.say, self.by_field = say, by_field
        self.open = self.least > 1 and dilate < self.least
        self.missing = self.kept = 0

    def look(self, mask: pixels.Array) -> None:
        """Take the next mask.

        Args:
            mask: (H, W) bool, True = missing.
        """
        if not self.open:
            return
        for own in (mask[0::2], mask[1::2]) if self.by_field else (mask,):
            self._count(own)
        if self.kept > _MOST * self.missing:
            self.open = False
            self.say(
                "The holes are too narrow for this video's colours: where a sample of colour reaches beyond a hole, "
                f"it stays as it is; pass --dilate {self.least}."
            )

    def _count(self, mask: pixels.Array) -> None:
        top, bottom, left, right = pixels.around(mask)
        part = mask[top:bottom, left:right]
        across, down = self.steps
        changed = pixels.plane_mask(part, across, down).repeat(1 << down, 0).repeat(1 << across, 1)
        missing = int(part.sum())
        self.missing += missing
        self.kept += missing - int((changed[: part.shape[0], : part.shape[1]] & part).sum())
