"""What the report looks at closely: a metric, a method, the baseline it is compared with, and a few clips."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rovr.errors import UserError
from rovr.evaluate.summary import AGAINST
from rovr.report.evaluation import Evaluation, Metric
from rovr.report.options import ReportOptions
from rovr.report.stats import paired


@dataclass(frozen=True)
class Focus:
    """The comparison that the close looks are made for.

    Attributes:
        key: of the metric.
        metric: that is drawn.
        method: looked at closely.
        against: its baseline; None where there is one method only.
        corruptions: kinds of damage that have runs; the close looks are at the first.
        rule: the best of the others that neither learned nor know the truth; None where there is none.
        bounds: methods that know the truth.
    """

    key: str
    metric: Metric
    method: str
    against: str | None
    corruptions: list[str]
    rule: str | None = None
    bounds: tuple[str, ...] = ()

    @property
    def others(self) -> list[tuple[str, str]]:
        """Whom the method is compared with, and what each of them is."""
        if self.against == self.rule:
            return [(self.rule, "the best rule")] if self.rule else []
        pairs = ((self.against, "the baseline"), (self.rule, "the best rule"))
        return [(name, role) for name, role in pairs if name]

    @property
    def axis(self) -> str:
        """What an axis of the metric says."""
        return self.metric.label + (f" ({self.metric.unit})" if self.metric.unit else "")


def _known(name: str, known: Sequence[str], what: str) -> str:
    if name not in known:
        raise UserError(f"the evaluation has no {what} '{name}'; choose from {', '.join(known)}")
    return name


def shown(evaluation: Evaluation, options: ReportOptions) -> Evaluation:
    """The evaluation with the methods asked for alone, in the order asked for."""
    if not options.methods:
        return evaluation
    wanted = list(dict.fromkeys(_known(name, evaluation.names, "method") for name in options.methods))
    runs = [run for run in evaluation.runs if run.method in wanted]
    if not runs:
        raise UserError("the methods of --methods have no runs in the evaluation; name others")
    methods = sorted((m for m in evaluation.methods if m.name in wanted), key=lambda m: wanted.index(m.name))
    return replace(
        evaluation,
        methods=methods,
        runs=runs,
        summary=[row for row in evaluation.summary if row.method in wanted],
        differences=[row for row in evaluation.differences if {row.method, row.against} <= set(wanted)],
    )


def choose(evaluation: Evaluation, options: ReportOptions) -> Focus:
    """Choose what is not asked for.

    Raises:
        UserError: a name that the evaluation does not have.
    """
    key = _known(options.metric or next(iter(evaluation.metrics)), list(evaluation.metrics), "metric")
    metric = evaluation.metrics[key]
    ran = {run.corruption for run in evaluation.runs}
    listed = [name for name in evaluation.protocol.corruptions if name in ran]
    corruptions = listed + sorted(ran - set(listed))
    names = evaluation.names

    def score(name: str) -> float:
        mean = evaluation.mean(name, corruptions[0], key)
        return metric.sign * mean.mean if mean else float("-inf")

    compared = [row.against for row in evaluation.differences if row.against in names]
    # An evaluation may compare with several; the plainest of them is the one to explain.
    usual = min(compared, key=_plainness, default=names[0])
    against = _known(options.against, names, "method") if options.against else usual
    if options.method:
        method = _known(options.method, names, "method")
    else:
        method = max(_worth_a_look(evaluation, against) or [against], key=score)
    if method == against and options.against:
        raise UserError(f"'{method}' cannot be compared with itself; give --method or --against another name")
    if method == against:
        against = next((name for name in names if name != method), method)
    rules = [name for name in _rules(evaluation, method) if score(name) > float("-inf")]
    bounds = tuple(one.name for one in evaluation.methods if one.knows_truth)
    baseline = against if against != method else None
    return Focus(key, metric, method, baseline, corruptions, max(rules, key=score, default=None), bounds)


def _plainness(name: str) -> int:
    return AGAINST.index(name) if name in AGAINST else len(AGAINST)


def _looking(evaluation: Evaluation) -> set[str]:
    """Methods that look at other frames."""
    return {run.method for run in evaluation.runs if any(contexts for _, contexts in run.edits)}


def _rules(evaluation: Evaluation, method: str) -> list[str]:
    """Rules with the editor of a method, or else with any."""
    editor = next(one.editor for one in evaluation.methods if one.name == method)
    looking = _looking(evaluation) - {method}
    found = [m for m in evaluation.methods if m.name in looking and not m.chosen_by_agent and not m.knows_truth]
    return [m.name for m in found if m.editor == editor] or [m.name for m in found]


def _worth_a_look(evaluation: Evaluation, against: str) -> list[str]:
    """Methods to look at closely: agents if there are any, and rather not one that sees the truth or no other frame."""
    looking = _looking(evaluation)
    others = [method for method in evaluation.methods if method.name != against]
    agents = [method.name for method in others if method.chosen_by_agent]
    honest = [method.name for method in others if method.name in looking and not method.knows_truth]
    return agents or honest or [method.name for method in others]


def choose_clips(evaluation: Evaluation, focus: Focus, asked: Sequence[str]) -> list[str]:
    """The clips to show: those asked for, or the one of the largest gain, the median, and the one of the least.

    Raises:
        UserError: a clip that has no run.
    """
    clips = list(dict.fromkeys(run.clip for run in evaluation.runs))
    if asked:
        return list(dict.fromkeys(_known(name, clips, "clip") for name in asked))
    if focus.against is None:
        return clips[:3]
    gaps = paired(evaluation, focus.key, focus.method, focus.against, focus.corruptions[0])
    ordered = [gap.clip for gap in gaps] or clips
    return list(dict.fromkeys([ordered[0], ordered[len(ordered) // 2], ordered[-1]]))
