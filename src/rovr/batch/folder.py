"""A folder of videos, each with its mask beside it.

The mask of ``NAME.mp4`` is called ``NAME.mask.*``, ``NAME_mask.*`` or ``NAME-mask.*`` and lies beside it, or is called
``NAME.*`` and lies in a folder ``masks`` or ``mask`` beside it. It is a video, a picture for all frames, or a folder of
pictures.
"""

from pathlib import Path

from rovr.errors import UserError
from rovr.video.folder import is_image, is_video, natural_key

_ENDINGS = (".mask", "_mask", "-mask")
_FOLDERS = ("masks", "mask")

Looked = dict[Path, dict[str, list[Path]]]
"""Folders, and what could be a mask in each, by its name without extension."""


def videos_in(folder: Path, outdir: Path) -> list[Path]:
    """Every video of a folder, and every folder of frames in it, but no masks.

    Args:
        folder: where to look; folders in it are not searched for videos.
        outdir: left out where it lies in the folder.

    Raises:
        UserError: there are none.
    """
    entries = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=natural_key)
    found = [path for path in entries if _is_video(path) and not _is_mask(path) and path.resolve() != outdir.resolve()]
    if found:
        return found
    if any(is_image(path) for path in entries):
        raise UserError(f"{folder} holds the frames of one video; repair it with rovr restore.")
    raise UserError(f"{folder} holds no videos; give a folder of videos, or a list of them.")


def _is_video(path: Path) -> bool:
    if path.is_dir():
        try:
            return any(is_image(entry) for entry in path.iterdir())
        except PermissionError:
            # Such as lost+found at the root of a drive.
            return False
    return is_video(path)


def _is_mask(path: Path) -> bool:
    return _stem(path).endswith(_ENDINGS) or (path.is_dir() and path.name in _FOLDERS)


def _stem(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def find_mask(path: Path, looked: Looked | None = None) -> Path:
    """The mask that belongs to a video by its name.

    Args:
        path: of the video.
        looked: folders that were looked at already, to which others are added, so that many videos take one look.

    Raises:
        UserError: there is none, or more than one.
    """
    looked = {} if looked is None else looked
    name, parent = _stem(path), path.parent
    found = sorted(entry for ending in _ENDINGS for entry in _usable(parent, looked).get(f"{name}{ending}", []))
    for folder in _FOLDERS:
        found += _usable(parent / folder, looked).get(name, [])
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{path} has more than one mask, {found[0].name} and {found[1].name}; remove or rename one.")
    raise UserError(
        f"{path} has no mask; put {name}.mask.mp4 beside it, or {name}.mp4 into masks, or pass --mask or --box."
    )


def _usable(folder: Path, looked: Looked) -> dict[str, list[Path]]:
    """What could be a mask, by its name without extension."""
    if folder not in looked:
        named: dict[str, list[Path]] = {}
        for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
            usable = is_image(entry) or is_video(entry) or entry.is_dir()
            if usable and not entry.name.startswith("."):
                named.setdefault(_stem(entry), []).append(entry)
        looked[folder] = named
    return looked[folder]
