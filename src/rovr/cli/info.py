"""``rovr info``: what a video is, as far as a repair is concerned; without one, what there is to repair it with."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from rovr.cli.signals import VIDEO
from rovr.types import counted


@dataclass(frozen=True)
class Info:
    """Say what a video or a folder of frames holds; without one, which selectors, editors and kinds of damage exist."""

    LOADS = VIDEO
    input: Positional[Path | None] = None
    """Video or folder of frames."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Print it."""
        if self.input is None:
            self._tools()
        else:
            self._video(self.input)

    def _video(self, path: Path) -> None:
        from rovr.video.source import expected_frames, open_source

        with open_source(path) as source:
            info = source.info
        frames = expected_frames(info)
        turn = f", turned {info.orientation.degrees}° to play" if not info.orientation.upright else ""
        facts = {
            "path": str(info.path),
            "codec": info.codec,
            "width": info.width,
            "height": info.height,
            "rotation": info.orientation.degrees,
            "frames": frames,
            "rate": round(float(info.rate), 6),
            "pix_fmt": info.pix_fmt,
            "bits": info.bits,
            "interlaced": info.interlaced,
            "audio": info.audio,
            "subtitles": info.subtitles,
        }
        if self.json:
            print(json.dumps(facts))
            return
        print(f"{info.path}: {info.codec} {info.pix_fmt}, {info.width}×{info.height}{turn}")
        print(
            f"{counted(frames, 'frame') if frames else 'unknown number of frames'} at {float(info.rate):.3f} a second"
        )
        print(f"{info.audio} audio and {info.subtitles} subtitle streams{', interlaced' * info.interlaced}")

    def _tools(self) -> None:
        from rovr._version import __version__
        from rovr.device import describe_device, pick_device

        tools, device = _tools(), describe_device(pick_device())
        if self.json:
            print(json.dumps({"version": __version__, "device": device, **tools}))
            return
        print(f"ROVR {__version__} on {device}")
        for title, found in tools.items():
            print(f"{title}: {', '.join(tool['name'] for tool in found if tool['package'] == 'rovr')}")
            for tool in found:
                if tool["package"] != "rovr":
                    trouble = f": {tool['trouble']}" if tool["trouble"] else ""
                    print(f"  {tool['name']}, from {tool['package']}{trouble}")


def _tools() -> dict[str, list[dict[str, str]]]:
    """Selectors, editors and kinds of damage: name, package, and what is wrong with it."""
    from rovr.data.corrupt import KINDS
    from rovr.editor import EDITORS
    from rovr.errors import UserError
    from rovr.plugs import plugs
    from rovr.select import SELECTORS

    tools: dict[str, list[dict[str, str]]] = {}
    groups: dict[str, tuple[str, Collection[str]]] = {
        "selectors": ("selector", SELECTORS),
        "editors": ("editor", EDITORS),
        "damage": ("kind of damage", KINDS),
    }
    for title, (what, own) in groups.items():
        tools[title] = [{"name": name, "package": "rovr", "trouble": ""} for name in own]
        brought = [plug.name for plug in plugs(what)]
        for plug in plugs(what):
            trouble = ""
            if plug.name in own:
                trouble = "not used, ROVR has one of that name"
            elif brought.count(plug.name) > 1:
                trouble = "not used, another package has one of that name"
            else:
                try:
                    plug.load()
                except UserError as error:
                    trouble = str(error)
            tools[title].append({"name": plug.name, "package": plug.package, "trouble": trouble})
    return tools
