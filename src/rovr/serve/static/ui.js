// Small things every part of the page needs.

export const make = (tag, properties = {}, ...children) => {
  const { data, aria, ...own } = properties;
  const element = Object.assign(document.createElement(tag), own);
  Object.entries(aria || {}).forEach(([name, value]) => element.setAttribute(name === "role" ? "role" : `aria-${name}`, value));
  Object.assign(element.dataset, data || {});
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
};

// A label with a box to tick in it; ``change`` is told whether it is ticked.
export const checkbox = (label, checked, change) => {
  const input = make("input", { type: "checkbox", checked });
  input.addEventListener("change", () => change(input.checked));
  return make("label", { className: "line" }, input, make("span", { textContent: label }));
};

export const find = (id) => document.getElementById(id);

export const percent = (share) => (share > 0 && share < 0.01 ? "under 1%" : `${Math.round(100 * share)}%`);

export const framesWords = (count) => (count === 1 ? "1 frame" : `${count} frames`);

export const duration = (seconds) => {
  if (seconds < 1.5) return "a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
};

export const clock = (seconds) => {
  const hundredths = Math.round(seconds * 100);
  return `${Math.floor(hundredths / 6000)}:${(hundredths % 6000 / 100).toFixed(2).padStart(5, "0")}`;
};

// Puts other children into a list; whoever stood in it with the keyboard stays at that place.
export const refill = (root, children, otherwise = null) => {
  const at = [...root.children].findIndex((child) => child.contains(document.activeElement));
  root.replaceChildren(...children);
  if (at < 0) return;
  const near = children[Math.min(at, children.length - 1)];
  (near?.querySelector("button") || near || otherwise)?.focus();
};

// Said to who listens to the page.
export const say = (text) => { find("says").textContent = text; };

export const untoast = (text) => [...find("toasts").children].filter((box) => box.firstChild.textContent === text).forEach((box) => box.remove());

export const toast = (text, { bad = false, action = null, stay = bad } = {}) => {
  const box = make("div", { className: bad ? "toast bad" : "toast" }, make("p", { textContent: text }));
  const close = () => box.remove();
  if (action) {
    box.append(make("button", { type: "button", textContent: action[0], onclick: () => { close(); action[1](); } }));
  }
  box.append(make("button", { type: "button", className: "plain small", textContent: "✕", aria: { label: "Dismiss" }, onclick: close }));
  // The same words twice help nobody.
  untoast(text);
  find("toasts").append(box);
  if (!stay) setTimeout(close, 9000);
};

// One of a few, as buttons in a row: [[value, label], …].
export const choice = (name, legend, options, value, act) => {
  const row = make("div", { className: "choice" });
  const inputs = options.map(([key, label]) => {
    const input = make("input", { type: "radio", name, value: key, checked: key === value });
    input.addEventListener("change", () => act(key));
    row.append(make("label", {}, input, make("span", { textContent: label })));
    return input;
  });
  const field = make("fieldset", {}, make("legend", { textContent: legend }), row);
  return { field, set: (key) => inputs.forEach((input) => { input.checked = input.value === key; }), inputs };
};

export const select = (options, value, act) => {
  const element = make("select", {}, options.map(([key, label]) => make("option", { value: key, textContent: label })));
  element.value = value;
  element.addEventListener("change", () => act(element.value));
  return element;
};

// Light or dark: the reader's system decides until the button is used.
export const themes = (button, changed = () => {}) => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const keep = (value) => { try { if (value) localStorage.setItem("theme", value); return localStorage.getItem("theme"); } catch { return null; } };
  const root = document.documentElement;
  const name = () => {
    const dark = (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
    button.textContent = dark ? "Light" : "Dark";
    button.setAttribute("aria-label", dark ? "Use light colours" : "Use dark colours");
    changed();
    return dark;
  };
  if (keep()) root.dataset.theme = keep();
  button.addEventListener("click", () => { root.dataset.theme = keep(name() ? "light" : "dark") || (name() ? "light" : "dark"); name(); });
  system.addEventListener("change", name);
  name();
};
