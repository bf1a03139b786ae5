"""Shared by all tests: one thread, fixed seeds, and small videos made on the spot."""

import importlib.util
import os
import signal
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.error import URLError

import av
import cv2
import numpy as np
import pytest
import torch

cv2.setNumThreads(1)

# For processes that tests start: threads that wait for cores other tests have take far longer than one alone.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background has them ignore Ctrl-C, and processes that tests start inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Files that take longest, in that order. Where processes share the tests, a long file that is begun last keeps one of
# them at work alone while the others are done.
LONGEST = (
    "test_onnx.py", "test_page.py", "test_shards.py", "test_agents.py", "test_training.py", "test_reproduce.py",
    "test_learns.py", "test_poster.py", "test_batch_many.py", "test_onnx_policies.py", "test_cli.py", "test_ranks.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    for item in items:
        if "chromium" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
    if "PYTEST_XDIST_WORKER" in os.environ:
        rank = {name: place for place, name in enumerate(LONGEST)}
        items.sort(key=lambda item: rank.get(item.path.name, len(LONGEST)))


def browser_script():
    path = Path(__file__).parents[1] / "scripts" / "browser.py"
    spec = importlib.util.spec_from_file_location("browser", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser, driven by Playwright, whose event loop runs in this thread until the end of the module."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need Playwright")
    path = browser_script().find_browser()
    if path is None:
        pytest.skip("no Chromium on this machine: run python scripts/browser.py")
    with sync_api.sync_playwright() as playwright:
        # In a container there is no other user to keep apart from.
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _repeatable():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - for libraries that draw from it


@pytest.fixture
def no_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a connection, on which nothing was downloaded before."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise URLError("no connection")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "urlopen", refuse)


def moving_texture(count: int, height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """(T, H, W, 3) uint8: a smooth texture that moves two pixels a frame."""
    rng = np.random.default_rng(seed)
    canvas = rng.integers(0, 256, (height, width + 2 * count, 3), dtype=np.uint8)
    canvas = cv2.normalize(cv2.GaussianBlur(canvas, (0, 0), 3), None, 20, 235, cv2.NORM_MINMAX)
    return np.stack([canvas[:, 2 * i : 2 * i + width] for i in range(count)])


def write_video(
    path: Path,
    frames: np.ndarray,
    *,
    pix_fmt: str = "yuv420p",
    codec: str = "libx264",
    rate: Fraction | int = 25,
    time_base: Fraction | None = None,
    pts: list[int] | None = None,
    audio: float = 0,
    colour: tuple[int, int, int, int] | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    subtitles: bool = False,
    aspect: Fraction | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Encode RGB frames with what a test asks for.

    Args:
        path: of the video.
        frames: (T, H, W, 3) uint8.
        pix_fmt: FFmpeg's name.
        codec: FFmpeg's name.
        rate: frames per second.
        time_base: of the time stamps, 1 / rate by default.
        pts: time stamps.
        audio: seconds of a tone.
        colour: colorspace, primaries, transfer, range.
        rotation: degrees, counter-clockwise.
        options: of the encoder.
        subtitles: whether to add a line of text (Matroska only).
        aspect: of a pixel.
        metadata: of the container.
    """
    colorspace, primaries, transfer, range_ = colour or (2, 2, 2, 0)
    with av.open(str(path), "w") as output:
        output.metadata.update(metadata or {})
        time_base = time_base or 1 / Fraction(rate)
        stream = output.add_stream(codec, rate=rate, time_base=time_base, options=options or {})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        context.colorspace, context.color_primaries = colorspace, primaries
        context.color_trc, context.color_range = transfer, range_
        if aspect:
            context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        sound = output.add_stream("aac", rate=48000, layout="mono") if audio else None
        text = output.add_mux_stream("subrip") if subtitles else None
        for index, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
            matrix = colorspace if colorspace in (1, 5, 9) else 5
            frame = frame.reformat(
                format=pix_fmt,
                src_colorspace=matrix,
                dst_colorspace=matrix,
                src_color_range=2,
                dst_color_range=range_ or 1,
            )
            frame.pts, frame.time_base = (pts[index] if pts else index), time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound:
            count = int(audio * 48000) // 1024
            for index in range(count):
                wave = np.sin((np.arange(1024) + index * 1024) / 20).astype(np.float32)[None] * 0.3
                block = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
                block.sample_rate, block.pts = 48000, index * 1024
                output.mux(sound.encode(block))
            output.mux(sound.encode(None))
        if text:
            packet = av.Packet(b"hello")
            packet.stream, packet.pts, packet.dts, packet.duration = text, 0, 0, 400
            packet.time_base = Fraction(1, 1000)
            output.mux(packet)
    return path


def without(path, out, gone):
    """A copy of a video, some of whose packets hold nothing that can be decoded."""
    with av.open(str(path)) as given, av.open(str(out), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for index, packet in enumerate(given.demux(video=0)):
            if packet.dts is not None:
                copy = av.Packet(bytes(16) if index in gone else bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.stream, copy.is_keyframe = stream, packet.is_keyframe
                made.mux(copy)
    return out


def native_planes(path: Path) -> list[list[np.ndarray]]:
    """All frames' planes, as decoded."""
    from rovr.video import pixels

    with av.open(str(path)) as container:
        return [[plane.copy() for plane in pixels.planes(frame)] for frame in container.decode(video=0)]


def rgb_frames(path: Path) -> np.ndarray:
    """(T, H, W, 3) uint8 as stored."""
    from rovr.video import open_source

    with open_source(path) as source:
        return np.stack([frame.rgb for frame in source])


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Time in seconds and payload of all packets of one kind."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        if not streams:
            return []
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(*streams) if p.dts is not None]


@pytest.fixture
def video(tmp_path: Path) -> Callable[..., Path]:
    """Make a video of moving texture: ``video("name.mp4", count=12, height=48, width=64, **options)``."""

    def make(name: str = "in.mp4", count: int = 12, height: int = 48, width: int = 64, **options: Any) -> Path:
        return write_video(tmp_path / name, moving_texture(count, height, width), **options)

    return make


@pytest.fixture
def hole(tmp_path: Path) -> Path:
    """One mask for all frames of 64×48: a white box at x 20–39, y 12–31."""
    mask = np.zeros((48, 64), np.uint8)
    mask[12:32, 20:40] = 255
    cv2.imwrite(str(tmp_path / "hole.png"), mask)
    return tmp_path / "hole.png"
