"""Damaged inputs of every kind, and what ROVR makes of them: python benchmarks/fuzz.py [--count N] [--work FOLDER].

Each input is a good file, damaged as its number and the seed decide, and given to the command in a worker process.
ROVR must do the job or refuse it with one line and exit code 2. Counted as a fault: a crash of the process, a
traceback or internal error, more than the time or the memory allowed, and anything left where an output should be.
With --work, findings are kept there, and a second call goes on where the first ended.
"""

import argparse
import faulthandler
import json
import multiprocessing
import os
import resource
import shutil
import signal
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from _common import commit, machine, write
from _targets import Corpus, job

FAULTS = ("crash", "internal error", "hang", "memory", "left behind", "misleading")
_MB = 1 << 20


def peak_mb() -> float:
    """Greatest memory of this process since :func:`reset_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def reset_peak() -> None:
    """Begin anew to look for the greatest memory."""
    Path("/proc/self/clear_refs").write_text("5")


def judge(code: int, told: str, folder: Path) -> str:
    """What became of an input: 'done', 'refused' or a fault.

    Args:
        code: what the command would exit with.
        told: stderr.
        folder: what it ran in.
    """
    names = {path.name for path in folder.iterdir()}
    hidden = any("partial" in name for name in names)
    there = any(name.startswith("out") for name in names)
    if code not in (0, 2) or "Traceback" in told:
        return "internal error"
    if hidden or (code == 2 and there):
        return "left behind"
    said = [line for line in told.splitlines() if line.startswith("rovr: ")]
    if code == 2 and len(said) != 1:
        return "misleading"
    return "refused" if code else "done"


def run_one(corpus: Corpus, folder: Path, seed: int, index: int, kinds: list[str]) -> dict[str, Any]:
    """Damage, run and judge one input."""
    from rovr.cli import answer

    folder.mkdir()
    kind, run = job(corpus, folder, np.random.default_rng([seed, index]), kinds)
    reset_peak()
    before, began = peak_mb(), time.perf_counter()
    with (folder / "stderr").open("w+b") as told:
        os.dup2(told.fileno(), 2)
        code = answer(run)
        text = Path(told.name).read_text(errors="replace")
    spent, used = time.perf_counter() - began, peak_mb() - before
    return {"kind": kind, "fate": judge(code, text, folder), "seconds": spent, "mb": used, "told": text[-600:]}


def work(corpus: Corpus, folder: Path, seed: int, memory: int, kinds: list[str], pipe: Connection) -> None:
    """A worker: takes numbers, gives what became of them."""
    faulthandler.enable(open(folder.with_suffix(".crash"), "w"))  # noqa: SIM115 - open until the process ends
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (pages + 2 * memory * _MB, -1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (index := pipe.recv()) is not None:
        found = run_one(corpus, folder, seed, index, kinds)
        if found["mb"] > memory and found["fate"] not in FAULTS:
            found["fate"] = "memory"
        pipe.send(found)


class Worker:
    """A process at work on one input at a time, replaced where it dies or takes too long."""

    def __init__(self, corpus: Corpus, folder: Path, args: argparse.Namespace) -> None:
        self.corpus, self.folder, self.args = corpus, folder, args
        self.index = -1
        self.start()

    def start(self) -> None:
        """Fork anew: everything is loaded already."""
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        given = (self.corpus, self.folder, self.args.seed, self.args.memory, self.args.kinds, theirs)
        self.process = context.Process(target=work, args=given, daemon=True)
        self.process.start()
        theirs.close()
        self.done = 0

    def give(self, index: int) -> None:
        """Hand over the next input."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.done >= 200:
            # What libraries hold on to would otherwise count as memory of the inputs that follow.
            self.pipe.send(None)
            self.process.join()
            self.start()
        self.index, self.since = index, time.monotonic()
        self.pipe.send(index)

    def take(self) -> dict[str, Any] | None:
        """What became of the input, None while it is at work."""
        if self.pipe.poll():
            try:
                found: dict[str, Any] = self.pipe.recv()
                self.done += 1
                return found
            except EOFError:
                return self._replaced("crash")
        if time.monotonic() - self.since > self.args.limit:
            return self._replaced("hang")
        return None

    def _replaced(self, fate: str) -> dict[str, Any]:
        if fate == "hang":
            # A stack tells where it hangs.
            os.kill(self.process.pid or 0, signal.SIGABRT)
            self.process.join(2)
            self.process.kill()
        self.process.join()
        told = self.folder.with_suffix(".crash").read_text(errors="replace")
        spent = time.monotonic() - self.since
        code = self.process.exitcode
        self.start()
        return {"kind": "", "fate": fate, "seconds": spent, "mb": 0.0, "told": f"exit {code}\n{told[:1500]}"}


def kept(folder: Path, index: int, found: dict[str, Any], place: Path) -> None:
    """Save an input that ROVR did not answer as it should."""
    target = place / f"{index:06d}-{found['fate'].replace(' ', '-')}"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, ignore_dangling_symlinks=True)
    (target / "told").write_text(json.dumps(found, indent=1))


def fuzz(args: argparse.Namespace, place: Path) -> list[dict[str, Any]]:
    """Run all inputs that are not done yet; what became of each, in order."""
    ledger = place / "done.jsonl"
    done = [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []
    known = {found["index"] for found in done}
    todo = iter([index for index in range(args.start, args.start + args.count) if index not in known])
    with tempfile.TemporaryDirectory() as name, ledger.open("a") as file:
        corpus = Corpus.make(Path(name))
        _load()
        workers = [Worker(corpus, Path(name) / f"run{k}", args) for k in range(args.workers)]
        busy = [worker for worker in workers if _next(worker, todo)]
        while busy:
            wait([worker.pipe for worker in busy], timeout=0.5)
            for worker in list(busy):
                if (found := worker.take()) is None:
                    continue
                if found["fate"] in FAULTS:
                    kept(worker.folder, worker.index, found, place)
                    print(f"{worker.index} {found['kind']}: {found['fate']}: {found['told'][-200:]}", flush=True)
                found = {"index": worker.index, **{k: v for k, v in found.items() if k != "told"}}
                done.append(found)
                file.write(json.dumps(found) + "\n")
                file.flush()
                if not _next(worker, todo):
                    busy.remove(worker)
        for worker in workers:
            worker.pipe.send(None)
            worker.process.join()
    return sorted(done, key=lambda found: int(found["index"]))


def _next(worker: Worker, todo: Any) -> bool:
    index = next(todo, None)
    if index is not None:
        worker.give(index)
    return index is not None


def _load() -> None:
    """Import what the workers need, once."""
    import cv2
    import torch

    import rovr.batch.run
    import rovr.batch.work
    import rovr.data.corrupt_video
    import rovr.masking
    import rovr.report.build
    import rovr.restore  # noqa: F401
    from rovr.cli import verbs

    verbs()

    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def row(kind: str, fates: list[str]) -> dict[str, Any]:
    """What became of all inputs of a kind."""
    counts = {"done": fates.count("done"), "refused": fates.count("refused")}
    return {"damaged": kind, "inputs": len(fates), **counts, "faults": len(fates) - sum(counts.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--start", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=[], help="damage these alone; by default all")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=float, default=60, help="seconds for one input")
    parser.add_argument("--memory", type=int, default=1024, help="MB that one input may take")
    parser.add_argument("--work", type=Path, help="folder for findings, and to go on from")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "fuzz.json")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        place = args.work or Path(name)
        place.mkdir(parents=True, exist_ok=True)
        done = fuzz(args, place)
    fates = Counter(found["fate"] for found in done)
    kinds = sorted({found["kind"] for found in done})
    report = {
        "commit": commit(),
        "seed": args.seed,
        "machine": machine(args.workers),
        "inputs": len(done),
        "limit_seconds": args.limit,
        "limit_mb": args.memory,
        "fates": {fate: fates.get(fate, 0) for fate in ("done", "refused", *FAULTS)},
        "rows": [row(kind, [found["fate"] for found in done if found["kind"] == kind]) for kind in kinds],
        "slowest_seconds": round(max(found["seconds"] for found in done), 1),
        "most_mb": round(max(found["mb"] for found in done)),
        "met": not any(fates.get(fate) for fate in FAULTS),
    }
    print(json.dumps(report["fates"]))
    write(args.out, report)


if __name__ == "__main__":
    main()
