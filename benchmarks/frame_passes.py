"""How many frames windows of a fixed stride send through a network for each frame of a video, counted from the rules.

    python benchmarks/frame_passes.py [--out results/frame_passes.json]

STTN, FuseFormer, E2FGVI and FGT: around every fifth frame the five frames on either side, and every tenth frame of the
video outside of these. ProPainter the same, but in videos of more than 80 frames only those tenth frames that lie
within 40 of the middle one. Nothing is run: the rules are those of their test scripts (docs/peers.md), and this counts.
"""

import argparse
from pathlib import Path

from _common import ROOT, commit, write

LENGTHS = (25, 50, 100, 300, 1000, 1800)
STRIDE, REACH, FAR = 5, 5, 10
CAPPED, WITHIN = 80, 40


def windows(length: int, capped: bool) -> list[int]:
    """Frames of each window over a video."""
    sizes = []
    for middle in range(0, length, STRIDE):
        near = range(max(0, middle - REACH), min(length, middle + REACH + 1))
        first, last = 0, length
        if capped and length > CAPPED:
            first, last = max(0, middle - WITHIN), min(length, middle + WITHIN)
        sizes.append(len(near) + sum(frame not in near for frame in range(first, last, FAR)))
    return sizes


def main() -> None:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "frame_passes.json")
    args = parser.parse_args()
    rows = []
    for length in LENGTHS:
        plain, capped = windows(length, capped=False), windows(length, capped=True)
        rows.append(
            {
                "frames": length,
                "whole_video": sum(plain) / length,
                "largest_window": max(plain),
                "propainter": sum(capped) / length,
                # The frame itself and two contexts, and nothing where a frame has no hole.
                "rovr_at_most": 3,
            }
        )
        print("{frames:6d} {whole_video:8.2f} {largest_window:5d} {propainter:8.2f}".format(**rows[-1]))
    write(args.out, {"commit": commit(), "rows": rows})


if __name__ == "__main__":
    main()
