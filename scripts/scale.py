"""What a million hours of footage would cost, from measured rates: python scripts/scale.py [--check].

Writes results/scale.json from speed.json, stream.json, memory.json and, where it is there, ray_engine.json. Measured
are: the seconds of a repair, how they grow with length, what it takes to read and write a frame, the bytes of a pixel
in the bundled clip. Assumed, and said to be so in the file: everything in ``ASSUMED``.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"

HOURS = 1_000_000
ASSUMED = {
    "frames a second": 25.0,
    "hours a video": 1.0,
    "cores a machine": 64,
    "GB a second of shared storage, one server": 1.0,
    "share of frames with a hole": 1.0,
}
SPEED_PIXELS = 256 * 256
SIZES = {"640×360": 640 * 360, "1920×1080": 1920 * 1080}
MACHINES = (1, 10, 1000)


def load(name: str) -> dict[str, Any]:
    """A results file; empty where it was not measured."""
    path = RESULTS / f"{name}.json"
    loaded: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return loaded


def clip_bytes_a_pixel() -> float:
    """Of the bundled clip, sound included."""
    import av

    path = ROOT / "src" / "rovr" / "assets" / "city.mp4"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return path.stat().st_size / (stream.frames * stream.width * stream.height)


def measured() -> dict[str, float]:
    """The rates everything is computed from."""
    speed, stream, memory = load("speed"), load("stream"), load("memory")
    short, long = memory["rows"][0], memory["rows"][-1]
    seconds = (long["seconds"] - short["seconds"]) / (long["frames"] - short["frames"])
    width, height = memory["size"]
    return {
        "core seconds a repair of 256×256": speed["seconds_a_frame"] * speed["machine"]["threads"],
        "growth of a repair's cost with length, exponent": stream["exponents"]["seconds"],
        "core seconds to read and write a megapixel": seconds * memory["machine"]["threads"] / (width * height / 1e6),
        "memory of a process, GB": long["peak_mb"] / 1000,
        "bytes a pixel of H.264": clip_bytes_a_pixel(),
        # Nothing is lost on the way to several workers until it is measured.
        "throughput of Ray workers over processes by hand": load("ray_engine").get("share", 1.0),
    }


def footage(size: str, rates: dict[str, float]) -> dict[str, Any]:
    """Costs of all hours at a size, every cost proportional to pixels."""
    pixels = SIZES[size]
    frames = HOURS * 3600 * ASSUMED["frames a second"]
    repairs = frames * ASSUMED["share of frames with a hole"]
    repair = rates["core seconds a repair of 256×256"] * pixels / SPEED_PIXELS
    passing = rates["core seconds to read and write a megapixel"] * pixels / 1e6
    terabytes = frames * pixels * rates["bytes a pixel of H.264"] / 1e12
    core_hours = (repairs * repair + frames * passing) / 3600
    return {
        "footage": size,
        "core_hours": core_hours / rates["throughput of Ray workers over processes by hand"],
        "of_it_repairing": repairs * repair / 3600 / core_hours,
        "GPU_hours": "unknown",
        "storage_TB": 2 * terabytes,
        "traffic_TB": 2 * terabytes,
        "workers_one_video_can_use": repair * ASSUMED["share of frames with a hole"] / (2 * passing),
    }


def fleet(size: str, machines: int, cost: dict[str, Any]) -> dict[str, Any]:
    """Time and traffic on a number of machines, and what holds them up."""
    cores = machines * ASSUMED["cores a machine"]
    hours = cost["core_hours"] / cores
    traffic = cost["traffic_TB"] * 1000 / (hours * 3600)
    served = ASSUMED["GB a second of shared storage, one server"]
    return {
        "footage": size,
        "machines": machines,
        "years": hours * max(1.0, traffic / served) / 24 / 365,
        "traffic_GB_a_second": traffic,
        "videos_ended_a_second": HOURS / ASSUMED["hours a video"] / (hours * 3600),
        "share_of_one_storage_server": traffic / served,
        "bottleneck": "cores" if traffic < served else "storage",
    }


def report() -> dict[str, Any]:
    """Everything that is written."""
    rates = measured()
    rows = [footage(size, rates) for size in SIZES]
    told = {name: (value, "measured") for name, value in rates.items()}
    if not load("ray_engine"):
        told["throughput of Ray workers over processes by hand"] = (1.0, "assumed, not measured yet")
    told |= {name: (value, "assumed") for name, value in ASSUMED.items()}
    origins = {
        name: load(name).get("commit", "not measured yet") for name in ("speed", "stream", "memory", "ray_engine")
    }
    return {
        "hours": HOURS,
        "inputs": [{"input": name, "value": value, "how known": how} for name, (value, how) in told.items()],
        "commits": origins,
        "rows": rows,
        "fleets": [
            fleet(size, machines, cost) for size, cost in zip(SIZES, rows, strict=True) for machines in MACHINES
        ],
    }


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the file is out of date")
    arguments = parser.parse_args()
    path, text = RESULTS / "scale.json", json.dumps(report(), indent=1) + "\n"
    if path.exists() and path.read_text() == text:
        return
    if arguments.check:
        sys.exit("results/scale.json is out of date; run: python scripts/scale.py")
    path.write_text(text)
    print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
