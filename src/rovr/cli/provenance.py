"""``rovr provenance``: what ``rovr restore --provenance`` wrote, summed up or drawn."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from rovr.types import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Provenance:
    """Say whom the repaired pixels of a video come from, or those of one frame."""

    file: Positional[Path]
    """What rovr restore --provenance wrote."""
    frame: Annotated[int | None, arg(metavar="N")] = None
    """This frame alone, counted from 0."""
    output: Annotated[Path | None, arg(aliases=["-o"], metavar="PNG")] = None
    """Draw the frame: blue = recovered, the darker the farther from; orange = invented."""
    overwrite: bool = False
    """Replace the picture if it exists."""
    json: bool = False
    """Print JSON."""
    max_pixels: int = 1 << 26
    """Refuse frames with more pixels than this."""

    def run(self) -> None:
        """Do it."""
        from rovr.errors import UserError
        from rovr.provenance import Tally
        from rovr.provenance.file import TraceFile
        from rovr.provenance.picture import alone

        if self.output is not None and self.frame is None:
            raise UserError("A picture shows one frame: say which with --frame N.")
        file = TraceFile(self.file, self.max_pixels)
        said: dict[str, Any] = file.summary
        about = f"{len(file.frames)} of {counted(file.length, 'frame')} repaired"
        if self.frame is not None:
            trace, tally = file.read(self.frame), Tally()
            tally.add(trace, self.frame)
            said, about = tally.summary(), f"frame {self.frame}"
            if self.output is not None:
                self._draw(self.output, file.orientation.to_shown(alone(trace, self.frame)))
        print(json.dumps(said) if self.json else "\n".join([f"{self.file}: {about}", *_told(said)]))

    def _draw(self, path: Path, picture: "NDArray[np.uint8]") -> None:
        import cv2

        from rovr.errors import UserError
        from rovr.outputs import prepared
        from rovr.video.outfile import PendingOutput

        if path.suffix.lower() != ".png":
            raise UserError(f"The picture is a PNG; call it {path.with_suffix('.png')}, say.")
        pending = PendingOutput(Path(prepared(path)), False, self.overwrite, [self.file])
        try:
            drawn = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
            pending.partial.write_bytes(cv2.imencode(".png", drawn)[1].tobytes())
            pending.commit()
        finally:
            pending.discard()


def _told(said: dict[str, Any]) -> list[str]:
    """A summary in words."""
    lines = [f"recovered {said['recovered']:7.1%}"]
    for name, share in said["by_distance"].items():
        if share:
            away = f"{name} {'frame' if name == '1' else 'frames'} away"
            lines.append(f"  from {away:<18}{share:7.1%}")
    lines += [f"  from more frames than are named {said['other']:.1%}"] if said["other"] else []
    lines += [f"invented  {said['invented']:7.1%}"]
    lines += [f"unknown   {said['unknown']:7.1%}"] if said["unknown"] else []
    if said["median_distance"] is not None:
        lines.append(f"{said['mean_sources']:.1f} frames a pixel; median distance {said['median_distance']}")
    return lines
