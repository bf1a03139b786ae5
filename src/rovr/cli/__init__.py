"""The ``rovr`` command. Each verb is a frozen dataclass in a module of its own, listed in :func:`verbs`.

The fields of the dataclass are the arguments, their docstrings the help, and ``run`` does the work. Heavy imports
belong into ``run``, so that asking for help takes no time.
"""

import contextlib
import importlib
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rovr._version import __version__
from rovr.cli.signals import HEAVY, Terminated, at_once, orderly, told
from rovr.errors import UserError, no_room, refused
from rovr.threads import wait_briefly

_ABOUT = "Repair the holes in a video. Also: --version, and --debug for a traceback where ROVR itself fails."

_GROUPS = {
    "mask": "Make the masks that a repair needs: drawn, or found in the video.",
    "train": "Train an editor, or the agents that choose frames.",
}


def verbs() -> dict[str, Any]:
    """Verb → its dataclass, or a dict of such for verbs in two words."""
    from rovr.cli.corrupt import Corrupt
    from rovr.cli.demo import Demo
    from rovr.cli.evaluate import Evaluate
    from rovr.cli.export import Export
    from rovr.cli.info import Info
    from rovr.cli.mask import (
        MaskBlocks,
        MaskDraw,
        MaskFollow,
        MaskLogo,
        MaskScratches,
        MaskSubtitles,
        MaskTranslucent,
    )
    from rovr.cli.provenance import Provenance
    from rovr.cli.report import Report
    from rovr.cli.restore import Restore
    from rovr.cli.restore_many import RestoreMany
    from rovr.cli.serve import Serve
    from rovr.cli.train import TrainAgents, TrainEditor

    train = {"editor": TrainEditor, "agents": TrainAgents}
    mask = {
        "draw": MaskDraw,
        "logo": MaskLogo,
        "translucent": MaskTranslucent,
        "scratches": MaskScratches,
        "blocks": MaskBlocks,
        "subtitles": MaskSubtitles,
        "follow": MaskFollow,
    }
    measuring = {"evaluate": Evaluate, "report": Report}
    repairing = {"restore": Restore, "restore-many": RestoreMany, "mask": mask, "provenance": Provenance}
    looking = {"serve": Serve, "info": Info, "demo": Demo}
    return {**repairing, **looking, "corrupt": Corrupt, **measuring, "train": train, "export": Export}


def _app(verbs: dict[str, Any]) -> Any:
    from tyro.extras import SubcommandApp

    app = SubcommandApp()
    for name, verb in verbs.items():
        app.command(_app(verb) if isinstance(verb, dict) else verb, name=name, help=_GROUPS.get(name))
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; by default those of the process.

    Returns:
        The exit code: 0, 1 for our fault, 2 for a mistake in what was asked, 130 where interrupted, 143 where
        terminated.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        # What a terminal has no letter for, or a name that is no text, is no reason to end.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    wait_briefly()
    # A current folder that was removed holds nothing to import.
    with contextlib.suppress(OSError):
        if not {"", os.getcwd()} & set(sys.path):
            # Python lets further processes import what happens to lie in the current folder.
            os.environ.setdefault("PYTHONSAFEPATH", "1")
    debug = "--debug" in args or bool(os.environ.get("ROVR_DEBUG"))
    args = [arg for arg in args if arg != "--debug"]

    def run() -> None:
        if args[:1] == ["--version"]:
            print(f"rovr {__version__}")
            return
        from tyro.conf import FlagCreatePairsOff

        if "" in args:
            raise UserError("an argument is empty, perhaps a variable of the shell that is not set; name all files.")
        with at_once():
            verb = _app(verbs()).cli(prog="rovr", description=_ABOUT, args=args, config=(FlagCreatePairsOff,))
            for name in getattr(verb, "LOADS", HEAVY):
                importlib.import_module(name)
        verb.run()

    return answer(run, debug)


def _open_closed() -> None:
    """Where this process was begun with a standard stream closed, nothing else is to be opened in its place.

    Whatever libraries print would go into that: into the output, for one.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                while os.open(os.devnull, os.O_RDWR) < number:
                    pass
            stream = open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, stream)


def answer(run: Callable[[], None], debug: bool = False) -> int:
    """Do a job, say in one line what went wrong, and give the exit code of :func:`main`."""
    try:
        with orderly():
            run()
    except UserError as error:
        _say(f"rovr: {error}")
        return 2
    except KeyboardInterrupt:
        _say(told(signal.SIGINT))
        return 128 + signal.SIGINT
    except Terminated:
        _say(told(signal.SIGTERM))
        return 128 + signal.SIGTERM
    except BrokenPipeError:
        return 1
    except Exception as error:
        if mendable := refused(error) or no_room(error):
            _say(f"rovr: {mendable}")
            return 2
        if debug:
            raise
        line = str(error).strip().splitlines()[0] if str(error).strip() else ""
        _say(
            f"rovr: internal error, {type(error).__name__}: {line} — please report it with the output of "
            "the same command and --debug."
        )
        return 1
    return 0


def _say(line: str) -> None:
    # The terminal may be gone.
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
