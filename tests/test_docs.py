"""The documents keep their word: figures, links, commands, names and examples are those of the project."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

import rovr
from rovr.cli import verbs
from rovr.mdp.state import RepairState
from rovr.select.base import Selector

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ROOT / "src" / "rovr" / "assets" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.S | re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, *languages: str) -> list[str]:
    """The code blocks of a document in the given languages."""
    return [code for language, code in FENCE.findall(path.read_text()) if language in languages]


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def results_page():
    return script("results_page")


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_figures_are_those_of_the_results(path):
    text = path.read_text()
    assert results_page().rendered(text) == text, "run: python scripts/results_page.py"


@pytest.mark.parametrize("path", script("typed_figures").documents(), ids=relative)
def test_no_figure_is_typed_by_hand(path):
    found = script("typed_figures").typed(path.read_text())
    assert not found, f"see scripts/typed_figures.py for what may stand in a document: {found}"


@pytest.mark.parametrize(
    "figure",
    [
        "It gains 2.3 dB.",
        "It gains half a decibel.",
        "It takes 85 ms a frame, or 3 minutes.",
        "It takes ten minutes.",
        "| aligned | 21.63 |",
        "Peak memory is 741 MB.",
        "It is 3× as fast.",
        "Agents recover 65 % of the motion.",
        "SSIM rises to 0.699.",
        "See [results](results.md): 21.6 dB.",
        "- one thing, [elsewhere](https://example.org)\n- another, 21.6 dB",
        "<!-- begin:quality --><!-- end:quality --> and 21.6 dB",
        "<!-- aim -->3 dB were aimed at, and 4 dB reached.",
    ],
)
def test_typed_figures_are_found(figure):
    assert script("typed_figures").typed(f"First.\n\n{figure}\n\nLast.")


@pytest.mark.parametrize(
    "text",
    [
        "<!-- begin:quality value=a -->21.6<!-- end:quality --> dB",
        "The aim is <!-- aim -->3 dB over it.",
        "`--crf 12.5` and 25 frames of 256×256, K = 2, in 3 steps",
        "Python 3.11, 3.12 or 3.13, Apache-2.0, arXiv 2309.03897, 95 % interval",
        "Its authors report 33.01 dB ([README](https://example.org)).",
        "Each as [its authors](https://example.org) report it:\n\n| a | 33.01 |\n|---|---|",
        "```sh\nsleep 3 s  # 21.6 dB\n```",
    ],
)
def test_figures_with_a_right_to_stand_are_left_alone(text):
    assert not script("typed_figures").typed(text)


def test_every_module_is_in_the_reference():
    text = "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md"))
    named = set(re.findall(r"^::: (rovr\.\w+)$", text, re.M))
    parts = {path.stem for path in (ROOT / "src" / "rovr").iterdir() if path.name.endswith(".py") or path.is_dir()}
    public = {f"rovr.{part}" for part in parts if not part.startswith("_")} - {
        "rovr.assets",
        "rovr.weights",
        "rovr.cli",
    }
    assert public == named, "docs/reference/ names each part of src/rovr once"
    overview = (ROOT / "docs" / "reference.md").read_text()
    assert {part for part in named if f"`{part}`" not in overview} == set(), "docs/reference.md says on which page"
    for part in named:
        if (ROOT / "src" / part.replace(".", "/")).is_dir():
            assert f"::: {part}\n    options:\n      show_submodules: true" in text, f"all of {part}"


def test_every_page_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text()
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert not [page for page in pages if f": {page}" not in nav]


def test_every_result_is_shown():
    assert not results_page().unshown(), "add a block to docs/results.md"


def test_every_result_says_how_it_is_made():
    text = (ROOT / "docs" / "results.md").read_text()
    made = dict(re.findall(r"^\| `([\w.]+\.json)` \| ([^|]*) \|", text, re.M))
    assert sorted(made) == sorted(path.name for path in (ROOT / "results").glob("*.json"))
    for command in re.findall(r"`python ([^`]*)`", " ".join(made.values())):
        program, *words = command.split()
        source = (ROOT / program).read_text()
        assert not [word for word in words if word.startswith("--") and f'"{word}"' not in source], command


def test_a_missing_result_is_said_to_be_missing(tmp_path):
    page = results_page()
    text = "<!-- begin:none --><!-- end:none -->, <!-- begin:none value=a.b --><!-- end:none -->"
    assert page.rendered(text, tmp_path).lower().count(page.MISSING) == 2


def test_blocks_select_pivot_and_format(tmp_path):
    rows = [{"a": "x", "n": 1, "v": 0.5}, {"a": "y", "n": 2, "v": 12.345}]
    (tmp_path / "t.json").write_text(json.dumps({"seed": 3, "rows": rows}))
    page = results_page()

    def shown(options: str) -> str:
        return page.rendered(f"<!-- begin:t {options} --><!-- end:t -->", tmp_path)

    assert "| y | 12.35 |" in shown("columns=a,v where=n:2")
    assert "| x |" not in shown("columns=a,v where=n:2")
    assert "| x | 0.500 | – |" in shown("pivot=a,n,v")
    assert "seed 3" in shown("")
    span = {"mean": 21.634, "low": 21.5, "high": 21.75}
    (tmp_path / "t.json").write_text(json.dumps({"rows": [{"a": "x", "v": {"w": span}}, {"a": "y", "v": {"w": None}}]}))
    assert "| a | w |" in shown("columns=a,v.w")
    assert "| x | 21.63 [21.50, 21.75] |" in shown("columns=a,v.w")
    assert "| y | – |" in shown("columns=a,v.w")
    assert "| w × 10 |" in shown("columns=a,v.w times=v.w:10")
    assert "| x | 216 [215, 218] |" in shown("columns=a,v.w times=v.w:10")
    (tmp_path / "t.json").write_text(json.dumps({"seed": 3, "rows": rows}))
    assert ">12.3<" in shown("value=rows.1.v format=.1f")
    assert ">12.3<" in shown("where=a:y value=v format=.1f")
    with pytest.raises(SystemExit, match="0 rows"):
        shown("where=a:z value=v")


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_links_lead_somewhere(path):
    targets = [first or second for first, second in LINK.findall(FENCE.sub("", path.read_text()))]
    files = [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    assert not [file for file in files if not (path.parent / file).exists()]


@cache
def help_of(*verb: str) -> str:
    call = "import sys; from rovr.cli import main; sys.argv[0] = 'rovr'; sys.exit(main())"
    plain = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    asked = [sys.executable, "-c", call, *verb, "--help"]
    done = subprocess.run(asked, capture_output=True, text=True, env=plain, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(path: Path) -> list[str]:
    """The lines of a document's shell blocks that call rovr."""
    code = "\n".join(blocks(path, "", "sh", "bash", "shell")).replace("\\\n", " ")
    return [line for line in code.splitlines() if line.startswith("rovr ")]


@pytest.mark.parametrize(
    ("path", "command"),
    [(path, command) for path in DOCUMENTS for command in commands(path)],
    ids=lambda value: relative(value) if isinstance(value, Path) else value,
)
def test_commands_are_known_to_the_command_line(path, command):
    words = shlex.split(command, comments=True)[1:]
    verb: list[str] = []
    branch: object = verbs()
    while isinstance(branch, dict) and not words[len(verb)].startswith("-"):
        assert words[len(verb)] in branch, f"rovr knows no such verb: {command}"
        branch = branch[words[len(verb)]]
        verb.append(words[len(verb)])
    flags = {word.split("=")[0] for word in words if re.match(r"-+[a-zA-Z]", word)}
    known = set(re.findall(r"(?<![\w-])-{1,2}[a-zA-Z][\w-]*", help_of(*verb)))
    assert flags <= known | {"--help", "-h"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_python_examples_use_names_that_exist(path):
    code = "\n".join(blocks(path, "python"))
    names = set(re.findall(r"\brovr\.([A-Za-z]\w*)", "\n".join(x for x in code.splitlines() if "import" not in x)))
    assert not [name for name in names if not hasattr(rovr, name)]
    for line in re.findall(r"^(?:from rovr\S* )?import [^#\n]*", code, re.M):
        if "rovr" in line:
            exec(line, {})


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/add-selector.md"])
def test_the_example_of_a_selector_repairs_a_clip(name):
    space: dict[str, type] = {}
    exec(next(code for code in blocks(ROOT / name, "python") if "(Selector)" in code), space)
    (strategy,) = [v for v in space.values() if isinstance(v, type) and issubclass(v, Selector) and v is not Selector]

    masks = torch.zeros(5, 1, 8, 8, dtype=torch.bool)
    masks[1:4, :, 2:5, 2:5] = True
    state = RepairState.begin(torch.zeros(5, 3, 8, 8, dtype=torch.uint8), masks)
    selector = strategy()
    selector.reset(state, torch.Generator().manual_seed(0), 2)
    while not state.done:
        edit = selector.select(state)
        assert state.pending[edit.frame]
        assert edit.frame not in edit.contexts
        assert len(set(edit.contexts)) == 2
        assert all(0 <= context < 5 for context in edit.contexts)
        state.record(edit, torch.zeros(3, 8, 8), torch.zeros(1, 8, 8))
    assert sorted(edit.frame for edit in state.edits) == [1, 2, 3]
