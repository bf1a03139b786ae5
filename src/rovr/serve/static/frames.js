// Pictures by their address, decoded, the recent ones kept within a budget of memory.

// Asked for at a time; the rest waits here, where it can still be taken back.
const MOST = 2;

export class Frames {
  constructor(budget = 160e6) {
    this.budget = budget;
    this.busy = 0;
    this.waiting = [];
    this.size = 0;
    this.kept = new Map();
    this.coming = new Map();
  }

  peek(address) {
    return this.kept.get(address) || null;
  }

  get(address) {
    const held = this.kept.get(address);
    if (held) {
      this.kept.delete(address);
      this.kept.set(address, held);
      return Promise.resolve(held);
    }
    if (!this.coming.has(address)) {
      const promise = this.turn(address).then(() => this.fetch(address).finally(() => this.leave())).finally(() => this.coming.delete(address));
      this.coming.set(address, promise);
    }
    return this.coming.get(address);
  }

  turn(address) {
    if (this.busy < MOST) { this.busy += 1; return Promise.resolve(); }
    return new Promise((begin, drop) => this.waiting.push({ address, begin, drop }));
  }

  leave() {
    const next = this.waiting.shift();
    if (next) next.begin();
    else this.busy -= 1;
  }

  // Whoever scrubs passes many frames, and wants the last one alone.
  only(wanted) {
    const gone = this.waiting.filter(({ address }) => !wanted.has(address));
    this.waiting = this.waiting.filter(({ address }) => wanted.has(address));
    gone.forEach(({ address, drop }) => {
      this.coming.delete(address);
      drop(Object.assign(new Error("No longer wanted."), { dropped: true }));
    });
  }

  async fetch(address) {
    const answer = await fetch(address);
    if (!answer.ok) {
      let text = "";
      try { text = (await answer.json()).error; } catch { /* nothing to add */ }
      throw Object.assign(new Error(text || "This frame cannot be shown."), { status: answer.status });
    }
    const picture = await createImageBitmap(await answer.blob());
    this.kept.set(address, picture);
    this.size += picture.width * picture.height * 4;
    for (const [old, other] of this.kept) {
      if (this.size <= this.budget || old === address) break;
      this.kept.delete(old);
      this.size -= other.width * other.height * 4;
    }
    return picture;
  }
}
