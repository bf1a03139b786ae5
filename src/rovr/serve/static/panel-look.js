// Step 3: before and after, what was done and at what cost, and the files to keep.

import { api } from "/static/api.js";
import { app, on, repairName, repairs, tell } from "/static/app.js";
import { editWords, untouchedWords } from "/static/film.js";
import { checkbox, choice, find, framesWords, make, percent, refill, say, select } from "/static/ui.js";
import { go, refresh, refilm, sources, told } from "/static/view.js";

let parts = {}, built = "";

const box = (name, label) => checkbox(label, app.look[name], (ticked) => { app.look[name] = ticked; refresh(); refilm(); });

const pair = () => ["a", "b"].map((side, k) => {
  const options = sources().map(({ key, label }) => [key, label]);
  const element = select(options, app.look[side], (value) => { app.look[side] = value; refresh(); refilm(); showEdit(); });
  return make("label", { className: "field" }, make("span", { textContent: k ? "Right" : "Left" }), element);
});

const table = () => {
  const jobs = repairs(), truth = jobs.some((job) => job.result.psnr);
  const heads = ["", "s/frame", "s in all", "made up", ...(truth ? ["dB in holes"] : [])];
  const row = (job) => [repairName(job), job.result.seconds_per_repair.toFixed(2), job.result.seconds.toFixed(0), percent(job.result.provenance?.invented ?? job.result.mean_doubt), ...(truth ? [job.result.psnr?.toFixed(2) ?? "–"] : [])];
  return make("div", { className: "scroll", tabIndex: 0, aria: { label: "Repairs in numbers", role: "region" } }, make("table", {},
    make("thead", {}, make("tr", {}, heads.map((text) => make(text ? "th" : "td", { textContent: text })))),
    make("tbody", {}, jobs.map((job) => make("tr", {}, row(job).map((text, k) => make(k ? "td" : "th", { textContent: text })))))));
};

const downloads = () => repairs().map((job) => make("div", { className: "row" },
  make("span", { className: "quiet", textContent: repairName(job), style: "flex: 1" }),
  [["video", "Video"], ["mask", "Mask"], ["provenance", "Provenance"], ["record", "Record"]].map(([name, label]) =>
    make("a", { className: "button small", href: api.download(job.id, name), download: "", textContent: label, aria: { label: `Download the ${name} of ${repairName(job)}` } }))));

export const showEdit = () => {
  if (!parts.edit || !app.clip) return;
  const job = told(), edit = job && app.edits.get(job.id)?.get(app.frame);
  // Until the edits have come, nothing is said that may be wrong.
  const known = job && app.edits.get(job.id)?.size >= job.edits;
  parts.what.textContent = !job || (!edit && !known) ? "…" : edit ? `Frame ${app.frame}. ${editWords(edit, job.edits)}` : untouchedWords(app.frame, job.result);
  const looked = (edit ? edit.contexts : []).map((context) => {
    const before = app.edits.get(job.id).get(context), done = before && before.turn < edit.turn;
    const address = done ? api.repaired(job.id, context, 320) : api.picture(app.clip.id, "source", context, 320);
    const text = `Frame ${context}, ${Math.abs(context - app.frame)} ${context > app.frame ? "later" : "earlier"}${done ? ", already repaired" : ""}`;
    return { context, address, text };
  });
  // The page asks for news all the time: buttons that are replaced meanwhile cannot be pressed.
  const name = JSON.stringify(looked);
  if (name === parts.looked) return;
  parts.looked = name;
  refill(parts.shots, looked.map(({ context, address, text }) => make("button", { type: "button", onclick: () => go(context) },
    make("img", { src: address, alt: "" }),
    make("span", { textContent: text }))));
};

export const setMode = (mode) => {
  app.look.mode = mode;
  parts.mode?.set(mode);
  if (parts.cut) parts.cut.parentElement.hidden = mode !== "slider";
  refresh();
};

export const showLook = () => {
  if (!app.clip) return;
  const done = repairs(), name = [app.clip.id, ...done.map((job) => job.id)].join();
  if (name === built) return;
  built = name;
  if (!done.length) {
    parts = {};
    find("look").replaceChildren(make("p", { className: "hint", textContent: "Nothing is repaired yet. When the video is, it appears here beside the original, with every frame that was looked at." }));
    return;
  }
  const keys = sources().map(({ key }) => key);
  if (!keys.includes(app.look.a)) app.look.a = "source";
  if (!keys.includes(app.look.b) || app.look.b === "source") app.look.b = done[done.length - 1].id;
  const cut = make("input", { type: "range", min: 0, max: 100, value: 100 * app.look.cut, aria: { label: "Divider" } });
  cut.addEventListener("input", () => { app.look.cut = cut.value / 100; refresh(); });
  const mode = choice("mode", "Compare", [["slider", "Divider"], ["side", "Side by side"], ["flicker", "Flicker"]], app.look.mode, setMode);
  const what = make("p"), shots = make("div", { className: "shots" });
  parts = { mode, cut, what, shots, edit: true };
  const newest = done[done.length - 1];
  const doubt = box("doubt", "Show what had to be made up");
  doubt.append(make("span", { className: "key", style: "background: #d018c8" }));
  find("look").replaceChildren(
    mode.field,
    make("div", { className: "shots" }, pair()),
    make("div", { className: "line" }, make("span", { textContent: "Divider" }), cut),
    make("div", {}, box("outline", "Outline what was missing"), doubt),
    make("div", {}, make("h2", { textContent: "What was done here" }), what),
    shots,
    box("every", "Show all arcs above the film"),
    make("div", {}, make("h2", { textContent: "Quality and cost" }), table(),
      make("p", { className: "fine", textContent: "“Made up” is the share of the holes that no other frame showed. “Origin of pixels”, on the left or the right, shows which: blue is from other frames, the darker the farther away, and orange is made up. Repair again with another way of picking frames to compare." })),
    make("div", { className: "field" }, make("h2", { textContent: "Keep" }), downloads()),
    make("details", { ontoggle: (event) => watch(event.target, newest) }, make("summary", { textContent: app.clip.audio ? "Watch with sound" : "Watch as a film" })),
  );
  setMode(app.look.mode);
  showEdit();
};

const watch = (details, job) => {
  if (!details.open || details.querySelector("video")) return;
  details.append(make("video", { controls: true, preload: "metadata", src: api.download(job.id, "play"), aria: { label: `The repaired video, ${repairName(job)}` } }));
};

export const restoreDone = (job) => {
  if (app.clip?.id !== job.clip) return;
  app.look.b = job.id;
  built = "";
  say(`The video is repaired: ${framesWords(job.result.repaired)}.`);
  // Who is still marking is not torn away.
  if (app.tab !== "mark") tell("tab", "look");
};

["frame", "edits"].forEach((name) => on(name, showEdit));
on("jobs", () => { showLook(); showEdit(); });
on("cut", () => { if (parts.cut) parts.cut.value = 100 * app.look.cut; });
on("closed", () => { built = ""; parts = {}; });
