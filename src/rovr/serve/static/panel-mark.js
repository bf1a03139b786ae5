// Step 1: say what is wrong, by hand or by letting it be found.

import { api } from "/static/api.js";
import { active, app, jobsOf, on, tell } from "/static/app.js";
import { boxMark } from "/static/tools.js";
import { choice, find, framesWords, make, refill, say, toast } from "/static/ui.js";

const NAMES = { stroke: "Brush", box: "Box", found: "Found" };
const TOOLS = [["brush", "Brush"], ["box", "Box"], ["eraser", "Eraser"], ["hand", "Hand"]];
let tools, spans, size, shownSize, range, list, undo, redo, keep, follow, finders;

export const setTool = (tool) => {
  app.tool = tool;
  tools.set(tool);
  size.parentElement.hidden = !["brush", "eraser"].includes(tool);
  tell("marks");
};

export const setBrush = (value) => {
  app.brush = Math.max(2, Math.min(Number(size.max), Math.round(value)));
  size.value = app.brush;
  shownSize.textContent = `${app.brush} px`;
  tell("marks");
};

const setSpan = (name) => {
  app.span = name;
  range.hidden = name !== "range";
};

const when = ({ first, last }) => {
  if (first === 0 && last === null) return "all frames";
  return last === first ? `frame ${first}` : `frames ${first}–${last === null ? "end" : last}`;
};

const ask = async (request) => {
  try {
    app.own.add((await api.job(app.clip.id, request)).id);
    tell("poll");
  } catch (error) { toast(error.message, { bad: true }); }
};

const find_ = (how, more = {}) => ask({ kind: "find", how, ...more });

export const lastBox = () => [...app.marks.list].reverse().find((mark) => mark.type === "box" && !mark.erase);

const followBox = () => {
  const box = lastBox();
  if (!box) { setTool("box"); toast("Draw a box around the object in this frame, then press “Follow the box” again."); return; }
  const left = Math.max(0, Math.round(box.x)), top = Math.max(0, Math.round(box.y));
  const w = Math.min(app.clip.width - left, Math.round(box.w)), h = Math.min(app.clip.height - top, Math.round(box.h));
  app.marks.remove(box);
  find_("follow", { box: [left, top, w, h], start: app.frame });
};

const keepMask = () => ask({ kind: "mask", marks: app.marks.asked });

export const maskDone = (job) => {
  make("a", { href: api.download(job.id, "mask"), download: "" }).click();
  say(`The mask is written: ${framesWords(job.result.masked)} marked.`);
};

const sendMask = async (file) => {
  try {
    say(`Reading the mask ${file.name}.`);
    app.own.add((await api.send(`/api/clips/${app.clip.id}/mask`, file, () => {}).done).id);
    tell("poll");
  } catch (error) { toast(error.message, { bad: true }); }
};

let shown = null, version = -1;
export const showMarks = () => {
  if (!app.marks || (shown === app.marks && version === app.marks.version)) return;
  [shown, version] = [app.marks, app.marks.version];
  undo.disabled = !app.marks.past.length;
  redo.disabled = !app.marks.future.length;
  keep.disabled = app.marks.empty;
  refill(list, app.marks.list.map((mark) => make("li", {},
    make("span", { className: mark.erase ? "dot erase" : "dot" }),
    make("span", { className: "what" }, mark.title || (mark.erase ? "Eraser" : NAMES[mark.type]), make("br"), make("span", { className: "when", textContent: when(mark) })),
    make("button", { type: "button", className: "plain small", textContent: "✕", aria: { label: `Remove: ${mark.title || NAMES[mark.type]}, ${when(mark)}` }, onclick: () => app.marks.remove(mark) }),
  )), undo);
  find("mark-none").hidden = app.marks.list.length > 0;
};

const numbers = () => {
  const fields = ["x", "y", "width", "height"].map((name) => {
    const input = make("input", { type: "number", min: name.length > 1 ? 1 : 0, value: name.length > 1 ? 32 : 0 });
    return [input, make("label", { className: "field" }, make("span", { textContent: name }), input)];
  });
  const add = () => {
    const [x, y, w, h] = fields.map(([input]) => Number(input.value) || 0);
    if (w < 1 || h < 1 || x >= app.clip.width || y >= app.clip.height) { toast(`Give a box within ${app.clip.width}×${app.clip.height}.`, { bad: true }); return; }
    app.marks.add(boxMark(x, y, w, h));
  };
  return make("details", {}, make("summary", { textContent: "A box by numbers" }),
    make("div", { className: "row" }, fields.map(([, label]) => label), make("button", { type: "button", textContent: "Add box", onclick: add })));
};

export const buildMark = () => {
  tools = choice("tool", "Mark what is wrong", TOOLS, app.tool, setTool);
  size = make("input", { type: "range", min: 2, max: 200, value: app.brush, aria: { label: "Brush size in pixels" } });
  size.addEventListener("input", () => setBrush(Number(size.value)));
  shownSize = make("output", { textContent: `${app.brush} px` });
  spans = choice("span", "On which frames", [["all", "All"], ["this", "This one"], ["range", "From–to"]], app.span, setSpan);
  const ends = [0, 1].map((k) => {
    const input = make("input", { type: "number", min: 0, aria: { label: k ? "Last frame" : "First frame" } });
    input.addEventListener("change", () => { app.range[k] = Math.max(0, Math.min(app.clip.frames - 1, Math.round(Number(input.value) || 0))); input.value = app.range[k]; });
    const here = make("button", { type: "button", className: "small", textContent: "Here", aria: { label: `${k ? "Last" : "First"} frame: the one shown` } });
    here.addEventListener("click", () => { app.range[k] = app.frame; input.value = app.frame; });
    return [input, make("div", { className: "row" }, make("span", { className: "quiet", style: "min-width: 2.4rem", textContent: k ? "to" : "from" }), input, here)];
  });
  range = make("div", { className: "row", hidden: true }, ends.map(([, row]) => row));
  range.reset = () => ends.forEach(([input], k) => { input.max = app.clip.frames - 1; input.value = app.range[k]; });
  follow = make("button", { type: "button", textContent: "Follow the box", title: "Follow what is in the last box, from this frame on", onclick: followBox });
  finders = [
    make("button", { type: "button", textContent: "Scratches", title: "Scratches and specks that only one frame shows", onclick: () => find_("scratches") }),
    make("button", { type: "button", textContent: "Lost blocks", title: "Squares that a digital tape, a broadcast or a damaged file has lost", onclick: () => find_("blocks") }),
    make("button", { type: "button", textContent: "A logo", title: "What stands still while the picture moves", onclick: () => find_("logo") }),
    make("button", { type: "button", textContent: "Subtitles", title: "Bright letters that come and go all at once", onclick: () => find_("subtitles") }),
    follow,
    make("button", { type: "button", textContent: "A mask file …", title: "A picture for all frames, or a video; white is missing", onclick: () => find("maskfile").click() }),
  ];
  list = make("ul", { className: "marks" });
  undo = make("button", { type: "button", className: "small", textContent: "Undo", title: "Undo (Z)", onclick: () => app.marks.undo() });
  redo = make("button", { type: "button", className: "small", textContent: "Redo", title: "Redo (Shift+Z)", onclick: () => app.marks.redo() });
  keep = make("button", { type: "button", className: "small", textContent: "Keep the mask", title: "As a file that rovr restore --mask takes, and “A mask file” here", onclick: keepMask });
  find("mark").replaceChildren(
    tools.field,
    make("div", { className: "line" }, make("span", { textContent: "Size" }), size, shownSize),
    spans.field,
    range,
    make("fieldset", {}, make("legend", { textContent: "Let it be found" }), make("div", { className: "row" }, finders)),
    make("div", {},
      make("div", { className: "line" }, make("h2", { textContent: "Marked", style: "flex: 1" }), undo, redo, keep),
      make("p", { className: "hint", id: "mark-none", textContent: "Nothing yet. Paint over what is wrong in the picture; a little more than it is better than less." }),
      list),
    numbers(),
  );
  find("maskfile").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) sendMask(file);
  });
};

export const openMark = () => {
  app.range = [0, app.clip.frames - 1];
  range.reset();
  size.max = Math.max(64, Math.round(app.clip.width / 4));
  setBrush(Math.max(8, app.clip.width / 24));
  setTool(app.tool);
  showMarks();
};

on("marks", showMarks);
on("jobs", () => {
  if (!app.clip) return;
  const looked = jobsOf(app.clip).some((job) => active(job) && job.kind === "find");
  finders.forEach((button) => { button.disabled = looked; });
});
