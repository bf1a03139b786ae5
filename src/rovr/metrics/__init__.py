"""How close a restored clip is to the truth, and how steady.

| module | metrics |
|---|---|
| ``pixels`` | PSNR, on whole frames and inside the holes, pooled over a clip or averaged over its frames |
| ``structure`` | SSIM, likewise |
| ``motion`` | flow error, and the share of it that a repair took away |
| ``steadiness`` | warping error, flicker |
| ``perception`` | LPIPS and ST-LPIPS |
| ``vfid`` | Fréchet distance of video features |
"""

from rovr.metrics.motion import endpoint_error, flow_error, flow_recovery, flow_residual
from rovr.metrics.pixels import decibels, frame_psnr, hole_error, psnr, squared_error
from rovr.metrics.pooled import Pooled
from rovr.metrics.steadiness import flicker, unoccluded, warp_error
from rovr.metrics.structure import Window, similarities, similarity, ssim, ssim_map

__all__ = [
    "Pooled",
    "Window",
    "decibels",
    "endpoint_error",
    "flicker",
    "flow_error",
    "flow_recovery",
    "flow_residual",
    "frame_psnr",
    "hole_error",
    "psnr",
    "similarities",
    "similarity",
    "squared_error",
    "ssim",
    "ssim_map",
    "unoccluded",
    "warp_error",
]
