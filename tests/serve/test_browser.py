"""The page in a real browser: what a person does with it from a file to a repaired file."""

import json
import re
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import moving_texture, rgb_frames, write_video
from mask_files import masks_of
from served import Served, serving

from rovr.provenance.file import TraceFile
from rovr.serve.limits import Limits

pytest_plugins = ["page_fixtures"]
pytestmark = pytest.mark.timeout(150)
PATIENCE = 100_000


@pytest.fixture(scope="module")
def site() -> Iterator[Served]:
    """One page for all tests of this file: its worker loads what repairs only once."""
    with serving(Limits(clips=40, jobs=40, spare=0)) as page:
        yield page


@pytest.fixture
def tab(chromium, site, request) -> Iterator[Any]:
    """A fresh tab on the page, whose errors fail the test."""
    width = getattr(request, "param", 1440)
    context = chromium.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    outside: list[str] = []
    page.on(
        "request", lambda asked: asked.url.startswith((site.address, "blob:", "data:")) or outside.append(asked.url)
    )
    page.wrong = wrong
    for clip in site.json("GET", "/api/state")["clips"]:
        site.json("DELETE", f"/api/clips/{clip['id']}")
    page.goto(site.address)
    page.wait_for_selector("#empty:not([hidden])")
    yield page
    context.close()
    # What the server refuses shows in the console too, and is expected where a test says so.
    assert not [text for text in wrong if "status of 4" not in text]
    assert not outside, "the page asked for something outside"


@pytest.fixture
def small(tmp_path):
    """A video with a grey box that stands still at x 20–39, y 12–31."""
    frames = moving_texture(6, 64, 96)
    frames[:, 12:32, 20:40] = 128
    return write_video(tmp_path / "small.mp4", frames, options={"crf": "8"})


def until(tab, script):
    """Wait for an expression; Playwright's own way needs eval, which the page's policy forbids."""
    end = time.monotonic() + PATIENCE / 1000
    while not tab.evaluate(script):
        assert time.monotonic() < end, f"still not {script}"
        tab.wait_for_timeout(50)


def open_file(tab, path):
    tab.set_input_files("#file", str(path))
    tab.wait_for_selector("#desk:not([hidden])")
    until(tab, "document.getElementById('where').textContent.startsWith('0 /')")


def drag(tab, places):
    """Move the mouse, pressed, through places of the picture in pixels of the video of 96×64."""
    box = tab.locator("#picture").bounding_box()
    scale = min(box["width"] / 96, box["height"] / 64)
    left, top = box["x"] + (box["width"] - 96 * scale) / 2, box["y"] + (box["height"] - 64 * scale) / 2
    points = [(left + x * scale, top + y * scale) for x, y in places]
    tab.mouse.move(*points[0])
    tab.mouse.down()
    for point in points[1:]:
        tab.mouse.move(*point, steps=4)
    tab.mouse.up()


def mark_box(tab):
    tab.keyboard.press("x")
    drag(tab, [(19, 11), (41, 33)])
    tab.wait_for_selector(".marks li")


def colours(tab):
    """The stage as it looks, (H, W, 3)."""
    data = tab.locator("#stage").screenshot()
    return cv2.imdecode(np.frombuffer(data, np.uint8), 1)


def pick(tab, name, value):
    tab.check(f"input[name={name}][value={value}]")


def test_from_a_file_to_a_repaired_file(tab, small, tmp_path):
    open_file(tab, small)
    assert "Nothing yet" in tab.inner_text("#mark")
    # Mark, and take back.
    mark_box(tab)
    tab.keyboard.press("z")
    assert tab.locator(".marks li").count() == 0
    tab.keyboard.press("Shift+Z")
    tab.keyboard.press("Control+z")
    assert tab.locator(".marks li").count() == 0
    tab.keyboard.press("Control+Shift+Z")
    assert "all frames" in tab.inner_text(".marks li")
    # See one frame.
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("p")
    tab.wait_for_selector("#back:not([hidden])")
    tab.click("#tab-repair")
    assert "Preview of frame 1" in tab.inner_text("#repair")
    # Keep the mask alone.
    tab.click("#tab-mark")
    with tab.expect_download() as coming:
        tab.get_by_text("Keep the mask").click()
    assert coming.value.suggested_filename == "small-mask.mkv"
    coming.value.save_as(tmp_path / "alone.mkv")
    # Repair all, which shows itself when it is done.
    tab.click("#restore")
    tab.wait_for_selector("#tab-look[aria-selected=true]")
    until(tab, "document.getElementById('look').innerText.includes('Repaired as number')")
    assert tab.locator("#look .shots img").count() == 2
    assert tab.locator("#film circle.dot").count() == 6
    # Compare in every way.
    divided = colours(tab)
    tab.keyboard.press("End")
    until(tab, "document.getElementById('where').textContent.startsWith('5 /')")
    for mode in ("side", "flicker", "slider"):
        pick(tab, "mode", mode)
        tab.wait_for_timeout(150)
    tab.keyboard.press("Home")
    tab.keyboard.press(".")
    tab.wait_for_timeout(300)
    assert np.abs(colours(tab).astype(int) - divided).max() > 20, "the divider did not move"
    # Click on one that was looked at.
    tab.locator("#look .shots button").first.click()
    assert not tab.inner_text("#where").startswith("0 /")
    # Keep what was made, and find it right.
    kept = {}
    for name in ("video", "mask", "record", "provenance"):
        with tab.expect_download() as coming:
            tab.locator(f"#look a[href$='/{name}']").click()
        kept[name] = tmp_path / coming.value.suggested_filename
        coming.value.save_as(kept[name])
    assert {path.name for path in kept.values()} == {
        "small-repaired.mp4",
        "small-mask.mkv",
        "small-record.json",
        "small-provenance.npz",
    }
    holes = masks_of(kept["mask"])
    assert np.array_equal(holes, masks_of(tmp_path / "alone.mkv"))
    assert holes[:, 13:31, 21:39].all()
    assert not holes[:, :8].any()
    record = json.loads(kept["record"].read_text())
    assert sorted(edit["frame"] for edit in record["edits"]) == list(range(6))
    assert record["input"] == "small.mp4"
    assert TraceFile(kept["provenance"]).length == 6
    origin = tab.locator("#look select option", has_text="Origin of pixels").first.get_attribute("value")
    tab.locator("#look select").last.select_option(origin)
    until(tab, "document.getElementById('tags').innerText.includes('Origin')")
    assert "Repaired as number" in tab.inner_text("#look")
    before, after = rgb_frames(small).astype(int), rgb_frames(kept["video"]).astype(int)
    truth = moving_texture(6, 64, 96).astype(int)
    inside = np.s_[:, 14:30, 22:38]
    assert np.abs(after[inside] - truth[inside]).mean() < 0.5 * np.abs(before[inside] - truth[inside]).mean()
    assert np.abs((after - before)[:, 40:]).mean() < 3


def test_a_job_survives_a_reload_and_can_be_cancelled(tab, tmp_path):
    long = write_video(tmp_path / "long.mp4", moving_texture(300, 96, 128))
    open_file(tab, long)
    tab.click("text=A box by numbers")
    tab.click("text=Add box")
    tab.click("#restore")
    until(tab, "/of 300|Reading|Drawing/.test(document.getElementById('joblist').innerText)")
    tab.reload()
    tab.wait_for_selector("#desk:not([hidden])")
    assert "long.mp4" in tab.inner_text("#joblist")
    assert tab.locator(".marks li").count() == 1, "what was marked is gone"
    tab.click("#joblist >> text=Cancel")
    tab.wait_for_selector("#jobs", state="hidden")


def test_two_jobs_at_once_are_done_one_after_the_other(tab, small, site):
    open_file(tab, small)
    mark_box(tab)
    tab.click("#restore")
    tab.click("#tab-repair")
    tab.select_option("#selector", "agent")
    tab.click("#restore")
    until(tab, "document.querySelectorAll('#joblist .ok').length === 2")
    tab.click("#tab-look")
    assert tab.locator("#look tbody tr").count() == 2


def test_a_bad_file_is_said_to_be_bad_in_plain_words(tab, small, tmp_path):
    (tmp_path / "notes.txt").write_text("milk, bread")
    tab.set_input_files("#file", str(tmp_path / "notes.txt"))
    tab.wait_for_selector(".toast.bad")
    assert tab.inner_text(".toast p").startswith("notes.txt is not a video")
    tab.wait_for_selector("#empty:not([hidden])")
    open_file(tab, small)
    assert not tab.locator(".toast").count(), "what was wrong with the other file still shows"


def test_the_list_names_the_video_that_is_shown(tab, small, tmp_path):
    named = "document.getElementById('clip').selectedOptions[0].textContent"
    open_file(tab, small)
    mark_box(tab)
    tab.keyboard.press(" ")
    other = write_video(tmp_path / "other.mp4", moving_texture(4, 48, 64))
    tab.set_input_files("#file", str(other))
    until(tab, "document.title.startsWith('other.mp4')")
    assert tab.evaluate(named) == "other.mp4"
    # The first is still there, and is come back to where a third is none.
    tab.select_option("#clip", label="small.mp4")
    assert tab.title().startswith("small.mp4")
    (tmp_path / "notes.txt").write_text("milk, bread")
    tab.set_input_files("#file", str(tmp_path / "notes.txt"))
    tab.wait_for_selector(".toast.bad")
    tab.wait_for_selector("#desk:not([hidden])")
    assert tab.evaluate(named) == "small.mp4"
    assert tab.locator(".marks li").count() == 1
    # From the empty page any of them can be gone back to.
    tab.click("#another")
    assert tab.evaluate(named).startswith("Open videos")
    tab.select_option("#clip", label="other.mp4")
    tab.wait_for_selector("#desk:not([hidden])")
    tab.click("#close")
    until(tab, "document.title.startsWith('small.mp4')")
    assert tab.evaluate(named) == "small.mp4"


def test_a_file_can_be_dropped(tab, small):
    script = """async (data) => {
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "first.mp4", { type: "video/mp4" }));
        transfer.items.add(new File(["milk, bread"], "notes.txt"));
        transfer.items.add(new File([bytes], "dropped.mp4", { type: "video/mp4" }));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }"""
    import base64

    tab.evaluate(script, base64.b64encode(small.read_bytes()).decode())
    until(tab, "document.title.startsWith('dropped.mp4')")
    assert tab.locator("#clip option").all_inner_texts() == ["first.mp4", "dropped.mp4"]
    assert "notes.txt is not a video" in tab.inner_text(".toast p")


def test_a_mask_file_and_a_followed_box_become_marks(tab, tmp_path, hole):
    clip = write_video(tmp_path / "in.mp4", moving_texture(5, 48, 64))
    open_file(tab, clip)
    tab.set_input_files("#maskfile", str(hole))
    until(tab, "document.querySelectorAll('.marks li').length === 1")
    assert "hole.png" in tab.inner_text(".marks li")
    tab.click("text=A box by numbers")
    tab.click("text=Add box")
    tab.click("text=Follow the box")
    until(tab, "/followed/.test(document.querySelector('.marks').innerText)")


def test_two_tabs_on_one_video_get_the_same_masks_and_only_one_is_told(tab, site, tmp_path):
    frames = moving_texture(60, 96, 128)
    clip = write_video(tmp_path / "in.mp4", frames)
    open_file(tab, clip)
    other = tab.context.new_page()
    other.goto(site.address)
    other.wait_for_selector("#desk:not([hidden])")
    tab.click("text=A box by numbers")
    for count in (1, 2):
        tab.click("text=Add box")
        tab.click("text=Follow the box")
        for page in (tab, other):
            until(page, f"document.querySelectorAll('.marks li').length === {count}")
            assert page.inner_text(".marks").count("followed") == count
    # What is taken out of one stays in the other, also when it is loaded again.
    tab.locator(".marks li button").first.click()
    for page, count in ((tab, 1), (other, 2)):
        page.reload()
        page.wait_for_selector(".marks li")
        assert page.locator(".marks li").count() == count
    # What fails is said where it was asked for.
    tab.click("#mark >> text='Scratches'")
    tab.wait_for_selector(".toast.bad")
    other.wait_for_timeout(500)
    assert not other.locator(".toast").count()
    until(tab, "document.getElementById('jobs').hidden")


def test_a_video_of_one_frame_is_repaired_and_told_of(tab, tmp_path):
    open_file(tab, write_video(tmp_path / "one.mp4", moving_texture(1, 64, 96)))
    mark_box(tab)
    tab.keyboard.press("p")
    tab.wait_for_selector("#back:not([hidden])")
    tab.click("#tab-repair")
    assert "looking at no other frame. 100% of" in tab.inner_text("#repair")
    tab.click("#restore")
    tab.wait_for_selector("#tab-look[aria-selected=true]")
    assert "1 frame repaired in" in tab.inner_text("#joblist")


def test_pixels_that_are_not_square_are_shown_and_marked_as_they_play(tab, tmp_path):
    frames = np.full((4, 64, 64, 3), 40, np.uint8)
    frames[:, 16:48, 32:48] = 220, 40, 40
    open_file(tab, write_video(tmp_path / "wide.mp4", frames, aspect=Fraction(2), options={"crf": "4"}))
    tab.wait_for_timeout(500)
    seen = colours(tab).astype(int)
    red = (seen[..., 2] - seen[..., 0] > 90).nonzero()
    assert np.ptp(red[1]) == pytest.approx(np.ptp(red[0]), rel=0.1), (
        "16 pixels of twice the width are as wide as 32 are high"
    )
    tab.keyboard.press("x")
    box = tab.locator("#stage").bounding_box()
    (top, left), (bottom, right) = np.transpose(red).min(0).tolist(), np.transpose(red).max(0).tolist()
    tab.mouse.move(box["x"] + left + 2, box["y"] + top + 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + right - 2, box["y"] + bottom - 2, steps=4)
    tab.mouse.up()
    tab.wait_for_selector(".marks li")
    (mark,) = tab.evaluate("JSON.parse(Object.values(sessionStorage)[0]).list")
    assert [mark[side] for side in "xywh"] == pytest.approx([32, 16, 16, 32], abs=1.5)


def go_to(tab, typed):
    tab.keyboard.press("g")
    tab.keyboard.type(typed)
    tab.keyboard.press("Enter")


def test_a_frame_is_reached_by_its_number_and_by_its_time(tab, small):
    open_file(tab, small)
    where = "document.getElementById('where').textContent"
    last = int(tab.inner_text("#where").split("/")[1].split("·")[0])
    for frame in range(last + 1):
        go_to(tab, str(frame))
        until(tab, f"{where}.startsWith('{frame} /')")
        # By the time that is shown there one comes back to it.
        time_shown = tab.inner_text("#where").split("·")[1].strip()
        go_to(tab, str((frame + 1) % (last + 1)))
        go_to(tab, time_shown)
        until(tab, f"{where}.startsWith('{frame} /')")
    tab.click("#where")
    tab.keyboard.type("soon")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.getElementById('jump').open")
    tab.keyboard.press("Escape")
    assert tab.inner_text("#where").startswith(f"{last} /")


def test_the_clock_follows_a_rate_that_varies(tab, tmp_path):
    stamps = [0, 40, 80, 500, 540, 1200]
    path = tmp_path / "phone.mkv"
    open_file(tab, write_video(path, moving_texture(6, 64, 96), time_base=Fraction(1, 1000), pts=stamps))
    clock = "document.getElementById('where').textContent"
    tab.keyboard.press("End")
    until(tab, f"{clock}.endsWith('0:01.20')")
    tab.keyboard.press("ArrowLeft")
    assert tab.evaluate(clock).endswith("0:00.54")
    assert tab.get_attribute("#scrub", "aria-valuetext").endswith("0:00.54")
    for typed, frame in (("2", 2), ("0:00.54", 4), ("0:1,1", 4), ("9:59", 5), ("0:00", 0), ("77", 5)):
        go_to(tab, typed)
        until(tab, f"{clock}.startsWith('{frame} /')")
    tab.keyboard.press("Home")
    began = time.monotonic()
    tab.keyboard.press(" ")
    until(tab, f"{clock}.startsWith('5 /')")
    assert time.monotonic() - began > 1


def test_an_answer_from_before_a_video_was_opened_closes_it_not(tab, small):
    late = threading.Event()

    def hold(route):
        answer = route.fetch()
        if not late.is_set():
            late.set()
            tab.set_input_files("#file", str(small))
            tab.wait_for_selector("#desk:not([hidden])")
        route.fulfill(response=answer)

    tab.route("**/api/state*", hold)
    until(tab, "!document.getElementById('desk').hidden")
    tab.wait_for_timeout(1500)
    assert late.is_set()
    assert not tab.locator(".toast").count()
    assert tab.title().startswith("small.mp4")


def test_a_server_that_does_not_answer_is_said_until_it_does(tab, small):
    open_file(tab, small)
    mark_box(tab)
    tab.context.set_offline(True)
    tab.wait_for_selector(".toast.bad")
    tab.click("#preview")
    tab.wait_for_timeout(300)
    assert "does not answer" in tab.inner_text(".toast p")
    tab.context.set_offline(False)
    tab.wait_for_selector(".toast", state="detached")
    tab.wrong.clear()
    # A server that refuses what it took before is not silent either.
    tab.route("**/api/state*", lambda route: route.fulfill(status=403, body="This page asks for its token."))
    tab.wait_for_selector(".toast.bad")
    assert "token" in tab.inner_text(".toast p")
    tab.unroute("**/api/state*")
    tab.wait_for_selector(".toast", state="detached")


def test_what_cannot_be_done_is_said(tab, small):
    open_file(tab, small)
    tab.click("#preview")
    tab.wait_for_selector(".toast.bad")
    assert "Nothing is marked yet" in tab.inner_text(".toast p")
    # What says so is not in the way of doing it.
    mark_box(tab)
    tab.click("#preview")
    tab.wait_for_selector("#back:not([hidden])")


@pytest.mark.parametrize(("tab", "theme"), [(1440, "light"), (768, "dark"), (320, "light")], indirect=["tab"])
def test_everyone_can_use_it(tab, site, small, theme):
    axe_module = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    tab.emulate_media(color_scheme=theme, reduced_motion="reduce")
    found = {}

    def check(state):
        tab.wait_for_timeout(100)
        # The policy of the page lets no script in; axe comes in from outside of it.
        results = axe_module.Axe().run(tab).response
        bad = [one for one in results["violations"] if one["impact"] != "minor"]
        found.update({f"{state}: {one['id']}": [node["target"] for node in one["nodes"]] for one in bad})
        wide = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{state}: {wide} px too wide"
        ends = "[...document.querySelectorAll('.panel select')].map((e) => e.getBoundingClientRect().right)"
        assert max(tab.evaluate(ends)) <= tab.viewport_size["width"], f"{state}: a choice is cut off"

    check("empty")
    open_file(tab, small)
    mark_box(tab)
    check("mark")
    tab.click("#tab-repair")
    check("repair")
    tab.click("#tab-look")
    check("compare")
    # A long name is what makes a row too wide.
    (clip,) = site.json("GET", "/api/state")["clips"]
    mark = {"type": "box", "x": 20, "y": 12, "w": 20, "h": 20}
    job = site.job(clip["id"], {"kind": "restore", "marks": [mark], "selector": "largest_hole_first"})
    assert site.wait(job["id"])["state"] == "done"
    tab.reload()
    tab.wait_for_selector("#look select")
    check("compared")
    assert not found


def test_keys_reach_everything(tab, small):
    open_file(tab, small)
    mark_box(tab)
    for key, frame in (("ArrowRight", 1), ("Shift+ArrowRight", 5), ("Home", 0), ("End", 5), ("ArrowLeft", 4)):
        tab.keyboard.press(key)
        assert tab.inner_text("#where").startswith(f"{frame} /")
    tab.keyboard.press("b")
    before = tab.inner_text("#mark .line output")
    tab.keyboard.press("]")
    assert tab.inner_text("#mark .line output") != before
    tab.keyboard.press("2")
    assert tab.get_attribute("#tab-repair", "aria-selected") == "true"
    tab.keyboard.press("Home")
    tab.keyboard.press(" ")
    until(tab, "document.getElementById('where').textContent.startsWith('5 /')")
    until(tab, "document.getElementById('play').getAttribute('aria-label') === 'Play'")


def test_what_is_chosen_shows_in_the_colours_of_the_system(tab, small):
    tab.emulate_media(forced_colors="active")
    open_file(tab, small)
    colour = "getComputedStyle(document.querySelector('{}')).backgroundColor"
    for chosen, other in (
        ("input[value=brush] + span", "input[value=box] + span"),
        ("#tab-mark", "#tab-repair"),
    ):
        assert tab.evaluate(colour.format(chosen)) != tab.evaluate(colour.format(other)), chosen


def test_keys_work_whatever_is_written_on_them(tab, small):
    open_file(tab, small)
    mark_box(tab)

    def press(key, code, **held):
        event = json.dumps({"key": key, "code": code, "bubbles": True, "cancelable": True, **held})
        tab.evaluate(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {event}))")

    press("я", "KeyZ", ctrlKey=True)
    assert not tab.locator(".marks li").count()
    press("y", "KeyZ", ctrlKey=True)
    assert tab.locator(".marks li").count() == 1
    press("и", "KeyB")
    assert tab.is_checked("input[name=tool][value=brush]")
    # As a German keyboard has them.
    before = tab.inner_text("#mark .line output")
    press("]", "Digit9", altKey=True, ctrlKey=True)
    assert tab.inner_text("#mark .line output") != before
    # What belongs to the browser is left to it.
    press("p", "KeyP", ctrlKey=True)
    press("x", "KeyX", altKey=True)
    assert tab.is_checked("input[name=tool][value=brush]")
    assert not tab.locator("#joblist li").count()


def test_what_has_the_focus_keeps_it(tab, small):
    open_file(tab, small)
    tab.click("text=A box by numbers")
    for _ in range(2):
        tab.click("text=Add box")
    focused = "document.activeElement.textContent + (document.activeElement.getAttribute('aria-label') || '')"
    tab.focus(".marks li:first-child button")
    tab.keyboard.press("Enter")
    assert "Remove: Box" in tab.evaluate(focused)
    tab.keyboard.press("Enter")
    assert tab.evaluate(focused) == "Undo"
    mark_box(tab)
    tab.click("#restore")
    tab.wait_for_selector("#look .shots button")
    tab.focus("#look .shots button")
    # The page asks for news every few seconds.
    for _ in range(2):
        tab.evaluate("import('/static/app.js').then(({ tell }) => tell('jobs'))")
        tab.wait_for_timeout(200)
        assert tab.evaluate(focused).startswith("Frame")
    tab.keyboard.press("Enter")
    assert not tab.inner_text("#where").startswith("0 /")
    assert tab.evaluate(focused).startswith("Frame")


def test_only_the_frame_where_scrubbing_ends_is_waited_for(tab, tmp_path):
    open_file(tab, write_video(tmp_path / "long.mp4", moving_texture(300, 32, 48)))
    tab.wait_for_timeout(800)
    asked = []
    tab.on("request", lambda request: "/picture/" in request.url and asked.append(request.url))
    tab.evaluate("import('/static/view.js').then(({ go }) => { for (let frame = 1; frame < 300; frame++) go(frame); })")
    until(tab, "document.getElementById('where').textContent.startsWith('299 /')")
    tab.wait_for_timeout(1500)
    assert any("/source/299?" in url for url in asked)
    assert len(asked) < 40


def test_a_frame_of_the_sample_is_repaired_after_three_clicks(chromium):
    with serving(Limits(), ready=True) as page:
        context = chromium.new_context()
        tab = context.new_page()
        tab.set_default_timeout(240_000)
        clicks = 0
        tab.goto(page.address)
        for place in ("#sample", "#preview"):
            tab.click(place)
            clicks += 1
        tab.wait_for_selector("#back:not([hidden])")
        assert clicks <= 3
        assert "Preview" in tab.inner_text("#tags")
        # A reload shows the sample again, its damage still marked.
        tab.reload()
        tab.wait_for_selector(".marks li")
        assert re.search("sample", tab.inner_text(".marks li"))
        context.close()


def test_the_server_answers_while_it_repairs(site, small):
    clip = site.open(small)
    marks = [{"type": "box", "x": 20, "y": 12, "w": 20, "h": 20}]
    job = site.job(clip["id"], {"kind": "restore", "marks": marks})
    slowest, stop = [0.0], threading.Event()

    def ask():
        while not stop.is_set():
            began = time.monotonic()
            site.json("GET", "/api/state")
            slowest[0] = max(slowest[0], time.monotonic() - began)
            time.sleep(0.02)

    asking = threading.Thread(target=ask)
    asking.start()
    assert site.wait(job["id"])["state"] == "done"
    stop.set()
    asking.join()
    # A repair takes longer than this; the server itself waits for none.
    assert slowest[0] < 5
