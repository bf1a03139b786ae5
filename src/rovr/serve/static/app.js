// What the page knows at the moment, and who wants to hear of changes.

import { Frames } from "/static/frames.js";

export const app = {
  server: { clips: [], jobs: [], selectors: [], limits: {} },
  clip: null,
  frame: 0,
  marks: null,
  tool: "brush",
  brush: 24,
  span: "all",
  range: [0, 0],
  settings: { selector: "agent", contexts: 2, widen: 0, passes: 1, crf: 18, translucent: false, texture: false },
  tab: "mark",
  preview: null,
  look: { a: "source", b: "", mode: "slider", cut: 0.5, flicker: "a", outline: false, doubt: false, every: false },
  edits: new Map(),
  // Jobs that this tab asked for, or found when it was opened: what becomes of them is seen to here, and not in another tab.
  own: new Set(),
  frames: new Frames(),
};

const heard = {};
export const on = (name, act) => { (heard[name] = heard[name] || []).push(act); };
export const tell = (name, ...values) => (heard[name] || []).forEach((act) => act(...values));

export const jobsOf = (clip) => app.server.jobs.filter((job) => job.clip === clip.id);
export const active = (job) => job.state === "waiting" || job.state === "running";
export const repairs = () => (app.clip ? jobsOf(app.clip).filter((job) => job.kind === "restore" && job.state === "done") : []);

const NAMES = {
  agent: "As the trained agent chooses (best)",
  sight: "By what they show",
  coverage: "By what their masks leave open",
  sequential: "One after the other",
  nearest: "The nearest frames",
  random: "At random",
  midpoint: "From the middle outwards",
  largest_hole_first: "Largest hole first",
  local_stride: "Every few frames nearby",
  key_frames: "Key frames",
  attention: "By likeness",
};
export const selectorName = (name) => NAMES[name] || name;
export const repairName = (job) => `Repair ${repairs().indexOf(job) + 1} (${job.selector})`;
