// Where the picture is: drawing, zooming, moving, and the divider. Knows places and pointers, not what they mean.

import { drawDivider, drawPair, sidePlace, tinted } from "/static/compare.js";

export class Stage {
  // ``hand``: what pointers do, {tool(), down(point), move(point), up(), cut(share), size()}.
  constructor(root, canvas, hand) {
    Object.assign(this, { root, canvas, hand });
    this.pen = canvas.getContext("2d");
    this.size = { width: 16, height: 9 };
    this.zoom = 1;
    this.centre = [0.5, 0.5];
    this.pointers = new Map();
    this.scene = { pair: [null, null], mode: "a", cut: 0.5, overlays: [], live: null };
    this.mouse = null;
    new ResizeObserver(() => this.draw()).observe(root);
    this.listen();
  }

  open(size) {
    this.size = size;
    this.root.style.setProperty("--ratio", `${size.width} / ${size.height}`);
    this.fit();
  }

  fit() { this.zoom = 1; this.centre = [0.5, 0.5]; this.draw(); }

  get area() { return { width: this.root.clientWidth, height: this.root.clientHeight }; }

  get place() {
    const { width, height } = this.area;
    const scale = Math.min(width / this.size.width, height / this.size.height) * this.zoom;
    return { x: width / 2 - this.centre[0] * this.size.width * scale, y: height / 2 - this.centre[1] * this.size.height * scale, scale };
  }

  // Pixels across the picture on the screen.
  get wanted() { return Math.round(Math.min(this.size.width, this.size.width * this.place.scale * devicePixelRatio)); }

  point(event) {
    const box = this.canvas.getBoundingClientRect(), { x, y, scale } = this.place;
    return [(event.clientX - box.left - x) / scale, (event.clientY - box.top - y) / scale];
  }

  zoomBy(factor, at = null) {
    const zoom = Math.min(16, Math.max(1, this.zoom * factor));
    if (at) {
      // The place under the pointer stays where it is.
      const point = [at[0] / this.size.width, at[1] / this.size.height], share = this.zoom / zoom;
      this.centre = this.centre.map((value, k) => point[k] + (value - point[k]) * share);
    }
    this.zoom = zoom;
    this.hold();
    this.draw();
    this.hand.zoomed();
  }

  moveBy(dx, dy) {
    const { scale } = this.place;
    this.centre = [this.centre[0] - dx / (this.size.width * scale), this.centre[1] - dy / (this.size.height * scale)];
    this.hold();
    this.draw();
  }

  hold() {
    if (this.zoom === 1) this.centre = [0.5, 0.5];
    this.centre = this.centre.map((value) => Math.min(1, Math.max(0, value)));
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, event);
      if (this.pointers.size === 2) { this.hand.cancel(); this.doing = "pinch"; return; }
      if (this.scene.mode === "slider") this.doing = "cut";
      else this.doing = event.button === 1 || this.hand.tool() === "hand" ? "move" : event.button === 0 ? "mark" : null;
      if (this.doing === "mark") this.hand.down(this.point(event));
      if (this.doing === "cut") this.cutAt(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      this.mouse = event.pointerType === "mouse" ? this.point(event) : null;
      const before = this.pointers.get(event.pointerId);
      if (!before) { this.draw(); return; }
      if (this.doing === "pinch" && this.pointers.size === 2) this.pinch(event);
      this.pointers.set(event.pointerId, event);
      if (this.doing === "move") this.moveBy(event.clientX - before.clientX, event.clientY - before.clientY);
      if (this.doing === "cut") this.cutAt(event);
      if (this.doing === "mark") (event.getCoalescedEvents?.() || [event]).forEach((part) => this.hand.move(this.point(part)));
    });
    ["pointerup", "pointercancel"].forEach((name) => canvas.addEventListener(name, (event) => {
      if (!this.pointers.delete(event.pointerId)) return;
      if (this.doing === "mark") this.hand.up();
      if (!this.pointers.size) this.doing = null;
    }));
    canvas.addEventListener("pointerleave", () => { this.mouse = null; this.draw(); });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY / 400), this.point(event));
    }, { passive: false });
  }

  pinch(event) {
    const other = [...this.pointers.entries()].find(([id]) => id !== event.pointerId)[1], before = this.pointers.get(event.pointerId);
    const far = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1;
    this.moveBy((event.clientX - before.clientX) / 2, (event.clientY - before.clientY) / 2);
    const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
    this.zoomBy(far(event, other) / far(before, other), this.point(middle));
  }

  cutAt(event) {
    this.hand.cut(Math.min(1, Math.max(0, this.point(event)[0] / this.size.width)));
  }

  // ``overlays``: [{mask, colour, border, alpha}].
  show(scene) {
    this.scene = { ...this.scene, ...scene };
    this.draw();
  }

  draw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => { this.asked = 0; this.paint(); });
  }

  paint() {
    const { area, canvas, pen, size, scene } = this, dense = devicePixelRatio || 1;
    const [wide, high] = [Math.round(area.width * dense), Math.round(area.height * dense)];
    if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, area.width, area.height);
    const place = this.place;
    drawPair(pen, area, place, size, scene.pair, scene.mode, scene.cut);
    this.lay(scene, area, scene.mode === "side" ? sidePlace(area, place, size) : place);
    if (scene.mode === "slider") drawDivider(pen, area, place.x + scene.cut * size.width * place.scale);
    const brush = scene.mode === "a" && scene.brush && this.mouse;
    if (brush) this.ring(place, scene.brush);
    canvas.style.cursor = scene.mode === "slider" ? "ew-resize" : this.hand.tool() === "hand" ? "grab" : brush ? "none" : "crosshair";
  }

  // Overlays: side by side, they lie over the right one, and so do those ``after`` a repair wherever there are two.
  lay(scene, area, place) {
    const { pen, size } = this, half = scene.mode === "side" ? area.width / 2 : 0;
    const cut = scene.mode === "slider" ? place.x + scene.cut * size.width * place.scale : half;
    for (const { mask, colour, border, alpha, after } of scene.overlays) {
      const left = after ? cut : half;
      pen.save();
      pen.beginPath();
      pen.rect(left, 0, area.width - left, area.height);
      pen.clip();
      pen.imageSmoothingEnabled = true;
      pen.globalAlpha = alpha;
      pen.drawImage(tinted(mask, colour, border), half + place.x, place.y, size.width * place.scale, size.height * place.scale);
      pen.restore();
    }
  }

  ring(place, brush) {
    const [x, y] = [place.x + this.mouse[0] * place.scale, place.y + this.mouse[1] * place.scale];
    const radius = Math.max(2, brush * place.scale / 2);
    [["rgb(0 0 0 / .6)", 3], ["#fff", 1.5]].forEach(([colour, wide]) => {
      this.pen.strokeStyle = colour;
      this.pen.lineWidth = wide;
      this.pen.beginPath();
      this.pen.ellipse(x, y, radius * (this.size.aspect || 1), radius, 0, 0, 7);
      this.pen.stroke();
    });
  }
}
