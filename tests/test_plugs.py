"""What other packages bring: found, used, and in nobody's way where it is broken."""

import json
import logging
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
from forked import Forked

from rovr import plugs
from rovr.cli import main
from rovr.data.corrupt import KINDS, find_kind, iter_masks
from rovr.editor.loading import EDITORS, load_editor
from rovr.errors import UserError
from rovr.select import SELECTORS, load_selector

EXAMPLE = Path(__file__).parents[1] / "examples" / "plug"

BROKEN = """
def raises(): raise RuntimeError("out of order\\nbadly")
def takes(colour="red"): return colour
number = 3
"""


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """Have a made-up package bring something: ``bring(what, name, "attribute")``."""
    (tmp_path / "strangers_module.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path))
    brought: list[plugs.Plug] = []

    def add(what: str, name: str, attribute: str, package: str = "stranger 1.0") -> None:
        entry = EntryPoint(name, attribute if ":" in attribute else f"strangers_module:{attribute}", plugs.GROUPS[what])
        brought.append(plugs.Plug(what, name, package, entry))

    monkeypatch.setattr(plugs, "plugs", lambda what: tuple(plug for plug in brought if plug.what == what))
    return add


@pytest.mark.parametrize(
    ("attribute", "why"),
    [("raises", "RuntimeError: out of order"), ("takes", "makes a str, no Selector"), ("gone", "gone"),
     ("no_such_module:x", "no_such_module"), ("number", "cannot be called")],
)  # fmt: skip
def test_a_broken_selector_is_named_with_its_package(bring, attribute, why):
    bring("selector", "odd", attribute)
    with pytest.raises(UserError, match=why) as raised:
        load_selector("odd")
    assert "'odd' of the package stranger 1.0 is broken" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert load_selector("nearest").name == "nearest"


def test_broken_editors_and_kinds_are_named_too(bring):
    bring("editor", "odd", "raises")
    bring("kind of damage", "odd", "number")
    with pytest.raises(UserError, match=r"editor 'odd' of the package stranger 1\.0 is broken"):
        load_editor("odd")
    with pytest.raises(UserError, match=r"kind of damage 'odd' of the package stranger 1\.0 is broken \(it is a int"):
        iter_masks("odd", 1, 8, 8, 0)


def test_options_are_checked_like_those_of_rovrs_own(bring):
    bring("selector", "odd", "takes")
    with pytest.raises(UserError, match="selector 'odd' has no option sound; it has colour"):
        load_selector("odd", sound="loud")
    bring("editor", "plain", "raises")
    with pytest.raises(UserError, match="has no weights to load"):
        load_editor("plain", weights="w.safetensors")


def test_rovrs_own_come_first_and_that_is_said_once(bring, caplog):
    plugs._say_hidden.cache_clear()
    bring("selector", "nearest", "raises")
    with caplog.at_level(logging.WARNING, "rovr"):
        assert load_selector("nearest").name == load_selector("nearest").name == "nearest"
    (said,) = caplog.messages
    assert "'nearest' of the package stranger 1.0 is not used" in said


def test_two_packages_with_one_name_are_told_apart_by_nobody(bring):
    for package in ("stranger 1.0", "other 2.0"):
        bring("selector", "odd", "takes", package)
    with pytest.raises(UserError, match=r"comes from stranger 1\.0 and other 2\.0; uninstall"):
        load_selector("odd")


def test_unknown_names_are_answered_with_all_there_are(bring):
    bring("selector", "odd", "takes")
    with pytest.raises(UserError, match=f"choose from {', '.join(SELECTORS)}, odd$"):
        load_selector("even")
    with pytest.raises(UserError, match=f"choose from {', '.join(KINDS)}$"):
        find_kind("even")
    with pytest.raises(UserError, match=f"choose from {', '.join(EDITORS)}$"):
        load_editor("even")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The example package, installed into a folder of its own."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "--target", str(folder), str(EXAMPLE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def with_site(site: str, *args: str) -> int:
    sys.path.append(site)
    return main(args)


def call(site: Path, *args: object) -> SimpleNamespace:
    """``rovr`` where a folder of packages is installed beside the others."""
    process = Forked(str(site), *map(str, args), call=with_site)
    out, err = process.communicate()
    return SimpleNamespace(returncode=process.returncode, stdout=out, stderr=err)


def test_the_example_is_installed_and_used(site, video, tmp_path):
    clip, bad, mask, out = video(count=6), tmp_path / "bad.mkv", tmp_path / "mask.mkv", tmp_path / "out"
    done = call(site, "corrupt", clip, "-o", bad, "--mask-out", mask, "--kind", "snow", "--count", 5, "--lossless")
    assert done.returncode == 0, done.stderr
    tools = ["--selector", "farthest", "--editor", "mean", "--device", "cpu"]
    done = call(site, "restore", bad, "--mask", mask, "-o", out, *tools, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["selector"], summary["editor"], summary["repaired"]) == ("farthest", "mean", 6)
    # Five flakes of at most four pixels each.
    assert 0 < summary["hole_share"] <= 20 / (48 * 64)
    without = call(tmp_path, "restore", bad, "--mask", mask, "-o", tmp_path / "x", "--selector", "farthest")
    assert without.returncode == 2
    assert "no selector is called 'farthest'" in without.stderr


def test_info_lists_what_was_brought(site):
    tools = json.loads(call(site, "info", "--json").stdout)
    for title, name in (("selectors", "farthest"), ("editors", "mean"), ("damage", "snow")):
        assert {"name": name, "package": "rovr-plug-example 0.1.0", "trouble": ""} in tools[title]
    assert "farthest, from rovr-plug-example 0.1.0" in call(site, "info").stdout


def test_a_broken_package_is_in_nobodys_way(site, tmp_path, video, hole):
    """A dist-info alone, whose module does not exist, and another with a name that ROVR has."""
    info = tmp_path / "site" / "worse-0.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: worse\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[rovr.selectors]\nlost = nowhere:Lost\nnearest = nowhere:Lost\n")
    args = ["restore", video(), "--mask", hole, "--editor", "telea", "--device", "cpu", "--quiet"]
    lost = call(info.parent, *args, "-o", tmp_path / "a.mp4", "--selector", "lost")
    assert lost.returncode == 2
    (line,) = lost.stderr.splitlines()
    assert line.startswith("rovr: selector 'lost' of the package worse 0.3 is broken (ModuleNotFoundError")
    near = call(info.parent, *args, "-o", tmp_path / "b.mp4", "--selector", "nearest")
    assert near.returncode == 0
    (line,) = near.stderr.splitlines()
    assert line == "rovr: selector 'nearest' of the package worse 0.3 is not used: ROVR has one of that name."
    told = call(info.parent, "info").stdout
    assert "lost, from worse 0.3: selector 'lost'" in told
    assert "nearest, from worse 0.3: not used, ROVR has one of that name" in told
