"use strict";
const make = (tag, properties = {}, children = []) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const percent = (share) => `${Math.round(100 * share)}%`;

// Light or dark: the reader's system decides until the button is used.
const theme = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
const name = () => { theme.textContent = dark() ? "Light page" : "Dark page"; };
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  name();
});
system.addEventListener("change", name);
theme.hidden = false;
name();

// One frame out of a sheet of all frames.
const tile = (data, key, frame, outlined) => {
  const element = make("span", { className: `tile ${key}` });
  const place = (at, count) => (count > 1 ? (100 * at) / (count - 1) : 0);
  element.style.aspectRatio = data.ratio;
  element.style.backgroundSize = `${100 * data.columns}% ${100 * data.rows}%`;
  const x = place(frame % data.columns, data.columns), y = place(Math.floor(frame / data.columns), data.rows);
  element.style.backgroundPosition = `${x}% ${y}%`;
  if (outlined !== undefined) element.append(tile(data, "outline", outlined));
  return element;
};
const picture = (data, key, frame, alt, caption, outlined) => {
  const shown = tile(data, key, frame, outlined);
  shown.setAttribute("role", "img");
  shown.setAttribute("aria-label", alt);
  return make("figure", {}, [shown, make("figcaption", { textContent: caption })]);
};

// Two videos, one over the other, with a divider.
const compare = (root, data) => {
  const videos = [...root.querySelectorAll(".videos video")];
  const label = (video) => video.nextElementSibling.textContent;
  const stage = root.querySelector(".stage"), controls = root.querySelector(".controls");
  const layers = ["under", "over"].map((kind) => make("video", { className: kind, muted: true, loop: true, playsInline: true }));
  layers.forEach((layer) => layer.setAttribute("aria-hidden", "true"));
  stage.append(...layers);
  const [under, over] = layers;
  const choose = (layer, text, first) => {
    const select = make("select", {}, videos.map((video, k) => make("option", { value: k, textContent: label(video) })));
    select.addEventListener("change", () => {
      // A new source would begin at the first frame.
      const at = under.currentTime;
      layer.src = videos[select.value].src;
      under.currentTime = at;
      follow();
    });
    select.value = videos.findIndex((video) => video.dataset.key === first);
    layer.src = videos[select.value].src;
    return make("label", {}, [text, select]);
  };
  let playing = false;
  const button = make("button", { type: "button", textContent: "Play" });
  const follow = () => {
    over.currentTime = under.currentTime;
    layers.forEach((layer) => (playing ? layer.play() : layer.pause()));
  };
  const tick = () => {
    if (!playing) return;
    if (Math.abs(over.currentTime - under.currentTime) > 0.04) over.currentTime = under.currentTime;
    time.value = under.currentTime / (under.duration || 1);
    requestAnimationFrame(tick);
  };
  button.addEventListener("click", () => {
    playing = !playing;
    button.textContent = playing ? "Pause" : "Play";
    follow();
    tick();
  });
  const slider = (text, value, act) => {
    const input = make("input", { type: "range", min: 0, max: 1, step: 0.01, value });
    input.addEventListener("input", () => act(Number(input.value)));
    return [input, make("label", {}, [text, input])];
  };
  const [, divider] = slider("Divider", 0.5, (at) => stage.style.setProperty("--cut", `${100 * at}%`));
  const [time, moment] = slider("Moment", 0, (at) => {
    layers.forEach((layer) => { layer.currentTime = at * (layer.duration || 0); });
  });
  const speed = make("select", {}, [["¼", 0.25], ["½", 0.5], ["1", 1]].map(([text, value]) =>
    make("option", { value, textContent: `${text} ×`, selected: value === 0.5 })));
  const pace = () => layers.forEach((layer) => { layer.defaultPlaybackRate = layer.playbackRate = Number(speed.value); });
  speed.addEventListener("change", pace);
  pace();
  controls.append(choose(under, "Left", "damaged"), choose(over, "Right", "m0"), divider, moment,
    make("label", {}, ["Speed", speed]), button);
  root.querySelector(".compare").hidden = false;
};

// A strip of frames; the chosen one is shown closely for every method.
const strip = (root, data) => {
  const area = root.querySelector(".strip"), id = root.id;
  const frames = make("fieldset", { className: "frames" });
  const detail = make("div", { className: "detail" });
  const status = make("p");
  status.setAttribute("role", "status");
  let method = data.methods[0], current = null;
  const edit = (from, frame) => from.edits.findIndex((one) => one.frame === frame);
  const select = make("select", {}, data.methods.map((one, k) => make("option", { value: k, textContent: one.name })));
  const close = (one) => {
    const turn = edit(one, current);
    const head = make("h4", { textContent: one.name });
    head.style.borderColor = `var(--c${one.colour})`;
    if (turn < 0) return make("div", { className: "method" }, [head, make("p", { textContent: "This frame was not repaired." })]);
    const { contexts, score, saw } = one.edits[turn];
    const looked = contexts.slice(0, 6).map((context) => {
      const before = edit(one, context), done = before >= 0 && before < turn;
      const gap = `${Math.abs(context - current)} ${context > current ? "later" : "earlier"}`;
      return picture(data, done ? one.key : "damaged", context, `Frame ${context}, looked at${done ? " after its repair" : ""}`,
        `looked at ${context} (${gap}${done ? ", repaired" : ""})`, current);
    });
    const said = saw ? `, which ${saw}` : "";
    head.textContent += ` repaired it as number ${turn + 1}, looking at ${contexts.join(", ") || "no other frame"}${said}`;
    const ratio = score === null ? "" : `, ${score.toFixed(2)} dB in the hole`;
    return make("div", { className: "method" }, [head, make("div", { className: "pictures" }, [
      picture(data, "damaged", current, `Frame ${current} with its hole`, `frame ${current}, to repair`, current),
      ...looked,
      picture(data, one.key, current, `Frame ${current} repaired by ${one.name}`, `repair${ratio}`),
      picture(data, "truth", current, `Frame ${current} as it was`, "truth"),
    ])]);
  };
  const show = (frame) => {
    current = frame;
    const turn = edit(method, frame), contexts = turn < 0 ? [] : method.edits[turn].contexts;
    frames.querySelectorAll("label").forEach((label, k) => {
      label.classList.toggle("target", k === frame);
      label.classList.toggle("looked", contexts.includes(k));
      label.querySelector(".badge").textContent = k === frame ? "chosen" : contexts.includes(k) ? "looked at" : "";
    });
    status.textContent = `Frame ${frame}, ${percent(data.hidden[frame])} hidden: ${method.name} ` +
      (turn < 0 ? "did not repair it." : `repaired it as number ${turn + 1} and looked at ${contexts.join(", ") || "no other frame"}.`);
    detail.replaceChildren(...data.methods.map(close));
  };
  const fill = () => {
    frames.replaceChildren(make("legend", { textContent: `Frames as repaired by ${method.name}; choose one to see whom it was repaired from.` }));
    for (let frame = 0; frame < data.length; frame++) {
      const turn = edit(method, frame);
      const input = make("input", { type: "radio", name: `${id}-frame`, value: frame, checked: frame === current });
      const contexts = turn < 0 ? "" : `, repaired as number ${turn + 1} from ${method.edits[turn].contexts.join(" and ") || "itself"}`;
      input.setAttribute("aria-label", `Frame ${frame}, ${percent(data.hidden[frame])} hidden${contexts}`);
      input.addEventListener("change", () => show(frame));
      frames.append(make("label", {}, [input, tile(data, method.key, frame),
        make("span", { className: "badge" }), make("span", { className: "number", textContent: frame })]));
    }
    show(current);
  };
  select.addEventListener("change", () => { method = data.methods[select.value]; fill(); });
  current = data.start;
  area.append(make("label", {}, ["Method in the strip ", select]), frames, status, detail);
  fill();
  area.hidden = false;
};

document.querySelectorAll(".explorer").forEach((root) => {
  const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  compare(root, data);
  strip(root, data);
});
