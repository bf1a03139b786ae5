// Opens videos, asks the server how jobs are doing, and passes keys on.

import { api } from "/static/api.js";
import { active, app, on, repairs, tell } from "/static/app.js";
import { showJobs } from "/static/joblist.js";
import { Marks } from "/static/marks.js";
import { restoreDone, setMode, showLook } from "/static/panel-look.js";
import { buildMark, maskDone, openMark, setBrush, setTool } from "/static/panel-mark.js";
import { buildRepair, preview, previewDone } from "/static/panel-repair.js";
import { find, framesWords, make, say, themes, toast, untoast } from "/static/ui.js";
import { go, jump, openView, play, refilm, refresh, stage, stop } from "/static/view.js";

const TABS = ["mark", "repair", "look"];
const states = new Map();
// Videos that were shown here: the server keeps them while this tab is open.
const seen = new Set();

const setTab = (name, focus = false) => {
  app.tab = name;
  TABS.forEach((one) => {
    const tab = find(`tab-${one}`), chosen = one === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    find(one).hidden = !chosen;
    if (chosen && focus) tab.focus();
  });
  find("actions").hidden = name === "look" && repairs().length > 0;
  if (name === "look") showLook();
  if (name === "repair") tell("settings");
  refresh();
  refilm();
};

const show = (clip) => {
  stop();
  app.clip = clip;
  find("empty").hidden = Boolean(clip);
  find("desk").hidden = !clip;
  find("another").hidden = !clip;
  find("close").hidden = !clip;
  clipList();
  document.title = clip ? `${clip.title} – ROVR` : "ROVR: repair a video";
  history.replaceState(null, "", clip ? `#${clip.id}` : "#");
  tell("closed");
  if (!clip) return;
  seen.add(clip.id);
  Object.assign(app, { frame: 0, preview: null, waiting: null, marks: new Marks(clip, () => tell("marks")) });
  Object.assign(app.look, { a: "source", b: "" });
  openView();
  openMark();
  setTab(repairs().length ? "look" : "mark");
  tell("jobs");
};

const opened = (clip) => {
  app.server.clips.push(clip);
  show(clip);
  say(`${clip.title} is open: ${framesWords(clip.frames)} of ${clip.width} by ${clip.height}.`);
  find("main").focus();
};

// From the empty state, videos that are open can still be gone back to.
const clipList = () => {
  const list = find("clip"), none = app.clip ? [] : [make("option", { value: "", textContent: "Open videos …" })];
  list.replaceChildren(...none, ...app.server.clips.map((clip) => make("option", { value: clip.id, textContent: clip.title })));
  list.value = app.clip ? app.clip.id : "";
  find("clips").hidden = !app.server.clips.length;
};

const sendOne = async (file) => {
  const sent = find("sent"), area = find("sending"), before = app.clip;
  if (file.size > (app.server.limits.upload || Infinity)) {
    toast(`${file.name} is larger than ${Math.round(app.server.limits.upload / 2 ** 30)} GB, which is the limit.`, { bad: true });
    return;
  }
  show(null);
  area.hidden = false;
  sent.value = 0;
  find("sendname").textContent = `Opening ${file.name}`;
  const sending = api.send("/api/clips", file, (share) => {
    sent.value = share;
    if (share === 1) { sent.removeAttribute("value"); find("sendname").textContent = `Looking through ${file.name}`; }
  });
  find("stopsend").onclick = sending.stop;
  try {
    opened(await sending.done);
  } catch (error) {
    if (!error.stopped) toast(error.message, { bad: true });
    // Nothing is lost of what was being worked on.
    if (before && !app.clip) show(app.server.clips.find((clip) => clip.id === before.id) || null);
  } finally {
    area.hidden = true;
  }
};

// One after the other, whether they come together or while another is on its way.
let queue = Promise.resolve();
const send = (files) => {
  // What was wrong with another file is no longer of interest.
  if (files.length) find("toasts").replaceChildren();
  for (const file of files) {
    const next = () => sendOne(file);
    queue = queue.then(next, next);
  }
};

const sample = async () => {
  const button = find("sample");
  button.disabled = true;
  find("toasts").replaceChildren();
  try {
    for (;;) {
      const clip = await api.sample();
      if (clip.id) { opened(clip); return; }
      button.textContent = "Preparing the sample …";
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  } catch (error) {
    toast(error.message, { bad: true });
  } finally {
    button.disabled = false;
    button.textContent = "Try the sample clip";
  }
};

// What became of a job since the page last asked.
const changed = async (job) => {
  if (!app.own.has(job.id)) return;
  if (job.state === "failed") {
    if (job.kind !== "restore") api.end(job.id).catch(() => {});
    toast(job.error, { bad: true });
  }
  if (job.state !== "done") return;
  if (job.kind === "mask") maskDone(job);
  if (job.kind === "preview") previewDone(job);
  if (job.kind === "restore") restoreDone(job);
  if (job.kind === "find") {
    await api.settle(job.id, job.result.layer).catch(() => {});
    job.notes.forEach((note) => toast(note, { stay: true }));
    poll();
  }
};

let timer = 0, offline = "", asking = false, first = true;
const poll = async () => {
  clearTimeout(timer);
  if (asking) { timer = setTimeout(poll, 100); return; }
  asking = true;
  try {
    const { clip } = app, clips = app.server.clips.map((one) => one.id).join(), state = await api.state([...seen]);
    // A video was opened or closed meanwhile, of which this answer may not know.
    if (app.clip !== clip) { timer = setTimeout(poll); return; }
    app.server = state;
    // Whoever tried something meanwhile was told so again.
    if (offline) { untoast(offline); offline = ""; }
    if (app.clip) {
      const same = app.server.clips.find((clip) => clip.id === app.clip.id);
      if (same) {
        Object.assign(app.clip, same);
        app.marks.meet().forEach((mark) => say(`Found: ${mark.title}.`));
      }
      else { toast("The video is no longer here: ROVR was started anew, or it was not used for long.", { bad: true }); show(null); }
    }
    if (clips !== app.server.clips.map((clip) => clip.id).join()) clipList();
    for (const job of app.server.jobs) {
      const before = states.get(job.id);
      states.set(job.id, job.state);
      if (first) app.own.add(job.id);
      // What was over before the page was opened is no news, save a mask that nobody has taken yet.
      if (before !== job.state && (!first || job.kind === "find")) changed(job);
    }
    first = false;
    tell("jobs");
  } catch (error) {
    if ((error.offline || error.status) && !offline) toast(offline = error.message, { bad: true });
  } finally {
    asking = false;
  }
  timer = setTimeout(poll, app.server.jobs.some(active) ? 350 : app.server.selectors.length ? 4000 : 1000);
};

const keys = {
  ArrowLeft: (event) => go(app.frame - (event.shiftKey ? 10 : 1)),
  ArrowRight: (event) => go(app.frame + (event.shiftKey ? 10 : 1)),
  Home: () => go(0),
  End: () => go(app.clip.frames - 1),
  g: jump,
  " ": play,
  "[": () => setBrush(app.brush / 1.2 - 1),
  "]": () => setBrush(app.brush * 1.2 + 1),
  b: () => { setTab("mark"); setTool("brush"); },
  x: () => { setTab("mark"); setTool("box"); },
  e: () => { setTab("mark"); setTool("eraser"); },
  h: () => { setTab("mark"); setTool("hand"); },
  z: (event) => (event.shiftKey ? app.marks.redo() : app.marks.undo()),
  y: (event) => event.ctrlKey && app.marks.redo(),
  p: preview,
  1: () => setTab("mark"),
  2: () => setTab("repair"),
  3: () => setTab("look"),
  "+": () => stage.zoomBy(1.4),
  "-": () => stage.zoomBy(1 / 1.4),
  0: () => { stage.fit(); refresh(); },
  ",": () => { app.look.cut = Math.max(0, app.look.cut - 0.05); refresh(); tell("cut"); },
  ".": () => { app.look.cut = Math.min(1, app.look.cut + 0.05); refresh(); tell("cut"); },
  f: () => { Object.assign(app.look, { held: true, flicker: app.look.flicker === "a" ? "b" : "a" }); setMode("flicker"); },
  "?": () => find("keys").showModal(),
};

// What is written on a key that has other letters than Latin ones, by where it is.
const nameOf = ({ key, code }) => (key.length === 1 && key > "~" && code.startsWith("Key") ? code.slice(3) : key).toLowerCase();

const listen = () => {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=range]):not([type=radio]):not([type=checkbox]), select, textarea, dialog");
    const held = event.ctrlKey || event.metaKey, name = nameOf(event);
    // Brackets take Alt where they share a key with something else.
    const meant = "[]".includes(name) || (!event.altKey && (!held || name === "z" || (name === "y" && event.ctrlKey)));
    if (!app.clip || typing || !meant) return;
    // Arrows, space and the like mean something to what has the focus.
    const own = event.target.closest("input, button, a, summary, [role=tab], [role=region], video");
    if (own && (event.key === " " || event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") && event.target.id !== "scrub") return;
    if (event.target.id === "scrub" && event.key !== " ") return;
    const act = keys[event.key] || keys[name];
    if (!act) return;
    event.preventDefault();
    act(event);
  });
  const tabs = find("tab-mark").parentElement;
  tabs.addEventListener("click", (event) => { const tab = event.target.closest("[role=tab]"); if (tab) setTab(tab.id.slice(4)); });
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) { event.preventDefault(); setTab(TABS[(TABS.indexOf(app.tab) + step + 3) % 3], true); }
  });
  find("pick").addEventListener("click", () => find("file").click());
  find("another").addEventListener("click", () => show(null));
  find("sample").addEventListener("click", sample);
  find("file").addEventListener("change", (event) => { send(event.target.files); event.target.value = ""; });
  find("clip").addEventListener("change", (event) => show(app.server.clips.find((clip) => clip.id === event.target.value)));
  find("close").addEventListener("click", closeClip);
  find("help").addEventListener("click", () => find("keys").showModal());
  let depth = 0;
  const over = (change) => { depth = Math.max(0, depth + change); document.body.classList.toggle("over", depth > 0); };
  addEventListener("dragenter", (event) => { event.preventDefault(); over(1); });
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    over(0);
    send(event.dataTransfer.files);
  });
};

const closeClip = async () => {
  if (!app.clip) return;
  const own = app.server.jobs.some((job) => job.clip === app.clip.id && (active(job) || job.kind === "restore"));
  if (own && !confirm("Close this video? Its repairs are deleted here; what you downloaded stays.")) return;
  const { id } = app.clip;
  try { await api.close(id); } catch (error) { toast(error.message, { bad: true }); return; }
  sessionStorage.removeItem(`marks-${id}`);
  app.server.clips = app.server.clips.filter((clip) => clip.id !== id);
  show(app.server.clips[app.server.clips.length - 1] || null);
};

const start = async () => {
  themes(find("theme"), () => refresh());
  buildMark();
  buildRepair();
  listen();
  on("tab", setTab);
  on("jobs", showJobs);
  on("preview", refresh);
  on("goto", (frame) => { go(frame); tell("preview"); });
  on("compare", (job) => {
    const clip = app.server.clips.find((one) => one.id === job.clip);
    if (clip && clip.id !== app.clip?.id) show(clip);
    app.look.b = job.id;
    setTab("look");
  });
  on("poll", poll);
  await poll();
  find("accepts").textContent = `${app.server.kinds || "Videos"}, up to ${Math.round((app.server.limits.upload || 0) / 2 ** 30)} GB`;
  const known = app.server.clips.find((clip) => `#${clip.id}` === location.hash) || app.server.clips[app.server.clips.length - 1];
  show(known || null);
};

start();
