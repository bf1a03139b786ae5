"""Means over runs with bootstrap intervals, and differences between methods paired by clip and seed.

Every figure of a summary is a ratio of two sums over runs, so one draw of clips serves all of them:

- usually the sum of the values over their number;
- flow errors are weighed by their pairs of frames, frame-averaged SSIM by its frames, and frame-averaged PSNR by those
  with a hole, for others have none; as if they had been averaged over all of them at once;
- flow recovery is the error that was taken away over the error that was there, over runs where at least
  :data:`rovr.metrics.motion.FLOOR` pixels were wrong, as in :func:`rovr.metrics.flow_recovery`.

Intervals are percentiles of 5,000 resamples of the clips, each with all of its runs: seeds of one clip have much in
common, and taken for so many clips they would make intervals too narrow. For the same reason few clips want percentiles
farther out than the 2.5th and the 97.5th (Hesterberg 2015, arXiv 1411.5279, section 4.4): those at which a mean would
get the interval of Student's t. VFID is no such ratio, and resampling falsifies it: its intervals are the jackknife's,
as many standard errors to either side as Student's t has.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rovr.metrics.motion import FLOOR
from rovr.metrics.vfid import frechet_distance

RESAMPLES = 5000
FEWEST = 5
"""Clips below which resampling them says little of clips that were not measured: no interval is shown then."""

WAY = ("sequential", "oracle")
AGAINST = ("sequential", "coverage", "sight")

Run = dict[str, Any]
Floats = NDArray[np.float64]
Interval = dict[str, float]


def summarize(runs: Sequence[Run], keys: Sequence[str]) -> dict[str, Interval | None]:
    """Figures of one method under one kind of damage.

    Args:
        runs: as results files hold them, with ``features`` (true, repaired) where VFID is asked for.
        keys: of the metrics.

    Returns:
        Mean, low and high by key; None where no run has a value.
    """
    draws = _draws(runs)
    found: dict[str, Interval | None] = {}
    for key in keys:
        if key != "vfid":
            sums, weights = _sums(runs, key)
            found[key] = _interval(_ratio(sums, weights, draws), _count(runs, weights > 0))
    if "vfid" in keys:
        found["vfid"] = _jackknife(lambda kept: _vfid(runs, kept), runs)
    return {key: found[key] for key in keys}


def compare(runs: Sequence[Run], others: Sequence[Run], keys: Sequence[str]) -> dict[str, Interval | None]:
    """Figures of a method less those of another, over the same clips and seeds in the same order."""
    draws = _draws(runs)
    found: dict[str, Interval | None] = {}
    for key in keys:
        if key == "vfid":
            found[key] = _jackknife(lambda kept: _vfid(runs, kept) - _vfid(others, kept), runs)
            continue
        (ours, weights), (theirs, other_weights) = _sums(runs, key), _sums(others, key)
        both = (weights > 0) & (other_weights > 0)
        pair = (_ratio(ours * both, weights * both, draws), _ratio(theirs * both, other_weights * both, draws))
        found[key] = _interval(pair[0] - pair[1], _count(runs, both))
    return found


def ways_to_bound(
    means: Mapping[str, Mapping[str, Interval | None]], better: Mapping[str, str]
) -> list[dict[str, Any]]:
    """How far each method has come from the least rule to the bound, 0 … 1, by each measure; none without the two.

    Measures by which the bound is not the better of the two have no way: it would lead the wrong way round.

    Args:
        means: by method and key of the metric.
        better: ``higher`` or ``lower``, by key of the metric.
    """
    if any(end not in means for end in WAY):
        return []
    ways: list[dict[str, Any]] = []
    for name in means.keys() - set(WAY):
        shares = {}
        for key in means[name]:
            found = [values["mean"] for one in (*WAY, name) if (values := means[one][key]) is not None]
            sign = 1 if better[key] == "higher" else -1
            if len(found) == 3 and sign * found[1] > sign * found[0]:
                shares[key] = (found[2] - found[0]) / (found[1] - found[0])
        ways.append({"method": name, "values": shares})
    return sorted(ways, key=lambda row: list(means).index(row["method"]))


def _draws(runs: Sequence[Run]) -> Floats:
    """How often each run counts: as it is, and in every resample, (1 + RESAMPLES, runs); the same at every call."""
    clips = _clips(runs)
    count = len(set(clips))
    resampled = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    return np.concatenate([np.ones((1, len(runs))), resampled[:, clips]])


def _clips(runs: Sequence[Run]) -> list[int]:
    """Which clip each run is of, counted from 0 as they come."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(run["clip"], len(numbers)) for run in runs]


def _count(runs: Sequence[Run], told: NDArray[np.bool_]) -> int:
    """How many clips have a value."""
    return len({run["clip"] for run, some in zip(runs, told, strict=True) if some})


def _sums(runs: Sequence[Run], key: str) -> tuple[Floats, Floats]:
    """Each run's part of numerator and denominator."""
    frames = np.array([len(run["hole"]) for run in runs], float)
    if key == "flow_recovery":
        before, after = (_values(runs, f"flow_error_{state}") for state in ("damaged", "repaired"))
        kept = (before >= FLOOR) * (frames - 1)
        return np.nan_to_num(kept * (before - after)), np.nan_to_num(kept * before)
    values = _values(runs, key)
    weights = np.ones(len(runs))
    if key == "frame_psnr":
        weights = np.array([sum(share > 0 for share in run["hole"]) for run in runs], float)
    elif key.startswith("frame_"):
        weights = frames
    elif key.startswith("flow_error"):
        weights = frames - 1
    return np.nan_to_num(values * weights), np.where(np.isnan(values), 0, weights)


def _values(runs: Sequence[Run], key: str) -> Floats:
    return np.array([run["values"].get(key) for run in runs], float)


def _ratio(above: Floats, below: Floats, draws: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray((draws @ above) / (draws @ below))


def _interval(found: Floats, count: int) -> Interval | None:
    """Of what came out as it is, which stands first, and for the resamples of so many clips."""
    if np.isnan(found[0]):
        return None
    # A resample spreads less than n clips do, by the root of (n − 1) / n.
    tail = 100 * NormalDist().cdf(-student(count - 1) * (count / (count - 1)) ** 0.5) if count > 1 else 50
    low, high = np.nanpercentile(found[1:], [tail, 100 - tail])
    return {"mean": float(found[0]), "low": float(low), "high": float(high)}


def _vfid(runs: Sequence[Run], kept: Sequence[int]) -> float:
    true, repaired = (torch.tensor([runs[k]["features"][place] for k in kept]) for place in (0, 1))
    return frechet_distance(repaired, true)


def _jackknife(statistic: Callable[[Sequence[int]], float], runs: Sequence[Run]) -> Interval | None:
    """A figure of some runs as it is, and how much it owes to single clips; None for fewer than three clips."""
    clips = _clips(runs)
    count = len(set(clips))
    if count < 3:
        return None
    whole = statistic(range(len(runs)))
    without = np.array([statistic([k for k, clip in enumerate(clips) if clip != left]) for left in range(count)])
    reach = student(count - 1) * float(np.sqrt((count - 1) * without.var()))
    return {"mean": whole, "low": whole - reach, "high": whole + reach}


def student(freedom: int) -> float:
    """Student's t at 97.5 %, by the expansion of Cornish and Fisher: within 0.3 % from four degrees of freedom on."""
    z = NormalDist().inv_cdf(0.975)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
