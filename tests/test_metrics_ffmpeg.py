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


def plain_ssim(mine, real, side, step, share=1.0):
    """SSIM of two planes in NumPy, by its definition: windows of one side at every so many pixels, unbiased moments.

    Args:
        share: of the paper's first constant, which keeps black from dividing by nothing.
    """
    windows = [
        np.lib.stride_tricks.sliding_window_view(plane / 255, (side, side))[::step, ::step] for plane in (mine, real)
    ]
    x, y = (part.reshape(*part.shape[:2], -1) for part in windows)
    mean_x, mean_y = x.mean(-1), y.mean(-1)
    off_x, off_y = x - mean_x[..., None], y - mean_y[..., None]
    var_x, var_y, cov = ((a * b).sum(-1) / (side**2 - 1) for a, b in ((off_x, off_x), (off_y, off_y), (off_x, off_y)))
    c1, c2 = share * 0.01**2, 0.03**2
    alike = (2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return alike.mean()


def test_one_definition_of_ssim_gives_ours_and_that_of_ffmpeg(clips, tmp_path):
    """FFmpeg takes windows of 8×8 at every fourth pixel, and a 64th of the first constant."""
    worse, truth = clips
    for t, line in enumerate(compare("ssim", worse, truth, tmp_path)):
        planes = [(a.numpy(), b.numpy()) for a, b in zip(worse[t], truth[t], strict=True)]
        theirs = np.mean([plain_ssim(*pair, 8, 4, 1 / 64) for pair in planes])
        assert theirs == pytest.approx(line["All"], abs=1e-4)
        for size in (7, 9):
            ours = ssim(worse[t][None], truth[t][None], window="uniform", size=size)
            assert ours == pytest.approx(np.mean([plain_ssim(*pair, size, 1) for pair in planes]), abs=1e-4)
