"""The page and its files: whole, closed in itself, the same each time, and readable without seeing."""

import base64
import json
import re
from html.parser import HTMLParser

import cv2
import made_up_report
import matplotlib
import numpy as np
import pytest
from made_once import everything
from matplotlib.backends.backend_agg import FigureCanvasAgg

from rovr.report import write_report
from rovr.report.options import ReportOptions
from rovr.report.plate import Plate, inline
from rovr.report.style import SETTINGS, canvas

pytest_plugins = ["made_once"]

FIGURES = (
    "overview",
    "reach",
    "figure-1-training-loss",
    "figure-2-alps",
    "figure-2-alps-most",
    "figure-2-alps-least",
    "figure-2-boat-crew-x",
    "figure-2-city",
    "contexts",
    "cost",
    "differences-shift",
    "learning",
)
EMPTY = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "path", "use", "image"}


class Elements(HTMLParser):
    """Every start tag with its attributes; complains about tags that are closed in the wrong order."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def elements(page):
    return Elements(page).found


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_there_as_png_and_svg(report, page, name):
    picture = cv2.imread(str(report / f"{name}.png"))
    assert picture.std() > 1
    assert (report / f"{name}.svg").read_text().rstrip().endswith("</svg>")
    assert f'<figure id="plate-{name}">' in page


def test_the_page_asks_for_nothing_from_elsewhere(page, elements):
    for tag, attributes in elements:
        for name in ("src", "href", "xlink:href", "poster", "srcset", "data", "action"):
            link = attributes.get(name)
            if link is not None:
                assert link.startswith(("data:", "#")), f"<{tag} {name}={link[:80]}>"
    addresses = re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")]{0,80})", page)
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "http:" not in page
    assert "https:" not in page
    policy = next(a["content"] for _, a in elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_files_hold_no_address_to_load(report):
    for path in report.glob("*.svg"):
        links = re.findall(r'href="([^"]{0,40})', path.read_text())
        assert all(link.startswith(("#", "data:")) for link in links)


def test_ids_are_unique_and_links_lead_somewhere(elements):
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    inner = [attributes[k] for _, attributes in elements for k in ("href", "xlink:href") if k in attributes]
    assert {link[1:] for link in inner if link.startswith("#")} <= set(ids)


def test_who_cannot_see_is_told(page, elements):
    drawings = [attributes for tag, attributes in elements if tag == "svg"]
    assert len(drawings) >= len(FIGURES)
    assert all(len(attributes["aria-label"]) > 30 for attributes in drawings)
    assert all(attributes.get("aria-label") for tag, attributes in elements if tag == "video")
    assert page.count("Numbers of this figure") >= len(FIGURES)
    assert any(attributes.get("lang") == "en" for tag, attributes in elements if tag == "html")
    assert any(attributes.get("name") == "viewport" for tag, attributes in elements if tag == "meta")


def test_videos_and_pictures_are_inside(inputs, page):
    truth = (inputs.folder / "media" / "alps" / "shift" / "truth.mp4").read_bytes()
    assert f"data:video/mp4;base64,{base64.b64encode(truth).decode()}" in page
    sheet = re.search(r'#clip-0 \.truth \{ background-image: url\("data:image/jpeg;base64,([^"]+)"', page)
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(sheet[1]), np.uint8), cv2.IMREAD_COLOR)
    # Six frames, three abreast.
    assert shown.shape == (2 * made_up_report.SIDE, 3 * made_up_report.SIDE, 3)
    last = made_up_report.pictures()[5][..., ::-1].astype(float)
    tile = shown[made_up_report.SIDE :, 2 * made_up_report.SIDE :]
    assert np.abs(tile - last).mean() < 8


def test_names_from_the_file_cannot_break_the_page(page):
    assert "boat &amp; &lt;crew&gt;" in page
    assert "<crew>" not in page


def explored(page):
    """What each clip's strip of frames knows."""
    return [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', page, re.S)]


def explorers(page):
    """Methods in each."""
    return [len(data["methods"]) for data in explored(page)]


def test_the_strip_of_frames_knows_what_was_looked_at(page):
    data = explored(page)
    assert len(data) == len(made_up_report.SEEN)
    method = next(m for m in data[0]["methods"] if m["name"] == "aligned/coverage")
    edits = [[edit["frame"], edit["contexts"]] for edit in method["edits"]]
    assert edits == made_up_report.edits("aligned/coverage", made_up_report.LENGTH)


def test_two_reports_are_the_same(inputs, report, tmp_path):
    write_report(everything(inputs, tmp_path / "again"), say=print)
    names = sorted(path.name for path in report.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        assert (report / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def of_two_clips(inputs, out, said=print):
    methods = ("aligned/sequential", "aligned/coverage", "telea")
    write_report(ReportOptions((inputs.path,), out, methods=methods, clips=("alps", "city")), say=said)
    return (out / "index.html").read_text()


def test_a_small_page_leaves_methods_then_clips_out_and_says_so(inputs, page, tmp_path, monkeypatch):
    assert explorers(page) == [4, 4, 4]
    drawn, save = {}, Plate.save

    def once(plate, folder):
        """Both pages have the same figures, whose drawing takes the most time."""
        if plate.name not in drawn:
            drawn[plate.name] = save(plate, folder)
        (folder / f"{plate.name}.svg").touch()
        return drawn[plate.name]

    monkeypatch.setattr(Plate, "save", once)
    limit = 1_350_000  # the figures of two clips, and some of the six methods' frames
    monkeypatch.setattr("rovr.report.build.LIMIT", limit)
    text = of_two_clips(inputs, tmp_path / "small")
    assert len(text) < limit
    assert 2 <= sum(explorers(text)) < 6
    assert "Left out here, to keep the page small: " in text

    said: list[str] = []
    monkeypatch.setattr("rovr.report.build.LIMIT", 700_000)
    text = of_two_clips(inputs, tmp_path / "tiny", said.append)
    assert len(text) < 700_000
    assert any("city" in line and "--clips" in line for line in said)
    assert (tmp_path / "tiny" / "figure-2-city.svg").exists()


def test_coordinates_are_short_and_scales_are_left_alone():
    path = '<path d="M 1.234567 -2.0001 L 3.5 4"/>'
    drawing = f'<svg width="72pt" height="72pt"><g transform="scale(0.015625)">{path}</g></svg>'
    assert 'scale(0.015625)"><path d="M 1.23 -2 L 3.5 4"/>' in inline(drawing, "x", "a drawing")


def test_labels_fit_at_every_resolution(tmp_path):
    """Room for them is found once, and files are drawn at others."""
    with matplotlib.rc_context(SETTINGS):
        figure = canvas(7.2, 1.2)
        axis = figure.subplots()
        axis.set_yticks([0, 1], ["a clip", "another_clip_with_a_rather_long_name_to_it"], fontsize=7.5)
        Plate("x", "x", "x", "x", figure).save(tmp_path)
        for dpi in (72, 100, 160):
            figure.set_dpi(dpi)
            drawn = FigureCanvasAgg(figure)
            drawn.draw()
            assert axis.get_tightbbox(drawn.get_renderer()).x0 >= 0
