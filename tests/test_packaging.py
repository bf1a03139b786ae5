"""The container, the workflows and the packaging say things that hold together; building them is CI's part."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest

import rovr

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, rest), continued lines joined and comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def test_the_container_runs_rovr_and_not_as_root():
    final = instructions()[[k for k, (word, _) in enumerate(instructions()) if word == "FROM"][-1] :]
    said = dict(final)
    assert json.loads(said["ENTRYPOINT"]) == ["rovr"]
    assert said["USER"] not in ("root", "0")
    # The user is made before it is taken, and nothing runs as root afterwards.
    words = [word for word, _ in final]
    assert f" {said['USER']} " in next(rest for word, rest in final if word == "RUN" and "useradd" in rest)
    assert "RUN" not in words[words.index("USER") :]
    assert said["WORKDIR"].startswith("/")


def test_the_container_has_known_instructions_and_pinned_bases():
    known = {"ARG", "FROM", "ENV", "WORKDIR", "RUN", "COPY", "LABEL", "USER", "ENTRYPOINT", "CMD"}
    assert {word for word, _ in instructions()} <= known
    for base in (rest.split()[0] for word, rest in instructions() if word == "FROM"):
        assert ":" in base
        assert not base.endswith(":latest")
    for command in (rest for word, rest in instructions() if word == "RUN" and "pip install" in rest):
        assert "-c constraints.txt" in command
        assert "TORCH_INDEX" in command
    (extras,) = (rest.removeprefix("EXTRAS=") for word, rest in instructions() if word == "ARG" and "EXTRAS" in rest)
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    assert any('".[$EXTRAS]"' in rest for word, rest in instructions() if word == "RUN")


def test_the_container_is_given_what_it_copies():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    for name in (name for names in copied for name in names):
        assert name in kept
        assert (ROOT / name).exists()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_pin_their_actions_and_call_what_exists(path):
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load(path.read_text())
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+(\.\d+)*|[0-9a-f]{40})", step["uses"])
            for line in step.get("run", "").splitlines():
                words = re.sub(r"\$\{\{.*?\}\}", "", line).split()
                if words[0] == "make":
                    assert {word for word in words[1:] if "=" not in word} <= targets
                if words[0] == "python":
                    assert (ROOT / words[1]).is_file()


def test_every_python_that_is_promised_is_tested():
    matrix = re.search(r"python: \[(.*)\]", (ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert matrix is not None
    promised = [c.rsplit(" ", 1)[1] for c in PROJECT["project"]["classifiers"] if re.search(r"Python :: 3\.\d+", c)]
    assert re.findall(r"3\.\d+", matrix[1]) == promised == ["3.11", "3.12", "3.13"]


def test_every_dependency_of_ones_own_is_pinned_for_tests():
    optional = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *(line for lines in optional.values() for line in lines)]
    names = {re.split(r"[\[<>=~!; ]", line)[0].lower() for line in wanted} - {"rovr"}
    pinned = {
        line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    assert names <= pinned


def release_notes():
    spec = importlib.util.spec_from_file_location("release_notes", ROOT / "scripts" / "release_notes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.notes


def test_release_notes_are_the_changelogs_section():
    text = "# Changelog\n\n## [Unreleased]\n\nnew\n\n## [0.2.0] - 2025-01-01\n\n- b\n\n## [0.1.0]\n\n- a\n"
    notes = release_notes()
    assert notes("0.2.0", text) == "- b"
    assert notes("0.1.0", text) == "- a"
    assert notes("0.3.0", text) == ""
    # A version that was released keeps its section.
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert notes(rovr.__version__, changelog)
    assert "## [Unreleased]" in changelog


def test_every_extra_that_is_named_exists():
    """In extras that hold others, in what documents tell people to install, and in what the program asks for."""
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    folders = ("src", "docs", "scripts", ".github")
    paths = [ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "Makefile", ROOT / "Dockerfile"]
    paths += [
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md", ".yml")
    ]
    named = {}
    for path in paths:
        for group in re.findall(r"(?:rovr|'\.|\"\.)\[([a-z\d, ]+)\]", path.read_text()):
            named |= {extra.strip(): path for extra in group.split(",")}
    assert {"app", "dev", "ray"} <= set(named)
    assert {extra: path for extra, path in named.items() if extra not in extras} == {}
