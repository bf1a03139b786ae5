"""How threads wait for each other: said to OpenMP before torch is loaded, by whoever begins a process of ROVR's own."""

import os

SPINS = 4000
"""Times that a thread looks whether the others have come before it sleeps: enough for the gaps between operations."""


def wait_briefly() -> None:
    """Keep threads that wait from holding cores that others need, unless the user has said how to wait.

    Left to itself GNU's OpenMP looks 300 000 times, which takes a core for as long as the scheduler lets it: from the
    very thread that is waited for, where others are at work. It has to be told before torch is loaded.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)
