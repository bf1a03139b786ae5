"""Where repaired pixels come from: how much of each is from which frame, and how much was made up.

:mod:`~rovr.provenance.tracker` follows repairs, :mod:`~rovr.provenance.trace` is what it keeps of a frame,
:mod:`~rovr.provenance.tally` sums that up, :mod:`~rovr.provenance.file` and :mod:`~rovr.provenance.picture` write it.
"""

from rovr.provenance.tally import Tally
from rovr.provenance.trace import Trace
from rovr.provenance.tracker import Tracker

__all__ = ["Tally", "Trace", "Tracker"]
