"""Repair clips held in memory: an editor and a selector under one roof."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rovr.anchors import ANCHORS, anchor_count
from rovr.blocks import BlockRepairer, Item, block_size
from rovr.device import check_defaults, pick_device
from rovr.editor.base import Editor
from rovr.errors import UserError
from rovr.files import at_home
from rovr.provenance.trace import Trace
from rovr.repair import Repairer, check_counts
from rovr.select.base import Selector
from rovr.types import Edit, check_seed
from rovr.video.limits import MAX_SIDE

Frames = NDArray[np.uint8] | Tensor

OVERSHOOT = 0.5
"""How far floats may lie beyond black and white, where they are cut off."""


@dataclass(frozen=True)
class RestoreResult:
    """What :meth:`Restorer.restore` gives back.

    Attributes:
        frames: of the kind, shape and type that was given.
        edits: what was done, in the order of the frames.
        doubt: (T, 1, H, W) float in [0, 1]: 0 = seen by the camera, 1 = made up.
        provenance: repaired frame → where its pixels come from; None where not asked for.
    """

    frames: Frames
    edits: list[Edit]
    doubt: Tensor
    provenance: dict[int, Trace] | None = None


class Restorer:
    """An editor and a selector, ready to repair.

    Threads that share one take turns. To repair at the same time, each needs one with a selector of its own.

    Args:
        editor: Γ.
        selector: the frame and context policies.
        contexts: K, frames to look at per repair.
        device: where frames lie during a repair.
        window: frames to repair at a time in long videos.
        margin: frames to look at on either side of these.
        cuts: whether to look for scene cuts, which no repair looks across.
        anchors: frames at most that represent what lies beyond (:mod:`rovr.anchors`).
        passes: times that each damaged frame is repaired; see :class:`rovr.repair.Repairer`.
        texture: whether what no frame shows is given texture, likewise.
    """

    def __init__(
        self,
        editor: Editor,
        selector: Selector,
        contexts: int = 2,
        device: torch.device | str = "cpu",
        window: int = 50,
        margin: int = 25,
        cuts: bool = True,
        anchors: int = ANCHORS,
        passes: int = 1,
        texture: bool = False,
    ) -> None:
        self.repairer = Repairer(editor, selector, contexts, passes, texture)
        self.device = torch.device(device)
        self.window = window
        self.margin = margin
        self.cuts = cuts
        self.anchors = anchors

    @classmethod
    def from_pretrained(
        cls,
        editor: str | Path | Editor = "aligned",
        selector: str | Path | Selector | None = None,
        device: str | torch.device = "auto",
        contexts: int | None = None,
        weights: str | Path | None = None,
        cuts: bool = True,
        revision: str | None = None,
        token: str | None = None,
        passes: int = 1,
        texture: bool = False,
    ) -> "Restorer":
        """Load by name; instances are taken as they are.

        Args:
            editor: a name known to :func:`rovr.editor.load_editor`; or a model, which may bring its selector along: a
                folder, ``./mine``, or a repository on the Hugging Face Hub, ``owner/name`` (:mod:`rovr.hub` says how
                they are told apart). A ``Path`` is a folder.
            selector: a name known to :func:`rovr.select.load_selector`, or an agent's file; by default the model's own,
                or ``agent``.
            device: see :func:`rovr.device.pick_device`.
            contexts: K, frames to look at per repair; by default as many as the model says, or 2.
            weights: the editor's weights, by default the ones that come with it.
            cuts: whether to look for scene cuts, which no repair looks across.
            revision: branch, tag or commit of a repository.
            token: for a private repository, in place of the one that was logged in with.
            passes: times that each damaged frame is repaired; a second pass takes about as long as the first.
            texture: whether what no frame shows is given the texture of its surroundings (:mod:`rovr.texture`), and not
                filled smoothly.

        Raises:
            UserError: an unknown name, an absent device, weights that do not fit, a model that cannot be fetched,
                contexts or passes that are no whole number from 1 on,
                a revision of what has none, weights for an editor that is made already, or a default type or device of
                PyTorch's that is another than repairs need.
        """
        from rovr import hub, model_folder
        from rovr.editor import load_editor
        from rovr.select import DEFAULT, load_selector

        check_defaults()
        check_counts(2 if contexts is None else contexts, passes)
        place = pick_device(str(device))
        if isinstance(editor, Path):
            editor = str(at_home(editor).absolute())
        if isinstance(selector, Path):
            selector = str(selector)
        if isinstance(editor, str) and hub.is_path(editor):
            if weights is not None:
                raise UserError(f"{editor} has weights of its own; leave --weights out, or name an editor")
            folder = hub.locate(editor, revision, token)
            config = model_folder.read_config(folder)
            if selector is None:
                selector = model_folder.read_selector(folder, config, place)
            contexts = config.get("contexts") if contexts is None else contexts
            editor = model_folder.read_editor(folder, config, place) or "aligned"
        elif revision is not None:
            raise UserError(f"revision {revision}: only a repository, owner/name, has revisions; leave it out")
        elif weights is not None and not isinstance(editor, str):
            raise UserError(f"the editor '{editor.name}' is given with its weights; leave weights out")
        if isinstance(selector, str) or selector is None:
            selector = load_selector(selector or DEFAULT, place)
        if isinstance(editor, str):
            editor = load_editor(editor, device=place, weights=weights)
        looked = 2 if contexts is None else contexts
        return cls(editor, selector, looked, place, cuts=cuts, passes=passes, texture=texture)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write editor and selector into a folder that :meth:`from_pretrained` reads.

        Raises:
            UserError: an editor or a selector that is not ROVR's own.
        """
        from rovr.model_folder import write_model

        parts = (self.repairer.editor, self.repairer.selector, self.repairer.contexts)
        write_model(at_home(folder), *parts)

    def push_to_hub(self, repository: str, license: str = "apache-2.0", **options: Any) -> str:
        """Upload editor and selector to the Hugging Face Hub, with a model card where there is none yet.

        Args:
            repository: ``owner/name``; made where there is none.
            license: of the model.
            options: ``private`` (bool), ``token``, ``revision`` and ``message`` of the commit.

        Returns:
            The address of the commit.

        Raises:
            UserError: an editor or a selector that is not ROVR's own, or a Hub that refuses or is out of reach.
        """
        from rovr.hub import push

        unknown = set(options) - {"private", "token", "revision", "message"}
        if unknown:
            raise UserError(f"push_to_hub has no option {', '.join(sorted(unknown))}")
        parts = (self.repairer.editor, self.repairer.selector, self.repairer.contexts)
        return push(repository, *parts, options, license)

    def blocks(
        self, width: int, height: int, on_edit: Callable[[Edit], None] | None = None, traced: bool = False
    ) -> BlockRepairer[Any]:
        """A block repairer for frames of this size.

        Raises:
            UserError: PyTorch's default type or device is another than repairs need.
        """
        check_defaults()
        window, margin = block_size(width * height, self.window, self.margin)
        anchors = anchor_count(width * height, self.anchors)
        return BlockRepairer(self.repairer, window, margin, self.device, on_edit, self.cuts, traced, anchors)

    def restore(self, frames: Frames, masks: Frames, seed: int = 0, provenance: bool = False) -> RestoreResult:
        """Repair a clip held in memory; pixels outside the mask come back as they were.

        Args:
            frames: (T, H, W, 3) uint8 array, or (T, 3, H, W) tensor, uint8 or float in [0, 1].
            masks: (T, H, W), (T, 1, H, W) or one (H, W) for all frames; nonzero = missing.
            seed: of the source of chance, for selectors that sample.
            provenance: whether to follow where the repaired pixels come from.

        Raises:
            UserError: shapes, types or values that do not fit, naming them.
        """
        seed = check_seed(seed)
        clip = _clip(frames)
        holes = _holes(masks, clip)
        _check_range(frames, holes)

        def items() -> Iterator[Item[None]]:
            return (Item(clip[i], holes[i], None, bool(holes[i].any())) for i in range(len(clip)))

        generator = torch.Generator().manual_seed(seed)
        height, width = clip.shape[-2:]
        done = list(self.blocks(width, height, traced=provenance).run(items(), generator, items))
        repaired = torch.stack([item.frame for item in done])
        edits = [item.edit for item in done if item.edit is not None]
        blank = torch.zeros_like(holes[0], dtype=torch.uint8)
        doubt = torch.stack([blank if item.doubt is None else item.doubt for item in done]).float() / 255
        traces = {i: item.trace for i, item in enumerate(done) if item.trace is not None} if provenance else None
        return RestoreResult(_like(frames, repaired, holes), edits, doubt, traces)


def _clip(frames: Frames) -> Tensor:
    """Any accepted kind of frames as (T, 3, H, W) uint8 on the CPU."""
    if not isinstance(frames, np.ndarray | Tensor):
        raise UserError(f"Frames are one array or one tensor; these are a {type(frames).__name__}.")
    shape = tuple(frames.shape)
    if isinstance(frames, np.ndarray):
        if len(shape) != 4 or shape[3] != 3 or frames.dtype != np.uint8:
            raise UserError(f"Frames as an array are (T, H, W, 3) uint8; these are {shape} {frames.dtype}.")
        # A copy: PyTorch warns of arrays that are not to be written to.
        clip = torch.from_numpy(np.array(frames.transpose(0, 3, 1, 2), order="C"))
    else:
        if len(shape) != 4 or shape[1] != 3:
            raise UserError(f"Frames as a tensor are (T, 3, H, W); these are {shape}.")
        if frames.dtype != torch.uint8 and not frames.is_floating_point():
            raise UserError(f"Frames as a tensor are uint8 or float in [0, 1]; these are {frames.dtype}.")
        clip = frames.detach().cpu()
        if clip.is_floating_point():
            clip = (clip.clamp(0, 1) * 255).round().to(torch.uint8)
    if not all(shape):
        raise UserError(f"Frames of shape {shape} hold no pixels.")
    if max(clip.shape[-2:]) > MAX_SIDE:
        raise UserError(f"Frames of shape {shape} have a side of more than {MAX_SIDE:,} pixels; cut them up.")
    return clip.contiguous()


def _holes(masks: Frames, clip: Tensor) -> Tensor:
    """Any accepted kind of masks as (T, 1, H, W) bool on the CPU."""
    if not isinstance(masks, Tensor):
        # NumPy knows lists, arrays that run backwards and arrays that are not to be written to, which PyTorch does not.
        try:
            masks = torch.from_numpy(np.ascontiguousarray(np.asarray(masks) != 0))
        except (ValueError, TypeError):
            raise UserError("Masks are one array or one tensor, or a list of arrays of one size.") from None
    holes = masks.detach().cpu() != 0
    length, _, height, width = clip.shape
    given = tuple(holes.shape)
    if given == (height, width):
        holes = holes.expand(length, 1, height, width)
    elif given == (length, height, width):
        holes = holes[:, None]
    elif given != (length, 1, height, width):
        raise UserError(
            f"Masks of shape {given} do not fit frames of {length} × {height} × {width}; "
            f"give ({length}, {height}, {width}) or ({height}, {width})."
        )
    if holes.all():
        raise UserError("The mask covers every pixel of every frame; leave something to learn from.")
    return holes


def _check_range(frames: Frames, holes: Tensor) -> None:
    """Refuse floats on another scale, which would be cut off at white; what a hole holds does not matter."""
    if not isinstance(frames, Tensor) or not frames.is_floating_point():
        return
    for frame, hole in zip(frames.detach().cpu(), holes, strict=True):
        low, high = (float(bound) for bound in frame.masked_fill(hole, 0).aminmax())
        # Enlarging and sharpening overshoot a little. Comparisons with NaN are false.
        if not (low >= -OVERSHOOT and high <= 1 + OVERSHOOT):
            raise UserError(
                f"Frames as a float tensor lie in [0, 1]; outside the holes these lie in [{low:.3g}, {high:.3g}]: "
                "scale them, or give uint8."
            )


def _like(given: Frames, repaired: Tensor, holes: Tensor) -> Frames:
    """Repaired frames in the kind that was given; floats outside the hole keep all their digits."""
    if isinstance(given, np.ndarray):
        return repaired.permute(0, 2, 3, 1).contiguous().numpy()
    repaired = repaired.to(given.device)
    if given.is_floating_point():
        return torch.where(holes.to(given.device), repaired.to(given.dtype) / 255, given.detach())
    return repaired
