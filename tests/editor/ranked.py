"""What one of several processes of a training does, for test_ranks; as a script, what ``torchrun`` starts."""

import gc
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rovr.cli import main
from rovr.editor.training.trainer import Trainer


def take_part(rank: int, port: int, arguments: Sequence[str], die_after: int | None) -> None:
    """Train as process ``rank`` of two, told of the other as ``torchrun`` would.

    Args:
        rank: 0 or 1.
        port: of this machine, where they meet.
        arguments: of ``rovr``.
        die_after: steps after which it is killed; None lets it live.
    """
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    learn = Trainer.learn

    def learn_or_die(trainer: Trainer, batch):
        if trainer.step == die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return learn(trainer, batch)

    Trainer.learn = learn_or_die  # type: ignore[method-assign]
    sys.exit(main(arguments))


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # A thread of the group that outlived it could abort the process at its end, when all work was done.
    gc.collect()
    print("left", sorted(path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")))
    sys.exit(code)
