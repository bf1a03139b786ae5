"""What the fuzzer damages: whole files of every kind that ROVR reads, and the command that reads each."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _common import ROOT
from _mutate import Chance, mutate, mutate_json
from PIL import Image, ImageCms

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "video"), str(ROOT / "tests" / "report")]
_PICTURES = ("png", "jpg", "tif", "bmp", "webp")
_LOOK = {"selector": "nearest", "device": "cpu", "quiet": True}


@dataclass
class Corpus:
    """Whole files, by kind: the start of every damaged one.

    Attributes:
        folder: where they lie; a good video, a good mask and a folder of good pictures among them.
        files: name and content of each, by kind.
        others: contents to take pieces from.
    """

    folder: Path
    files: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    others: list[bytes] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path) -> "Corpus":
        """Write the good files; the encoders' remarks go nowhere."""
        corpus = cls(folder)
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            for kind, make in (("video", _videos), ("mask", _masks), ("picture", _pictures), ("shapes", _shapes)):
                corpus.files[kind] = [(path.name, path.read_bytes()) for path in make(folder)]
            corpus.files["weights"] = _weights(folder)
            corpus.files["agent"] = _agent(folder)
            corpus.files["list"] = _lists()
            corpus.files["model"] = [_config()]
            corpus.files |= _by_products(folder)
            corpus.files["results"], corpus.files["log"] = _results(folder)
        finally:
            os.dup2(kept, 2)
        corpus.others = [content for kind in ("video", "picture") for _, content in corpus.files[kind]]
        return corpus


def _videos(folder: Path) -> list[Path]:
    import odd_files
    from conftest import moving_texture, write_video

    write_video(folder / "good.mp4", moving_texture(odd_files.COUNT), options={"preset": "ultrafast"})
    made = []
    for number, name in enumerate(odd_files.CONTAINERS):
        place = folder / f"c{number}"
        place.mkdir()
        made.append(odd_files.in_container(place, name))
    for number, odd in enumerate(odd_files.ODD.values()):
        place = folder / f"o{number}"
        place.mkdir()
        made.append(odd.make(place))
    return made


def _masks(folder: Path) -> list[Path]:
    from conftest import write_video

    frames = np.zeros((6, 48, 64, 3), np.uint8)
    frames[:, 10:30, 20:40] = 255
    kinds = (("mask.mp4", "libx264", "yuv420p"), ("mask.mkv", "ffv1", "gray"), ("mask.mov", "png", "rgb24"))
    return [write_video(folder / name, frames, codec=codec, pix_fmt=fmt) for name, codec, fmt in kinds]


def _pictures(folder: Path) -> list[Path]:
    import odd_files

    picture = np.zeros((48, 64, 4), np.uint8)
    picture[10:30, 20:40] = 255
    made = []
    for ending in _PICTURES:
        shown = picture if ending in ("png", "tif", "webp") else picture[..., :3]
        cv2.imwrite(str(folder / f"mask.{ending}"), shown)
        made.append(folder / f"mask.{ending}")
    cv2.imwrite(str(folder / "deep.png"), picture[..., :3].astype(np.uint16) * 257)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for ending in ("png", "tif", "jpg"):
        made.append(folder / f"profiled.{ending}")
        Image.fromarray(picture[..., :3]).save(made[-1], icc_profile=icc)
    made.append(folder / "scan.dpx")
    odd_files.write_dpx(made[-1], picture.astype(np.uint16) * 257, "gbrp10le")
    return [*made, folder / "deep.png"]


def _shapes(folder: Path) -> list[Path]:
    box = {"name": "logo", "box": [5, 5, 20, 10]}
    corners = [[1, 1], [30, 2], [9, 30]], [5, 5, 9, 9, 1, 9]
    moving = {"keys": [{"frame": 0, "polygon": corners[0]}, {"frame": 5, "polygon": corners[1]}]}
    (folder / "shapes.json").write_text(json.dumps({"shapes": [box, moving]}))
    rows = "shape,frame,x,y,w,h,points", "a,0,1,2,30,20,", "a,5,9,9,10,10,", "b,,,,,,1 1;9 1;5 9"
    (folder / "shapes.csv").write_text("\n".join(rows) + "\n")
    return [folder / "shapes.json", folder / "shapes.csv"]


def _weights(folder: Path) -> list[tuple[str, bytes]]:
    from rovr.editor.loading import shipped

    return [("w.safetensors", shipped("aligned").read_bytes())]


def _agent(folder: Path) -> list[tuple[str, bytes]]:
    from rovr.agents import Agent, AgentConfig

    Agent(AgentConfig(widths=(4, 4), mixed=4, memory=4, sketch=4)).save(folder / "a.safetensors")
    return [("a.safetensors", (folder / "a.safetensors").read_bytes())]


def _results(folder: Path) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    import made_up_report

    log = made_up_report.log(folder / "log.csv", 0.1, steps=6)
    report = json.dumps(made_up_report.evaluation()).encode()
    return [("x.json", report)], [("log.csv", log.read_bytes())]


def _lists() -> list[tuple[str, bytes]]:
    heading, box = "input,mask,box,output,dilate,seed,crf,lossless,rate,grain,provenance", "8,8,24,20"
    rows = [f'../good.mp4,,"{box}",out.mp4,1,3,20,no,25,yes,no', "../good.mp4,../mask.mkv,,sub/out.mkv,,,,yes,,,"]
    lines = [{"input": "../good.mp4", "box": [box], "output": "out.mp4", "seed": 3, "lossless": False, "rate": 25.0}]
    lines.append({"input": "../good.mp4", "box": [8, 8, 24, 20], "output": "out2.mp4", "crf": 20, "provenance": True})
    table = "\n".join([heading, *rows, ""]).encode()
    return [
        ("list.csv", table),
        ("list2.csv", table.replace(b",", b";").replace(b"8;8;24;20", b"8,8,24,20")),
        ("list.jsonl", "\n".join(map(json.dumps, lines)).encode()),
    ]


def _config() -> tuple[str, bytes]:
    chosen = {"name": "local_stride", "options": {"stride": 3}}
    held = {"rovr": "0.1.0", "editor": {"name": "telea"}, "contexts": 2, "selector": chosen}
    return "config.json", json.dumps(held).encode()


def _by_products(folder: Path) -> dict[str, list[tuple[str, bytes]]]:
    """What ROVR writes beside outputs and reads again: provenance, manifest, and the journal of a killed job."""
    from rovr.resume import journal_folder

    work = folder / "by-products"
    (work / "in").mkdir(parents=True)
    (work / "in" / "out.mp4").write_bytes((folder / "good.mp4").read_bytes())
    restore_many(work / "in", work, boxes=["8,8,24,20"])()
    restore(folder / "good.mp4", work / "p.mp4", provenance=work / "p.npz")()

    class Killed(BaseException):
        pass

    def kill(*given: Any) -> None:
        raise Killed

    from rovr import restore as main_job

    kept, main_job._commit = main_job._commit, kill
    try:
        restore(folder / "good.mp4", work / "out.mkv", resume=True)()
    except Killed:
        pass
    finally:
        main_job._commit = kept
    journal = [path for path in journal_folder(work / "out.mkv").iterdir() if path.suffix in (".npz", ".json")]
    named = {"provenance": [work / "p.npz"], "manifest": [work / "manifest.jsonl"], "journal": journal}
    return {kind: [(path.name, path.read_bytes()) for path in paths] for kind, paths in named.items()}


# How many of all inputs are of each kind.
_SHARES = {
    "video": 0.46, "mask": 0.09, "picture": 0.07, "frames": 0.07, "shapes": 0.08, "weights": 0.03, "agent": 0.05,
    "results": 0.04, "log": 0.01, "list": 0.03, "manifest": 0.01, "provenance": 0.02, "journal": 0.02, "model": 0.02,
}  # fmt: skip
Job = tuple[str, Callable[[], None]]


def restore(video: Path, out: Path, **options: Any) -> Callable[[], None]:
    """The main job, by OpenCV's editor unless told otherwise."""
    from rovr.cli.restore import Restore

    given = {"editor": "telea", "box": () if "mask" in options else ("8,8,24,20",), **_LOOK, **options}
    return Restore(input=video, output=str(out), lossless=out.suffix == ".mkv", **given).run


def job(corpus: Corpus, folder: Path, chance: Chance, kinds: Collection[str] = ()) -> Job:
    """Damage a file of the corpus, write it into a folder, and say how ROVR is to be called on it.

    Of some kinds alone where they are named. The output is always called ``out``, with an ending or without.
    """
    shares = np.array([share for kind, share in _SHARES.items() if not kinds or kind in kinds])
    kind = str(chance.choice([kind for kind in _SHARES if not kinds or kind in kinds], p=shares / shares.sum()))
    files = corpus.files["picture" if kind == "frames" else kind]
    name, content = files[int(chance.integers(0, len(files)))]
    path = folder / name
    if name.endswith(".json") and chance.random() < 0.7:
        path.write_bytes(mutate_json(content, chance))
    elif name.endswith(".jsonl") and chance.random() < 0.7:
        path.write_bytes(b"\n".join(mutate_json(line, chance) for line in content.splitlines()))
    elif kind in ("weights", "agent"):
        path.write_bytes(_safetensors(content, chance, corpus.others))
    else:
        path.write_bytes(mutate(content, chance, corpus.others))
    return kind, _READERS[kind](corpus, path, folder, chance)


def _safetensors(content: bytes, chance: Chance, others: list[bytes]) -> bytes:
    """Mostly the header is damaged, as JSON or as bytes: the rest is but numbers."""
    size = 8 + int.from_bytes(content[:8], "little")
    turn = chance.random()
    if turn < 0.2:
        return mutate(content, chance, others)
    header = content[8:size]
    if turn < 0.4:
        return content[:8] + mutate(header, chance, others) + content[size:]
    held = json.loads(header)
    card = json.loads((held.get("__metadata__") or {}).get("rovr", "{}"))
    if turn < 0.7 and card:
        held["__metadata__"]["rovr"] = mutate_json(json.dumps(card).encode(), chance).decode("utf-8", "replace")
        header = json.dumps(held).encode()
    else:
        header = mutate_json(header, chance)
    return len(header).to_bytes(8, "little") + header + content[size:]


def _video(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    from rovr.cli.corrupt import Corrupt
    from rovr.cli.info import Info
    from rovr.cli.mask import MaskBlocks, MaskFollow, MaskLogo, MaskScratches, MaskSubtitles

    out = folder / str(chance.choice(["out.mp4", "out.mov", "out.mkv", "out.mkv", "out"]))
    turn = chance.random()
    if turn < 0.05:
        return Info(input=path).run
    if turn < 0.15:
        verb = (MaskLogo, MaskScratches, MaskBlocks, MaskSubtitles)[int(chance.integers(0, 4))]
        return verb(video=path, output=str(out), quiet=True).run
    if turn < 0.18:
        return MaskFollow(video=path, output=str(out), box="10,10,20,20", quiet=True).run
    if turn < 0.22:
        return Corrupt(video=path, output=out, mask_out=folder / "out-mask.mkv", quiet=True).run
    return restore(path, out, editor="aligned" if chance.random() < 0.1 else "telea")


def _mask(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    return restore(corpus.folder / "good.mp4", folder / "out.mkv", mask=path)


def _frames(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    """Several pictures of which one is damaged, as frames or as masks."""
    place = folder / "frames"
    place.mkdir()
    whole = dict(corpus.files["picture"])[path.name]
    for index in range(6):
        (place / f"{index}{path.suffix}").write_bytes(whole)
    path.rename(place / f"{int(chance.integers(0, 6))}{path.suffix}")
    if chance.random() < 0.5:
        return restore(corpus.folder / "good.mp4", folder / "out.mkv", mask=place)
    return restore(place, folder / str(chance.choice(["out", "out.mkv", "out.mp4"])))


def _drawn(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    from rovr.cli.mask import MaskDraw

    return MaskDraw(video=corpus.folder / "good.mp4", shapes=path, output=str(folder / "out.mkv"), quiet=True).run


def _with_weights(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    return restore(corpus.folder / "good.mp4", folder / "out.mkv", editor="aligned", weights=path)


def _with_agent(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    return restore(corpus.folder / "good.mp4", folder / "out.mkv", selector=str(path))


def _report(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    from rovr.cli.report import Report

    if path.suffix == ".csv":
        (folder / "x.json").write_bytes(corpus.files["results"][0][1])
        return Report(evaluations=(folder / "x.json",), output=folder / "out", curves=((f"a={path}",),)).run
    return Report(evaluations=(path,), output=folder / "out").run


def restore_many(source: Path, out: Path, **options: Any) -> Callable[[], None]:
    """Many videos, in this process. What is wrong with single ones stands in the manifest."""
    from rovr.batch.run import restore_many
    from rovr.batch.task import Tools
    from rovr.errors import UserError

    def run() -> None:
        summary = restore_many(source, out, tools=Tools("telea", "nearest", 2, "cpu"), retries=0, **options)
        if summary.fault == "user":
            raise UserError("some videos failed")
        if summary.fault:
            raise RuntimeError(str([entry.get("reason") for entry in summary.files]))

    return run


def _many(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    for name in ("good.mp4", "mask.mkv"):
        if not (folder.parent / name).exists():
            shutil.copy(corpus.folder / name, folder.parent)
    return restore_many(path, folder / "many")


def _manifest(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    (folder / "many").mkdir()
    path.rename(folder / "many" / "manifest.jsonl")
    (folder / "in").mkdir()
    shutil.copy(corpus.folder / "good.mp4", folder / "in" / "out.mp4")
    return restore_many(folder / "in", folder / "many", boxes=["8,8,24,20"])


def _provenance(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    from rovr.cli.provenance import Provenance

    if chance.random() < 0.3:
        return Provenance(file=path).run
    return Provenance(file=path, frame=int(chance.integers(0, 7)), output=folder / "out.png").run


def _journal(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    """A journal of which one file is damaged: its blocks are repaired again, or the job begins anew."""
    from rovr.resume import journal_folder

    place = journal_folder(folder / "out.mkv")
    place.mkdir()
    for name, content in corpus.files["journal"]:
        (place / name).write_bytes(content)
    path.replace(place / path.name)
    return restore(corpus.folder / "good.mp4", folder / "out.mkv", resume=True)


def _model(corpus: Corpus, path: Path, folder: Path, chance: Chance) -> Callable[[], None]:
    return restore(corpus.folder / "good.mp4", folder / "out.mkv", editor=f"{folder}/", selector=None)


_READERS = {
    "video": _video, "mask": _mask, "picture": _mask, "frames": _frames, "shapes": _drawn, "weights": _with_weights,
    "agent": _with_agent, "results": _report, "log": _report, "list": _many, "manifest": _manifest,
    "provenance": _provenance, "journal": _journal, "model": _model,
}  # fmt: skip
