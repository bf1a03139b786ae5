"""What frames carry beside their samples, and what becomes of it in an output."""

import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

PROFILE = "ICC_PROFILE"
"""Name of a colour profile: what a picture's values mean."""

# What it is for the user, FFmpeg's names of it, and the encoders that write it down.
_KINDS: tuple[tuple[str, set[str], set[str]], ...] = (
    ("HDR mastering metadata is", {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}, {"libx264"}),
    ("HDR metadata of single scenes is", {"DYNAMIC_HDR_PLUS", "DYNAMIC_HDR_VIVID"}, set()),
    ("Dolby Vision is", {"DOVI_RPU_BUFFER", "DOVI_METADATA"}, set()),
    ("The projection of a spherical video is", {"SPHERICAL"}, set()),
    ("Which picture is for which eye is", {"STEREO3D"}, {"libx264"}),
    ("Closed captions are", {"A53_CC"}, {"libx264"}),
    ("The colour profile (ICC), by which colours may look different, is", {PROFILE}, {"png"}),
)  # fmt: skip


def side_data(frame: "av.VideoFrame") -> dict[str, bytes]:
    """What a frame carries of the kinds that are looked at: FFmpeg's name → its bytes."""
    wanted = {name for _, names, _ in _KINDS for name in names}
    carried: Any = frame.side_data
    found = {getattr(getattr(data, "type", None), "name", ""): data for data in carried}
    return {name: bytes(data) for name, data in found.items() if name in wanted}


def lost(found: Mapping[str, bytes], codec: str) -> list[str]:
    """A note for each kind that the encoder does not write down.

    Args:
        found: by :func:`side_data`.
        codec: FFmpeg's name of the encoder.
    """
    gone = (what for what, names, writers in _KINDS if names & found.keys() and codec not in writers)
    return [f"{what} not carried over." for what in gone]


class Losses:
    """Says once of each kind that the encoder does not write down; captions, say, hardly begin with the first frame.

    Args:
        codec: FFmpeg's name of the encoder.
        say: told of it.
    """

    def __init__(self, codec: str, say: Callable[[str], None]) -> None:
        self.codec = codec
        self.say = say
        self._said: set[str] = set()

    def look(self, found: Mapping[str, bytes]) -> None:
        """Take what the next frame carries, by :func:`side_data`."""
        for note in lost(found, self.codec):
            if note not in self._said:
                self._said.add(note)
                self.say(note)


def fits(profile: bytes, grey: bool) -> bool:
    """Whether a colour profile (ICC) is one for such pictures: it may be for CMYK, say, which we never have."""
    return profile[16:20] == (b"GRAY" if grey else b"RGB ")


def hdr_params(found: Mapping[str, bytes]) -> str:
    """Mastering display and light level as x264 takes them among its parameters, empty where there are none.

    Args:
        found: by :func:`side_data`: FFmpeg's AVMasteringDisplayMetadata and AVContentLightMetadata.
    """
    params = []
    display = found.get("MASTERING_DISPLAY_METADATA", b"")
    if len(display) >= 88:
        values = struct.unpack("<22i", display[:88])
        pairs = zip(values[:20:2], values[1:20:2], strict=True)
        # Red, green and blue, the white point, and the least and the most light: units of SMPTE ST 2086.
        units = [50_000] * 8 + [10_000] * 2
        whole = [round(unit * over / (under or 1)) for (over, under), unit in zip(pairs, units, strict=True)]
        r, s, g, h, b, c, x, y, low, high = whole
        # x264 opens with nothing else; the last two tell whether the others were written at all.
        if min(whole) >= 0 and max(whole[:8]) < 1 << 16 and max(whole) < 1 << 31 and all(values[20:]):
            params.append(f"mastering-display=G({g},{h})B({b},{c})R({r},{s})WP({x},{y})L({high},{low})")
    if len(light := found.get("CONTENT_LIGHT_LEVEL", b"")) >= 8:
        most, average = struct.unpack("<2I", light[:8])
        if max(most, average) < 1 << 16:
            params.append(f"cll={most},{average}")
    return ":".join(params)
