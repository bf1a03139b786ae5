"""``rovr info``: what a video is, as far as a repair is concerned."""

import json
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional


@dataclass(frozen=True)
class Info:
    """Say what a video or a folder of frames holds."""

    input: Positional[Path]
    """Video or folder of frames."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Print it."""
        from rovr.video import open_source

        with open_source(self.input) as source:
            info = source.info
        turn = f", turned {info.orientation.degrees}° to play" if not info.orientation.upright else ""
        facts = {
            "path": str(info.path),
            "codec": info.codec,
            "width": info.width,
            "height": info.height,
            "rotation": info.orientation.degrees,
            "frames": info.frames,
            "rate": round(float(info.rate), 6),
            "pix_fmt": info.pix_fmt,
            "bits": info.bits,
            "interlaced": info.interlaced,
            "audio": info.audio,
            "subtitles": info.subtitles,
        }
        if self.json:
            print(json.dumps(facts))
            return
        print(f"{info.path}: {info.codec} {info.pix_fmt}, {info.width}×{info.height}{turn}")
        print(f"{info.frames or 'unknown number of'} frames at {float(info.rate):.3f} a second")
        print(f"{info.audio} audio and {info.subtitles} subtitle streams{', interlaced' * info.interlaced}")
