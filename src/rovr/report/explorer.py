"""What a person can play with in the page: videos, a slider between two of them, and a strip of frames to click."""

import base64
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.report.arcs import LINE
from rovr.report.closer import gaps
from rovr.report.focus import Focus
from rovr.report.media import Footage, Scene
from rovr.report.plate import data_address
from rovr.report.style import Palette
from rovr.report.words import seen

TILE = 160
"""Width of a frame in the sheets, in pixels; less for long clips."""

METHODS = 6


@dataclass(frozen=True)
class Explorer:
    """One clip's.

    Attributes:
        id: begins the ids of its parts.
        clip: name.
        corruption: kind of damage.
        videos: (key, label, data address) of each.
        sheets: (key, data address) of each picture that holds all frames of a video.
        data: what the page's script needs to know.
        left_out: methods that were left out for room.
    """

    id: str
    clip: str
    corruption: str
    videos: list[tuple[str, str, str]]
    sheets: list[tuple[str, str]]
    data: dict[str, Any]
    left_out: list[str]

    @property
    def size(self) -> int:
        """Bytes it takes in the page."""
        return sum(len(address) for *_, address in [*self.videos, *self.sheets])


def explorer(scene: Scene, prefix: str, focus: Focus, palette: Palette, room: int) -> Explorer | None:
    """Make one that fits into some bytes by leaving methods out; None where not even two fit or there is no footage.

    Args:
        scene: the clip.
        prefix: begins the ids of its parts.
        focus: the methods of the comparison come first.
        palette: colours.
        room: bytes.
    """
    footage = scene.footage
    if footage is None or not footage.repaired:
        return None
    wanted = [name for name in (focus.method, focus.against) if name in footage.repaired]
    wanted += [name for name in footage.repaired if name not in wanted]
    for count in range(min(len(wanted), METHODS), 0, -1):
        made = _make(scene, prefix, footage, focus, wanted[:count], palette, wanted[count:])
        if made.size <= room:
            return made
    return None


def _make(
    scene: Scene,
    prefix: str,
    footage: Footage,
    focus: Focus,
    methods: list[str],
    palette: Palette,
    left_out: list[str],
) -> Explorer:
    keys = {name: f"m{k}" for k, name in enumerate(methods)}
    labels = {"damaged": "damaged", **keys, "truth": "truth"}
    frames = {"damaged": footage.damaged, **{keys[name]: footage.repaired[name] for name in methods}}
    frames["truth"] = footage.truth
    names = {key: name for name, key in labels.items()}
    columns = int(np.ceil(np.sqrt(scene.length)))
    height, width = footage.masks.shape[1:]
    data = {
        "length": scene.length,
        "columns": columns,
        "rows": -(-scene.length // columns),
        "ratio": width / height,
        "start": _start(scene, footage, focus),
        "hidden": [round(float(share), 3) for share in footage.masks.mean((1, 2))],
        "methods": [
            {
                "key": keys[name],
                "name": name,
                "colour": palette(name).index,
                "edits": _edits(scene, footage, name),
            }
            for name in methods
        ],
    }
    return Explorer(
        prefix,
        scene.clip,
        scene.corruption,
        [(key, names[key], _video(footage, names[key])) for key in frames],
        [(key, data_address(_sheet(video, columns), 80)) for key, video in frames.items()]
        + [("outline", _outlines(footage.masks, columns))],
        data,
        left_out,
    )


def _start(scene: Scene, footage: Footage, focus: Focus) -> int:
    """The frame to show first: where the method gains the most on the baseline, or the one with the largest hole."""
    found = gaps(scene, footage, focus)
    return max(found, key=lambda frame: found[frame]) if found else int(footage.masks.sum((1, 2)).argmax())


def _edits(scene: Scene, footage: Footage, method: str) -> list[dict[str, Any]]:
    """A method's repairs, each with what it drew on and what came of it."""
    sights = footage.sights(scene.runs[method])
    found = []
    for frame, contexts in scene.runs[method].edits:
        score, sight = footage.psnr(method, frame), sights.get(frame)
        words = seen(sight.saw, sight.knew) if sight and contexts else ""
        found.append({"frame": frame, "contexts": contexts, "score": score and round(score, 2), "saw": words})
    return found


def _video(footage: Footage, name: str) -> str:
    return f"data:video/mp4;base64,{base64.b64encode(footage.files[name].read_bytes()).decode()}"


def _sheet(video: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """All frames in one picture, (H, W, 3) in the order blue, green, red."""
    count, height, width = video.shape[:3]
    wide = min(width, TILE if count <= 40 else TILE * 2 // 3)
    high = max(1, round(wide * height / width))
    tiles = [cv2.resize(frame, (wide, high), interpolation=cv2.INTER_AREA)[..., ::-1] for frame in video]
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-count % columns)
    return np.vstack([np.hstack(tiles[first : first + columns]) for first in range(0, len(tiles), columns)])


def _outlines(masks: NDArray[np.bool_], columns: int) -> str:
    """The borders of all holes, as a sheet that is clear elsewhere and lies over the others."""
    sheet = _sheet(np.repeat(masks[..., None] * np.uint8(255), 3, -1), columns)[..., 0] > 127
    border = sheet & (cv2.erode(sheet.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) == 0)
    clear = np.zeros((*sheet.shape, 4), np.uint8)
    clear[border] = (*LINE[::-1].tolist(), 255)
    encoded = cv2.imencode(".png", clear)[1]
    return f"data:image/png;base64,{base64.b64encode(encoded.tobytes()).decode()}"
