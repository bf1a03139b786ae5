"""Build the wheel and the source archive, install the wheel where nothing else is, and use it there.

    python scripts/check_wheel.py [--dist dist] [--env .wheel]

The source archive is built from the tree and the wheel from the archive, so that both are known to be whole. The
environment stays, for the licence check and the bill of materials (make licences sbom): it holds what users get.
"""

import argparse
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

NEEDED = ("rovr/weights/aligned.safetensors", "rovr/assets/city.mp4", "rovr/py.typed")
"""Files beside the code that a wheel without would be broken."""


def build(dist: Path) -> Path:
    """Build both archives and return the wheel."""
    shutil.rmtree(dist, ignore_errors=True)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, ROOT)
    (wheel,) = dist.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    missing = [name for name in NEEDED if name not in held]
    if missing:
        sys.exit(f"{wheel.name} lacks {', '.join(missing)}")
    return wheel


def install(wheel: Path, env: Path, index: str) -> Path:
    """Install the wheel with its dependencies and return the folder of commands."""
    folder = env / ("Scripts" if os.name == "nt" else "bin")
    venv.create(env, clear=True, with_pip=True)
    further = ["--extra-index-url", index] if index else []
    pip = [folder / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *further]
    run(*pip, "-c", ROOT / "constraints.txt", wheel)
    run(folder / "python", "-m", "pip", "check")
    return folder


def use(folder: Path, at: Path) -> None:
    """What the README begins with, away from the sources."""
    shutil.rmtree(at, ignore_errors=True)
    at.mkdir(parents=True)
    rovr = folder / "rovr"
    where = "import rovr, pathlib; print(pathlib.Path(rovr.__file__).parent)"
    found = subprocess.run([folder / "python", "-c", where], capture_output=True, text=True, check=True, cwd=at)
    if ROOT / "src" in Path(found.stdout.strip()).parents:
        sys.exit("the sources were imported, and not the wheel")
    run(rovr, "--version", at=at)
    run(rovr, "info", at=at)
    run(rovr, "demo", "-o", "demo", at=at)
    clip = Path(found.stdout.strip()) / "assets" / "city.mp4"
    run(rovr, "corrupt", clip, "-o", "damaged.mp4", "--mask-out", "mask.mkv", "--quiet", at=at)
    run(rovr, "restore", "damaged.mp4", "--mask", "mask.mkv", "-o", "repaired.mp4", "--quiet", at=at)
    if not (at / "repaired.mp4").stat().st_size:
        sys.exit("the repaired video is empty")


def run(*command: str | Path, at: Path = ROOT) -> None:
    """Run a command, and leave where it fails."""
    line = [str(part) for part in command]
    print("+", *line, flush=True)
    # A path to the sources, as a developer may have set, would hide what the wheel lacks.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if subprocess.run(line, cwd=at, env=env, check=False).returncode:
        sys.exit(f"failed: {' '.join(line)}")


def main() -> None:
    """Build, install, use."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    parser.add_argument("--env", type=Path, default=ROOT / ".wheel")
    parser.add_argument("--index", default="", help="a further package index for torch")
    args = parser.parse_args()
    dist, env = args.dist.resolve(), args.env.resolve()
    folder = install(build(dist), env, args.index)
    use(folder, env / "used")
    print(f"{', '.join(sorted(path.name for path in dist.iterdir()))}: built, installed and used")


if __name__ == "__main__":
    main()
