// The picture, the transport below it and the film: what is shown of which frame.

import { api } from "/static/api.js";
import { active, app, jobsOf, on, repairName, repairs, tell } from "/static/app.js";
import { Film } from "/static/film.js";
import { Stage } from "/static/stage.js";
import { clock, find, toast } from "/static/ui.js";
import { hand, pending } from "/static/tools.js";

const WIDTHS = [160, 320, 640, 960, 1440, 1920];
const near = (wanted) => WIDTHS.find((width) => width >= wanted) || WIDTHS[WIDTHS.length - 1];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const painted = document.createElement("canvas");
let film = null, playing = null;

// The stage has the shape in which the video plays, which need not be that of its pixels.
const pixel = ([x, y]) => [x / app.clip.aspect, y];
export const stage = new Stage(find("stage"), find("picture"), {
  ...hand,
  down: (point) => hand.down(pixel(point)),
  move: (point) => hand.move(pixel(point)),
  cut: (share) => { app.look.cut = share; refresh(); tell("cut"); },
  zoomed: () => refresh(),
});

// What can be compared: [{key, label, address(frame, width)}].
export const sources = () => {
  const { clip } = app, list = [{ key: "source", label: "Before", address: (frame, width) => api.picture(clip.id, "source", frame, width) }];
  repairs().forEach((job) => list.push({ key: job.id, job, label: repairName(job), address: (frame, width) => api.repaired(job.id, frame, width) }));
  repairs().forEach((job, k) => list.push({ key: `${job.id}/origin`, job, label: `Origin of pixels ${k + 1}`, address: (frame, width) => api.origin(job.id, frame, width) }));
  if (clip.truth) list.push({ key: "truth", label: "The truth", address: (frame, width) => api.picture(clip.id, "truth", frame, width) });
  return list;
};

export const looking = () => {
  if (app.preview && app.preview.frame === app.frame && app.preview.clip === app.clip.id && app.tab !== "look") return "preview";
  return app.tab === "look" && repairs().length ? "look" : "mark";
};

// A decoded picture, or null and another try once it is there.
const wanted = new Set();
const held = (address) => {
  const picture = app.frames.peek(address);
  wanted.add(address);
  if (!picture) app.frames.get(address).then(refresh, (error) => { if (error.dropped) return; wait(true); if (error.status !== 404 && error.status !== 409) toast(error.message, { bad: true }); });
  return picture;
};

const width = () => near(playing ? Math.min(960, stage.wanted) : stage.wanted);

let last = {};
export const refresh = () => {
  const { clip, frame, look } = app;
  if (!clip) return;
  wanted.clear();
  const how = looking(), wide = width(), scene = { overlays: [], cut: look.cut, brush: 0 };
  const source = held(api.picture(clip.id, "source", frame, wide));
  let ready = Boolean(source);
  if (how === "mark") {
    scene.pair = [source || last.source, null];
    scene.mode = "a";
    scene.brush = app.tab === "mark" && ["brush", "eraser"].includes(app.tool) ? app.brush : 0;
    if (!playing || app.marks.layers(frame).length < 3) scene.overlays = markOverlays(frame, wide);
    tags([]);
  } else if (how === "preview") {
    scene.pair = [source, held(api.made(app.preview.job, "picture"))];
    scene.mode = "slider";
    ready = scene.pair.every(Boolean);
    tags(["Before", "Preview"]);
  } else {
    const list = sources(), [a, b] = [look.a, look.b].map((key) => list.find((one) => one.key === key) || list[0]);
    const pair = [a, b].map((one) => held(one.address(frame, wide)));
    ready = pair.every(Boolean);
    // While the next frame comes, the last whole pair stays.
    scene.pair = ready ? pair : last.pair || pair;
    if (ready) last.pair = pair;
    scene.mode = look.mode === "flicker" ? look.flicker : look.mode;
    if (!playing) scene.overlays = lookOverlays(frame, b.job || a.job);
    tags(look.mode === "flicker" ? [look.flicker === "a" ? a.label : b.label] : [a.label, b.label]);
  }
  last.source = source || last.source;
  if (!playing) app.frames.only(wanted);
  wait(ready);
  find("back").hidden = how !== "preview";
  const names = { mark: "what is marked is tinted", preview: "before on the left of the divider, the preview on the right", look: "compared" };
  find("picture").setAttribute("aria-label", `Frame ${frame} of ${clip.title}: ${names[how]}`);
  stage.show(scene);
};

const markOverlays = (frame, wide) => {
  const mask = app.marks.paint(painted, frame, (layer) => held(api.picture(app.clip.id, layer, frame, wide)));
  pending(mask);
  const hole = colour("--hole");
  return [{ mask, colour: hole, border: 0, alpha: 0.42 }, { mask, colour: hole, border: 1.5, alpha: 0.95 }];
};

const lookOverlays = (frame, job) => {
  if (!job || !app.edits.get(job.id)?.has(frame)) return [];
  const list = [], add = (address, more) => { const mask = held(address); if (mask) list.push({ mask, ...more }); };
  if (app.look.doubt) add(api.doubt(job.id, frame), { colour: "#d018c8", border: 0, alpha: 0.8, after: true });
  if (app.look.outline) add(api.hole(job.id, frame, 960), { colour: colour("--hole"), border: 2, alpha: 1 });
  return list;
};

const tags = (labels) => {
  find("tags").replaceChildren(...labels.map((text, k) => Object.assign(document.createElement("span"), { textContent: text, className: k ? "b" : "a" })));
};

export const go = (frame) => {
  const to = Math.max(0, Math.min(app.clip.frames - 1, Math.round(frame)));
  if (to === app.frame) return;
  app.frame = to;
  shown();
};

// Seconds from the first frame to another; the rate alone does not tell them where it varies.
const timeOf = (frame) => {
  const { rate, times } = app.clip;
  return times?.length > frame ? times[frame] / 1000 : frame / rate;
};

// The frame that is shown at a time, as minutes and seconds with a colon between; or by its number.
const frameAt = (text) => {
  if (!text.includes(":")) return Number(text);
  const { rate, times } = app.clip, seconds = text.replace(",", ".").split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
  // As exactly as the clock shows it, which may have rounded up.
  return times?.length ? times.findLastIndex((time) => time <= 1000 * seconds + 5) : Math.floor((seconds + 0.005) * rate);
};

export const jump = () => {
  find("jumpto").value = "";
  find("jump").showModal();
  find("jumpto").focus();
};

const shown = () => {
  const { clip, frame } = app, time = clock(timeOf(frame));
  find("scrub").value = frame;
  find("scrub").setAttribute("aria-valuetext", `frame ${frame} of ${clip.frames - 1}, ${time}`);
  find("where").textContent = `${frame} / ${clip.frames - 1} · ${time}`;
  film.current = frame;
  film.show();
  refresh();
  tell("frame");
};

export const stop = () => {
  if (!playing) return;
  clearTimeout(playing.timer);
  playing = null;
  playIcon(false);
  refresh();
};

const playIcon = (on) => {
  find("playicon").setAttribute("d", on ? "M4 3h3v10H4zm5 0h3v10H9z" : "M4 2.5v11l9-5.5z");
  find("play").setAttribute("aria-label", on ? "Pause" : "Play");
};

// Frame by frame, in step for all pictures that are compared; where the machine is slow, slower and not with gaps.
export const play = () => {
  if (playing) { stop(); return; }
  if (app.frame >= app.clip.frames - 1) go(0);
  const mine = playing = { timer: 0 };
  playIcon(true);
  const addresses = (frame) => {
    const wide = width(), list = sources();
    const keys = looking() === "look" ? [app.look.a, app.look.b] : ["source"];
    return keys.map((key) => (list.find((one) => one.key === key) || list[0]).address(frame, wide));
  };
  const step = async () => {
    const began = performance.now(), next = app.frame + 1;
    if (next >= app.clip.frames) { stop(); return; }
    for (let k = 1; k < 5 && next + k < app.clip.frames; k++) addresses(next + k).forEach((one) => app.frames.get(one).catch(() => {}));
    try { await Promise.all(addresses(next).map((one) => app.frames.get(one))); } catch (error) { toast(error.message, { bad: true }); stop(); return; }
    if (playing !== mine) return;
    go(next);
    const lasts = next + 1 < app.clip.frames ? timeOf(next + 1) - timeOf(next) : 0;
    mine.timer = setTimeout(step, Math.max(0, 1000 * lasts / Number(find("speed").value) - (performance.now() - began)));
  };
  step();
};

// The edits of a repair, fetched as they are made.
const fetched = new Map();
const follow = async (job) => {
  const known = fetched.get(job.id) || 0;
  if (known >= job.edits || job.fetching) return;
  const map = app.edits.get(job.id) || new Map();
  const { edits } = await api.edits(job.id, known);
  edits.forEach(([frame, doubt, ...contexts], k) => map.set(frame, { frame, doubt, contexts, turn: known + k }));
  fetched.set(job.id, Math.max(fetched.get(job.id) || 0, known + edits.length));
  app.edits.set(job.id, map);
};

// The repair that the film tells of: the one compared, else one that runs.
export const told = () => {
  const own = app.clip ? jobsOf(app.clip).filter((job) => job.kind === "restore") : [];
  const [a, b] = [app.look.a, app.look.b].map((key) => own.find((job) => key.startsWith(job.id)));
  const compared = b || a;
  return app.tab === "look" ? compared || null : own.find((job) => job.state === "running") || null;
};

export const refilm = async () => {
  const job = app.clip && told();
  if (job) await follow(job).catch(() => {});
  if (!film || !app.clip) return;
  film.edits = (job && app.edits.get(job.id)) || new Map();
  film.total = job ? Math.max(job.edits, job.due) : 0;
  film.every = app.look.every;
  film.show();
  tell("edits");
};

export const openView = () => {
  const { clip } = app;
  last = {};
  if (film) film.close();
  film = new Film(find("film"), {
    frames: clip.frames,
    ratio: clip.width * clip.aspect / clip.height,
    thumbnail: (frame) => api.picture(clip.id, "source", frame, 160),
    pick: go,
  });
  film.marked = (frame) => app.marks.marked(frame);
  find("scrub").max = clip.frames - 1;
  stage.open({ width: clip.width * clip.aspect, height: clip.height, aspect: clip.aspect });
  shown();
  // Without them the clock is about right, which is no reason to complain.
  if (clip.uneven) api.times(clip.id).then((times) => { clip.times = times; if (app.clip === clip) shown(); }, () => {});
};

// Far from a key frame a picture may take seconds, and the one before it stays meanwhile.
let slow = 0;
const wait = (ready) => {
  if (ready || playing) { clearTimeout(slow); slow = 0; busy("frame", ""); } else if (!slow) slow = setTimeout(() => busy("frame", "Fetching this frame …"), 400);
};

const doing = { repair: "", frame: "" };
export const busy = (what, text) => {
  doing[what] = text;
  find("busy").textContent = doing.repair || doing.frame;
  find("busy").hidden = !find("busy").textContent;
};

find("scrub").addEventListener("input", (event) => go(Number(event.target.value)));
find("where").addEventListener("click", jump);
find("jumpform").addEventListener("submit", () => { stop(); go(frameAt(find("jumpto").value.trim())); });
find("prev").addEventListener("click", () => go(app.frame - 1));
find("next").addEventListener("click", () => go(app.frame + 1));
find("play").addEventListener("click", play);
find("fit").addEventListener("click", () => { stage.fit(); refresh(); });
find("zoomin").addEventListener("click", () => stage.zoomBy(1.4));
find("zoomout").addEventListener("click", () => stage.zoomBy(1 / 1.4));
find("back").addEventListener("click", () => { app.preview = null; refresh(); tell("preview"); });
on("marks", () => { refresh(); film?.show(); });
on("jobs", () => {
  refilm();
  const running = app.clip && jobsOf(app.clip).find((job) => active(job) && job.kind === "preview");
  busy("repair", running ? "Repairing this frame …" : "");
});
setInterval(() => {
  if (app.clip && app.look.mode === "flicker" && looking() === "look" && !app.look.held) {
    app.look.flicker = app.look.flicker === "a" ? "b" : "a";
    refresh();
  }
}, 700);
