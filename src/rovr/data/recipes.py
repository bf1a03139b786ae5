"""Where the sequences of known data sets lie on disk."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rovr.data.footage import Footage
from rovr.errors import UserError
from rovr.video.folder import is_image, is_video, natural_key

# Folders that hold masks next to frames.
_NOT_FRAMES = {"annotations", "masks", "mask", "imagesets"}

# fmt: off
REALVSR_TEST = [
    f"{number:03d}"
    for number in (
        8, 26, 29, 31, 42, 55, 58, 77, 105, 113, 132, 135, 146, 155, 161, 167, 173, 175, 180, 181,
        189, 194, 195, 226, 232, 237, 241, 242, 247, 256, 268, 275, 293, 309, 358, 371, 372, 379,
        383, 401, 409, 413, 426, 438, 448, 471, 478, 484, 490, 498,
    )
]
# fmt: on
"""The sequences that the loader ``RealVSRDataset`` of IanYeung/RealVSR keeps from training."""


def _subfolders(folder: Path) -> list[Path]:
    found = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(found, key=natural_key)


def _holds_images(folder: Path) -> bool:
    return any(is_image(path) for path in folder.iterdir())


def _names(file: Path) -> list[str]:
    """One name a line; empty lines and those that begin with # do not count."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _folders(base: Path, names: Iterable[str] | None, annotations: Path | None = None) -> list[Footage]:
    """The folders of frames under ``base``, all or those named."""
    if not base.is_dir():
        raise UserError(f"{base} does not exist; check the path and the layout of the data set.")
    there = {path.name: path for path in _subfolders(base)}
    names = list(there) if names is None else list(names)
    missing = [name for name in names if name not in there]
    if missing:
        raise UserError(f"{base} lacks {len(missing)} of {len(names)} sequences, such as {missing[0]}; fetch it all.")
    drawn = {name: annotations / name for name in names} if annotations else {}
    return [
        Footage(name, there[name], drawn[name] if name in drawn and drawn[name].is_dir() else None) for name in names
    ]


def _choice(split: str | None, known: Iterable[str]) -> None:
    known = list(known)
    if split is not None and split not in known:
        there = f"choose from {', '.join(known)}, or give" if known else "there are none here; give"
        raise UserError(f"no split is called '{split}'; {there} a list file.")


def _listed(split: str | Path | None) -> list[str] | None:
    """The names in a list file, where the split is one."""
    return _names(Path(split)) if split is not None and Path(split).is_file() else None


def realvsr(root: Path, split: str | Path | None = None) -> list[Footage]:
    """RealVSR (Yang et al. 2021): ``GT/<000 … 499>/<00000 … 00049>.png``, 1024×512 portrait.

    Two different sets of 50 test sequences go around. ``RealVSRDataset`` of the authors' code excludes a list
    written into it (:data:`REALVSR_TEST`); ``RealVSR_AllPair``, which the published training files use,
    excludes those of ``keys/remove_seqs.pkl``. They differ, so a model trained on one split has seen test
    sequences of the other. Here ``test`` means the folders of ``GT_test`` where the archive of that name
    is unpacked beside ``GT``, and :data:`REALVSR_TEST` where it is not; ``train`` is the rest.

    Args:
        root: the folder that holds ``GT``.
        split: ``train``, ``test``, a file that lists sequences, or None for all.
    """
    held_out = root / "GT_test"
    everything = root / "GT"
    listed = _listed(split)
    if listed is not None or split is None:
        return _folders(everything, listed)
    _choice(str(split), ("train", "test"))
    if split == "test" and held_out.is_dir():
        return _folders(held_out, None)
    test = {path.name for path in _subfolders(held_out)} if held_out.is_dir() else set(REALVSR_TEST)
    return [found for found in _folders(everything, None) if (found.name in test) == (split == "test")]


def davis(root: Path, split: str | Path | None = None, resolution: str | None = None) -> list[Footage]:
    """DAVIS 2017: ``JPEGImages/480p/<sequence>``, ``Annotations/480p/<sequence>``, ``ImageSets/2017/*.txt``.

    Args:
        root: the folder that holds ``JPEGImages``, or the one above, with ``DAVIS`` in it.
        split: ``train``, ``val`` or another list of ``ImageSets/2017``, a file that lists sequences, or None
            for all.
        resolution: ``480p`` or ``Full-Resolution``; by default the first of them that is there.
    """
    root = root / "DAVIS" if (root / "DAVIS").is_dir() else root
    there = [path.name for path in _subfolders(root / "JPEGImages")] if (root / "JPEGImages").is_dir() else []
    if resolution is None:
        resolution = next((name for name in DAVIS_RESOLUTIONS if name in there), DAVIS_RESOLUTIONS[0])
    elif resolution not in there:
        raise UserError(f"{root} has no resolution '{resolution}'; there is {', '.join(there) or 'none'}.")
    names = _listed(split)
    if names is None and split is not None:
        lists = root / "ImageSets" / "2017"
        _choice(str(split), sorted(path.stem for path in lists.glob("*.txt")))
        names = _names(lists / f"{split}.txt")
    return _folders(root / "JPEGImages" / resolution, names, root / "Annotations" / resolution)


DAVIS_RESOLUTIONS = ("480p", "Full-Resolution")


def youtube_vos(root: Path, split: str | Path | None = None) -> list[Footage]:
    """YouTube-VOS: ``<split>/JPEGImages/<video>/<frame>.jpg``, ``Annotations``, ``meta.json``.

    The sparse version holds every fifth frame, so the numbers are not contiguous; frames are taken in the order
    of their names.

    Args:
        root: the folder that holds the splits, or one split.
        split: ``train``, ``valid`` or another folder of the root, a file that lists videos, or None for all.
    """
    parts = [root] if (root / "JPEGImages").is_dir() else _splits(root)
    listed = _listed(split)
    if listed is None and split is not None:
        known = {part.name: part for part in parts}
        _choice(str(split), known)
        parts = [known[str(split)]]
    sequences: list[Footage] = []
    for part in parts:
        names = listed
        meta = part / "meta.json"
        if names is None and meta.is_file():
            try:
                names = sorted(json.loads(meta.read_text(encoding="utf-8"))["videos"])
            except (ValueError, RecursionError, KeyError, TypeError, OSError):
                raise UserError(f"{meta} is damaged or lists no videos; fetch it again") from None
        elif names is not None and len(parts) > 1:
            names = [name for name in names if (part / "JPEGImages" / name).is_dir()]
        sequences += _folders(part / "JPEGImages", names, part / "Annotations")
    return sequences


def _splits(root: Path) -> list[Path]:
    return [path for path in _subfolders(root) if (path / "JPEGImages").is_dir()]


def folder(root: Path, split: str | Path | None = None) -> list[Footage]:
    """Any folder: the videos and the folders of frames anywhere below it, or the frames in it.

    Folders called masks or annotations are passed over.

    Args:
        root: the folder.
        split: a subfolder, a file that lists sequences, or None for all.
    """
    listed = _listed(split)
    if listed is None and split is not None:
        _choice(str(split), [path.name for path in _subfolders(root)])
        root = root / split
    found = [Footage(root.name, root)] if _holds_images(root) else list(_below(root, root))
    if listed is None:
        return found
    known = {sequence.name: sequence for sequence in found}
    missing = [name for name in listed if name not in known]
    if missing:
        raise UserError(f"{root} lacks {len(missing)} of {len(listed)} sequences, such as {missing[0]}; fetch it all.")
    return [known[name] for name in listed]


def _below(at: Path, root: Path) -> Iterable[Footage]:
    for path in sorted(at.iterdir(), key=natural_key):
        name = path.relative_to(root).with_suffix("").as_posix() if path.is_file() else ""
        if path.name.startswith(".") or path.name.lower() in _NOT_FRAMES:
            continue
        if path.is_file() and is_video(path):
            yield Footage(name, path)
        elif path.is_dir() and _holds_images(path):
            yield Footage(path.relative_to(root).as_posix(), path)
        elif path.is_dir():
            yield from _below(path, root)


@dataclass(frozen=True)
class Recipe:
    """A known layout.

    Attributes:
        find: (root, split) to sequences.
        fits: whether a root looks like it.
        about: one line for help texts.
    """

    find: Callable[[Path, str | Path | None], list[Footage]]
    fits: Callable[[Path], bool]
    about: str


def _is_davis(root: Path) -> bool:
    return any((root / top / "JPEGImages" / r).is_dir() for top in ("", "DAVIS") for r in DAVIS_RESOLUTIONS)


def _is_youtube_vos(root: Path) -> bool:
    return (root / "JPEGImages").is_dir() or any(_splits(root))


RECIPES: dict[str, Recipe] = {
    "realvsr": Recipe(realvsr, lambda root: (root / "GT").is_dir(), "RealVSR: GT/<sequence>/<frame>.png"),
    "davis": Recipe(davis, _is_davis, "DAVIS 2017: JPEGImages/480p/<sequence>, ImageSets/2017"),
    "youtube_vos": Recipe(youtube_vos, _is_youtube_vos, "YouTube-VOS: <split>/JPEGImages/<video>, meta.json"),
    "folder": Recipe(folder, Path.is_dir, "videos or folders of frames"),
}
"""In the order in which they are tried."""
