"""The main job: a damaged video file in, a repaired file out, in constant memory."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import torch

from rovr.blocks import Watch
from rovr.device import describe_device
from rovr.editor.base import Editor
from rovr.items import matched, paired, write
from rovr.listening import FieldListeners, Listeners, nobody
from rovr.outputs import followed, prepared, writing
from rovr.provenance.output import ProvenanceOutput
from rovr.restorer import Restorer, RestoreResult
from rovr.resume import Journal, describe_job, job_options
from rovr.select.base import Selector
from rovr.summary import Job, Notes, Summary
from rovr.types import RATE_UNUSED, check_crf, check_seed, frame_rate
from rovr.video.colour import Frame
from rovr.video.fields import BY_FIELD, Combing, choose_fields
from rovr.video.limits import MAX_PIXELS
from rovr.video.masks import Box, Mask, MaskSource, open_masks
from rovr.video.outfile import Sink
from rovr.video.sink import open_sink
from rovr.video.source import INTERLACED, Source, expected_frames, open_source

__all__ = ["RestoreResult", "Restorer", "Summary", "restore_video"]


def restore_video(
    path: str | Path,
    mask: str | Path | None,
    out: str | Path,
    *,
    boxes: Sequence[str | Box] = (),
    dilate: int = 0,
    editor: str | Path | Editor = "aligned",
    selector: str | Path | Selector | None = None,
    contexts: int | None = None,
    device: str | torch.device = "auto",
    weights: str | Path | None = None,
    cuts: bool = True,
    passes: int = 1,
    texture: bool = False,
    restorer: Restorer | None = None,
    seed: int = 0,
    crf: int = 18,
    lossless: bool = False,
    grain: bool = False,
    fields: bool | None = None,
    overwrite: bool = False,
    resume: bool = False,
    rate: Fraction | float | None = None,
    provenance: str | Path | None = None,
    max_pixels: int = MAX_PIXELS,
    on_start: Callable[[Job], None] = lambda job: None,
    on_frame: Callable[[], None] = lambda: None,
    on_ahead: Callable[[int], None] | None = None,
    on_early: Callable[[int], None] | None = None,
    on_note: Callable[[str], None] = lambda note: None,
    watch: Watch | None = None,
) -> Summary:
    """Repair a video file; frames without a hole are never edited, and no pixel outside the holes is.

    Args:
        path: a video, or a folder of frames.
        mask: a video, a folder, or one picture for all frames, grey above 127 = missing; a see-through logo as
            :func:`rovr.translucent.learn_overlay` gives it; None for boxes alone.
        out: ``.mp4``, ``.mov``, ``.m4v``, ``.mkv``, or a folder for PNGs, or DPX of DPX. Appears only when complete.
        boxes: ``x,y,w,h`` missing in every frame, in pixels of the video as it plays.
        dilate: pixels to widen the holes by.
        editor: name, model or instance, see :meth:`Restorer.from_pretrained`.
        selector: name or instance; by default the model's own, or ``agent``.
        contexts: K, frames to look at per repair; by default as many as the model says, or 2.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        weights: the editor's, by default the ones that come with it.
        cuts: whether to look for scene cuts, which no repair looks across.
        passes: times that each damaged frame is repaired; a second pass takes about as long as the first.
        texture: give what no frame shows the texture of its surroundings, where it is otherwise filled smoothly.
        restorer: takes the place of the last eight where one is at hand.
        seed: of the source of chance.
        crf: quality of H.264, 0 (best) to 51.
        lossless: write FFV1 with every sample outside the holes as it was.
        grain: give repairs the grain of their surroundings (:mod:`rovr.grain`).
        fields: repair the fields of interlaced video one by one (:mod:`rovr.video.fields`); by default where much moves
            between them.
        overwrite: replace an output that exists.
        resume: keep finished blocks in a hidden folder beside the output until that is complete, and take over those
            that an earlier run with the same arguments, killed or failed, has kept.
        rate: frames per second of a folder of frames, 25 by default; 29.97 and its like mean 30000/1001.
        provenance: ``NAME.npz``: where to write whom each repaired pixel comes from; ``NAME.provenance.mp4`` beside it
            shows that.
        max_pixels: that a frame may have; larger ones are refused before they are decoded.
        on_start: called once everything is ready.
        on_frame: called for each frame that is done.
        on_ahead: called with the index of each frame that is looked at before its scene is repaired.
        on_early: called with the index of each frame that a pass before the last has repaired.
        on_note: called with each sentence the user should hear.
        watch: called after each edit with it, its picture and its doubt, as they are made; of a frame whose fields are
            repaired, after the last of these (:class:`rovr.listening.FieldListeners`).

    Raises:
        UserError: whatever the user has to change; nothing has been written then.
    """
    began = time.perf_counter()
    notes = Notes(on_note)
    check_crf(crf)
    seed = check_seed(seed)
    rate = frame_rate(rate)
    given = str(out)

    def load() -> Restorer:
        tools = editor, selector, device, contexts, weights, cuts
        return Restorer.from_pretrained(*tools, passes=passes, texture=texture)

    # With a journal, whoever holds it sweeps.
    out = followed(out) if resume else prepared(out)
    with writing(out), ExitStack() as stack:
        source = stack.enter_context(open_source(path, notes, rate, max_pixels))
        if rate is not None and source.info.kind != "folder":
            notes(RATE_UNUSED)

        def again() -> Iterator[tuple[Frame, Mask]]:
            with open_source(path, rate=rate, max_pixels=max_pixels) as anew:
                yield from matched(anew, open_masks(anew.info, mask, boxes, dilate, by_field=bool(fields)))

        fields = choose_fields(source.info, fields, again)
        if source.info.interlaced:
            notes(BY_FIELD if fields else INTERLACED)
        masks = open_masks(source.info, mask, boxes, dilate, notes, fields)
        journal = None
        if resume:
            journal = stack.enter_context(Journal(Path(out), notes))
            restorer = restorer or load()
            options = job_options(
                dilate=dilate,
                seed=seed,
                crf=crf,
                lossless=lossless,
                grain=grain,
                fields=fields,
                provenance=provenance is not None,
            )
            journal.begin(describe_job(restorer, source.info, mask, boxes, **options))
            if (earlier := journal.finished()) is not None:
                if provenance is None or Path(provenance).exists():
                    journal.remove()
                    notes(f"{out} was complete already.")
                    return Summary(**{**earlier, "notes": notes.all})
                # Killed just before the provenance appeared: the output is our own, and is made again with it.
                overwrite = True
        sink = open_sink(
            out,
            source.info,
            notes,
            crf=crf,
            lossless=lossless,
            overwrite=overwrite,
            inputs=[Path(mask)] if mask else [],
        )
        stack.callback(sink.abort)
        record = None
        if provenance is not None:
            others = [Path(other) for other in (mask, out) if other is not None]
            record = ProvenanceOutput(provenance, source.info, overwrite, others)
            stack.callback(record.abort)
        masks.check_length()
        restorer = restorer or load()
        summary = _summary(source, given, restorer, seed, fields)
        on_start(Job(expected_frames(source.info), describe_device(restorer.device), source.info.shown_size, fields))

        def seal(partial: Path) -> None:
            summary.notes, summary.seconds = notes.all, time.perf_counter() - began
            if journal is not None:
                journal.seal(partial, summary.to_json())

        info, each = source.info, 2 if fields else 1
        listeners = Listeners(on_frame, on_ahead or nobody, on_early or nobody, watch or nobody)
        if fields:
            listeners = FieldListeners(listeners)
        blocks = restorer.blocks(info.width, info.height // each, lambda edit: listeners.done(), record is not None)
        blocks.keeper, blocks.watch = journal, listeners.watch
        blocks.on_ahead, blocks.on_early = listeners.ahead, listeners.early
        combing = Combing()
        pairs = combing.watched(matched(source, masks)) if info.interlaced else matched(source, masks)
        chance = torch.Generator().manual_seed(seed)
        items = blocks.run(listeners.noted(paired(pairs, fields)), chance, lambda: paired(again(), fields))
        repairs = write(items, sink, summary, listeners.done, record, grain)
        if advice := combing.advice(fields):
            notes(advice)
        summary.scenes = [first // each for first in blocks.scenes]
        if journal is not None:
            summary.resumed = round(journal.taken * summary.repaired / max(1, repairs))
        summary.seconds_repairing = blocks.seconds
        summary.seconds_per_repair = blocks.seconds / max(1, summary.repaired - summary.resumed)
        summary.provenance = record.finish() if record else None
        _commit(source, masks, sink, summary, notes, lossless, seal)
        if record is not None:
            record.commit()
        if journal is not None:
            journal.remove()
    summary.notes = notes.all
    summary.seconds = time.perf_counter() - began
    return summary


def _summary(source: Source, out: str, restorer: Restorer, seed: int, fields: bool) -> Summary:
    info, repairer = source.info, restorer.repairer
    return Summary(
        input=str(info.path),
        output=out,
        width=info.width,
        height=info.height,
        rate=float(info.rate),
        device=str(restorer.device),
        editor=repairer.editor.name,
        selector=repairer.selector.name,
        contexts=repairer.contexts,
        passes=repairer.passes,
        texture=repairer.texture,
        fields=fields,
        seed=seed,
    )


def _commit(
    source: Source,
    masks: MaskSource,
    sink: Sink,
    summary: Summary,
    notes: Notes,
    lossless: bool,
    seal: Callable[[Path], None],
) -> None:
    """Let the output appear; a video without any hole is copied byte by byte where its container allows."""
    if summary.repaired:
        sink.commit(seal)
        return
    masks.check_brightness()
    why = "No mask has a hole" if masks.overlay is None else "No frame shows the logo"
    notes(f"{why}: nothing was repaired, the output shows the input as it is.")
    path, target = source.info.path, sink.pending.path
    if path.is_dir() or sink.pending.folder or lossless or path.suffix.lower() != target.suffix.lower():
        sink.commit(seal)
        return
    sink.release()
    shutil.copyfile(path, sink.pending.partial)
    seal(sink.pending.partial)
    sink.pending.commit()
