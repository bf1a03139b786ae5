"""Whether threads would wait for cores that other programs have, or that this one may not use.

A repair is thousands of short operations, after each of which all threads meet: more threads than free cores are slower
than fewer (``benchmarks/busy.py``). How many there are is the user's choice, since with it the last digits change; what
is said here is what would be faster.
"""

import math
import os
from pathlib import Path

from rovr.types import counted

LEAST = 0.5
"""Seconds to look at the machine before anything is said of it."""

SLACK = 0.4
"""Share of a core that others may have without being named."""


class Cores:
    """Looks at the machine from now on; where it cannot, as on other systems than Linux, it says nothing.

    Args:
        root: of the file system.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self._began = self._clocks()

    def advice(self, threads: int) -> str:
        """What to say to a program that computes with so many threads; empty where all is well."""
        cores, granted, others = os.cpu_count() or 1, self._granted(), self._others()
        if granted < min(threads, cores):
            what, free = f"this container may use {granted:g} of {counted(cores, 'core')}", granted
        else:
            what, free = f"other programs keep {others:.1f} of {counted(cores, 'core')} busy", cores - others
            if others <= SLACK:
                return ""
        if threads == 1 or free + SLACK >= threads:
            return ""
        better = max(1, math.floor(free + SLACK))
        return f"{what}, and threads that wait for one take time: OMP_NUM_THREADS={better} should be faster."

    def _clocks(self) -> tuple[float, float, float] | None:
        """Seconds since the machine began, added up over its cores: all, those at work, and those at work for us."""
        try:
            line = (self.root / "proc/stat").read_text().partition("\n")[0]
            times = [int(word) / os.sysconf("SC_CLK_TCK") for word in line.split()[1:9]]
            user, nice, system, _idle, _waiting, *rest = times
        except (OSError, ValueError, AttributeError):
            return None
        return sum(times), sum((user, nice, system, *rest)), sum(os.times()[:4])

    def _others(self) -> float:
        """Cores that others have had since the beginning, on average."""
        now, began = self._clocks(), self._began
        cores = os.cpu_count() or 1
        if now is None or began is None or now[0] - began[0] < LEAST * cores:
            return 0.0
        passed, busy, own = (b - a for a, b in zip(began, now, strict=True))
        return max(0.0, (busy - own) / passed * cores)

    def _granted(self) -> float:
        """Cores that the control group of a container may use at a time."""
        group = self.root / "sys/fs/cgroup"
        try:
            if (group / "cpu.max").exists():
                quota, period = (group / "cpu.max").read_text().split()
            else:
                quota, period = ((group / f"cpu/cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            return int(quota) / int(period) if int(quota) > 0 else math.inf
        except (OSError, ValueError, ZeroDivisionError):  # "max", too, is no number
            return math.inf
