"""Who chooses: every method of an evaluation in a sentence, for those who have never met their names."""

import inspect
from pathlib import Path

from rovr.evaluate.plan import BLIND
from rovr.report.evaluation import Evaluation, Method
from rovr.report.plate import Table
from rovr.select import SELECTORS

AGENT = "Trained policies: one picks the frame, the other the frames to look at, by what they learned to be worth it."
ORACLE = "Knows the truth: tries contexts out, and keeps those whose repair comes closest to it. A bound, and no rival."
STILL = "Repairs each frame from its own surroundings and looks at no other."


def who_chooses(evaluation: Evaluation) -> Table:
    """Methods, and how each chooses the frame to repair next and the frames to look at."""
    rows = [[method.name, explained(method), _looks(method), method.editor] for method in evaluation.methods]
    return Table(["method", "how it chooses", "contexts of a repair", "editor"], rows)


def explained(method: Method) -> str:
    """A sentence on a method's selector, the first of its own description."""
    if method.chosen_by_agent:
        return AGENT
    name = (method.selector.replace(":", " ").split() or [""])[0]
    if name == BLIND:
        return STILL
    if method.knows_truth:
        return ORACLE
    rule = SELECTORS.get(name)
    return first_sentence(inspect.getdoc(rule) or "") if rule else f"As '{Path(name).stem}' has it."


def first_sentence(text: str) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(text.split("\n\n")[0].split())


def _looks(method: Method) -> str:
    return "–" if method.contexts is None else str(method.contexts)
