"""What the page's worker does with a video: find masks, repair one frame to see, repair them all."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from av.error import FFmpegError
from numpy.typing import NDArray

from rovr.blocks import block_size
from rovr.errors import UserError
from rovr.items import paired
from rovr.listening import FieldListeners, Listeners
from rovr.masking import (
    Masker,
    Place,
    Shown,
    Written,
    find_logo,
    finding_blocks,
    finding_scratches,
    finding_subtitles,
    following,
    standing,
    write_masks,
)
from rovr.restore import restore_video
from rovr.restorer import Restorer
from rovr.serve.frames import Reader
from rovr.serve.index import Index, examine
from rovr.serve.limits import Limits
from rovr.serve.marks import Drawing, Marks, Mask
from rovr.serve.pictures import clear_png, jpeg
from rovr.serve.playable import make_playable
from rovr.serve.telling import Steps, Tell, Watching, pixels_of
from rovr.translucent import Learned, learn_overlay
from rovr.types import Edit
from rovr.video import open_masks, open_source
from rovr.video.colour import Colour, Frame
from rovr.video.fields import much_moves, woven
from rovr.video.masks import length_error, widened

# Frames on either side that a preview looks at: more show more, and take longer.
_AROUND = 16
_RESTORERS: dict[tuple[str, int, int, bool], Restorer] = {}
_PICTURES = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"II*": ".tif",
    b"MM\0": ".tif",
}


def warm(task: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Load what repairs, so that nobody waits for it later."""
    from rovr.device import describe_device
    from rovr.select import SELECTORS

    return {"device": describe_device(_restorer(task).device), "selectors": list(SELECTORS)}


def sample(task: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Damage the bundled clip as ``rovr demo`` does."""
    from rovr.data.corrupt_video import corrupt_video

    folder = Path(task["folder"])
    clip = Path(str(resources.files("rovr"))) / "assets" / "city.mp4"
    video = folder / "video.mp4"
    corrupt_video(clip, video, folder / "mask.mkv", "shift", 2, crf=12, overwrite=True)
    video.rename(folder / "source")
    (folder / "truth").write_bytes(clip.read_bytes())
    return {}


def find(task: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Write the masks of what was to be found, or those of a file."""
    video, how = Path(task["source"]), task["how"]
    passes = 2 if how in ("logo", "subtitles") else 1
    steps = Steps(tell, "find", passes * _examined(video).frames)
    place = Place(video, task["out"], dilate=2 if how in ("logo", "blocks") else 0)
    least = {
        "scratches": "No scratches were found.",
        "blocks": "No lost blocks were found.",
        "subtitles": "No subtitles were found.",
        "file": "The mask has no white in it, so nothing is marked.",
    }
    done = write_masks(place, _masker(task, how, video, tell, steps), least=least.get(how), on_frame=steps)
    return {"masked": done.masked, "share": done.share}


def _masker(task: dict[str, Any], how: str, video: Path, tell: Tell, steps: Callable[[], None]) -> Masker:
    if how == "scratches":
        return finding_scratches(task.get("sensitivity", 1.0), dilate=1)
    if how == "blocks":
        return finding_blocks(task.get("sensitivity", 1.0))
    if how == "subtitles":
        return finding_subtitles(video, task.get("sensitivity", 1.0), on_frame=steps)
    if how == "logo":
        return standing(lambda: find_logo(video, task.get("sensitivity", 1.0), None, steps))
    if how == "file":
        return _given(Path(task["mask"]), tell)
    x, y, w, h = task["box"]

    def lost(frame: int, seconds: float) -> None:
        tell("note", text=f"The object was lost at frame {frame} and is not marked from there on; follow it again.")

    return following((x, y, w, h), task["start"], lost)


def _given(path: Path, tell: Tell) -> Masker:
    """A masker of an upload: a picture for all frames, or a video of as many."""
    head = path.open("rb").read(4)
    suffix = next((suffix for magic, suffix in _PICTURES.items() if head.startswith(magic)), None)
    if suffix is None:
        examine(path, Limits())
    else:
        # What a picture is, is told by its name.
        path = path.rename(path.with_suffix(suffix))

    def draw(frames: Iterator[Shown]) -> Iterator[Mask]:
        masks: Iterator[Mask] | None = None
        for frame in frames:
            if masks is None:
                source = open_masks(frame.info, path, say=lambda note: tell("note", text=note))
                source.check_length()
                masks = iter(source)
            mask = next(masks, None)
            if mask is None:
                raise length_error(frame.index + 1, frame.index)
            yield frame.info.orientation.to_shown(mask)

    return draw


def keep(task: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Write what is marked as a mask."""
    return {"masked": _write(task, tell).masked}


def _write(task: dict[str, Any], tell: Tell) -> Written:
    source = Path(task["source"])
    least = "Nothing is marked in any frame; paint over what is wrong, or let it be found."
    place = Place(source, Path(task["folder"]) / "mask.mkv", dilate=task.get("widen", 0))
    steps = Steps(tell, "mask", _examined(source).frames)
    return write_masks(place, _drawing(task).masker(), least=least, on_frame=steps)


def preview(task: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Repair one frame from the frames around it, themselves still damaged."""
    index, restorer = _examined(Path(task["source"])), _restorer(task)
    number, size = int(task["frame"]), (index.width, index.height)
    drawing = _drawing(task)
    margin = min(_AROUND, block_size(index.width * index.height, restorer.window, restorer.margin)[1])
    around = range(max(0, number - margin), min(index.frames, number + margin + 1))
    pairs, colour = [], None
    with ExitStack() as stack:
        info = stack.enter_context(open_source(index.path)).info
        # A reader holds its file and some frames until it is told to let go.
        reader, *masks = (
            stack.enter_context(closing(Reader(_examined(path)))) for path in (index.path, *drawing.layers.values())
        )
        readers = dict(zip(drawing.layers, masks, strict=True))
        for place, k in enumerate(around):
            mask = drawing.paint(k, size, lambda name, k=k: readers[name].rgb(k)[..., 0])  # type: ignore[misc]
            mask = info.orientation.to_stored(widened(mask, task.get("widen", 0)))
            native = reader.decoded(k)
            colour = colour or Colour.of(native)
            pairs.append((Frame(colour.plain(native, info.pix_fmt), colour), mask))
            tell("step", phase="read", done=place + 1, total=len(around))
    at = number - around[0]
    hole = pairs[at][1]
    if not hole.any():
        raise UserError("Nothing is marked in this frame; mark it, or go to a frame that is.")
    if all(mask.all() for _, mask in pairs):
        raise UserError("The mask covers the whole picture in all frames; leave something to learn from.")
    began = time.perf_counter()
    frame, edit, doubt = _repaired(pairs, at, much_moves(info, (pair for pair in pairs if pair[1].any())), restorer)
    folder, turn = Path(task["folder"]), info.orientation.to_shown
    (folder / "picture.jpg").write_bytes(jpeg(turn(frame.rgb), 1920, 94))
    (folder / "doubt.png").write_bytes(clear_png(turn(doubt), 960))
    return {
        "contexts": [around[c] for c in edit.contexts],
        "doubt": float(doubt[hole].mean()) / 255,
        "seconds": time.perf_counter() - began,
    }


def _repaired(
    pairs: Sequence[tuple[Frame, Mask]], at: int, fields: bool, restorer: Restorer
) -> tuple[Frame, Edit, NDArray[np.uint8]]:
    """One of some damaged frames, repaired from the others as they are; what was done, and its doubt, (H, W)."""
    each, told = 2 if fields else 1, []
    mine = range(each * at, each * (at + 1))
    items = [replace(item, damaged=item.damaged and k in mine) for k, item in enumerate(paired(pairs, fields))]
    listeners = Listeners(watch=lambda *edit: told.append(edit))
    if fields:
        listeners = FieldListeners(listeners)
    height, width = pairs[0][1].shape
    blocks = restorer.blocks(width, height // each)
    blocks.watch = listeners.watch
    done = list(blocks.run(listeners.noted(items), torch.Generator().manual_seed(0)))
    parts = [
        item.payload.pasted(pixels_of(item.frame), item.mask[0].numpy()) if item.damaged else item.payload
        for item in (done[k] for k in mine)
    ]
    ((edit, _, doubt),) = told
    return woven(parts) if fields else parts[0], edit, doubt[0].cpu().numpy()


def restore(task: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Repair the whole video; what was done, and how sure the editor was, is kept beside it."""
    folder, source = Path(task["folder"]), Path(task["source"])
    mask, out, frames = folder / "mask.mkv", folder / task["out"], _examined(source).frames
    written = _write(task, tell)
    tell("step", phase="load", done=0, total=0)
    restorer = _restorer(task)
    logo = _learned(source, mask, folder / "logo.npz", restorer, tell) if task.get("translucent") else None
    # Of a logo that can be seen through altogether nothing is left to repair.
    masked = 0 if logo and not logo.hole else written.masked
    ahead = Steps(tell, "ahead", frames)
    passes = restorer.repairer.passes
    watching = Watching(folder, tell, masked, frames - masked, passes)
    summary = restore_video(
        source,
        folder / "logo.npz" if logo else mask,
        out,
        restorer=restorer,
        crf=task.get("crf", 18),
        provenance=folder / "origin.npz",
        on_frame=watching.frame,
        on_ahead=lambda frame: ahead(),
        on_early=lambda frame: watching.early(),
        on_note=lambda note: tell("note", text=note),
        watch=watching,
    )
    tell("step", phase="finish", done=0, total=0)
    try:
        if make_playable(out, folder / "play.mp4"):
            tell(
                "note",
                text="Browsers cannot play this kind of video: the page shows a smaller copy, the download is whole.",
            )
    except (FFmpegError, OSError, ValueError):
        # The repair itself is complete by now.
        tell("note", text="No copy could be made that browsers play as a film; the download is whole.")
    figures = summary.to_json()
    if task.get("truth"):
        figures["psnr"] = _hole_psnr(Path(task["truth"]), out, mask)
    # Paths of the server are nobody's business.
    figures |= {"input": task["title"], "output": out.name}
    record = {**figures, "edits": [{"frame": e.frame, "contexts": list(e.contexts)} for e in watching.edits]}
    (folder / "record.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    return {**figures, "masked": written.masked}


def _learned(source: Path, mask: Path, out: Path, restorer: Restorer, tell: Tell) -> Learned | None:
    """Learn a see-through logo; None, and a note, where that cannot be."""
    steps: list[Steps] = []
    try:
        return learn_overlay(
            source,
            mask,
            out,
            restorer=restorer,
            on_start=lambda frames: steps.append(Steps(tell, "learn", frames)),
            on_frame=lambda: steps[0](),
        )
    except UserError as error:
        tell("note", text=f"The logo could not be learned, and is repaired as a hole. {error}")
        return None


TASKS: dict[str, Callable[[dict[str, Any], Tell], dict[str, Any]]] = {
    "warm": warm,
    "sample": sample,
    "find": find,
    "mask": keep,
    "preview": preview,
    "restore": restore,
}


def _restorer(task: dict[str, Any]) -> Restorer:
    """Loaded once for each way to repair; the editor is shared."""
    key = (
        str(task.get("selector", "agent")),
        int(task.get("contexts", 2)),
        int(task.get("passes", 1)),
        bool(task.get("texture")),
    )
    if key not in _RESTORERS:
        held = next(iter(_RESTORERS.values()), None)
        tools = held.repairer.editor if held else "aligned", key[0], task.get("device", "auto"), key[1]
        _RESTORERS[key] = Restorer.from_pretrained(*tools, passes=key[2], texture=key[3])
    return _RESTORERS[key]


@lru_cache(maxsize=8)
def _examined(path: Path) -> Index:
    return examine(path, Limits())


def _drawing(task: dict[str, Any]) -> Drawing:
    layers = {name: Path(path) for name, path in task["layers"].items()}
    return Drawing(msgspec.convert(task["marks"], Marks), layers)


def _hole_psnr(truth: Path, out: Path, mask: Path) -> float | None:
    """PSNR inside the holes in dB, over all frames together."""
    error = count = 0.0
    with open_source(truth) as a, open_source(out) as b, open_source(mask) as m:
        for true, made, hole in zip(a, b, m, strict=True):
            inside = hole.rgb[..., 0] > 127
            gap = true.rgb[inside].astype(np.float64) - made.rgb[inside]
            error, count = error + float((gap**2).sum()), count + gap.size
    return 10 * float(np.log10(255**2 * count / error)) if error else None
