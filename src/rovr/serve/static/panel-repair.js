// Step 2: settings, one frame to see, and the whole video.

import { api } from "/static/api.js";
import { active, app, jobsOf, on, selectorName, tell } from "/static/app.js";
import { lookedWords } from "/static/film.js";
import { checkbox, duration, find, framesWords, make, percent, select, toast } from "/static/ui.js";

let selector, estimate, shown;

const number = (label, hint, name, least, most) => {
  const input = make("input", { type: "range", min: least, max: most, value: app.settings[name], aria: { label } });
  const output = make("output", { textContent: app.settings[name] });
  input.addEventListener("input", () => { app.settings[name] = Number(input.value); output.textContent = input.value; tell("settings"); });
  return make("div", { className: "field" }, make("span", { textContent: label }), make("div", { className: "line" }, input, output), make("span", { className: "fine", textContent: hint }));
};

const tick = (label, hint, name) => make("div", { className: "field" },
  checkbox(label, app.settings[name], (ticked) => { app.settings[name] = ticked; tell("settings"); }),
  make("span", { className: "fine", textContent: hint }));

const asked = (kind, more) => ({ kind, marks: app.marks.asked, selector: app.settings.selector, contexts: app.settings.contexts, widen: app.settings.widen, texture: app.settings.texture, ...more });

const queue = async (request) => {
  if (app.marks.empty) { toast("Nothing is marked yet: paint over what is wrong, or let it be found.", { bad: true, stay: false }); tell("tab", "mark"); return null; }
  try {
    const job = await api.job(app.clip.id, request);
    app.own.add(job.id);
    app.server.jobs.push(job);
    tell("jobs");
    tell("poll");
    return job;
  } catch (error) { toast(error.message, { bad: true }); return null; }
};

export const preview = async () => {
  // Only the last one that was asked for is of interest.
  jobsOf(app.clip).filter((job) => job.kind === "preview" && active(job)).forEach((job) => api.end(job.id).catch(() => {}));
  const frame = app.frame;
  const job = await queue(asked("preview", { frame }));
  if (job) app.waiting = { job: job.id, frame, clip: app.clip.id };
};

const restore = async () => {
  const job = await queue(asked("restore", { passes: app.settings.passes, crf: app.settings.crf, translucent: app.settings.translucent }));
  if (job) { app.preview = null; tell("tab", "repair"); }
};

export const previewDone = (job) => {
  if (app.clip?.id !== job.clip || app.waiting?.job !== job.id) return;
  app.preview = { ...app.waiting, result: job.result };
  app.waiting = null;
  app.frame === app.preview.frame ? tell("preview") : tell("goto", app.preview.frame);
  if (app.tab === "look") tell("tab", "repair");
};

const showEstimate = () => {
  if (!app.clip) return;
  const count = app.marks.count;
  estimate.textContent = count ? `${framesWords(count)} ${count === 1 ? "is" : "are"} marked. Once the repair runs, the list below says how long it will take.` : "Nothing is marked yet.";
  const { result, frame } = app.preview || {};
  shown.hidden = !result;
  if (result) {
    shown.textContent = `Preview of frame ${frame}: repaired in ${duration(result.seconds)}, ${lookedWords(result.contexts)}. ` +
      `${percent(result.doubt)} of what was missing had to be made up. In the whole video, frames that were repaired before help too.`;
  }
};

export const buildRepair = () => {
  selector = select([["agent", selectorName("agent")]], "agent", (value) => { app.settings.selector = value; tell("settings"); });
  selector.id = "selector";
  estimate = make("p", { className: "quiet" });
  shown = make("p", { className: "hint", hidden: true });
  find("repair").replaceChildren(
    make("p", { textContent: "For each frame, ROVR picks others that show what is hidden there, and fills the hole from them." }),
    estimate,
    shown,
    make("div", { className: "field" }, make("label", { htmlFor: "selector", textContent: "How frames are picked" }), selector),
    number("Widen what is marked, in pixels", "2 or 3 remove a coloured fringe around objects and letters.", "widen", 0, 24),
    tick("A logo that can be seen through", "Learns it from the whole video, and keeps what shines through. A preview still shows it as a hole.", "translucent"),
    tick("Texture where no frame shows anything", "Continues the surroundings with their texture, and not smoothly: looks better, takes longer.", "texture"),
    make("details", {}, make("summary", { textContent: "More settings" }), make("div", { className: "sheet", style: "padding: .4rem 0" },
      number("Frames to look at for each repair", "More takes longer, and rarely shows more than two do.", "contexts", 1, 6),
      number("Times to repair each frame", "A second time looks at frames that are whole by then: mostly better, in twice the time.", "passes", 1, 2),
      number("Size against quality of the file", "H.264's CRF: 0 is best and largest, 18 looks like the original, 28 is small.", "crf", 0, 40))),
  );
  find("preview").addEventListener("click", preview);
  find("restore").addEventListener("click", restore);
};

on("jobs", () => {
  const names = app.server.selectors;
  if (names.length && selector.options.length !== names.length) {
    selector.replaceChildren(...names.map((name) => make("option", { value: name, textContent: selectorName(name) })));
    selector.value = app.settings.selector;
  }
});
// Counting takes a while on a long video, and a brush moves often.
["marks", "settings", "preview", "jobs"].forEach((name) => on(name, () => app.clip && estimate && app.tab === "repair" && showEstimate()));
