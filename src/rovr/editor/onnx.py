"""The ``aligned`` editor with its networks run by ONNX Runtime (extra ``rovr[onnx]``): ``--editor aligned-onnx``.

``rovr export`` writes the networks; everything between them – flow, warping at full size, pasting – is the same code as
always, so that the repairs are the same to within rounding. Numbers are float32 throughout.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rovr.editor.aligned import AlignedEditor
from rovr.editor.views import Fusion, Views
from rovr.errors import UserError

MOTION, FUSION = "editor-motion.onnx", "editor-fusion.onnx"
"""Files of an export."""


class OnnxNet(nn.Module):
    """A network in a file.

    Args:
        path: ONNX file.

    Raises:
        UserError: no such file, or one that ONNX Runtime cannot read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        if not path.is_file():
            raise UserError(f"{path} does not exist; write it with: rovr export -o {path.parent}")
        self.path = path
        # Tells whoever asks where tensors are wanted.
        self.place = nn.Parameter(torch.empty(0), requires_grad=False)
        # Tells this network from others where blocks of a job are kept, as weights do.
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
        self.register_buffer("digest", torch.tensor(list(digest), dtype=torch.uint8))
        self.session = self._open()

    def _open(self) -> Any:
        try:
            import onnxruntime
        except ImportError:
            raise UserError("editor 'aligned-onnx' needs ONNX Runtime: pip install 'rovr[onnx]'") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            return onnxruntime.InferenceSession(
                str(self.path), options, providers=onnxruntime.get_available_providers()
            )
        except Exception as error:  # its errors have no common base
            raise UserError(f"{self.path} is damaged or no ONNX file of this version; export it again") from error

    def run(self, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """All outputs, in their order."""
        arrays = {name: np.ascontiguousarray(tensor.detach().cpu().numpy()) for name, tensor in inputs.items()}
        return [torch.from_numpy(array).to(self.place.device) for array in self.session.run(None, arrays)]

    def __getstate__(self) -> dict[str, Any]:
        """Without the session, which does not travel to other processes."""
        return {**self.__dict__, "session": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open it there."""
        super().__setstate__(state)
        self.session = self._open()


class OnnxMotion(OnnxNet):
    """Takes the place of :class:`rovr.editor.motion.MotionNet`."""

    def forward(self, clues: Tensor) -> tuple[Tensor, Tensor]:
        """See there."""
        correction, error = self.run({"clues": clues.float()})
        return correction, error


class OnnxFusion(OnnxNet):
    """Takes the place of :class:`rovr.editor.aligned_net.AlignNet`.

    Args:
        folder: of an export.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / FUSION)
        self.motion = OnnxMotion(folder / MOTION)

    def forward(self, views: Views) -> Fusion:
        """See there; one target at a time."""
        return Fusion(*self.run({field.name: getattr(views, field.name) for field in fields(Views)}))


class OnnxEditor(AlignedEditor):
    """See the module's docstring.

    Args:
        weights: folder that ``rovr export`` wrote.
        device: where everything but the networks runs; ONNX Runtime takes the best place that it knows.

    Raises:
        UserError: no folder, or one without an export.
    """

    name = "aligned-onnx"

    def __init__(self, weights: Path | str | None = None, device: torch.device | str = "cpu") -> None:
        if weights is None:
            raise UserError(
                "editor 'aligned-onnx' needs the folder of an export: rovr export -o DIR, then --weights DIR"
            )
        super().__init__(OnnxFusion(Path(weights)), device)  # type: ignore[arg-type]
        self.bf16 = False
