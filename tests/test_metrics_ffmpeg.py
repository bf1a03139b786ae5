"""PSNR and SSIM beside FFmpeg's filters of these names."""

import re
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from av.filter import filters_available

from rovr.metrics import frame_psnr, ssim


def compare(name, frames, truth, folder):
    """What a filter says of two clips, one dictionary a frame."""
    if name not in filters_available:
        pytest.skip(f"this FFmpeg has no filter {name}")
    stats = folder / f"{name}.txt"
    height, width = truth.shape[-2:]
    graph = av.filter.Graph()
    sources = [graph.add_buffer(width=width, height=height, format="gbrp", time_base=Fraction(1, 25)) for _ in range(2)]
    judge, sink = graph.add(name, f"stats_file={stats}"), graph.add("buffersink")
    for pad, source in enumerate(sources):
        source.link_to(judge, 0, pad)
    judge.link_to(sink)
    graph.configure()
    for t in range(len(truth)):
        for source, clip in zip(sources, (frames, truth), strict=True):
            picture = np.ascontiguousarray(clip[t].permute(1, 2, 0).numpy())
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="gbrp")
            frame.pts, frame.time_base = t, Fraction(1, 25)
            source.push(frame)
        sink.pull()
    del graph, judge, sink, sources  # closes the file
    lines = stats.read_text().splitlines()
    return [{key: float(value) for key, value in re.findall(r"(\w+):\s*([\d.]+)", line)} for line in lines]


@pytest.fixture
def clips():
    chance = torch.Generator().manual_seed(3)
    coarse = torch.rand(4, 3, 10, 12, generator=chance)
    truth = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(0, 1)
    worse = truth + torch.tensor([0.02, 0.04, 0.08, 0.16]).view(4, 1, 1, 1) * torch.randn(truth.shape, generator=chance)
    return (worse.clamp(0, 1) * 255).byte(), (truth * 255).byte()


def test_psnr_is_that_of_ffmpeg(clips, tmp_path):
    worse, truth = clips
    theirs = [line["psnr_avg"] for line in compare("psnr", worse, truth, tmp_path)]
    for t, value in enumerate(theirs):
        assert frame_psnr(worse[t : t + 1], truth[t : t + 1]) == pytest.approx(value, abs=0.01)
    assert frame_psnr(worse, truth) == pytest.approx(np.mean(theirs), abs=0.01)


def test_ssim_is_near_that_of_ffmpeg(clips, tmp_path):
    """FFmpeg takes windows of 8×8 at every fourth pixel, so it lies between ours of 7×7 and 9×9 at every pixel."""
    worse, truth = clips
    theirs = [line["All"] for line in compare("ssim", worse, truth, tmp_path)]
    small, large = (
        [ssim(a[None], b[None], window="uniform", size=size) for a, b in zip(worse, truth, strict=True)]
        for size in (7, 9)
    )
    for low, value, high in zip(small, theirs, large, strict=True):
        assert low < value < high
