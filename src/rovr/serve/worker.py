"""The process that computes for the page: tasks come in as lines of JSON, events go out as such.

A process of its own keeps the server quick, and can be ended in the middle of a repair. It ends itself when the server
is gone. Run as ``python -m rovr.serve.worker [--gently]``.
"""

import json
import os
import queue
import sys
import threading
from typing import Any

from rovr.threads import wait_briefly


def main() -> None:
    """Do tasks until the input ends."""
    wait_briefly()
    # Whatever prints must not get between the events.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    if "--gently" in sys.argv and hasattr(os, "nice"):
        # Whoever repairs a whole film lets the page go first.
        os.nice(5)
    waiting: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(waiting,), daemon=True).start()
    from rovr.errors import UserError
    from rovr.serve.tasks import TASKS

    while True:
        task = waiting.get()

        def tell(event: str, **values: Any) -> None:
            out.write(json.dumps({"event": event, **values}) + "\n")

        try:
            tell("done", result=TASKS[task["task"]](task, tell))
        except UserError as error:
            tell("failed", text=str(error))
        except MemoryError:
            tell("failed", text="There is not enough memory for this video on this machine.")
        except Exception as error:
            if "out of memory" in str(error).lower():
                tell("failed", text="There is not enough memory for this video on this device.")
                continue
            import traceback

            traceback.print_exc()
            tell("failed", text=f"Something went wrong inside ROVR ({type(error).__name__}); the terminal says more.")


def _listen(waiting: "queue.Queue[dict[str, Any]]") -> None:
    for line in sys.stdin:
        waiting.put(json.loads(line))
    # The server is gone, and nobody waits for a result.
    os._exit(0)


if __name__ == "__main__":
    main()
