"""The sections of the page, each made of what is there; what is not there is said, with the option that gives it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from rovr.evaluate.summary import FEWEST
from rovr.report.arcs import arcs_plate
from rovr.report.budget import contexts_plate
from rovr.report.clipwise import clipwise_plate, differences_table
from rovr.report.closer import closer_plates
from rovr.report.curves import Logs
from rovr.report.evaluation import Evaluation
from rovr.report.explorer import explorer
from rovr.report.focus import Focus, choose_clips
from rovr.report.holes import Holes
from rovr.report.learning import learning_plate
from rovr.report.media import Scene, open_scene
from rovr.report.methods import who_chooses
from rovr.report.options import ReportOptions
from rovr.report.overview import crossed, overview_plate, summary_table
from rovr.report.page import Clip, Drawn, Section
from rovr.report.plate import Plate
from rovr.report.reach import reach_plate
from rovr.report.stats import clips, paired
from rovr.report.style import Palette
from rovr.report.trade import cost_plate
from rovr.report.training import training_plate
from rovr.report.words import listed, show
from rovr.types import counted

MEDIA_HINT = "rovr evaluate --media writes them"

UNTIMED = (
    "seconds: the runs were made by several versions or on several machines, or timed by the clock on the wall, which "
    "a busy machine falsifies; evaluate all methods at once, with this version."
)

FIGURES = 0.75
"""Share of the page that figures may take before further clips are left to files."""

RESERVE = 200_000
"""Bytes of the page that are neither figures nor explorers."""


@dataclass
class Job:
    """All that sections are made of, and what has been used up so far.

    Attributes:
        evaluation: the methods to show.
        focus: what to look at closely.
        palette: marks of methods.
        curves: logs of editors.
        agents: logs of agents.
        options: as asked for.
        folder: where figures are written.
        limit: bytes that the page may take.
        holes: draws masks where there are no videos.
        used: bytes that its figures take.
        names: of figures written, so that none replaces another.
        scenes: the clips that were looked at closely.
    """

    evaluation: Evaluation
    focus: Focus
    palette: Palette
    curves: Logs
    agents: Logs
    options: ReportOptions
    folder: Path
    limit: int
    holes: Holes
    used: int = RESERVE
    names: set[str] = field(default_factory=set)
    scenes: list[Scene] = field(default_factory=list)

    def put(self, section: Section, plate: Plate | None, otherwise: str = "") -> None:
        """Write a figure and put it into a section, or note why there is none."""
        if plate is None:
            section.notes.append(otherwise)
        else:
            section.plates.append(self.draw(plate))

    def draw(self, plate: Plate) -> Drawn:
        """Write a figure under a name of its own."""
        name, count = plate.name, 1
        while plate.name in self.names:
            count += 1
            plate = replace(plate, name=f"{name}-{count}")
        self.names.add(plate.name)
        svg = plate.save(self.folder)
        self.used += len(svg)
        return plate, svg


def all_sections(job: Job) -> list[Section]:
    """Every section, in the order of the page."""
    later = [contexts_section(job), cost_section(job), clips_section(job), learning_section(job)]
    first = [methods_section(job), training_section(job)]
    # These come last, for their videos get the room that the other figures leave.
    return [*first, looks_section(job), *later]


def methods_section(job: Job) -> Section:
    """The means."""
    lead = "Means over all clips and seeds, the best first."
    section = Section("methods", "How well each method repairs", lead)
    section.tables.append(("Who chooses", who_chooses(job.evaluation)))
    job.put(section, overview_plate(job.evaluation, job.focus, job.palette))
    for corruption in job.focus.corruptions:
        table = summary_table(job.evaluation, job.focus, corruption)
        some = clips(job.evaluation, corruption) >= FEWEST
        title = f"Every measure, damage '{corruption}' ({'with 95 % intervals; ' * some}↑ higher is better, ↓ lower)"
        section.more.append((title, table))
        grid = crossed(job.evaluation, job.focus, corruption)
        if grid:
            title = f"{job.focus.metric.label} of editor and selector apart, damage '{corruption}'"
            section.more.append((title, grid))
    return section


def training_section(job: Job) -> Section:
    """Figure 1."""
    section = Section(
        "training",
        "Does choosing frames help an editor learn?",
        "How an editor's loss falls while it is trained on the frames that one sampler or another picks for it.",
    )
    plate = training_plate(job.curves, job.options.series, job.palette) if job.curves else None
    otherwise = "no training log was given; --curves NAME=FILE.csv draws Figure 1."
    job.put(section, plate, otherwise)
    return section


def looks_section(job: Job) -> Section:
    """Figure 2, close looks, and what can be played with."""
    section = Section(
        "looks",
        "Where each method looks, and what it gains",
        "Two methods with the same editor differ only in the frames they repair first and look at. What a hole hides "
        "must come from a frame that saw it: the more of the hole the contexts saw, the less has to be made up.",
    )
    corruption = job.focus.corruptions[0]
    seen: list[tuple[Scene, Clip]] = []
    for name in choose_clips(job.evaluation, job.focus, job.options.clips):
        scene = open_scene(job.evaluation, name, corruption, job.holes)
        if scene is None:
            continue
        full = job.used > FIGURES * job.limit
        clip = _clip(job, scene)
        if full:
            section.notes.append(f"{name}, for room: its figures lie beside this page; --clips chooses what is shown.")
            continue
        section.clips.append(clip)
        job.scenes.append(scene)
        if scene.footage is not None:
            seen.append((scene, clip))
    unseen = [scene.clip for scene in job.scenes if scene.footage is None]
    if unseen:
        section.notes.append(f"pictures and videos of {listed(unseen)}: there are none; {MEDIA_HINT}.")
    if job.focus.against is None:
        section.notes.append("there is one method only; evaluate two or more to compare where they look.")
    plate = reach_plate(job.evaluation, job.scenes, job.focus, job.palette)
    if plate:
        section.plates.append(job.draw(plate))
    _add_explorers(job, seen)
    return section


def _clip(job: Job, scene: Scene) -> Clip:
    closer = closer_plates(scene, job.focus, job.palette)
    plates = [arcs_plate(scene, job.focus, job.palette), *closer[:1]]
    return Clip(_title(job, scene), [job.draw(plate) for plate in plates], [job.draw(plate) for plate in closer[1:]])


def _title(job: Job, scene: Scene) -> str:
    """A clip's name, and how it stands among the others."""
    focus, head = job.focus, scene.clip
    if focus.against is None:
        return head
    gaps = paired(job.evaluation, focus.key, focus.method, focus.against, scene.corruption)
    for place, gap in enumerate(gaps):
        if gap.clip == scene.clip:
            gain = focus.metric.sign * gap.interval.mean
            ends = {0: "the largest", len(gaps) - 1: "the least"}
            where = f"{ends.get(place, f'number {place + 1}')} of its gains on {counted(len(gaps), 'clip')}"
            ahead = f"{show(abs(gain), focus.metric)} {'ahead of' if gain >= 0 else 'behind'} {focus.against}"
            return f"{head}: {focus.method} is {ahead}, {where}"
    return head


def _add_explorers(job: Job, clips: list[tuple[Scene, Clip]]) -> None:
    """Share the room that is left in the page."""
    for k, (scene, clip) in enumerate(clips):
        room = (job.limit - job.used) // (len(clips) - k)
        clip.explorer = explorer(scene, f"clip-{k}", job.focus, job.palette, room)
        if clip.explorer is None:
            clip.note = "its videos would make the page too large; choose fewer clips with --clips."
        else:
            job.used += clip.explorer.size


def contexts_section(job: Job) -> Section:
    """Quality against contexts."""
    lead = "The same editor and selector, looking at more frames or fewer."
    section = Section("contexts", "How many frames to look at", lead)
    otherwise = (
        "no two methods differ in the number of contexts alone; evaluate agent:contexts=4 beside agent, say, or give "
        "further files of rovr evaluate --contexts, too."
    )
    job.put(section, contexts_plate(job.evaluation, job.focus, job.palette), otherwise)
    return section


def cost_section(job: Job) -> Section:
    """Quality against cost."""
    section = Section("cost", "What quality costs", "The farther left, the cheaper.")
    otherwise = "no run tells its seconds or looks; evaluate again with rovr evaluate."
    job.put(section, cost_plate(job.evaluation, job.focus, job.palette), otherwise)
    if not job.evaluation.timed:
        section.notes.append(UNTIMED)
    return section


def clips_section(job: Job) -> Section:
    """Differences by clip."""
    section = Section("clips", "Clip by clip", "The same clip with the same damage, repaired by two methods.")
    if job.focus.against is None:
        section.notes.append("there is one method only; evaluate two or more to compare them.")
        return section
    for corruption in job.focus.corruptions:
        plate = clipwise_plate(job.evaluation, job.focus, corruption, job.palette)
        otherwise = f"damage '{corruption}': no clip has this measure for both methods; --against names another."
        job.put(section, plate, otherwise)
    table = differences_table(job.evaluation, job.focus)
    if table:
        section.more.append(("All differences of the evaluation", table))
    return section


def learning_section(job: Job) -> Section:
    """Learning curves."""
    lead = "What the agents earn and how well they repair, while they learn."
    section = Section("learning", "How the agents learn", lead)
    otherwise = "no log of agents was given; --agents NAME=FILE.csv draws their learning curves."
    if job.agents:
        otherwise = "the logs of --agents have neither 'return' nor 'val/psnr'; give those of rovr train agents."
    job.put(section, learning_plate(job.agents, job.palette), otherwise)
    return section
