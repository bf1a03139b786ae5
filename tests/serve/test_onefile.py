"""rovr restore --report: one file that opens offline and tells what was done."""

import base64
import errno
import json
import random
import re
import sys
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from conftest import moving_texture, write_video

from rovr.cli import main
from rovr.errors import UserError
from rovr.serve.onefile import HELD, MOST, RepairReport, bundled
from rovr.types import Edit
from rovr.video import open_source

pytest_plugins = ["page_fixtures"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A short video repaired with a report: the page's folder."""
    folder = tmp_path_factory.mktemp("report")
    video = write_video(folder / "in & <out>.mp4", moving_texture(5))
    command = [
        "restore",
        str(video),
        "--box",
        "20,12,20,20",
        "-o",
        str(folder / "out.mp4"),
        "--device",
        "cpu",
        "--quiet",
    ]
    assert main([*command, "--report", str(folder / "page")]) == 0
    return folder


def told(page):
    """What a page has been given to show."""
    text = (page / "index.html").read_text()
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def test_it_is_one_file_closed_in_itself(made):
    assert [path.name for path in (made / "page").iterdir()] == ["index.html"]
    text = (made / "page" / "index.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:|#)|https?://(?!www\.w3\.org/2000/svg)|^import |^export ", text, re.M)
    assert "in &amp; &lt;out>.mp4" in text
    assert str(made) not in text
    assert not re.search("<!-- (mark|title|css|data|js) -->", text)


def test_it_holds_every_edit_and_picture(made):
    data = told(made / "page")
    assert sorted(edit[0] for edit in data["edits"]) == list(range(5))
    assert all(len(edit) == 4 for edit in data["edits"])
    assert set(data["pictures"]) == set("01234")
    assert all(set(picture) == {"before", "after", "hole", "doubt"} for picture in data["pictures"].values())


@pytest.mark.parametrize(("aspect", "rotation", "size"), [(2, 0, (48, 128)), (2, 90, (128, 48)), ("1/2", 0, (96, 64))])
def test_pictures_have_the_shape_in_which_they_play(tmp_path, aspect, rotation, size):
    video = write_video(tmp_path / "in.mp4", moving_texture(2), aspect=Fraction(aspect), rotation=rotation)
    command = ["restore", str(video), "--box", "9,9,9,9", "-o", str(tmp_path / "o.mp4"), "--quiet", "--device", "cpu"]
    fast = ["--editor", "telea", "--selector", "nearest", "--report", str(tmp_path / "page")]
    assert main([*command, *fast]) == 0
    data = told(tmp_path / "page")
    for kind in ("before", "after"):
        picture = base64.b64decode(data["pictures"]["1"][kind].partition(",")[2])
        assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).shape[:2] == size
    assert data["ratio"] == size[1] / size[0]


def test_it_opens_offline_in_a_browser(made, chromium):
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.goto((made / "page" / "index.html").as_uri())
    page.wait_for_function("document.querySelectorAll('#film circle.dot').length === 5")
    assert "Repaired as number" in page.inner_text("#look")
    page.set_viewport_size({"width": 390, "height": 844})
    assert (
        page.evaluate("document.getElementById('look').scrollWidth - document.getElementById('look').clientWidth") <= 0
    )
    page.click("#next")
    assert page.inner_text("#where") == "frame 1 of 4"
    page.locator("#look .shots button").first.click()
    assert page.inner_text("#where") != "frame 1 of 4"
    context.close()
    assert not wrong


def test_a_folder_in_the_way_is_said_before_the_work(made, tmp_path, capsys):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    video = str(made / "in & <out>.mp4")
    command = [
        "restore",
        video,
        "--box",
        "20,12,20,20",
        "-o",
        str(tmp_path / "o.mp4"),
        "--report",
        str(tmp_path / "taken"),
    ]
    assert main(command) == 2
    assert "not empty" in capsys.readouterr().err
    assert not (tmp_path / "o.mp4").exists()


def test_of_a_long_video_some_repairs_are_shown_with_whom_they_looked_at(tmp_path):
    report = RepairReport(tmp_path / "r", False)
    for k in range(500):
        report.watch(Edit(k, (k + 7, k + 400)), torch.zeros(3, 4, 4), torch.zeros(1, 4, 4))
    kept = report._kept(1000)
    report.place.discard()
    assert len(kept) <= 72
    shown = [edit for edit in report.edits if edit.frame in kept and set(edit.contexts) <= kept]
    assert len(shown) >= 20


@pytest.mark.parametrize("order", ["rising", "falling", "mixed"])
def test_what_is_held_of_a_long_video_does_not_grow(tmp_path, order):
    frames = list(range(3000))
    {"rising": lambda: None, "falling": frames.reverse, "mixed": lambda: random.Random(0).shuffle(frames)}[order]()
    report = RepairReport(tmp_path / "r", False)
    most = 0
    for k in frames:
        report.watch(Edit(k, (max(k - 1, 0) or 2, k + 1)), torch.zeros(3, 4, 4), torch.full((1, 4, 4), k % 255))
        most = max(most, len(report.doubts))
    report.place.discard()
    assert most <= HELD + 1
    # Enough are left to choose from, all over the video, and the same ones whatever the order was.
    assert sorted(report.doubts) == list(range(0, 3000, 16))
    kept = report._kept(3000)
    assert MOST // 3 <= len(kept) <= MOST
    assert sum(frame in report.doubts for frame in kept) >= MOST // 3


def test_a_full_disk_is_said_and_leaves_the_video(made, tmp_path, monkeypatch, capsys):
    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rovr.serve.onefile._page", fail)
    args = ["restore", str(made / "in & <out>.mp4"), "--box", "9,9,9,9", "-o", str(tmp_path / "o.mp4"), "--quiet"]
    fast = ["--editor", "telea", "--selector", "nearest", "--device", "cpu"]
    assert main([*args, *fast, "--report", str(tmp_path / "page")]) == 2
    told = capsys.readouterr().err
    assert "o.mp4 is complete, its report is not: The disk ran full" in told
    assert "page" in told
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


@pytest.mark.skipif(sys.platform != "linux", reason="file systems of other machines have no such names")
def test_a_name_that_is_no_text_is_spelled_out(tmp_path):
    video = write_video(tmp_path / "in\udcff.mp4", moving_texture(2))
    command = ["restore", str(video), "--box", "9,9,9,9", "-o", str(tmp_path / "o.mp4"), "--quiet", "--device", "cpu"]
    fast = ["--editor", "telea", "--selector", "nearest", "--report", str(tmp_path / "page")]
    assert main([*command, *fast]) == 0
    assert told(tmp_path / "page")["title"] == r"in\udcff.mp4"


def test_frames_as_large_as_was_asked_for_are_shown(tmp_path, monkeypatch):
    asked = []

    def recorded(path, **given):
        asked.append(given["max_pixels"])
        return open_source(path, **given)

    monkeypatch.setattr("rovr.serve.onefile.open_source", recorded)
    video = write_video(tmp_path / "in.mp4", moving_texture(2))
    command = ["restore", str(video), "--box", "9,9,9,9", "-o", str(tmp_path / "o.mp4"), "--quiet", "--device", "cpu"]
    fast = ["--editor", "telea", "--selector", "nearest", "--report", str(tmp_path / "page")]
    assert main([*command, *fast, "--max-pixels", "100000000"]) == 0
    assert asked == [100_000_000] * 2


def test_modules_become_one_script():
    text = bundled(["ui.js", "film.js"])
    assert "export" not in text
    assert "import" not in text
    assert "class Film" in text


def test_a_report_that_is_not_finished_leaves_nothing(tmp_path):
    with pytest.raises(UserError), RepairReport(tmp_path / "r", False):
        raise UserError("stop")
    assert not list(tmp_path.iterdir())
