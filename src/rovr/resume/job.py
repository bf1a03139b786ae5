"""What a job is, so that blocks of one job are never taken for those of another."""

import hashlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rovr._version import __version__
from rovr.files import stamp
from rovr.restorer import Restorer
from rovr.video.folder import is_image
from rovr.video.masks import Box
from rovr.video.source import VideoInfo

_PLAIN = (bool, int, float, str, type(None))


def job_options(
    *, dilate: int, seed: int, crf: int, lossless: bool, grain: bool, fields: bool, provenance: bool
) -> dict[str, bool | int]:
    """The options that count, by their names on the command line; whoever leaves one out is told so."""
    return {
        "dilate": dilate,
        "seed": seed,
        "crf": crf,
        "lossless": lossless,
        "grain": grain,
        "fields": fields,
        "provenance": provenance,
    }


def describe_job(
    restorer: Restorer,
    info: VideoInfo,
    mask: str | Path | None,
    boxes: Sequence[str | Box],
    **options: Any,
) -> dict[str, Any]:
    """Everything that the output depends on, as plain values; the keys are words for the user.

    Args:
        restorer: editor and selector; their weights and the arguments they were made with count.
        info: of the damaged video.
        mask: as given by the user.
        boxes: as given by the user.
        options: from :func:`job_options`.
    """
    repairer, blocks = restorer.repairer, restorer.blocks(info.width, info.height)
    return {
        # The output and this journal may lie in the very folder that is read.
        "the input": stamp(info.path, is_image),
        "the mask": None if mask is None else stamp(Path(mask), is_image),
        "--box": [box if isinstance(box, str) else ",".join(map(str, box)) for box in boxes],
        **{f"--{name}": value for name, value in options.items()},
        "--editor": repairer.editor.name,
        "the editor's weights": _inside(repairer.editor),
        "--selector": repairer.selector.name,
        "the selector's settings": _inside(repairer.selector),
        "--contexts": repairer.contexts,
        "--passes": repairer.passes,
        "--texture": repairer.texture,
        "--device": str(restorer.device),
        "frames in a block": [blocks.window, blocks.margin, blocks.anchors],
        "--one-scene": not blocks.cuts,
        "the version of ROVR": __version__,
        "the version of PyTorch": torch.__version__,
    }


def _inside(part: object) -> list[Any]:
    """The plain arguments an editor or selector was made with, and a digest of its networks."""
    named = inspect.signature(type(part).__init__).parameters
    plain = {name: getattr(part, name) for name in named if isinstance(getattr(part, name, part), _PLAIN)}
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(vars(part).items()):
        if isinstance(value, nn.Module):
            for key, tensor in value.state_dict().items():
                digest.update(f"{name}.{key} {tuple(tensor.shape)} {tensor.dtype}".encode())
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return [type(part).__qualname__, plain, digest.hexdigest()]
