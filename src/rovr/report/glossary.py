"""The words of the page, each in a plain sentence, and what it was made from."""

from collections.abc import Sequence
from pathlib import Path

from rovr.data.corrupt import KINDS
from rovr.data.photometric import split_kind
from rovr.evaluate.freeform import KINDS as FREEFORM
from rovr.evaluate.origin import described
from rovr.evaluate.summary import FEWEST
from rovr.report.evaluation import Evaluation, Metric
from rovr.report.focus import Focus
from rovr.types import counted

TERMS = {
    "Hole": "The part of a frame that is missing.",
    "Context": "Another frame that the editor looks at while it repairs one.",
    "Selector": "Decides which frame is repaired next, and its contexts: a rule, an agent, or an oracle.",
    "Rule": "A selector that somebody wrote down; the best rule is what an agent has to beat.",
    "Agent": "A selector that was trained: it learned by trial which choices lead to better repairs.",
    "Oracle": "A selector that tries contexts out and compares each repair with the undamaged clip. Nothing that has "
    "to repair a video can do that, so it is a bound and no rival: what there is to win by choosing contexts.",
    "Editor": "Repairs one frame from its contexts.",
    "Method": "An editor under a selector.",
    "Look": "One context used in one repair.",
    "Saw": "The share of a hole's place that the camera saw in at least one of the contexts, counted at the same place "
    "of the picture, without following motion.",
    "Knew": "The same, with what earlier repairs had brought into the contexts from frames that saw more.",
    "Seed": "A number that decides where the holes are; with another seed the same clip is damaged anew.",
    "95 % interval": "What the mean might be on other clips of this kind: from drawing the measured clips again and "
    "again (bootstrap). Where the interval of a difference does not hold zero, chance alone hardly explains it. For "
    f"fewer than {FEWEST} clips none is shown, and nobody is called better.",
    "dB": "Decibel, the unit of PSNR: 3 dB more is half the squared error, 1 dB more a fifth less.",
}

MEASURES = {
    "hole_psnr": "Peak signal-to-noise ratio inside the holes: how small the error of the filled-in pixels is.",
    "hole_ssim": "Structural similarity inside the holes: how alike edges and textures are to the truth; 1 is equal.",
    "psnr": "Peak signal-to-noise ratio over whole frames. Most of their pixels were never missing, so it flatters "
    "everyone.",
    "ssim": "Structural similarity over whole frames; 1 is equal. It flatters everyone likewise.",
    "frame_psnr": "PSNR of each whole frame, averaged over frames, as work on video inpainting reports it.",
    "frame_ssim": "SSIM of each whole frame, averaged over frames, as work on video inpainting reports it.",
    "flow_error_damaged": "How many pixels the motion in the damaged clip is off the true motion before any repair; it "
    "says how hard the clips are, and is the same for every method.",
    "flow_error_repaired": "How many pixels the motion in the repaired clip is off the true motion.",
    "flow_recovery": "The share of the error in motion that the repair took away: 1 is all of it, below 0 is harm.",
    "warp_error": "How much colours change along the true motion, where they should stay as they are.",
    "flicker": "Change from frame to frame inside the holes that the truth does not have.",
    "lpips": "How different a network trained on human judgements finds the repair and the truth; 0 is equal.",
    "st_lpips": "How different a network trained on human judgements finds the repair and the truth, forgiving small "
    "shifts; 0 is equal.",
    "vfid": "How far the repaired clips as a whole are from the true ones in the features of a network that knows "
    "actions.",
}

FLICKERS = "Besides, frames flicker and are noisy."


def words(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Terms, kinds of damage and measures that the page uses."""
    units = {metric.unit for metric in evaluation.metrics.values()}
    bounded = any(method.knows_truth for method in evaluation.methods)
    left_out = {"dB": "dB" not in units, "Oracle": not bounded}
    found = [pair for pair in TERMS.items() if not left_out.get(pair[0])]
    found += [(f"Damage '{kind}'", text) for kind in evaluation.protocol.corruptions if (text := damage(kind))]
    return found + [(metric.label, _measure(key, metric)) for key, metric in evaluation.metrics.items()]


def damage(kind: str) -> str:
    """A kind of damage in a sentence or two; empty for one from another package."""
    name, photometric = split_kind(kind)
    if name in FREEFORM:
        text = "One blob with a ragged outline that " + ("wanders." if FREEFORM[name] else "stands still.")
    elif name in KINDS:
        text = f"{KINDS[name].about[0].upper()}{KINDS[name].about[1:]}."
    else:
        return ""
    return f"{text} {FLICKERS}" if photometric else text


def _measure(key: str, metric: Metric) -> str:
    text = MEASURES.get(key, "A measure of this evaluation.")
    unit = f" In {metric.unit}." if metric.unit not in ("", "px") else ""
    better = "" if key == "flow_error_damaged" else f" {metric.better.capitalize()} is better."
    return f"{text}{unit}{better}{_by(key, metric)}"


def _by(key: str, metric: Metric) -> str:
    """Which estimator or network measured, where that makes a difference."""
    if key.startswith(("flow", "warp")) and " flow" in metric.by:
        return f" Motion is estimated by {metric.by.split(' flow')[0]}."
    if "lpips" in key and metric.by:
        return f" The network: {metric.by}."
    return f" Computed by: {metric.by}." if key not in MEASURES and metric.by else ""


def measured(evaluation: Evaluation, focus: Focus) -> list[str]:
    """What was measured on, and what the measure is that figures show."""
    protocol = evaluation.protocol
    clips = counted(len({run.clip for run in evaluation.runs}), "clip")
    frames = f" of {protocol.length} frames" if protocol.length else ""
    size = f", {protocol.size[1]}×{protocol.size[0]} pixels" if protocol.size and len(protocol.size) == 2 else ""
    seeds = len({run.seed for run in evaluation.runs})
    times = "once" if seeds == 1 else f"{seeds} times"
    ways = len(focus.corruptions)
    in_ways = f" in each of {ways} ways" if ways > 1 else ""
    methods = counted(len(evaluation.names), "method")
    kinds = [f"Damage '{kind}': {text}" for kind in focus.corruptions if (text := damage(kind))]
    return [
        f"Here are {clips}{frames}{size}, damaged {times}{in_ways} and repaired by {methods}. {' '.join(kinds)}",
        f"Figures show {focus.metric.label}. {_measure(focus.key, focus.metric)}"
        + (f" {TERMS['dB']}" if focus.metric.unit == "dB" else ""),
    ]


def facts(evaluation: Evaluation, paths: Sequence[Path]) -> list[tuple[str, str]]:
    """Where the figures come from."""
    protocol = evaluation.protocol
    found = [
        ("Protocol", protocol.name),
        ("Seeds", str(evaluation.seed)),
        ("Runs", str(len(evaluation.runs))),
        ("ROVR", " ".join(filter(None, [evaluation.rovr, evaluation.commit and f"commit {evaluation.commit}"]))),
        ("Machine", described(evaluation.machine)),
        ("From", ", ".join(path.name for path in paths)),
    ]
    return [(name, value) for name, value in found if value]
