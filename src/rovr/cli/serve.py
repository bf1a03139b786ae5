"""``rovr serve``: the page, in a browser on this machine."""

from dataclasses import dataclass

from rovr.cli.signals import VIDEO


@dataclass(frozen=True)
class Serve:
    """Open a page where videos are repaired by looking: mark, preview, repair, compare."""

    LOADS = VIDEO
    port: int | None = None
    """Port to listen on; by default the first free one from 8765."""
    no_browser: bool = False
    """Do not open a browser."""
    host: str = "127.0.0.1"
    """Address to listen on; one that others can reach asks them for a token."""
    keep: float = 240.0
    """Minutes after the last look until a video is deleted."""
    device: str = "auto"
    """Where to compute: auto, cpu, cuda or mps."""

    def run(self) -> None:
        """Do it."""
        from rovr.errors import UserError
        from rovr.serve import check_installed

        check_installed()
        if not 1 <= self.keep <= 100_000:
            raise UserError(f"--keep {self.keep:g}: give minutes between 1 and 100000.")
        from functools import partial

        from rovr.serve.limits import Limits
        from rovr.serve.run import serve

        say = partial(print, flush=True)
        serve(self.host, self.port, not self.no_browser, self.device, Limits(keep=60 * self.keep), say)
