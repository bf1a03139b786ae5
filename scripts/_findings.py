"""What a reproduction has found, as numbers and as sentences that follow from them."""

from pathlib import Path
from typing import Any

from rovr.evaluate.summary import FEWEST
from rovr.report.curves import curve, read_log
from rovr.report.words import listed

Report = dict[str, Any]

BASE = "sequential"
KEYS = ("flow_recovery", "hole_psnr")
POSTER = "The poster reports 47.8 % for sequential sampling and 65.4 % for its agents, on other clips and masks."


def findings(
    whole: Report,
    agent: str,
    logs: dict[tuple[str, str], Path],
    crossed: dict[str, Report],
    budgets: dict[int, Report],
) -> Report:
    """Put the numbers together.

    Args:
        whole: the evaluation of rules and agents, as ``rovr evaluate`` writes it.
        agent: name of the agents there.
        logs: training logs by editor and sampler.
        crossed: evaluations of the poster's editor by the sampler it was trained under.
        budgets: evaluations of both samplers by the number of contexts, where it is not that of ``whole``.
    """
    gap = _gap(whole, agent)
    training = [{"editor": editor, "sampler": sampler, "loss": _end(path)} for (editor, sampler), path in logs.items()]
    falls = {row["editor"]: row["loss"] for row in training if row["sampler"] == BASE}
    lower = [row["editor"] for row in training if row["sampler"] != BASE and row["loss"] < falls[row["editor"]]]
    rows = [
        {"trained_on": sampler, "chosen_by": _plain(row["method"], agent), **_means(row)}
        for sampler, report in crossed.items()
        for row in report["summary"]
    ]
    # As the poster compares: each training with the choice that it was trained on.
    own = {row["chosen_by"]: row["flow_recovery"] for row in rows if row["trained_on"] == row["chosen_by"]}
    recovers = gap["flow_recovery"]["mean"] > 0
    sure = gap["flow_recovery"]["low"] > 0 and not _few(whole)
    return {
        "protocol": whole["protocol"],
        "rows": [{"selector": _plain(row["method"], agent), **_means(row)} for row in _ranked(whole)],
        "difference": {key: gap[key] for key in KEYS},
        "training": training,
        "crossed": rows,
        "crossed_difference": [
            {"trained_on": sampler, **{key: _gap(report, agent)[key] for key in KEYS}}
            for sampler, report in crossed.items()
        ],
        "contexts": [
            {"selector": _plain(row["method"], agent), "contexts": count, **_means(row)}
            for count, report in sorted({_contexts(whole, agent): whole, **budgets}.items())
            for row in report["summary"]
            if row["method"] in (BASE, agent)
        ],
        "ordering": {
            "of": "recovery with the shipped editor, and loss",
            "recovery": recovers,
            "recovery beyond chance": sure,
            "loss lower for": lower,
            # Trained for a few steps, an editor may not have learned to use contexts at all: the verdict names those
            # that have not, and what the poster's makes of both samplers is told and does not decide.
            "shows": recovers and bool(lower),
            "recovery with the poster's editor": own["agents"] > own[BASE],
        },
    }


def told(found: Report) -> list[str]:
    """The findings in words."""
    share = {row["selector"]: row["flow_recovery"] for row in found["rows"]}
    gap, ordering = found["difference"]["flow_recovery"], found["ordering"]
    ends = [f"{row['loss']:.3f} for {row['editor']} on {row['sampler']}" for row in found["training"]]
    held = "does not hold" if ordering["recovery beyond chance"] else "holds"
    chance = f"the difference's 95 % interval, {gap['low']:+.1%} to {gap['high']:+.1%}, {held} zero"
    if _few(found):
        chance = f"fewer than {FEWEST} clips for testing do not say whether that is more than chance"
    return [
        "",
        f"Figure 1. Training loss, of which the logarithm of the error is a part, at the end: {', '.join(ends)}.",
        "The same trained editor under both samplers, hole-PSNR and share of the optical flow that comes back: "
        + ", ".join(
            f"trained on {row['trained_on']} and chosen by {row['chosen_by']} {row['hole_psnr']:.2f} dB and "
            f"{row['flow_recovery']:.1%}"
            for row in found["crossed"]
        )
        + ".",
        "Figure 2. Share of the optical flow that comes back, from best to worst: "
        + ", ".join(f"{selector} {part:.1%}" for selector, part in share.items())
        + ".",
        f"Recovery: {share[BASE]:.1%} under {BASE}, {share['agents']:.1%} under the agents; {chance}. {POSTER}",
        _verdict(ordering, [row["editor"] for row in found["training"] if row["sampler"] == BASE]),
    ]


def _verdict(ordering: Report, editors: list[str]) -> str:
    lower = ordering["loss lower for"]
    parts = [
        f"agents recover {'more' if ordering['recovery'] else 'no more'} of the motion than {BASE} sampling",
        f"their loss is lower for {listed(lower)}" if lower else "their loss is lower for no editor",
    ]
    unlike = [name for name in editors if name not in lower]
    if lower and unlike:
        parts.append(f"not for {listed(unlike)}")
    shows = "shows" if ordering["shows"] else "does NOT show"
    less = "more" if ordering["recovery with the poster's editor"] else "no more"
    return (
        f"The poster's ordering, agents above {BASE}, {shows} in {ordering['of']}: {', '.join(parts)}. "
        f"With the poster's editor, each as it was trained, agents recover {less} of the motion than {BASE} sampling."
    )


def _few(report: Report) -> bool:
    """Whether there are too few clips for an interval to mean anything; one alone gives an interval of no width."""
    return len(report["protocol"]["clips"]) < FEWEST


def _ranked(report: Report) -> list[Report]:
    return sorted(report["summary"], key=lambda row: -row["values"]["flow_recovery"]["mean"])


def _means(row: Report) -> dict[str, float]:
    return {key: row["values"][key]["mean"] for key in KEYS}


def _gap(report: Report, agent: str) -> Report:
    """Agents less sequential, by metric."""
    pair = (agent, BASE)
    return next(dict(row["values"]) for row in report["differences"] if (row["method"], row["against"]) == pair)


def _contexts(report: Report, agent: str) -> int:
    return next(int(method["contexts"]) for method in report["methods"] if method["name"] == agent)


def _plain(method: str, agent: str) -> str:
    return "agents" if method == agent else method


def _end(path: Path) -> float:
    found = curve(str(path), [read_log(path)], "loss")
    assert found is not None, f"{path} has no loss"
    return found.end()[0]
