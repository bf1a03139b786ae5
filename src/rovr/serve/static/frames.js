// Pictures by their address, decoded, the recent ones kept within a budget of memory.

export class Frames {
  constructor(budget = 160e6) {
    this.budget = budget;
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
      const promise = this.fetch(address).finally(() => this.coming.delete(address));
      this.coming.set(address, promise);
    }
    return this.coming.get(address);
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
