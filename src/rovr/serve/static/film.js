// A strip of frames with, above it, the order of repair and arcs to the frames that were looked at.

const SVG = "http://www.w3.org/2000/svg";
const draw = (tag, properties, ...children) => {
  const element = document.createElementNS(SVG, tag);
  Object.entries(properties).forEach(([name, value]) => element.setAttribute(name, value));
  element.append(...children);
  return element;
};

// Early to late, from blue to orange.
export const orderColour = (share) => {
  const [from, to] = [[31, 111, 209], [217, 102, 10]];
  return `rgb(${from.map((value, k) => Math.round(value + share * (to[k] - value))).join(" ")})`;
};

// What an edit is, in words.
export const lookedWords = (contexts) => (contexts.length ? `looking at frame${contexts.length > 1 ? "s" : ""} ${contexts.join(" and ")}` : "looking at no other frame");
export const editWords = (edit, total) => `Repaired as number ${edit.turn + 1} of ${total}, ${lookedWords(edit.contexts)}.`;

// Of a frame that was not repaired, by what became of the video.
export const untouchedWords = (frame, { lifted }) => (lifted ? `Nothing of frame ${frame} had to be repaired; a logo that it showed was taken off.` : `Frame ${frame} had nothing marked and is as it was.`);

const ARCS = 58, MOST = 120;

export class Film {
  // ``options``: frames, ratio, thumbnail(frame) → address, pick(frame).
  constructor(root, options) {
    Object.assign(this, options);
    this.root = root;
    this.current = 0;
    this.edits = new Map();
    this.marked = () => false;
    this.arcs = draw("svg", { height: 0, "aria-hidden": "true" });
    this.tiles = Object.assign(document.createElement("div"), { className: "tiles" });
    this.lane = draw("svg", { height: 18, "aria-hidden": "true" });
    root.replaceChildren(this.arcs, this.tiles, this.lane);
    const at = (event) => {
      const box = this.tiles.getBoundingClientRect();
      const share = Math.min(0.9999, Math.max(0, (event.clientX - box.left) / box.width));
      this.pick(this.first + Math.floor(share * this.count));
    };
    root.addEventListener("pointerdown", (event) => { this.held = true; root.setPointerCapture(event.pointerId); at(event); });
    root.addEventListener("pointermove", (event) => this.held && at(event));
    ["pointerup", "pointercancel"].forEach((name) => root.addEventListener(name, () => { this.held = false; }));
    this.watch = new ResizeObserver(() => this.show());
    this.watch.observe(root);
    this.window(0);
  }

  // What is still on its way is not waited for.
  dropTiles() { [...this.tiles.children].forEach((image) => image.removeAttribute("src")); }

  close() {
    clearTimeout(this.soon);
    this.dropTiles();
    this.watch.disconnect();
    this.root.replaceChildren();
  }

  // Of a long video, some frames around the current one.
  window(frame) {
    this.count = Math.min(this.frames, MOST);
    if (this.first === undefined || frame < this.first || frame >= this.first + this.count) {
      this.first = Math.max(0, Math.min(this.frames - this.count, Math.floor(frame - this.count / 2)));
    }
  }

  x(frame) { return ((frame - this.first + 0.5) / this.count) * this.width; }

  show() {
    this.width = this.root.clientWidth;
    if (!this.width) return;
    if (!this.held) this.window(this.current);
    this.showTiles();
    this.showArcs();
    this.showLane();
  }

  showTiles() {
    const wanted = Math.max(3, Math.min(this.count, Math.round(this.width / 92)));
    const name = `${this.first}/${wanted}/${Math.round(this.width)}/${this.look || ""}`;
    if (name === this.drawn) return;
    // Whoever scrubs passes many pictures: those of the place where this ends are fetched.
    clearTimeout(this.soon);
    if (this.drawn) this.soon = setTimeout(() => this.fillTiles(name, wanted), 200);
    else this.fillTiles(name, wanted);
  }

  fillTiles(name, wanted) {
    this.drawn = name;
    this.dropTiles();
    const high = Math.min(64, this.width / wanted / this.ratio);
    this.tiles.replaceChildren(...Array.from({ length: wanted }, (_, k) => {
      const frame = this.first + Math.min(this.count - 1, Math.floor((k + 0.5) * this.count / wanted));
      const image = Object.assign(new Image(), { alt: "", loading: "lazy", decoding: "async", src: this.thumbnail(frame) });
      image.style.height = `${high}px`;
      return image;
    }));
  }

  showArcs() {
    const busy = this.edits.size > 0, high = busy ? ARCS : 0, base = ARCS - 9;
    this.arcs.setAttribute("height", high);
    if (!busy) { this.arcs.replaceChildren(); return; }
    const parts = [draw("line", { class: "axis", x1: 0, x2: this.width, y1: base, y2: base })];
    const last = Math.max(1, this.total - 1);
    const arc = (edit, wide, faint) => edit.contexts.forEach((context) => {
      const from = this.x(edit.frame), to = this.x(context), top = base - Math.min(base - 5, 8 + Math.abs(to - from) * 0.32);
      const colour = orderColour(edit.turn / last);
      parts.push(draw("path", { class: "arc", d: `M${from} ${base}C${from} ${top * 1.3 - base * 0.3} ${to} ${top * 1.3 - base * 0.3} ${to} ${base}`, stroke: colour, "stroke-width": wide, opacity: faint }));
    });
    const shown = [...this.edits.values()].filter((edit) => edit.frame >= this.first && edit.frame < this.first + this.count);
    if (this.every) shown.forEach((edit) => edit.frame !== this.current && arc(edit, 1, 0.35));
    const radius = Math.min(4.5, Math.max(1.4, this.width / this.count / 3));
    shown.forEach((edit) => parts.push(draw("circle", { class: "dot", cx: this.x(edit.frame), cy: base, r: radius, fill: orderColour(edit.turn / last) })));
    const own = this.edits.get(this.current);
    if (own) {
      arc(own, 2.5, 1);
      own.contexts.forEach((context) => parts.push(draw("circle", { class: "looked", cx: this.x(context), cy: base, r: radius + 2.5 })));
    }
    this.arcs.replaceChildren(...parts);
  }

  showLane() {
    const step = this.width / this.count, parts = [];
    for (let k = 0; k < this.count; k++) {
      if (this.marked(this.first + k)) parts.push(draw("rect", { class: "laid", x: k * step, y: 3, width: step + 0.3, height: 4 }));
    }
    const x = this.x(this.current);
    parts.push(draw("path", { class: "here", d: `M${x} 0v9` }));
    const text = (frame, anchor, at) => draw("text", { class: "count", x: at, y: 17, "text-anchor": anchor }, String(frame));
    parts.push(text(this.first, "start", 0), text(this.first + this.count - 1, "end", this.width));
    this.lane.replaceChildren(...parts);
  }
}
