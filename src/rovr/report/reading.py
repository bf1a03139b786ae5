"""Reads the evaluation file that a report is made of."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec

from rovr.errors import UserError
from rovr.report.evaluation import Evaluation

FORMAT = 1


def read_evaluation(path: Path) -> Evaluation:
    """Read and check an evaluation file.

    Raises:
        UserError: it is no such file, of a later format, or does not fit together.
    """
    hint = "make one with: rovr evaluate"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({_reason(error)}); {hint}") from error
    try:
        # Numbers that JSON does not have (NaN, Infinity) count as missing.
        content = json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({_reason(error)}); {hint}") from error
    if not isinstance(content, dict) or content.get("kind") != "evaluation":
        raise UserError(f"{path} is no evaluation file; {hint}")
    if content.get("format") != FORMAT:
        raise UserError(f"{path} is of format {content.get('format')}, and this version reads {FORMAT}; {hint}")
    try:
        evaluation = msgspec.convert(content, Evaluation)
        _check(evaluation)
    except msgspec.ValidationError as error:
        raise UserError(f"{path} is not a whole evaluation file ({_reason(error)}); {hint}") from error
    place = evaluation.media and str(path.parent / evaluation.media)
    return replace(evaluation, videos={name: (place, name) for name in evaluation.names} if place else {})


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())[:200]


def _check(evaluation: Evaluation) -> None:
    """Raise a ValidationError where parts do not fit together."""
    names = evaluation.names
    for what, found in (("metrics", evaluation.metrics), ("methods", names), ("runs", evaluation.runs)):
        if not found:
            raise msgspec.ValidationError(f"it has no {what}")
    if len(set(names)) < len(names):
        raise msgspec.ValidationError("two methods have the same name")
    for k, run in enumerate(evaluation.runs):
        if run.method not in names:
            raise msgspec.ValidationError(f"runs[{k}] is of '{run.method}', which is not among the methods")
        if not run.hole:
            raise msgspec.ValidationError(f"runs[{k}] has no frames")
        kept = [run.repairs.saw, run.repairs.knew, run.repairs.psnr or run.edits] if run.repairs else []
        if any(len(numbers) != len(run.edits) for numbers in kept):
            raise msgspec.ValidationError(f"runs[{k}] has not as many repairs as edits")
        touched = [index for frame, contexts in run.edits for index in (frame, *contexts)]
        if any(not 0 <= index < len(run.hole) for index in touched):
            raise msgspec.ValidationError(f"runs[{k}] looks at a frame outside its {len(run.hole)} frames")
