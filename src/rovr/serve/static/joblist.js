// What is waiting, running and done, for all videos; each with what can be done about it.

import { api } from "/static/api.js";
import { active, app, tell } from "/static/app.js";
import { duration, find, framesWords, make, toast } from "/static/ui.js";

const WHAT = { find: { scratches: "Find scratches", blocks: "Find lost blocks", logo: "Find a logo", subtitles: "Find subtitles", follow: "Follow an object", file: "Read a mask" }, mask: "Keep the mask", preview: "Preview", restore: "Repair" };
const PHASES = { find: "Looking", mask: "Drawing the masks", load: "Getting ready", read: "Reading frames", learn: "Learning the logo", ahead: "Looking ahead", repair: "Repairing", copy: "Copying whole frames", finish: "Finishing" };
const items = new Map();

const name = (job) => (job.kind === "find" ? WHAT.find[job.how] : job.kind === "mask" ? WHAT.mask : job.kind === "preview" ? `Preview of frame ${job.frame}` : `Repair (${job.selector})`);

const words = (job) => {
  if (job.state === "waiting") return "Waiting for its turn";
  if (job.state === "cancelled") return "Cancelled";
  if (job.state === "failed") return job.error;
  if (job.state === "done") return `${framesWords(job.result.repaired)} repaired in ${duration(job.result.seconds)}`;
  const how = PHASES[job.phase] || "Starting";
  const far = job.total ? `, ${job.done} of ${job.total}` : "";
  return `${how}${far}${job.left !== null ? ` – ${duration(job.left)} left` : ""}`;
};

const end = async (job) => {
  try { await api.end(job.id); } catch (error) { if (error.status !== 404) toast(error.message, { bad: true }); }
  tell("poll");
};

const build = (job) => {
  const item = make("li", { className: "job" });
  item.parts = {
    bar: make("progress", { max: 1, aria: { label: `Progress: ${name(job)}` } }),
    text: make("p", { className: "fine" }),
    notes: make("p", { className: "fine" }),
    live: make("img", { alt: "The frame repaired last", hidden: true }),
    button: make("button", { type: "button", className: "small", onclick: () => end(item.job) }),
    see: make("button", { type: "button", className: "small", textContent: "Compare", hidden: true, onclick: () => tell("compare", item.job) }),
  };
  item.parts.live.addEventListener("error", () => { item.parts.live.hidden = true; });
  const { bar, text, notes, live, button, see } = item.parts;
  item.append(make("div", { className: "head" }, make("strong", { textContent: `${name(job)} · ${job.title}` }), see, button), bar, text, live, notes);
  return item;
};

const update = (item, job) => {
  const { bar, text, notes, live, button, see } = item.parts;
  item.job = job;
  const runs = job.state === "running";
  bar.hidden = !active(job);
  if (runs && job.total) bar.value = job.done / job.total;
  else bar.removeAttribute("value");
  text.textContent = words(job);
  text.className = `fine ${job.state === "failed" ? "bad" : job.state === "done" ? "ok" : ""}`;
  notes.textContent = job.notes.join(" ");
  notes.hidden = !job.notes.length;
  button.textContent = active(job) ? "Cancel" : "✕";
  button.setAttribute("aria-label", `${active(job) ? "Cancel" : "Remove"}: ${name(job)} of ${job.title}`);
  see.hidden = !(job.kind === "restore" && job.state === "done");
  if (runs && job.kind === "restore" && job.edits !== item.drawn && job.edits) {
    item.drawn = job.edits;
    const next = new Image();
    next.onload = () => { live.src = next.src; live.hidden = item.job.state !== "running"; };
    next.src = `${api.made(job.id, "live")}?${job.edits}`;
  }
  if (!runs) live.hidden = true;
};

// A preview and a mask show themselves when they are done.
const listed = (job) => job.kind === "restore" || active(job) || job.state === "failed";

export const showJobs = () => {
  const jobs = app.server.jobs.filter(listed);
  find("jobs").hidden = !jobs.length;
  const ids = new Set(jobs.map((job) => job.id));
  for (const [id, item] of items) if (!ids.has(id)) { item.remove(); items.delete(id); }
  for (const job of jobs) {
    if (!items.has(job.id)) {
      items.set(job.id, build(job));
      find("joblist").prepend(items.get(job.id));
    }
    update(items.get(job.id), job);
  }
};
