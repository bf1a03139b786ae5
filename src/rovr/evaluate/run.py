"""``rovr evaluate``: plan, run what is missing, put the results file together."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from rovr._version import __version__
from rovr.errors import UserError
from rovr.evaluate.bench import Bench
from rovr.evaluate.clips import Clips, check_corruption
from rovr.evaluate.config import EvaluateConfig, settle
from rovr.evaluate.gauge import Gauge
from rovr.evaluate.ledger import BETWEEN_COMMITS, BETWEEN_MEASURES, Ledger
from rovr.evaluate.media import OWN, check_names
from rovr.evaluate.origin import commit, machine
from rovr.evaluate.plan import Plan, digest, make_plan
from rovr.evaluate.spread import Task, run_tasks
from rovr.evaluate.summary import AGAINST, compare, summarize, ways_to_bound
from rovr.files import lay_out, write_whole
from rovr.outputs import writing
from rovr.types import counted

Report = dict[str, Any]


def evaluate(
    config: EvaluateConfig,
    on_start: Callable[[int], None] = lambda frames: None,
    on_run: Callable[[int], None] = lambda frames: None,
    on_note: Callable[[str], None] = lambda note: None,
) -> Report:
    """Evaluate, or continue an evaluation.

    Args:
        config: what to do.
        on_start: told how many frames are to be gone through.
        on_run: told how many of them a finished run had.
        on_note: called with each sentence the user should hear.

    Returns:
        What was written to ``config.out``.

    Raises:
        UserError: whatever the user has to change.
    """
    settled = settle(config)
    check_corruption(settled.corruption)
    _check_out(config)
    clips = Clips(config.clips, settled.length, settled.size, config.split)
    if clips.skipped:
        on_note(f"{counted(len(clips.skipped), 'sequence')} left out as too short: {', '.join(clips.skipped)}")
    if settled.caveat:
        on_note(settled.caveat)
    plan = make_plan(config, settled, clips.names, [clips.frames(name) for name in clips.names])
    # Whatever cannot be loaded is found before anything is written.
    bench = Bench(plan)
    if plan.media is not None:
        check_names("clips", plan.clips)
        check_names("kinds of damage", dict.fromkeys(plan.corruption))
        check_names("methods", (*OWN, *(method.name for method in plan.methods)))
        _make_media(plan.media)
    whole = config.out if config.extend and config.out.exists() else None
    ledger = Ledger(config.out.with_name(config.out.name + ".partial"), plan.marks(), whole, plan.keys)
    with writing(config.out), closing(ledger):
        _run(bench, ledger, config.workers or os.cpu_count() or 1, on_start, on_run, on_note)
        report = assemble(plan, bench.gauge, ledger, settled.caveat, config.out)
        _write(config.out, report)
        ledger.remove()
    return report


def _check_out(config: EvaluateConfig) -> None:
    if config.out.is_dir():
        raise UserError(f"{config.out} is a folder; name the file for the results")
    if config.out.exists() and not (config.overwrite or config.extend):
        raise UserError(f"{config.out} exists already; pass --extend to add to it, --overwrite, or choose another name")


def _make_media(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made ({error.strerror}); choose another --media") from error


def _run(
    bench: Bench,
    ledger: Ledger,
    workers: int,
    on_start: Callable[[int], None],
    on_run: Callable[[int], None],
    on_note: Callable[[str], None],
) -> None:
    plan = bench.plan
    tasks: list[Task] = []
    for case in plan.cases:
        missing = [method.name for method in plan.methods if (*case, method.name) not in ledger.runs]
        if missing:
            tasks.append((case, missing))
    if ledger.runs:
        on_note(f"{counted(len(ledger.runs), 'finished run')} taken over")
    # Clip by clip, since damage that leaves the truth as it is shares what is measured of it.
    tasks.sort(key=lambda task: (task[0][1], task[0][0]))
    frames = dict(zip(plan.clips, plan.frames, strict=True))
    on_start(sum(frames[case[1]] * len(missing) for case, missing in tasks))
    by = {key: metric["by"] for key, metric in bench.gauge.metrics.items()}
    made = {"commit": commit(), "machine": machine(1), "by": by}
    with closing(run_tasks(bench, tasks, workers)) as runs:
        for run in runs:
            ledger.add(run, made)
            on_run(frames[run["clip"]])


def assemble(plan: Plan, gauge: Gauge, ledger: Ledger, caveat: str, out: Path) -> Report:
    """Put the results file together; docs/evaluate.md says what is in it."""
    runs = [ledger.runs[key] for key in plan.keys]
    # Whoever adds to a file may measure with other means than those of the runs that are there.
    metrics = {
        key: metric | {"by": BETWEEN_MEASURES.join(ledger.measured.get(key, [metric["by"]]))}
        for key, metric in gauge.metrics.items()
    }
    protocol = {
        "name": plan.protocol,
        "length": plan.length or None,
        "size": list(plan.size),
        "corruptions": list(plan.corruption),
        "seeds": plan.seeds,
        "clips": list(plan.clips),
    }
    report: Report = {
        "kind": "evaluation",
        "format": 1,
        "commit": BETWEEN_COMMITS.join(ledger.commits),
        "machine": ledger.machine or machine(1),
        "clock": ledger.clock,
        "seed": f"0–{plan.seeds - 1}" if plan.seeds > 1 else "0",
        "rovr": __version__,
        "marks": ledger.marks,
        "protocol": {**protocol, "caveat": caveat} if caveat else protocol,
        "metrics": metrics,
        "methods": _methods(plan, runs),
        "runs": [{name: value for name, value in run.items() if name != "features"} for run in runs],
        **_figures(plan, runs, {key: metric["better"] for key, metric in metrics.items()}),
    }
    if plan.media is not None:
        report["media"] = Path(os.path.relpath(plan.media, out.parent)).as_posix()
    return report


def _methods(plan: Plan, runs: list[Report]) -> list[Report]:
    files = plan.files()
    rows = []
    for method in plan.methods:
        looks = {len(edit[1]) for run in runs if run["method"] == method.name for edit in run["edits"]}
        weights = {name: digest(files[name]) for name in (method.editor, method.selector) if name in files}
        rows.append(
            {
                "name": method.name,
                "selector": method.selector + (method.name.removeprefix(method.plain) if method.plain else ""),
                "editor": method.editor,
                "contexts": looks.pop() if len(looks) == 1 else "varies",
                "weights": weights,
            }
        )
    return rows


def _figures(plan: Plan, runs: list[Report], better: dict[str, str]) -> Report:
    """Summary and differences."""
    keys = list(better)
    summary: list[Report] = []
    differences, ways = [], []
    plain = {method.name: method.plain for method in plan.methods}
    for corruption in plan.corruption:
        own = {
            method.name: [run for run in runs if (run["method"], run["corruption"]) == (method.name, corruption)]
            for method in plan.methods
        }
        for name, mine in own.items():
            values = summarize(mine, keys)
            summary.append({"method": name, "corruption": corruption, "count": len(mine), "values": values})
        for name, mine in own.items():
            for against in dict.fromkeys((*AGAINST, plain[name])):
                if against in own and against != name:
                    values = compare(mine, own[against], keys)
                    pair = {"method": name, "against": against, "corruption": corruption}
                    differences.append({**pair, "values": values})
        means = {row["method"]: row["values"] for row in summary if row["corruption"] == corruption}
        ways += [{**row, "corruption": corruption} for row in ways_to_bound(means, better)]
    return {"summary": summary, "differences": differences, **({"ways": ways} if ways else {})}


def _write(path: Path, report: Report) -> None:
    write_whole(path, lambda file: file.write(f"{lay_out(report)}\n".encode()))
