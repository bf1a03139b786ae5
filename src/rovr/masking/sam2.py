"""SAM 2 (Ravi et al. 2024) as Hugging Face transformers has it, read from a folder (extra ``rovr[sam2]``)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rovr._compat import import_torchvision
from rovr.device import pick_device
from rovr.errors import UserError

if TYPE_CHECKING:
    import torch

MODEL = "facebook/sam2.1-hiera-tiny"
"""The repository on the Hugging Face Hub that is used unless another, or a folder, is named."""
FILES = ("*config.json", "model*.safetensors", "model.safetensors.index.json")
"""Patterns of the files of a model; no others are fetched, and so no pickle."""

# Points and the picture are given places by one and the same random matrix, which a file may hold only once.
_PICTURE, _POINTS = "shared_image_embedding", "prompt_encoder.shared_embedding"


@dataclass(frozen=True)
class Sam2:
    """A model ready to follow objects; it may follow several, one after the other.

    Attributes:
        model: a ``Sam2VideoModel``.
        processor: its ``Sam2VideoProcessor``.
        device: where it computes.
    """

    model: Any
    processor: Any
    device: "torch.device"


def library() -> Any:
    """The library transformers, with what belongs to SAM 2 loaded; takes seconds.

    Raises:
        UserError: it is not installed, or does not fit.
    """
    if any(find_spec(name) is None for name in ("transformers", "torchvision")):
        raise UserError("following by SAM 2 needs: pip install 'rovr[sam2]'")
    import_torchvision()
    transformers = import_module("transformers")
    version = transformers.__version__
    # Older ones do not let a streamed frame have its number, without which old frames cannot be let go of, or fail.
    if tuple(map(int, version.split(".")[:2])) < (5, 1):
        raise UserError(f"transformers {version} is too old for this; pip install --upgrade 'rovr[sam2]'")
    try:
        _ = transformers.Sam2VideoModel, transformers.Sam2VideoProcessor
    except (ImportError, AttributeError, RuntimeError) as error:
        why = str(error).strip().splitlines()[0]
        raise UserError(
            f"transformers {version} cannot load SAM 2, pip install --upgrade 'rovr[sam2]': {why}"
        ) from error
    return transformers


def read_sam2(folder: Path, device: str = "auto") -> Sam2:
    """Read a model of the kind ``sam2_video``, its weights from safetensors alone.

    Args:
        folder: with :data:`FILES`, as ``save_pretrained`` writes them or :func:`rovr.hub.locate` fetches them.
        device: see :func:`rovr.device.pick_device`.

    Raises:
        UserError: the extra is not installed, the device is not there, or the folder holds no such model.
    """
    place = pick_device(device)
    transformers = library()
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{folder} holds no SAM 2: it has no config.json that can be read; try {MODEL}") from error
    if kind != "sam2_video":
        raise UserError(f"{folder} holds no SAM 2 for videos: its config.json says '{kind}'; try {MODEL}")
    given = {"local_files_only": True}
    try:
        with _quiet(transformers.utils.logging):
            processor = transformers.Sam2VideoProcessor.from_pretrained(folder, **given)
            model, told = transformers.Sam2VideoModel.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, **given
            )
    except Exception as error:  # the library's errors and those of the libraries below have no common base
        why = (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0]
        raise UserError(f"{folder}: SAM 2 cannot be read, fetch it again or name another: {why}") from error
    missing = set(told["missing_keys"])
    if missing == {f"{_POINTS}.positional_embedding"}:
        matrix = model.get_submodule(_PICTURE).positional_embedding
        model.get_submodule(_POINTS).positional_embedding = matrix
    elif missing:
        raise UserError(f"{folder}: {len(missing)} weights of SAM 2 are missing; fetch it again or name another")
    return Sam2(model.to(place).eval(), processor, place)


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """Without the library's bars and warnings: what is wrong with a model is said in one line."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
