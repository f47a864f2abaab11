// The film of one neuron: disks grow around its outputs on a line until all are one piece, at r_f.
// Mounted in Streamlit (components v2: this function runs again at each rerun) and in the stand-alone page of film.py.
// Texts come from anywhere: they reach the page through textContent and attributes only.

const SECONDS = 11; // of a whole film at 1x
const EXPONENT = 1.05; // a merge takes time 1 / (merges left) ** EXPONENT
const EASED = 7; // last merges whose growth slows down before the touch
const ROWS = 8; // last merges in the table
const APART = 0.7; // px: marks closer than this are drawn once
const SHADES = 48; // steps of the ramp
const HEIGHT = 218, MIDDLE = 93, REACH = 84, AXIS = 187; // px of the line's canvas: whole, centre, largest disk, axis
const SIDE = 250; // px of the diagram, and the barcode's height
const SPEEDS = [0.5, 1, 2, 4];
const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "ring"];
const ICONS = {
  first: "M6 5h2.4v14H6zM18.5 5v14L9 12z", back: "M16.5 5v14L7 12z", play: "M7.5 4.5v15l12-7.5z",
  pause: "M6.5 5h4v14h-4zM13.5 5h4v14h-4z", on: "M7.5 5v14L17 12z", end: "M15.6 5H18v14h-2.4zM5.5 5v14L15 12z",
  again: "M12 5V1.8L7 6l5 4.2V7a5.5 5.5 0 1 1-5.5 5.5H4.5A7.5 7.5 0 1 0 12 5z",
};

export default function film(component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".film");
  if (!root || !data) return undefined;
  const view = (root.filmView ??= new View(root));
  const mount = ++view.mounts;
  view.tell = (name, value) => {
    if ((data.events ?? []).includes(name)) setStateValue?.(name, value);
  };
  view.take(data);
  // Some hosts clean up before each rerun: only a film that left the page for good is ended.
  return () => setTimeout(() => {
    if (view.mounts === mount && !root.isConnected) { view.end(); delete root.filmView; }
  }, 0);
}

/* ---------------------------------------------------------------- numbers */

/** Three significant digits; scientific only under 1e-5; the minus is U+2212. */
function number(value) {
  const size = Math.abs(value);
  let text;
  if (size === 0) return "0";
  if (size < 9.995e-6) text = size.toExponential(2).replace("e-", "e−");
  else if (Number(size.toPrecision(3)) < 1000) text = size.toPrecision(3);
  else text = Math.round(size).toLocaleString("en-US");
  return (value < 0 ? "−" : "") + text;
}

const count = (value) => value.toLocaleString("en-US");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Round places between two ends, `most` at the most, with their labels and a common power of ten ("" if none). */
function ticks(low, high, most) {
  if (!(high > low)) return { at: [low], labels: [number(low)], factor: "" };
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  let step = power * 10;
  for (const multiple of [1, 2, 5]) {
    const width = multiple * power;
    if (Math.floor(high / width + 1e-9) - Math.ceil(low / width - 1e-9) + 1 <= most) { step = width; break; }
  }
  const at = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) at.push(i * step);
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const exponent = largest < 1e-5 ? Math.floor(Math.log10(largest)) : 0;
  const digits = clamp(exponent - Math.floor(Math.log10(step) + 1e-9), 0, 15);
  const labels = at.map((value) => {
    const shown = value / 10 ** exponent;
    const text = digits ? Math.abs(shown).toFixed(digits) : Math.abs(Math.round(shown)).toLocaleString("en-US");
    return Math.abs(value) < step / 2 ? "0" : (value < 0 ? "−" : "") + text;
  });
  const raised = String(exponent).replace(/[-\d]/g, (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]);
  return { at, labels, factor: exponent ? `× 10${raised}` : "" };
}

/* ---------------------------------------------------------------- elements */

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

function drawing(path, color = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(svg.namespaceURI, "path");
  shape.setAttribute("d", path);
  if (color) shape.style.fill = color;
  svg.append(shape);
  return svg;
}

/** Put a user's text in an element, in its own direction of writing. */
function say(element, text) {
  element.textContent = text;
  element.dir = "auto";
}

/** Add one dot to a path; shapes tell topics apart without hue. */
function dot(path, shape, x, y, size) {
  const s = size * 1.15;
  if (shape === "square") path.rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8);
  else if (shape === "triangle") { path.moveTo(x, y - s * 1.1); path.lineTo(x + s, y + s * 0.8); path.lineTo(x - s, y + s * 0.8); path.closePath(); }
  else if (shape === "diamond") { path.moveTo(x, y - s * 1.2); path.lineTo(x + s, y); path.lineTo(x, y + s * 1.2); path.lineTo(x - s, y); path.closePath(); }
  else if (shape === "cross") { const t = size * 0.4; path.rect(x - s, y - t, 2 * s, 2 * t); path.rect(x - t, y - s, 2 * t, 2 * s); }
  else { path.moveTo(x + size, y); path.arc(x, y, size, 0, 2 * Math.PI); }
  if (shape === "ring") { path.moveTo(x + size * 0.5, y); path.arc(x, y, size * 0.5, 0, 2 * Math.PI, true); }
}

/* ---------------------------------------------------------------- the film */

class View {
  constructor(root) {
    this.root = root;
    this.mounts = 0;
    this.signature = null;
    this.edge = false;
    this.speed = 1;
    this.playing = false;
    this.frame = 0;
    this.lit = -1; // merge under the pointer or focus
    this.hovered = -1; // place of the dot under the pointer or focus
    this.pinned = -1;
    this.tell = () => {};
    this.build();
    this.listen();
  }

  /* -------- what is shown */

  take(data) {
    if (typeof data.edge === "boolean" && data.edge !== this.asked) {
      this.asked = data.edge;
      this.setEdge(data.edge);
    }
    this.root.classList.toggle("compact", Boolean(data.compact)); // the line alone, for a small place
    if (data.signature === this.signature) return;
    this.signature = data.signature;
    const { radius, first, gap, last } = data.merges;
    this.n = data.n;
    this.m = radius.length;
    this.values = Float64Array.from(data.values);
    this.order = data.order;
    this.texts = data.texts;
    this.topics = data.topics ?? null;
    this.radius = Float64Array.from(radius);
    this.first = first; this.gap = gap; this.last = last;
    this.r_f = data.r_f;
    this.turn = new Int32Array(Math.max(this.n - 1, 0)); // by gap: its merge
    gap.forEach((place, merge) => { this.turn[place] = merge; });
    this.clock();
    this.camera = { zoom: 1, shift: 0 };
    this.lit = this.hovered = this.pinned = -1;
    this.root.setAttribute("aria-label", data.title || "Growing disks around one neuron's outputs");
    this.note.hidden = this.n > 1 && this.r_f > 0;
    this.note.textContent = this.n === 1 ? "one text: no gap, r_f = 0" : "all equal: every gap is 0, r_f = 0";
    this.last8.hidden = this.three.hidden = this.n === 1;
    this.scrub.disabled = this.total === 0;
    this.fillLegend();
    this.fillTable();
    this.measure();
    this.shown = null;
    this.go(0);
    if (this.still() || this.total === 0 || data.autoplay === false) this.go(this.total, this.m - 1);
    else this.play();
    this.paint();
  }

  /** When each merge is reached. Ties are reached together: at that radius all of them touch. */
  clock() {
    const weights = Array.from(this.radius, (r, i) => (r > (i ? this.radius[i - 1] : 0) ? (this.m - i) ** -EXPONENT : 0));
    const sum = weights.reduce((a, b) => a + b, 0);
    this.total = sum > 0 ? Math.min(SECONDS, 2 * weights.filter((w) => w > 0).length) : 0;
    this.times = new Float64Array(this.m);
    let passed = 0;
    weights.forEach((weight, i) => { passed += weight; this.times[i] = sum > 0 ? (passed / sum) * this.total : 0; });
    // Rounding must not split ties or miss the end.
    for (let i = this.m - 1; i >= 0 && weights.slice(i + 1).every((w) => w === 0); i--) this.times[i] = this.total;
  }

  /** Stand at a time; `held` is the merge whose touch is shown, its two parts still in two colours. */
  go(time, held = -1) {
    this.time = clamp(time, 0, this.total);
    let low = 0, high = this.m;
    while (low < high) { const mid = (low + high) >> 1; if (this.times[mid] <= this.time) low = mid + 1; else high = mid; }
    this.done = low; // merges at or under the radius
    this.held = held;
    const from = low ? this.radius[low - 1] : 0, at = low ? this.times[low - 1] : 0;
    if (low < this.m && this.time > at) {
      let part = (this.time - at) / (this.times[low] - at);
      if (this.m - low <= EASED) part = part * part * (3 - 2 * part);
      this.r = from + part * (this.radius[low] - from);
    } else this.r = from;
  }

  get newest() { return this.held >= 0 ? this.held : this.done - 1; }
  get ended() { return this.time >= this.total; }
  get unit() { return this.edge ? 2 : 1; }
  still() { return matchMedia("(prefers-reduced-motion: reduce)").matches; }
  /** Are two neighbours on the line one part now? The held merge is still drawn as two. */
  joined(gap) { return this.turn[gap] < this.done && this.turn[gap] !== this.held; }

  /* -------- moving */

  play() {
    if (this.total === 0 || this.still()) return;
    if (this.ended) this.go(0);
    else this.held = -1;
    this.playing = true;
    this.stamp = null;
    this.paint();
  }

  pause(speak = true) {
    const was = this.playing;
    this.playing = false;
    if (was && speak) this.speak();
    this.paint();
  }

  jump(time, held) {
    this.playing = false;
    this.go(time, held);
    this.speak();
    this.paint();
  }

  toMerge(merge) { this.jump(this.times[merge], merge); }
  toStart() { this.jump(0, -1); }
  toEnd() { this.jump(this.total, this.m - 1); }

  forward() {
    let merge = this.done;
    if (merge >= this.m) return this.toEnd();
    while (merge + 1 < this.m && this.times[merge + 1] === this.times[merge]) merge++;
    return this.jump(this.times[merge], merge);
  }

  backward() {
    let merge = this.done - 1;
    while (merge >= 0 && this.times[merge] >= this.time) merge--;
    if (merge < 0 || this.times[merge] === 0) return this.toStart();
    return this.jump(this.times[merge], merge);
  }

  toggle() {
    if (this.still()) this.forward();
    else if (this.playing) this.pause();
    else this.play();
  }

  setEdge(on) {
    this.edge = on;
    this.edgeBox.checked = on;
    this.shown = null;
    if (this.signature) { this.nameRows(); this.paint(); }
  }

  setSpeed(speed) {
    this.speed = speed;
    this.speedBox.value = String(speed);
  }

  speak() {
    const parts = this.n - this.done;
    let text = `${this.edge ? "Edge length" : "Radius"} ${number(this.r * this.unit)}, ${count(parts)} ${parts === 1 ? "part" : "parts"}.`;
    if (this.newest >= 0) {
      const [left, right] = this.sizes(this.newest);
      text += ` The merge joins ${count(left)} and ${count(right)} texts.`;
    }
    if (this.ended && this.m) text += ` This is ${this.edge ? "twice r_f" : "r_f"}.`;
    this.spoken.textContent = text;
  }

  sizes(merge) { return [this.gap[merge] - this.first[merge] + 1, this.last[merge] - this.gap[merge]]; }
  textAt(place) { return this.texts[this.order[place]]; }

  light(merge) {
    if (merge === this.lit) return;
    this.lit = merge;
    this.paint();
  }

  pin(place) {
    this.pinned = this.pinned === place ? -1 : place;
    this.tell("pinned", this.pinned < 0 ? null : this.order[this.pinned]);
    this.paint();
  }

  /* -------- the page */

  build() {
    const root = this.root;
    root.replaceChildren();
    root.tabIndex = -1;
    root.setAttribute("role", "group");

    this.probe = make("div", { class: "probe", "aria-hidden": "true" });
    const names = ["ink", "bg", "muted", "faint", "red", "ghost", "hair", "surface"]
      .concat([0, 1, 2, 3, 4].map((i) => `ramp-${i}`), SHAPES.map((_, i) => `topic-${i}`));
    this.probes = names.map((name) => {
      const mark = make("i");
      mark.style.color = `var(--${name})`;
      this.probe.append(mark);
      return [name, getComputedStyle(mark)];
    });

    const button = (name, label, icon, act) => {
      const element = make("button", { type: "button", class: name, "aria-label": label, title: label }, drawing(icon));
      element.addEventListener("click", act);
      return element;
    };
    this.playButton = button("play", "Play", ICONS.play, () => this.toggle());
    this.buttons = [
      button("first", "To the start", ICONS.first, () => this.toStart()),
      button("back", "One merge back", ICONS.back, () => this.backward()),
      this.playButton,
      button("on", "One merge on", ICONS.on, () => this.forward()),
      button("end", "To the end", ICONS.end, () => this.toEnd()),
    ];
    this.rug = make("canvas", { "aria-hidden": "true" });
    this.scrub = make("input", { type: "range", min: "0", max: "1", step: "any", value: "0", "aria-label": "Place in the film" });
    this.radiusName = make("span", {}, "radius");
    this.radiusNow = make("b");
    this.partsNow = make("b");
    this.speedBox = make("select", { "aria-label": "Speed", title: "Speed (keys 1 to 4)" },
      ...SPEEDS.map((speed) => make("option", { value: String(speed) }, `${speed === 0.5 ? "½" : speed}×`)));
    this.speedBox.value = "1";
    this.edgeBox = make("input", { type: "checkbox" });
    const bar = make("div", { class: "bar" },
      make("div", { class: "buttons" }, ...this.buttons),
      make("div", { class: "scrub" }, this.rug, this.scrub),
      make("div", { class: "readout" }, make("span", { class: "radius" }, this.radiusName, this.radiusNow),
        make("span", { class: "parts" }, "parts", this.partsNow)),
      make("div", { class: "options" }, this.speedBox, make("label", { class: "edge" }, this.edgeBox, "edge length")));

    this.lineCanvas = make("canvas", { tabindex: "0", role: "application" });
    this.note = make("div", { class: "note", hidden: true });
    this.tip = make("div", { class: "tip", role: "tooltip", hidden: true }, make("p"), make("small"));
    this.pinTip = this.tip.cloneNode(true);
    this.line = make("div", { class: "line" }, this.lineCanvas, this.note, this.pinTip, this.tip);
    this.legend = make("div", { class: "legend", hidden: true });

    this.diagram = make("canvas", { tabindex: "0", role: "application" });
    this.barcode = make("canvas", { tabindex: "0", role: "application" });
    this.every = make("p", { class: "quiet" });
    this.touchTitle = make("h2");
    this.touchHow = make("p", { class: "how" });
    this.leftText = make("p", { class: "text" });
    this.rightText = make("p", { class: "text" });
    this.more = make("button", { type: "button", class: "more", hidden: true }, "whole texts");
    this.pair = make("div", { class: "pair" }, make("span", { class: "arrow", "aria-label": "left" }, "◀"), this.leftText,
      make("span", { class: "arrow", "aria-label": "right" }, "▶"), this.rightText);
    this.touch = make("div", { class: "touch" }, this.touchTitle, this.touchHow, this.pair, this.more);
    this.three = make("div", { class: "three" },
      make("div", { class: "figure diagram" }, make("h2", {}, "Birth–death diagram"), this.diagram),
      make("div", { class: "figure barcode" }, make("h2", {}, "Barcode"), this.barcode, this.every),
      this.touch);

    this.radiusHead = make("th", { class: "c-radius", scope: "col" }, "radius");
    this.rows = make("tbody");
    this.last8 = make("div", { class: "last" }, make("h2", {}, "What the last merges join"),
      make("table", {}, make("thead", {}, make("tr", {}, make("th", { class: "c-which which", scope: "col" }, "merge"), this.radiusHead,
        make("th", { class: "c-share share-cell", scope: "col", "aria-label": "sizes as a bar" }), make("th", { class: "c-sizes", scope: "col" }, "texts"),
        make("th", { scope: "col" }, "text on the left"), make("th", { scope: "col" }, "text on the right"))), this.rows));
    this.spoken = make("div", { class: "spoken", "aria-live": "polite" });
    const keys = make("p", { class: "keys" }, "Space plays, ← → step by merge, Home, End, 1–4 speed, E edge length. "
      + "On a figure ↑ ↓ walk its marks, Enter pins or jumps; + − 0 zoom the line.");
    root.append(this.probe, bar, this.line, this.legend, this.three, this.last8, keys, this.spoken);
  }

  fillLegend() {
    this.legend.hidden = !this.topics;
    this.legend.replaceChildren();
    if (!this.topics) return;
    const tally = new Map();
    for (const topic of this.topics) tally.set(topic, (tally.get(topic) ?? 0) + 1);
    const names = [...tally].sort((a, b) => b[1] - a[1]).map(([name]) => name);
    const own = names.length > SHAPES.length ? SHAPES.length - 1 : names.length; // the last shape gathers the rest
    this.kind = this.topics.map((topic) => Math.min(names.indexOf(topic), own));
    const icons = ["M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20", "M2 2h20v20H2z", "M12 1l11 20H1z", "M12 0l11 12-11 12L1 12z",
      "M8 1h8v7h7v8h-7v7H8v-7H1V8h7z", "M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20zM12 7a5 5 0 1 1 0 10a5 5 0 1 1 0-10"];
    names.slice(0, own).concat(own < names.length ? [`${count(names.length - own)} others`] : []).forEach((name, i) => {
      this.legend.append(make("span", {}, drawing(icons[i], `var(--topic-${i})`), make("bdi", {}, name)));
    });
  }

  fillTable() {
    this.rows.replaceChildren();
    this.tableRows = [];
    for (let merge = this.m - 1; merge >= Math.max(0, this.m - ROWS); merge--) {
      const [left, right] = this.sizes(merge), jump = make("button", { type: "button", class: "jump" });
      const share = make("div", { class: "share", "aria-hidden": "true" });
      [[left, this.first[merge], this.gap[merge]], [right, this.gap[merge] + 1, this.last[merge]]].forEach(([size, from, to]) => {
        const piece = make("i");
        piece.style.flex = `${size} 0 0`;
        const rank = this.rank(from, to) * 4, low = Math.min(Math.floor(rank), 3);
        piece.style.background = `color-mix(in srgb, var(--ramp-${low + 1}) ${((rank - low) * 100).toFixed(1)}%, var(--ramp-${low}))`;
        share.append(piece);
      });
      const cell = (place) => {
        const text = make("span", { class: "cut", title: this.textAt(place) });
        say(text, this.textAt(place));
        return make("td", {}, text);
      };
      const row = make("tr", {}, make("td", { class: "which" }, merge === this.m - 1 ? "last" : `−${this.m - 1 - merge}`), make("td", {}, jump),
        make("td", { class: "share-cell" }, share), make("td", {}, `${count(left)} + ${count(right)}`),
        cell(this.gap[merge]), cell(this.gap[merge] + 1));
      row.addEventListener("click", () => this.toMerge(merge));
      row.addEventListener("pointerenter", () => this.light(merge));
      row.addEventListener("pointerleave", () => this.light(-1));
      row.addEventListener("focusin", () => this.light(merge));
      row.addEventListener("focusout", () => this.light(-1));
      this.rows.append(row);
      this.tableRows.push([merge, row, jump]);
    }
    this.nameRows();
  }

  nameRows() {
    const name = this.edge ? "edge length" : "radius";
    this.radiusHead.textContent = name;
    for (const [merge, , jump] of this.tableRows) {
      const shown = number(this.radius[merge] * this.unit), [left, right] = this.sizes(merge);
      jump.textContent = shown;
      jump.setAttribute("aria-label", `Jump to the merge at ${name} ${shown}: ${count(left)} and ${count(right)} texts`);
    }
  }

  /** Mean rank of a part on the line, 0 to 1. */
  rank(first, last) { return this.n > 1 ? (first + last) / 2 / (this.n - 1) : 0.5; }

  /* -------- what the reader does */

  listen() {
    const root = this.root;
    this.onEnd = [];
    const on = (target, kind, act, options) => {
      target.addEventListener(kind, act, options);
      this.onEnd.push(() => target.removeEventListener(kind, act, options));
    };
    on(root, "keydown", (event) => this.key(event));
    on(this.scrub, "input", () => {
      this.playing = false;
      const time = this.scrub.valueAsNumber * this.total;
      this.go(time, time >= this.total ? this.m - 1 : -1);
      this.paint();
    });
    on(this.scrub, "change", () => this.speak());
    on(this.speedBox, "change", () => this.setSpeed(Number(this.speedBox.value)));
    on(this.edgeBox, "change", () => { this.setEdge(this.edgeBox.checked); this.tell("edge", this.edge); });
    on(this.more, "click", () => {
      const open = this.touch.classList.toggle("open");
      this.more.textContent = open ? "shorter" : "whole texts";
    });

    for (const [canvas, find] of [[this.diagram, (x, y) => this.pointAt(x, y)], [this.barcode, (x, y) => this.barAt(x, y)]]) {
      on(canvas, "pointermove", (event) => {
        const merge = find(event.offsetX, event.offsetY);
        canvas.style.cursor = merge >= 0 ? "pointer" : "";
        this.light(merge);
      });
      on(canvas, "pointerleave", () => this.light(-1));
      on(canvas, "blur", () => this.light(-1));
      on(canvas, "click", (event) => { const merge = find(event.offsetX, event.offsetY); if (merge >= 0) this.toMerge(merge); });
    }

    const line = this.lineCanvas;
    let drag = null;
    on(line, "pointerdown", (event) => { drag = { x: event.clientX, shift: this.camera.shift, moved: false }; });
    on(line, "pointermove", (event) => {
      if (drag && event.buttons && this.camera.zoom > 1) {
        if (Math.abs(event.clientX - drag.x) > 3) { drag.moved = true; line.setPointerCapture(event.pointerId); }
        if (drag.moved) { this.camera.shift = drag.shift - (event.clientX - drag.x) / this.scale; this.place(); this.paint(); return; }
      }
      const near = this.dotAt(event.offsetX, event.offsetY);
      this.hovered = near;
      line.style.cursor = near >= 0 ? "pointer" : "";
      this.lit = near >= 0 ? -1 : this.gapAt(event.offsetX, event.offsetY);
      this.paint();
    });
    on(line, "pointerleave", () => { this.hovered = -1; this.lit = -1; this.paint(); });
    on(line, "blur", () => { this.hovered = -1; this.paint(); });
    on(line, "click", (event) => {
      const moved = drag?.moved;
      drag = null;
      if (moved) return;
      const near = this.dotAt(event.offsetX, event.offsetY);
      if (near >= 0) this.pin(near);
      else { const merge = this.gapAt(event.offsetX, event.offsetY); if (merge >= 0) this.toMerge(merge); }
    });
    on(line, "wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      this.zoom(1.0015 ** -event.deltaY, event.offsetX);
    }, { passive: false });
    on(line, "dblclick", () => this.zoom(0));

    const repaint = () => this.paint();
    // A change of theme starts the probes' transition; the system's scheme and the preference for less motion are asked.
    on(this.probe, "transitionrun", repaint);
    on(this.probe, "transitionend", () => { this.colors = null; this.paint(); });
    on(matchMedia("(prefers-color-scheme: dark)"), "change", repaint);
    on(matchMedia("(prefers-reduced-motion: reduce)"), "change", () => { if (this.still()) this.pause(false); this.paint(); });
    this.sizer = new ResizeObserver(() => { this.measure(); this.paint(true); });
    this.sizer.observe(root);
    this.onEnd.push(() => this.sizer.disconnect());
    document.fonts?.ready.then(repaint);
  }

  end() {
    this.playing = false;
    cancelAnimationFrame(this.frame);
    this.onEnd.forEach((stop) => stop());
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === this.speedBox || !this.signature) return;
    const target = event.target, key = event.key;
    const pressed = target.tagName === "BUTTON" || target.type === "checkbox";
    const acts = {
      ArrowLeft: () => this.backward(), ArrowRight: () => this.forward(), Home: () => this.toStart(), End: () => this.toEnd(),
      e: () => { this.setEdge(!this.edge); this.tell("edge", this.edge); }, "+": () => this.zoom(1.5), "=": () => this.zoom(1.5),
      "-": () => this.zoom(1 / 1.5), 0: () => this.zoom(0), Escape: () => { if (this.pinned >= 0) this.pin(this.pinned); },
    };
    SPEEDS.forEach((speed, i) => { acts[i + 1] = () => this.setSpeed(speed); });
    if (!pressed) acts[" "] = () => this.toggle();
    const canvas = [this.lineCanvas, this.diagram, this.barcode].includes(target);
    if (canvas) {
      acts.ArrowUp = () => this.walk(target, 1);
      acts.ArrowDown = () => this.walk(target, -1);
      acts.Enter = () => {
        if (target === this.lineCanvas) { if (this.hovered >= 0) this.pin(this.hovered); } else if (this.lit >= 0) this.toMerge(this.lit);
      };
    }
    const act = acts[key.length === 1 ? key.toLowerCase() : key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** Up and down on a figure: the next dot of the line, the next merge of the others. */
  walk(canvas, way) {
    if (canvas === this.lineCanvas) {
      this.hovered = clamp(this.hovered < 0 ? (way > 0 ? 0 : this.n - 1) : this.hovered + way, 0, this.n - 1);
      this.spoken.textContent = this.textAt(this.hovered);
      return this.paint();
    }
    const from = this.lit < 0 ? this.newest : this.lit + way;
    if (this.m) this.light(clamp(from, 0, this.m - 1));
    if (this.lit >= 0) this.spoken.textContent = this.story(this.lit);
    return undefined;
  }

  zoom(by, x = this.width / 2) {
    const { camera } = this;
    if (by === 0) { camera.zoom = 1; camera.shift = 0; } else {
      const under = this.middle + camera.shift + (x - this.width / 2) / this.scale;
      camera.zoom = clamp(camera.zoom * by, 1, 2000);
      camera.shift = camera.zoom === 1 ? 0 : under - this.middle - (x - this.width / 2) / (this.fit * camera.zoom);
    }
    this.place();
    this.paint();
  }

  dotAt(x, y) {
    if (Math.abs(y - MIDDLE) > 10 || !this.n) return -1;
    const i = this.nearest(x);
    return Math.abs(this.xs[i] - x) <= 5 ? i : -1;
  }

  gapAt(x, y) {
    if (this.m === 0 || Math.abs(y - MIDDLE) > Math.max(12, Math.min(this.r * this.scale, REACH))) return -1;
    let i = this.nearest(x);
    if (this.xs[i] > x) i--;
    return i < 0 || i >= this.n - 1 ? -1 : this.turn[i];
  }

  nearest(x) {
    let low = 0, high = this.n - 1;
    while (low < high) { const mid = (low + high) >> 1; if (this.xs[mid] < x) low = mid + 1; else high = mid; }
    return low > 0 && x - this.xs[low - 1] < this.xs[low] - x ? low - 1 : low;
  }

  pointAt(x, y) {
    const { box, top } = this.plot;
    if (!this.m || x > box.left + 24 || x < box.left - 24) return -1;
    let best = -1, far = 9;
    for (let i = this.m - 1; i >= 0; i--) {
      const off = Math.abs(this.deathY(i) - y);
      if (off < far) { best = i; far = off; }
    }
    return y < top ? -1 : best;
  }

  barAt(x, y) {
    const { bars } = this.plot;
    if (x < bars.left - 4 || x > bars.right + 8 || y < bars.top + bars.first) return -1;
    const row = Math.floor((y - bars.top - bars.first) / bars.pitch);
    return row >= 0 && row < this.m ? this.m - 1 - row : -1;
  }

  /* -------- geometry */

  measure() {
    const width = Math.max(this.line.clientWidth, 60);
    this.width = width;
    this.type = (parseFloat(getComputedStyle(this.root).fontSize) || 15) / 15;
    this.font = getComputedStyle(this.root).fontFamily;
    this.fit_canvases = true;
    if (!this.n) return;
    const low = this.values[0], high = this.values[this.n - 1], span = high - low + 2 * this.r_f;
    this.middle = (low + high) / 2;
    this.fit = span > 0 ? Math.min((width - 28) / span, this.r_f > 0 ? REACH / this.r_f : Infinity) : 1;
    this.place();
    const u = this.type, side = this.diagram.clientWidth || SIDE, barWidth = this.barcode.clientWidth || 300;
    const high_r = (this.r_f || 1) * 1.12, pen = this.diagram.getContext("2d");
    this.letters(pen);
    const wide = Math.max(...[1, 2].flatMap((unit) => ticks(0, high_r * unit, 5).labels).map((text) => pen.measureText(text).width));
    const box = { left: Math.max(46 * u, wide + 14), right: side - 8, bottom: SIDE - 34 * u };
    const bars = { left: 8, right: barWidth - 26, top: 4, bottom: SIDE - 34 * u, first: 5 };
    bars.pitch = (bars.bottom - bars.top - bars.first) / Math.max(this.m, 1);
    bars.pitch = Math.min(bars.pitch, 14);
    bars.every = Math.max(1, Math.ceil(1 / bars.pitch));
    this.every.textContent = bars.every > 1 ? `every ${ordinal(bars.every)} bar drawn` : "";
    // Equal range on both axes: the diagram's square has one scale.
    const size = Math.min(box.right - box.left, box.bottom - 24 * u);
    this.plot = { box, bars, high: high_r, top: box.bottom - size, size, infinite: box.bottom - size - 12 };
    box.right = box.left + size;
  }

  place() {
    const { camera } = this;
    this.scale = this.fit * camera.zoom;
    const half = (this.values[this.n - 1] - this.values[0]) / 2 + this.r_f;
    camera.shift = clamp(camera.shift, -half, half);
    const center = this.middle + camera.shift;
    this.xs = Float64Array.from(this.values, (value) => this.width / 2 + (value - center) * this.scale);
    this.line.classList.toggle("zoomed", camera.zoom > 1);
  }

  deathY(merge) { return this.plot.box.bottom - (this.radius[merge] / this.plot.high) * this.plot.size; }
  deathX(r) { const { bars, high } = this.plot; return bars.left + (r / high) * (bars.right - bars.left); }

  /* -------- drawing */

  /** Draw soon (with the next frame), or at once. */
  paint(now = false) {
    if (now) { this.draw(); return; }
    if (!this.frame) this.frame = requestAnimationFrame((stamp) => this.tick(stamp));
  }

  tick(stamp) {
    this.frame = 0;
    if (!this.root.isConnected) return;
    if (this.playing) {
      const passed = this.stamp === null ? 0 : Math.min((stamp - this.stamp) / 1000, 0.25);
      this.stamp = stamp;
      const time = this.time + passed * this.speed;
      if (time >= this.total) { this.go(this.total, this.m - 1); this.pause(); } else { this.go(time); this.paint(); }
    }
    this.draw(stamp);
  }

  readColors() {
    const [ink, bg] = [this.probes[0][1].color, this.probes[1][1].color];
    if (this.colors && this.colors.ink === ink && this.colors.bg === bg) return;
    this.colors = Object.fromEntries(this.probes.map(([name, style]) => [name, style.color]));
    const stops = [0, 1, 2, 3, 4].map((i) => this.colors[`ramp-${i}`].match(/[\d.]+/g).slice(0, 3).map(Number));
    this.shades = Array.from({ length: SHADES }, (_, i) => {
      const at = (i / (SHADES - 1)) * 4, low = Math.min(Math.floor(at), 3), part = at - low;
      return `rgb(${stops[low].map((c, k) => Math.round(c + part * (stops[low + 1][k] - c))).join(",")})`;
    });
  }

  draw(stamp = performance.now()) {
    if (!this.n || !this.root.isConnected) return;
    this.readColors();
    if (this.fit_canvases) {
      this.fit_canvases = false;
      this.pens = [this.lineCanvas, this.rug, this.diagram, this.barcode].map((canvas) => {
        const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
        canvas.width = Math.max(1, Math.round(width * ratio));
        canvas.height = Math.max(1, Math.round(height * ratio));
        const pen = canvas.getContext("2d");
        return { pen, width, height, ratio };
      });
    }
    const pens = this.pens.map(({ pen, width, height, ratio }) => {
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      pen.globalAlpha = 1;
      return pen;
    });
    this.drawLine(pens[0]);
    this.drawRug(pens[1], this.pens[1].width);
    if (this.n > 1) { this.drawDiagram(pens[2]); this.drawBarcode(pens[3]); }
    this.write(stamp);
  }

  letters(pen, size = 12, weight = 400) { pen.font = `${weight} ${(size * this.type).toFixed(1)}px ${this.font}`; }

  /** Text on a halo of the page's colour, so that it reads over any disk. */
  label(pen, text, x, y, color) {
    this.letters(pen, 12.5, 600);
    pen.textAlign = "center";
    const half = pen.measureText(text).width / 2 + 4, at = clamp(x, half, this.width - half);
    pen.lineJoin = "round";
    pen.lineWidth = 4;
    pen.strokeStyle = this.colors.bg;
    pen.globalAlpha = 0.85;
    pen.strokeText(text, at, y);
    pen.globalAlpha = 1;
    pen.fillStyle = color;
    pen.fillText(text, at, y);
  }

  drawLine(pen) {
    const { xs, n, colors, shades, type } = this, R = this.r * this.scale, width = this.width;
    const paths = new Map(), dots = new Map();
    const path = (map, key) => { let found = map.get(key); if (!found) map.set(key, (found = new Path2D())); return found; };
    const size = (this.kind && this.topics ? 3.2 : 2.2) * Math.sqrt(type);
    // A part is a run of joined neighbours. One path a colour and state, however many parts.
    let previous = -Infinity;
    for (let first = 0; first < n;) {
      let last = first;
      while (last < n - 1 && this.joined(last)) last++;
      const shade = Math.round(this.rank(first, last) * (SHADES - 1));
      if (R > 0.5 && xs[last] + R > 0 && xs[first] - R < width) outline(path(paths, shade + (last > first ? SHADES : 0)), xs, first, last, R, width);
      for (let i = first; i <= last; i++) {
        if (xs[i] < -9 || xs[i] > width + 9 || xs[i] - previous < APART) continue;
        previous = xs[i];
        const kind = this.topics ? this.kind[this.order[i]] : -1;
        dot(path(dots, kind < 0 ? shade : -1 - kind), SHAPES[Math.max(kind, 0)], xs[i], MIDDLE, size);
      }
      first = last + 1;
    }
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, width, AXIS - 2);
    pen.clip();
    pen.lineJoin = "round"; // pinches of small disks throw no spikes
    pen.lineWidth = 1.3 * type;
    for (const [key, shape] of paths) {
      const lone = key < SHADES, color = shades[key % SHADES];
      pen.strokeStyle = pen.fillStyle = color;
      pen.globalAlpha = lone ? 0.1 : 0.34;
      pen.fill(shape);
      pen.globalAlpha = lone ? 0.75 : 0.95;
      pen.stroke(shape);
    }
    pen.globalAlpha = 1;
    for (const [key, shape] of dots) {
      pen.fillStyle = key < 0 ? colors[`topic-${-1 - key}`] : shades[key];
      pen.fill(shape);
    }
    if (this.lit >= 0 && this.lit !== this.newest) this.drawGap(pen, this.lit, R, false);
    if (this.newest >= 0) this.drawGap(pen, this.newest, R, true);
    for (const place of [this.pinned, this.hovered]) if (place >= 0) {
      pen.strokeStyle = colors.ink;
      pen.lineWidth = 1.6 * type;
      pen.beginPath();
      pen.arc(xs[place], MIDDLE, 6, 0, 2 * Math.PI);
      pen.stroke();
    }
    pen.restore();
    this.drawAxis(pen);
  }

  /** A merge on the line: its gap, the two dots at its ends, and what it measures when there is time to read it. */
  drawGap(pen, merge, R, newest) {
    const { xs, colors } = this, a = xs[this.gap[merge]], b = xs[this.gap[merge] + 1], color = newest ? colors.red : colors.ink;
    pen.strokeStyle = pen.fillStyle = color;
    pen.lineWidth = 2.5 * this.type;
    pen.beginPath();
    pen.moveTo(a, MIDDLE);
    pen.lineTo(b, MIDDLE);
    pen.stroke();
    pen.beginPath();
    pen.arc(a, MIDDLE, 4, 0, 2 * Math.PI);
    pen.moveTo(b + 4, MIDDLE);
    pen.arc(b, MIDDLE, 4, 0, 2 * Math.PI);
    pen.fill();
    if (newest && this.lit === merge) {
      pen.strokeStyle = colors.ink;
      pen.lineWidth = 1.6;
      pen.beginPath();
      pen.arc(a, MIDDLE, 6.5, 0, 2 * Math.PI);
      pen.moveTo(b + 6.5, MIDDLE);
      pen.arc(b, MIDDLE, 6.5, 0, 2 * Math.PI);
      pen.stroke();
    }
    const wait = this.done < this.m ? (this.times[this.done] - (this.done ? this.times[this.done - 1] : 0)) / this.speed : 1;
    if (this.r_f === 0 || (newest && this.playing && wait < 0.2)) return; // nothing to read, or no time to
    const r = this.radius[merge], width = number(2 * r);
    const text = this.edge ? `gap ${width}` : `gap ${width} = 2 × ${number(r)}`;
    const way = newest ? 1 : -1, middle = (a + b) / 2, edge = MIDDLE + way * (R + 7);
    if (R + 32 * this.type > REACH + 6) { this.label(pen, text, middle, MIDDLE - way * 14 + (way < 0 ? 8 : 0), color); return; }
    pen.strokeStyle = color;
    pen.lineWidth = 1.2;
    pen.beginPath();
    pen.moveTo(a, edge); pen.lineTo(a, edge + way * 5); pen.lineTo(b, edge + way * 5); pen.lineTo(b, edge);
    pen.stroke();
    this.label(pen, text, middle, edge + (way > 0 ? 19 : -11) * this.type, color);
  }

  drawAxis(pen) {
    const { colors, width, type } = this, toValue = (x) => this.middle + this.camera.shift + (x - width / 2) / this.scale;
    pen.strokeStyle = colors.hair;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(14, AXIS + 0.5);
    pen.lineTo(width - 14, AXIS + 0.5);
    this.letters(pen);
    let marks;
    const one = this.n === 1 || this.values[0] === this.values[this.n - 1];
    for (let most = 5; most >= 1; most--) {
      marks = one ? ticks(this.middle, this.middle, 1) : ticks(toValue(14), toValue(width - 14), most);
      const wide = Math.max(...marks.labels.map((text) => pen.measureText(text).width));
      const apart = marks.at.length > 1 ? (marks.at[1] - marks.at[0]) * this.scale : Infinity;
      if (wide + 18 <= apart) break;
    }
    const xs = marks.at.map((value) => width / 2 + (value - this.middle - this.camera.shift) * this.scale);
    xs.forEach((x) => { pen.moveTo(Math.round(x) + 0.5, AXIS); pen.lineTo(Math.round(x) + 0.5, AXIS + 5); });
    pen.stroke();
    pen.fillStyle = colors.muted;
    pen.textAlign = "center";
    xs.forEach((x, i) => {
      const half = pen.measureText(marks.labels[i]).width / 2;
      pen.fillText(marks.labels[i], clamp(x, half, width - half), AXIS + 6 + 13 * type);
    });
    pen.textAlign = "right";
    if (marks.factor) pen.fillText(marks.factor, width - 14, AXIS - 6);
  }

  drawRug(pen, width) {
    if (!this.total) return;
    const { colors } = this, x = (time) => 7 + (time / this.total) * (width - 14);
    const draw = (from, to, color) => {
      let previous = -Infinity;
      pen.fillStyle = color;
      for (let i = from; i < to; i++) {
        const at = x(this.times[i]);
        if (at - previous < 2) continue;
        previous = at;
        pen.fillRect(at - 0.5, 26, 1, 8);
      }
    };
    draw(0, this.done, colors.muted);
    draw(this.done, this.m, colors.faint);
    if (this.lit >= 0) { pen.fillStyle = colors.ink; pen.fillRect(x(this.times[this.lit]) - 1, 24, 2, 11); }
  }

  drawDiagram(pen) {
    const { colors, type } = this, { box, top, size, infinite, high } = this.plot;
    const y = (r) => box.bottom - (r / high) * size, held = this.held === this.m - 1;
    pen.fillStyle = colors.surface;
    pen.beginPath();
    pen.moveTo(box.left, box.bottom); pen.lineTo(box.right, top); pen.lineTo(box.right, box.bottom);
    pen.fill();
    pen.strokeStyle = colors.hair;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(box.left + 0.5, infinite); pen.lineTo(box.left + 0.5, box.bottom + 0.5); pen.lineTo(box.right, box.bottom + 0.5);
    pen.stroke();
    pen.strokeStyle = colors.faint;
    pen.setLineDash([4, 4]);
    pen.beginPath();
    pen.moveTo(box.left, box.bottom); pen.lineTo(box.right, top);
    pen.moveTo(box.left, infinite); pen.lineTo(box.right, infinite);
    pen.stroke();
    pen.setLineDash([]);

    this.letters(pen);
    pen.fillStyle = colors.muted;
    const marks = ticks(0, high * this.unit, 5), side = this.pens[2].width;
    const wide = Math.max(...marks.labels.map((text) => pen.measureText(text).width));
    const stride = marks.at.length > 1 && wide + 12 > (marks.at[1] / this.unit / high) * size ? 2 : 1;
    marks.at.forEach((value, i) => {
      const at = (value / this.unit / high) * size;
      pen.textAlign = "right";
      pen.fillText(marks.labels[i], box.left - 8, box.bottom - at + 4 * type);
      pen.textAlign = "center";
      if (i % stride === 0) pen.fillText(marks.labels[i], Math.min(box.left + at, side - wide / 2), box.bottom + 15 * type);
    });
    pen.textAlign = "right";
    pen.fillText(`Birth${marks.factor ? ` ${marks.factor}` : ""}`, box.right, box.bottom + 30 * type);
    pen.textAlign = "left";
    pen.fillText(`Death${marks.factor ? ` ${marks.factor}` : ""}`, box.left + 9, infinite + 16 * type);

    pen.strokeStyle = colors.red;
    pen.lineWidth = 1.8 * type;
    pen.beginPath();
    pen.moveTo(box.left, y(this.r)); pen.lineTo(box.right, y(this.r));
    pen.stroke();

    const disk = (r, at) => { pen.moveTo(box.left + r, at); pen.arc(box.left, at, r, 0, 2 * Math.PI); };
    for (const [from, to, color] of [[this.done, this.m, colors.ghost], [0, this.done, colors.faint]]) {
      let previous = Infinity;
      pen.fillStyle = color;
      pen.beginPath();
      for (let i = from; i < to; i++) {
        const at = this.deathY(i);
        if (previous - at < APART) continue;
        previous = at;
        disk(3.6, at);
      }
      pen.fill();
    }
    pen.fillStyle = colors.ink;
    pen.beginPath();
    disk(3.8, infinite);
    pen.fill();
    this.letters(pen, 15);
    pen.textAlign = "right";
    pen.fillText("∞", box.left - 8, infinite + 5 * type);
    if (this.newest >= 0) {
      pen.fillStyle = colors.red;
      pen.beginPath();
      disk(5, this.deathY(this.newest));
      pen.fill();
    }
    if (this.lit >= 0) {
      pen.strokeStyle = colors.ink;
      pen.lineWidth = 1.8;
      pen.beginPath();
      pen.arc(box.left, this.deathY(this.lit), 7, 0, 2 * Math.PI);
      pen.stroke();
    }
    if (held) this.nameEnd(pen, box.left + 12, Math.min(y(this.r_f) + 17 * type, box.bottom - 7));
  }

  /** "r_f = ..." with its f below the line; with edge lengths twice that. */
  nameEnd(pen, x, y) {
    pen.fillStyle = this.colors.red;
    pen.textAlign = "left";
    this.letters(pen, 13, 600);
    const head = this.edge ? "2 r" : "r", wide = pen.measureText(head).width;
    pen.fillText(head, x, y);
    this.letters(pen, 10, 600);
    const foot = pen.measureText("f").width;
    pen.fillText("f", x + wide, y + 3 * this.type);
    this.letters(pen, 13, 600);
    pen.fillText(` = ${number(this.r_f * this.unit)}`, x + wide + foot, y);
  }

  drawBarcode(pen) {
    const { colors, type } = this, { bars, high } = this.plot, x = (r) => this.deathX(r);
    this.letters(pen);
    pen.strokeStyle = colors.hair;
    pen.fillStyle = colors.muted;
    pen.lineWidth = 1;
    let marks;
    for (let most = 5; most >= 2; most--) {
      marks = ticks(0, high * this.unit, most);
      const wide = Math.max(...marks.labels.map((text) => pen.measureText(text).width));
      if (marks.at.length < 2 || wide + 16 <= x(marks.at[1] / this.unit) - x(0)) break;
    }
    pen.beginPath();
    marks.at.forEach((value, i) => {
      const at = Math.round(x(value / this.unit)) + 0.5;
      pen.moveTo(at, bars.top); pen.lineTo(at, bars.bottom);
      pen.textAlign = i ? "center" : "left";
      pen.fillText(marks.labels[i], i ? at : at - 3, bars.bottom + 15 * type);
    });
    pen.stroke();
    pen.textAlign = "right";
    pen.fillText((this.edge ? "edge length" : "radius") + (marks.factor ? ` ${marks.factor}` : ""), bars.right, bars.bottom + 30 * type);

    const ends = new Path2D(), alive = new Path2D(), ahead = new Path2D();
    const thick = Math.max(bars.pitch * bars.every > 3 ? bars.pitch * bars.every - 1 : bars.pitch * bars.every * 0.72, 0.7), zero = x(0), now = x(this.r);
    for (let row = 0; row < this.m; row += bars.every) {
      const merge = this.m - 1 - row, at = bars.top + bars.first + row * bars.pitch, end = x(this.radius[merge]);
      if (merge < this.done) ends.rect(zero, at, Math.max(end - zero, 0.5), thick);
      else { alive.rect(zero, at, now - zero, thick); ahead.rect(now, at, end - now, thick); }
    }
    pen.fillStyle = colors.faint;
    pen.fill(ends);
    pen.fillStyle = colors.ghost;
    pen.fill(ahead);
    pen.fillRect(now, bars.top + 0.5, bars.right - now, 2);
    pen.fillStyle = colors.ink;
    pen.fill(alive);
    pen.fillRect(zero, bars.top, Math.max(now - zero, 1), 3);
    this.letters(pen, 17);
    pen.textAlign = "left";
    pen.fillText("∞", bars.right + 5, bars.top + 8 * type);
    const bar = (merge, color, least) => {
      pen.fillStyle = color;
      const at = bars.top + bars.first + (this.m - 1 - merge) * bars.pitch, tall = Math.max(thick, least);
      pen.fillRect(zero, at - (tall - thick) / 2, Math.max(x(this.radius[merge]) - zero, 2), tall);
    };
    if (this.lit >= 0) bar(this.lit, colors.ink, this.lit === this.newest ? thick + 4 : 3);
    if (this.newest >= 0) bar(this.newest, colors.red, 2.4);
    pen.strokeStyle = colors.red;
    pen.lineWidth = 1.8 * type;
    pen.beginPath();
    pen.moveTo(now, bars.top - 4); pen.lineTo(now, bars.bottom);
    pen.stroke();
  }

  /* -------- words */

  story(merge) {
    const [left, right] = this.sizes(merge);
    return `${this.edge ? "Edge length" : "Radius"} ${number(this.radius[merge] * this.unit)} joins ${count(left)} and ${count(right)} texts. `
      + `Left: ${this.textAt(this.gap[merge])} Right: ${this.textAt(this.gap[merge] + 1)}`;
  }

  write(stamp) {
    const parts = this.n - this.done, radius = number(this.r * this.unit), name = this.edge ? "edge length" : "radius";
    set(this.radiusName, name);
    set(this.radiusNow, radius);
    set(this.partsNow, count(parts));
    const share = this.total ? this.time / this.total : 1;
    this.scrub.value = String(share);
    this.scrub.style.setProperty("--done", share.toFixed(4));
    if (!this.playing) this.scrub.setAttribute("aria-valuetext", `${name} ${radius}, ${count(parts)} parts`);

    const state = this.playing ? "pause" : this.ended && this.total ? "again" : "play";
    if (this.face !== state) {
      this.face = state;
      const label = { pause: "Pause", play: "Play", again: "Play again" }[state];
      this.playButton.replaceChildren(drawing(ICONS[state]));
      this.playButton.setAttribute("aria-label", label);
      this.playButton.title = label;
    }
    const stop = this.still();
    this.playButton.disabled = this.total === 0 || stop;
    if (stop) this.playButton.title = "Your system asks for less motion: step instead";
    for (const [i, button] of this.buttons.entries()) if (i !== 2) button.disabled = this.m === 0;

    for (const [merge, row] of this.tableRows) {
      row.classList.toggle("now", merge === this.newest);
      row.classList.toggle("lit", merge === this.lit);
      row.classList.toggle("ahead", merge >= this.done);
    }
    if (!this.playing) {
      const told = `${name} ${radius}, ${count(parts)} of ${count(this.n)} parts`;
      this.lineCanvas.setAttribute("aria-label", `The ${count(this.n)} texts on the line with their growing disks: ${told}. Up and down move through the texts.`);
      this.diagram.setAttribute("aria-label", `Birth–death diagram, ${count(this.m)} finite points, the last at ${name} ${number(this.r_f * this.unit)}. Up and down move through the merges.`);
      this.barcode.setAttribute("aria-label", `Barcode of ${count(this.n)} bars, one infinite. Up and down move through the merges.`);
    }
    this.writeTouch(stamp);
    this.writeTip(this.tip, this.hovered === this.pinned ? -1 : this.hovered);
    this.writeTip(this.pinTip, this.pinned);
  }

  /** The two texts of the merge in question; while merges rush by, a few times a second. */
  writeTouch(stamp) {
    const merge = this.lit >= 0 ? this.lit : this.newest;
    const rush = this.playing && this.lit < 0 && this.m - this.done > EASED && stamp - (this.wrote ?? -1e9) < 350;
    const key = `${this.signature} ${merge} ${this.edge} ${this.held === merge} ${this.lit >= 0}`;
    if (rush || key === this.shown) { if (!this.playing) this.offerMore(); return; }
    this.shown = key;
    this.wrote = stamp;
    this.asksMore = true;
    this.touch.classList.toggle("lit", this.lit >= 0 && this.lit !== this.newest);
    this.pair.hidden = merge < 0;
    if (merge < 0) {
      set(this.touchTitle, "No disks touch yet");
      set(this.touchHow, "The first two texts that touch will stand here.");
      this.more.hidden = true;
      return;
    }
    const [left, right] = this.sizes(merge), name = this.edge ? "edge length" : "radius";
    const which = merge === this.m - 1 ? "The last merge" : `Merge ${count(merge + 1)} of ${count(this.m)}`;
    set(this.touchTitle, this.held === merge ? "The two texts that touch now" : merge === this.newest ? "The two texts that touched last" : which);
    set(this.touchHow, `${name} ${number(this.radius[merge] * this.unit)} · joins ${count(left)} + ${count(right)} texts`);
    say(this.leftText, this.textAt(this.gap[merge]));
    say(this.rightText, this.textAt(this.gap[merge] + 1));
    if (!this.playing) this.offerMore();
  }

  offerMore() {
    if (!this.asksMore) return;
    this.asksMore = false;
    const cut = [this.leftText, this.rightText].some((text) => text.scrollHeight > text.clientHeight + 2);
    this.more.hidden = this.pair.hidden || !(cut || this.touch.classList.contains("open"));
  }

  writeTip(tip, place) {
    tip.hidden = place < 0;
    if (place < 0) return;
    const x = this.xs[place], [text, small] = tip.children;
    const above = tip === this.tip && this.pinned >= 0; // beside the pinned one
    const key = [this.signature, place, this.width, this.camera.zoom, this.camera.shift, above].join();
    if (tip.dataset.key !== key) {
      tip.dataset.key = key;
      say(text, this.textAt(place));
      let near = 0;
      for (let i = place - 1; i >= 0 && x - this.xs[i] < 2; i--) near++;
      for (let i = place + 1; i < this.n && this.xs[i] - x < 2; i++) near++;
      small.textContent = `${number(this.values[place])} · ${count(place + 1)} of ${count(this.n)} on the line`
        + (this.topics ? ` · \u2068${this.topics[this.order[place]]}\u2069` : "") + (near ? ` · ${count(near)} more within 2 px` : "");
      const half = tip.offsetWidth / 2;
      tip.style.left = `${clamp(x - half, 0, Math.max(this.width - 2 * half, 0))}px`;
      tip.style.top = `${above ? MIDDLE - 14 - tip.offsetHeight : MIDDLE + 14}px`;
    }
    tip.style.visibility = x < 0 || x > this.width ? "hidden" : "";
  }
}

function set(element, text) { if (element.textContent !== text) element.textContent = text; }

function ordinal(value) {
  const tail = value % 100 > 10 && value % 100 < 14 ? 0 : value % 10;
  return `${value}${["th", "st", "nd", "rd"][tail] ?? "th"}`;
}

/** The outline of a union of equal disks on a line, exactly: between two neighbours the outline changes hands at their
 * middle. Marks under APART px apart are one; the part's two ends stay. */
function outline(path, xs, first, last, R, width) {
  const kept = [];
  let previous = -Infinity;
  for (let i = first; i <= last; i++) {
    const x = xs[i];
    if (x < -R - 10 && i < last) { if (xs[i + 1] < -R - 10) continue; }
    if (x > width + R + 10 && kept.length) { kept.push(x); break; }
    if (x - previous < APART && i < last) continue;
    previous = x;
    kept.push(x);
  }
  const end = kept.length - 1;
  const turn = (i) => Math.acos(Math.min((kept[i + 1] - kept[i]) / 2 / R, 1)); // where disk i meets the next
  const angles = kept.map((_, i) => (i < end ? turn(i) : 0));
  const flat = (i) => i > 0 && i < end && kept[i + 1] - kept[i - 1] < Math.min(3, R * 0.2); // too short an arc to see
  path.moveTo(kept[0] - R, MIDDLE);
  for (let i = 0; i <= end; i++) {
    if (flat(i)) path.lineTo(kept[i], MIDDLE - R);
    else path.arc(kept[i], MIDDLE, R, i ? Math.PI + angles[i - 1] : Math.PI, 2 * Math.PI - angles[i]);
  }
  for (let i = end; i >= 0; i--) {
    if (flat(i)) path.lineTo(kept[i], MIDDLE + R);
    else path.arc(kept[i], MIDDLE, R, angles[i], i ? Math.PI - angles[i - 1] : Math.PI);
  }
  path.closePath();
}
