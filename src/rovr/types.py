"""Words and shapes used everywhere, said once.

| symbol | name in code | shape |
|---|---|---|
| X, X̃ | ``truth``, ``frames`` | (T, 3, H, W), float in [0, 1] or uint8; a batch is (B, T, 3, H, W) |
| hole | ``masks`` | (T, 1, H, W), 1 = missing |
| – | ``doubt`` | (T, 1, H, W), float in [0, 1]: 0 = seen, 1 = unknown; repaired pixels lie in between |
| i_t | ``Edit.frame`` | index into T |
| c_t1, c_t2 | ``Edit.contexts`` | indices into T |
"""

from dataclasses import dataclass

from rovr.errors import UserError


@dataclass(frozen=True)
class Edit:
    """One action a_t = (i_t, c_t1, …, c_tK) of the decision process.

    Attributes:
        frame: the frame to repair.
        contexts: the frames to look at while repairing it, none of them ``frame``.
    """

    frame: int
    contexts: tuple[int, ...]


SEEDS = 1 << 63
"""How many seeds there are, from 0: what every source of chance takes."""


def check_seed(seed: int) -> None:
    """See that a seed is one.

    Raises:
        UserError: it is below 0, or not below ``SEEDS``.
    """
    if not 0 <= seed < SEEDS:
        raise UserError(f"--seed {seed}: give 0 or more, below 2^63.")
