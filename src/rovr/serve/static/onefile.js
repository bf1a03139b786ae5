// A finished repair, shown without a server; put behind the modules that it uses.

import { editWords, Film, untouchedWords } from "/static/film.js";
import { Stage } from "/static/stage.js";
import { checkbox, choice, find, make, percent, themes } from "/static/ui.js";

const told = JSON.parse(find("data").textContent);
const kept = Object.keys(told.pictures).map(Number).sort((a, b) => a - b);
const edits = new Map(told.edits.map(([frame, doubt, ...contexts], turn) => [frame, { frame, doubt, contexts, turn }]));
const view = { frame: kept.find((frame) => edits.has(frame)) ?? kept[0], mode: "slider", cut: 0.5, flicker: "a", outline: false, doubt: false };
const images = new Map();

const nearest = (frame) => kept.reduce((best, one) => (Math.abs(one - frame) < Math.abs(best - frame) ? one : best), kept[0]);
const image = (frame, kind) => {
  const address = told.pictures[frame][kind];
  if (!address) return null;
  if (!images.has(address)) {
    const one = new Image();
    one.src = address;
    one.decode().then(() => { one.ready = true; show(); });
    images.set(address, one);
  }
  return images.get(address).ready ? images.get(address) : null;
};

const board = new Stage(find("stage"), find("picture"), {
  tool: () => "hand",
  down: () => {}, move: () => {}, up: () => {}, cancel: () => {}, zoomed: () => {},
  cut: (share) => { view.cut = share; divider.value = 100 * share; show(); },
});

const strip = new Film(find("film"), {
  frames: told.frames,
  ratio: told.ratio,
  thumbnail: (frame) => told.pictures[nearest(frame)].before,
  pick: (frame) => go(nearest(frame)),
});
strip.edits = edits;
strip.total = edits.size;
strip.marked = (frame) => edits.has(frame);

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const show = () => {
  const pair = [image(view.frame, "before"), image(view.frame, "after")], overlays = [];
  if (pair[0]) board.size = { width: pair[0].naturalWidth, height: pair[0].naturalHeight };
  const add = (kind, more) => { const mask = image(view.frame, kind); if (mask) overlays.push({ mask, ...more }); };
  if (view.doubt) add("doubt", { colour: "#d018c8", border: 0, alpha: 0.8, after: true });
  if (view.outline) add("hole", { colour: colour("--hole"), border: 1.5, alpha: 1 });
  board.show({ pair, overlays, mode: view.mode === "flicker" ? view.flicker : view.mode, cut: view.cut });
};

const what = make("p"), shots = make("div", { className: "shots" });
const go = (frame) => {
  view.frame = frame;
  find("scrub").value = kept.indexOf(frame);
  find("where").textContent = `frame ${frame} of ${told.frames - 1}`;
  find("scrub").setAttribute("aria-valuetext", find("where").textContent);
  const edit = edits.get(frame);
  what.textContent = edit ? `Frame ${frame}. ${editWords(edit, edits.size)}` : untouchedWords(frame, told.summary);
  shots.replaceChildren(...(edit ? edit.contexts : []).filter((context) => told.pictures[context]).map((context) => {
    const before = edits.get(context), done = before && before.turn < edit.turn;
    return make("button", { type: "button", onclick: () => go(context) },
      make("img", { src: told.pictures[context][done ? "after" : "before"], alt: "" }),
      make("span", { textContent: `Frame ${context}, ${Math.abs(context - frame)} ${context > frame ? "later" : "earlier"}${done ? ", already repaired" : ""}` }));
  }));
  find("picture").setAttribute("aria-label", `Frame ${frame}, before on the left of the divider and after on the right`);
  strip.current = frame;
  strip.show();
  show();
};

const divider = make("input", { type: "range", min: 0, max: 100, value: 50, aria: { label: "Divider" } });
divider.addEventListener("input", () => { view.cut = divider.value / 100; show(); });
const tick = (name, label) => checkbox(label, false, (ticked) => { view[name] = ticked; strip.every = view.every; strip.show(); show(); });
const mode = choice("mode", "Compare", [["slider", "Divider"], ["side", "Side by side"], ["flicker", "Flicker"]], "slider", (value) => { view.mode = value; show(); });
const sum = told.summary;
const facts = [
  ["Frames", `${sum.repaired} repaired of ${sum.frames}`], ["Size", `${sum.width}×${sum.height}`],
  ["Missing", percent(sum.hole_share)], ["Made up", `${percent(sum.mean_doubt)} of that`],
  ["Selector", sum.selector], ["Editor", sum.editor], ["Frames looked at", `${sum.contexts} a repair`],
  ["Time", `${sum.repaired > sum.resumed ? `${sum.seconds_per_repair.toFixed(2)} s a repair on ${sum.device}, ` : ""}${sum.seconds.toFixed(1)} s in all`], ["ROVR", sum.version],
];
find("title").textContent = told.title;
find("look").append(
  mode.field,
  make("div", { className: "line" }, make("span", { textContent: "Divider" }), divider),
  make("div", {}, tick("outline", "Outline what was missing"), tick("doubt", "Show what had to be made up"), tick("every", "Show all arcs above the film")),
  make("div", {}, make("h2", { textContent: "What was done here" }), what), shots,
  make("div", {}, make("h2", { textContent: "In all" }), make("table", { className: "facts" }, make("tbody", {}, facts.map(([name, value]) => make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", { textContent: value })))))),
  ...(sum.notes.length ? [make("div", {}, make("h2", { textContent: "Notes" }), make("ul", {}, sum.notes.map((text) => make("li", { textContent: text }))))] : []),
  ...(kept.length < told.frames ? [make("p", { className: "fine", textContent: `To keep this file small, it shows ${kept.length} of ${told.frames} frames: some repaired ones, and those that they were repaired from.` })] : []),
);
find("tags").append(make("span", { className: "a", textContent: "Before" }), make("span", { className: "b", textContent: "After" }));
find("scrub").max = kept.length - 1;
find("scrub").addEventListener("input", (event) => go(kept[event.target.value]));
[["prev", -1], ["next", 1]].forEach(([id, step]) => find(id).addEventListener("click", () => go(kept[Math.max(0, Math.min(kept.length - 1, kept.indexOf(view.frame) + step))])));
find("fit").addEventListener("click", () => board.fit());
find("zoomin").addEventListener("click", () => board.zoomBy(1.4));
find("zoomout").addEventListener("click", () => board.zoomBy(1 / 1.4));
setInterval(() => { if (view.mode === "flicker") { view.flicker = view.flicker === "a" ? "b" : "a"; show(); } }, 700);
document.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step && !event.target.closest("input, select")) { event.preventDefault(); find(step < 0 ? "prev" : "next").click(); }
});
themes(find("theme"), show);
board.open({ width: sum.height * told.ratio, height: sum.height });
go(view.frame);
