"""What an editor learns: a course says what a sample holds, how it comes to be, and how it is judged."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor, nn

from rovr.editor.learned import LearnedEditor
from rovr.editor.training.config import TrainConfig
from rovr.editor.training.ranks import ALONE, Ranks
from rovr.editor.training.samples import Arrays, Fields
from rovr.perceptual import PerceptualLoss


class Course(ABC):
    """See the module's docstring; holds no state, so that it may travel to the processes that roll out."""

    @abstractmethod
    def fields(self, config: TrainConfig) -> Fields:
        """What a sample holds."""

    @abstractmethod
    def samples(self, editor: LearnedEditor, truth: Tensor, seed: int, config: TrainConfig) -> Iterator[Arrays]:
        """Make samples of one clip.

        Args:
            editor: Γ as it stands.
            truth: (T, 3, H, W) uint8, undamaged frames.
            seed: decides everything that is drawn.
            config: settings.
        """

    @abstractmethod
    def taught(self, net: nn.Module) -> nn.Module:
        """The part of an editor's network that learns."""

    @abstractmethod
    def terms(
        self, net: nn.Module, batch: dict[str, Tensor], perceptual: PerceptualLoss | None, ranks: Ranks = ALONE
    ) -> dict[str, Tensor]:
        """Named figures of a batch, each a mean; those that :meth:`weights` names make the loss.

        Where several processes hold slices of the batch, each gives its share of the mean over the whole.
        """

    @abstractmethod
    def weights(self, config: TrainConfig, perceptual: float) -> dict[str, float]:
        """Weight of each term, given λ."""

    @abstractmethod
    def picture(self, net: nn.Module, batch: dict[str, Tensor], path: Path) -> None:
        """Draw a batch, where there is anything to see."""
