"""Sequences to train on and others to test on, from a folder of clips or from the bundled one."""

from pathlib import Path

import cv2

from rovr.data.folders import open_dataset
from rovr.demo import CLIP
from rovr.errors import UserError

SHARE = 4
"""Of so many sequences one is for testing."""

# Top, left, bottom and right in the bundled clip of 240×432, with a gap between training and testing.
TRAIN = (0, 0, 240, 232)
TEST = ((0, 248, 112, 432), (128, 248, 240, 432))


def split(clips: Path | None, out: Path, length: int) -> tuple[Path, Path, str]:
    """Folders of training and of test sequences, and a sentence that says how they were set apart.

    Args:
        clips: folder of clips, or of two folders ``train`` and ``test``; None for the bundled clip.
        out: where folders go that have to be made.
        length: frames of a clip.

    Raises:
        UserError: fewer than two sequences.
    """
    if clips is None:
        return (*cut(bundled(), out, length), "both from the bundled clip: other parts of the picture, but one scene")
    if (clips / "train").is_dir() and (clips / "test").is_dir():
        return clips / "train", clips / "test", "as the folders 'train' and 'test' have them"
    found = sorted(open_dataset(clips, length=length, size=None).sequences, key=lambda footage: footage.name)
    if len(found) < 2:
        raise UserError(f"{clips} holds one sequence of {length} frames or more; give two, one to test on")
    # Neighbours in the alphabet are often of one scene: test sequences are not taken from between the others.
    first = len(found) - max(1, len(found) // SHARE)
    for name, part in (("train", found[:first]), ("test", found[first:])):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        for footage in part:
            link = folder / (footage.name.replace("/", "_") + ("" if footage.path.is_dir() else footage.path.suffix))
            if not link.is_symlink():
                link.symlink_to(footage.path.resolve(), footage.path.is_dir())
    told = f"the last {len(found) - first} of {len(found)} by name are for testing; see that no scene is in both"
    return out / "train", out / "test", told


def bundled() -> Path:
    """The clip that comes with ROVR."""
    from importlib import resources

    return Path(str(resources.files("rovr"))) / "assets" / CLIP


def cut(clip: Path, out: Path, length: int) -> tuple[Path, Path]:
    """Cut a clip into folders of frames: one side to train on, the other, in stretches of time, to test on."""
    footage = open_dataset(clip.parent, length=length, size=None).sequences[0]
    for k, picture in enumerate(footage.frames(0, footage.length)):
        places = [(out / "train" / "left", TRAIN)]
        if k // length < footage.length // length:
            places += [(out / "test" / f"right-{row}-{k // length}", box) for row, box in enumerate(TEST)]
        for folder, (top, left, bottom, right) in places:
            folder.mkdir(parents=True, exist_ok=True)
            part = cv2.cvtColor(picture[top:bottom, left:right], cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(folder / f"{k:05d}.png"), part)
    return out / "train", out / "test"
