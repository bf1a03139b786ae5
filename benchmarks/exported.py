"""PyTorch beside ONNX Runtime: python benchmarks/exported.py [--out results/onnx.json].

The clips of benchmarks/speed.py, 25 frames at 256×256, repaired end to end by the same editor once with its networks in
PyTorch and once in ONNX Runtime, in turn, with one thread and with two. PyTorch runs in float32 as ONNX Runtime does,
and, where the processor has it, in bfloat16 too, which is what ``aligned`` does by itself.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from _common import ROOT, commit, machine, write
from speed import LENGTH, SIZE, clip

from rovr.data.corrupt import damage
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import load_editor
from rovr.export import export
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.select import load_selector


def editors(folder: Path) -> dict[str, AlignedEditor]:
    """What is compared, by name; made anew for each number of threads, which ONNX Runtime takes when it starts."""
    named = {"PyTorch, float32": load_editor("aligned"), "ONNX Runtime": load_editor("aligned-onnx", weights=folder)}
    default = load_editor("aligned")
    assert isinstance(default, AlignedEditor)
    if default.bf16:
        named["PyTorch, bfloat16"] = default
    plain = named["PyTorch, float32"]
    assert isinstance(plain, AlignedEditor)
    plain.bf16 = False
    return {name: editor for name, editor in named.items() if isinstance(editor, AlignedEditor)}


@torch.inference_mode()
def repaired(editor: AlignedEditor, seed: int, length: int) -> tuple[torch.Tensor, float]:
    """The frames (T, 3, H, W) uint8 and the seconds they took."""
    frames, masks = (x[:length] for x in clip(seed))
    state = RepairState.begin(damage(frames, masks), masks)
    began = time.perf_counter()
    Repairer(editor, load_selector("sight")).run(state, torch.Generator().manual_seed(0))
    return state.frames, time.perf_counter() - began


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=6, help="clips, each with its own damage")
    parser.add_argument("--length", type=int, default=LENGTH, help="frames of a clip")
    parser.add_argument("--exported", type=Path, help="folder that rovr export wrote; by default a fresh one")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "onnx.json")
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    gap = 0
    with tempfile.TemporaryDirectory() as folder:
        exported = args.exported or Path(folder)
        if args.exported is None:
            export(exported)
        for threads in args.threads:
            torch.set_num_threads(threads)
            cv2.setNumThreads(threads)
            compared = editors(exported)
            seconds: dict[str, list[float]] = {name: [] for name in compared}
            for seed in range(1, args.runs + 2):
                frames = {}
                for name, editor in compared.items():
                    frames[name], took = repaired(editor, seed, args.length)
                    if seed > 1:  # the first clip warms up
                        seconds[name].append(took / args.length)
                differ = frames["PyTorch, float32"].int() - frames["ONNX Runtime"].int()
                gap = max(gap, int(differ.abs().max()))
            base = np.array(seconds["PyTorch, float32"])
            for name, taken in seconds.items():
                # Ratios of neighbours in time, so that a machine that slows down does so for both.
                ratio = float(np.median(np.array(taken) / base))
                rows.append(
                    {
                        "networks in": name,
                        "threads": threads,
                        "ms_a_frame": 1000 * float(np.median(taken)),
                        "ratio": ratio,
                    }
                )
                print("{networks in:<20}{threads} threads {ms_a_frame:8.1f} ms  × {ratio:.2f}".format(**rows[-1]))
    report = {
        "commit": commit(),
        "seed": f"2–{args.runs + 1}",
        "machine": machine(max(args.threads)),
        "size": SIZE,
        "length": args.length,
        "rows": rows,
        "largest_difference_in_levels": gap,
    }
    write(args.out, report)
    print(f"largest difference of a pixel: {gap}/255")


if __name__ == "__main__":
    main()
