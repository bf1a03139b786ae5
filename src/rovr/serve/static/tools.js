// What the pointer does to the picture: brush, eraser, box, hand.

import { app, tell } from "/static/app.js";
import { draw } from "/static/marks.js";

let current = null;

export const span = () => {
  if (app.span === "this") return { first: app.frame, last: app.frame };
  if (app.span === "all") return { first: 0, last: null };
  return { first: Math.min(...app.range), last: Math.max(...app.range) };
};

const round = (value) => Math.round(value * 10) / 10;
const inside = ([x, y]) => [Math.max(0, Math.min(app.clip.width, x)), Math.max(0, Math.min(app.clip.height, y))];

export const boxMark = (x, y, w, h) => ({ type: "box", x, y, w, h, erase: false, ...span() });

export const hand = {
  tool: () => (app.tab === "mark" ? app.tool : "hand"),

  down: (point) => {
    if (app.preview) { app.preview = null; tell("preview"); }
    if (app.tool === "box") {
      current = { from: inside(point), ...boxMark(...inside(point), 0, 0) };
    } else {
      current = { type: "stroke", points: [point.map(round)], size: app.brush, erase: app.tool === "eraser", ...span() };
    }
    tell("marks");
  },

  move: (point) => {
    if (!current) return;
    if (current.type === "box") {
      const [x, y] = inside(point), [u, v] = current.from;
      Object.assign(current, { x: Math.round(Math.min(x, u)), y: Math.round(Math.min(y, v)), w: Math.round(Math.abs(x - u)), h: Math.round(Math.abs(y - v)) });
    } else {
      const [x, y] = current.points[current.points.length - 1];
      // Points closer than a fraction of the brush change nothing.
      if (Math.hypot(point[0] - x, point[1] - y) < Math.max(0.5, app.brush / 12)) return;
      current.points.push(point.map(round));
    }
    tell("marks");
  },

  up: () => {
    const { from, ...mark } = current || {};
    current = null;
    if (from && (mark.w < 2 || mark.h < 2)) tell("marks");
    else if (mark.type) app.marks.add(mark);
  },

  cancel: () => { current = null; tell("marks"); },
};

// Draws what is being drawn onto a mask of the frame.
export const pending = (mask) => {
  if (!current) return;
  const pen = mask.getContext("2d"), scale = mask.width / app.clip.width;
  pen.save();
  pen.globalCompositeOperation = current.erase ? "destination-out" : "source-over";
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  draw(pen, current);
  pen.restore();
};
