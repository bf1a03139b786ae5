"""Draw how the agents learned, from what ``benchmarks/agents.py`` wrote: ``python scripts/learning_curves.py``.

Hole-PSNR on the validation clips over the iterations, for both kinds of damage: the default recipe with each of its
seeds, one line for every other learner (the mean of its seeds), and the fixed rules as dotted lines.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = "default"


def curves(runs: list[dict[str, Any]], name: str, damage: str) -> tuple[list[int], np.ndarray]:
    """Iterations, and (seeds, iterations) hole-PSNR."""
    found = [run["curve"] for run in runs if (run["name"], run["damage"]) == (name, damage)]
    return [point["step"] for point in found[0]], np.array([[point["psnr"] for point in one] for one in found])


def draw(report: dict[str, Any], path: Path) -> None:
    """Both kinds of damage side by side."""
    runs, rows = report["runs"], report["rows"]
    damages = list(dict.fromkeys(run["damage"] for run in runs))
    learners = [name for name in dict.fromkeys(run["name"] for run in runs) if name != DEFAULT]
    colours = plt.get_cmap("tab20", max(1, len(learners)))
    figure, axes = plt.subplots(1, len(damages), figsize=(12, 4.6), layout="constrained", squeeze=False)
    for axis, damage in zip(axes[0], damages, strict=True):
        there = {run["name"] for run in runs if run["damage"] == damage}
        for k, name in enumerate(learners):
            if name not in there:
                continue
            steps, values = curves(runs, name, damage)
            axis.plot(steps, values.mean(0), color=colours(k), linewidth=1.2, label=name)
        steps, values = curves(runs, DEFAULT, damage)
        for k, line in enumerate(values):
            axis.plot(
                steps, line, color="black", linewidth=1.4, label=f"default, {len(values)} seeds" if not k else None
            )
        rules = [row for row in rows if row["damage"] == damage and row["name"] not in (DEFAULT, *learners)]
        for k, row in enumerate(rules):
            axis.axhline(row["psnr"], color="grey", linewidth=0.9, linestyle=":")
            # Left and right in turn, since some rules are near each other.
            place, side = ((steps[0], "left"), (steps[-1], "right"))[k % 2]
            axis.annotate(row["name"], (place, row["psnr"]), fontsize=8, color="dimgrey", va="bottom", ha=side)
        axis.set(title=damage, xlabel="iterations", ylabel="hole-PSNR on validation clips, dB")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "agents.json")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "docs" / "images" / "learning_curves.png")
    args = parser.parse_args()
    draw(json.loads(args.results.read_text()), args.out)


if __name__ == "__main__":
    main()
