"""Which encoder and pixel format an output gets."""

from dataclasses import dataclass
from pathlib import Path

import cv2

from rovr.errors import UserError
from rovr.memory import LARGE

CONTAINERS = (".mp4", ".mov", ".m4v", ".mkv")

# What libx264 takes as it is; the yuvj names are full-range 8-bit YUV.
_X264 = {
    "yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv16", "nv21",
    "yuv420p10le", "yuv422p10le", "yuv444p10le", "gray", "gray10le",
}  # fmt: skip
# The same samples in another order, for FFV1.
_REPACKED = {
    "nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p",
    "p010le": "yuv420p10le", "p210le": "yuv422p10le", "p410le": "yuv444p10le",
    "p012le": "yuv420p12le", "p016le": "yuv420p16le",
    "rgb24": "bgr0", "bgr24": "bgr0", "rgb0": "bgr0", "0rgb": "bgr0", "0bgr": "bgr0", "gbrp": "bgr0",
    "rgba": "bgra", "argb": "bgra", "abgr": "bgra", "gbrap": "bgra",
    "bgr48le": "rgb48le",
}  # fmt: skip

# Frames that x264 looks ahead where they are large, of 40: 0.07 dB for 7 % fewer bytes and 126 MB at full HD.
_LOOKAHEAD = 20

# OpenCV's number of the AVX-512 that x264 makes use of.
_AVX512_SKX = 256


@dataclass(frozen=True)
class Encoding:
    """How frames are to be encoded.

    Attributes:
        codec: FFmpeg's name of the encoder.
        pix_fmt: the format it is given.
        options: of the encoder.
        note: what the user should know of it, or empty.
    """

    codec: str
    pix_fmt: str
    options: dict[str, str]
    note: str = ""


def check_suffix(path: Path, lossless: bool) -> None:
    """Refuse containers we do not write.

    Raises:
        UserError: saying which to take.
    """
    suffix = path.suffix.lower()
    if lossless and suffix != ".mkv":
        raise UserError(f"--lossless writes FFV1, which goes into .mkv; name the output {path.stem}.mkv.")
    if suffix not in CONTAINERS:
        names = ", ".join(CONTAINERS)
        raise UserError(
            f"{path.name}: videos are written as {names}, or as a folder of PNGs if the name has no extension."
        )


def choose_encoding(pix_fmt: str, width: int, height: int, lossless: bool, crf: int, x264_params: str = "") -> Encoding:
    """Pick the encoder and the pixel format closest to the source's.

    Args:
        pix_fmt: of the source, a plain one.
        width: pixels.
        height: pixels.
        lossless: FFV1 in place of H.264.
        crf: constant rate factor of H.264, 0 (best) to 51.
        x264_params: more parameters of x264.
    """
    if lossless:
        from av.codec import Codec

        known = {fmt.name for fmt in Codec("ffv1", "w").video_formats or ()}
        target = pix_fmt.replace("yuvj", "yuv")
        target = target if target in known else _REPACKED.get(target, "")
        if not target:
            raise UserError(f"FFV1 cannot hold the pixel format {pix_fmt}; leave out --lossless.")
        # Pictures of a few pixels cannot be cut into the usual four slices, and those with a chroma sample for four
        # pixels lose some between them.
        few = {"slices": "1"} if min(width, height) < 8 or target.startswith(("yuv410", "yuv411")) else {}
        return Encoding("ffv1", target, {"level": "3", "slicecrc": "1", **few})
    target, note = pix_fmt, ""
    if target not in _X264:
        target = _nearest(pix_fmt)
        drops = " without its transparency" * has_alpha(pix_fmt)
        note = f"H.264 has no {pix_fmt}: encoded as {target}{drops}; --lossless keeps every bit."
    # Subsampled chroma asks for sizes that the subsampling divides.
    odd_x = width % 2 and not target.startswith(("yuv444", "yuvj444", "gray"))
    odd_y = height % 2 and target.startswith(("yuv420", "yuvj420", "nv12", "nv21"))
    if odd_x or odd_y:
        target = "yuv444p10le" if "10" in target else "yuvj444p" if "yuvj" in target else "yuv444p"
        note = f"{width}×{height} is odd, which H.264 refuses in {pix_fmt}: encoded as {target}."
    ahead = {"rc-lookahead": str(_LOOKAHEAD)} if width * height >= LARGE else {}
    params = ":".join(filter(None, (_repeatable(), x264_params)))
    more = {"x264-params": params} if params else {}
    return Encoding("libx264", target, {"crf": str(crf), "preset": "medium", **ahead, **more}, note)


def _repeatable() -> str:
    """What x264 needs to turn the same frames into the same bytes each time.

    Its AVX-512 code for the macroblock tree does not: at widths such as 64 or 432 pixels every run differs.
    """
    return "asm=avx2,fma3,bmi2,lzcnt" if cv2.checkHardwareSupport(_AVX512_SKX) else ""


def has_alpha(pix_fmt: str) -> bool:
    """Whether a format says how opaque each pixel is."""
    from av import VideoFormat

    return any(part.is_alpha for part in VideoFormat(pix_fmt).components)


def _nearest(pix_fmt: str) -> str:
    from av import VideoFormat

    shape = VideoFormat(pix_fmt)
    deep = "10le" if shape.components[0].bits > 8 else ""
    if len(shape.components) < 3:
        return f"gray{deep}"
    if shape.is_rgb:
        # 4:4:4 would be nearer, but browsers and phones do not play it.
        return f"yuv420p{deep}"
    across, down = shape.chroma_width(16), shape.chroma_height(16)
    if across == 16:
        return f"yuv444p{deep}"
    return f"yuv422p{deep}" if down == 16 else f"yuv420p{deep}"
