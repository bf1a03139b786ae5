// What a person marked on one video: strokes, boxes and found masks, with undo; kept through a reload of the page.

const SHOWN = 1280;

export class Marks {
  constructor(clip, changed) {
    this.clip = clip;
    this.changed = changed;
    this.past = [];
    this.future = [];
    this.version = 0;
    let kept = null;
    try { kept = JSON.parse(sessionStorage.getItem(this.name)); } catch { /* begin anew */ }
    const there = new Set(clip.layers.map((layer) => layer.id));
    this.list = (kept?.list || []).filter((mark) => mark.type !== "found" || there.has(mark.layer));
    this.known = new Set(kept?.known || []);
    this.list = [...this.list, ...this.news()];
  }

  get name() { return `marks-${this.clip.id}`; }

  // Masks of the video that this tab has not seen yet: they are marked until somebody says otherwise.
  news() {
    const { layers, frames } = this.clip, fresh = layers.filter((layer) => !this.known.has(layer.id));
    fresh.forEach((layer) => this.known.add(layer.id));
    return fresh.map(({ id, title, masked }) => ({ type: "found", layer: id, title: masked === frames ? title : `${title}, on ${masked} of ${frames} frames`, first: 0, last: null }));
  }

  meet() {
    const fresh = this.news();
    if (fresh.length) this.set([...this.list, ...fresh]);
    return fresh;
  }

  get empty() { return !this.list.some((mark) => !mark.erase); }

  set(list) {
    this.past.push(this.list);
    this.future = [];
    this.put(list);
  }

  put(list) {
    this.list = list;
    this.version += 1;
    try { sessionStorage.setItem(this.name, JSON.stringify({ list, known: [...this.known] })); } catch { /* too many to keep: they live as long as the page */ }
    this.changed();
  }

  add(mark) { this.set([...this.list, mark]); }

  remove(mark) { this.set(this.list.filter((other) => other !== mark)); }

  undo() {
    if (!this.past.length) return;
    this.future.push(this.list);
    this.put(this.past.pop());
  }

  redo() {
    if (!this.future.length) return;
    this.past.push(this.list);
    this.put(this.future.pop());
  }

  holds(mark, frame) { return mark.first <= frame && (mark.last === null || frame <= mark.last); }

  marked(frame) { return this.list.some((mark) => !mark.erase && this.holds(mark, frame)); }

  layers(frame) { return this.list.filter((mark) => mark.type === "found" && this.holds(mark, frame)).map((mark) => mark.layer); }

  // Frames that will have a hole, about.
  get count() {
    let count = 0;
    for (let frame = 0; frame < this.clip.frames; frame++) count += this.marked(frame);
    return count;
  }

  // For the server: the page's own fields are its own.
  get asked() { return this.list.map(({ title, ...mark }) => mark); }

  // The mask of a frame as an opaque drawing on nothing; ``found`` hands out pictures of found masks, or null.
  paint(canvas, frame, found) {
    const { width, height } = this.clip, scale = Math.min(1, SHOWN / width);
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    const pen = canvas.getContext("2d");
    pen.lineCap = pen.lineJoin = "round";
    for (const mark of this.list) {
      if (!this.holds(mark, frame)) continue;
      pen.globalCompositeOperation = mark.erase ? "destination-out" : "source-over";
      if (mark.type === "found") {
        const picture = found(mark.layer);
        if (picture) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
        continue;
      }
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      draw(pen, mark);
      pen.setTransform(1, 0, 0, 1, 0, 0);
    }
    return canvas;
  }
}

export const draw = (pen, mark) => {
  pen.fillStyle = pen.strokeStyle = "#fff";
  if (mark.type === "box") {
    pen.fillRect(mark.x, mark.y, mark.w, mark.h);
    return;
  }
  pen.lineWidth = mark.size;
  pen.beginPath();
  mark.points.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  // A dot is a line to itself.
  if (mark.points.length === 1) pen.lineTo(mark.points[0][0] + 0.01, mark.points[0][1]);
  pen.stroke();
};
