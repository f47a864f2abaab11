
/* ---------------------------------------------------------------- a reel: one neuron's figures */

const SYMBOLS = ["M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20", "M2 2h20v20H2z", "M12 1l11 20H1z", "M12 0l11 12-11 12L1 12z",
  "M8 1h8v7h7v8h-7v7H8v-7H1V8h7z", "M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20zM12 7a5 5 0 1 1 0 10a5 5 0 1 1 0-10"];
const CATEGORY = 100, LEVEL = 200, NONE = 300; // keys of the dots' colours; below: a shade of the parts
const LEVELS = 24; // steps of the ramp of a numeric column

class Reel {
  constructor(film, place) {
    this.film = film;
    this.index = place; // 0: the film, 1: the pinned one
    this.n = 0;
    this.signature = null;
    this.lit = -1; // merge under the pointer or focus
    this.hovered = -1; // place of the dot under the pointer or focus
    this.pinned = -1;
    this.tableRows = [];
    this.build();
    this.listen();
  }

  get colors() { return this.film.colors; }
  get shades() { return this.film.shades; }
  get playing() { return this.film.playing; }
  get edge() { return this.film.edge; }
  get unit() { return this.film.unit; }
  get type() { return this.film.type; }
  get stroke() { return this.film.stroke; }
  get newest() { return this.held >= 0 ? this.held : this.done - 1; }
  get canvases() { return [this.lineCanvas, this.diagram, this.barcode]; }
  letters(...how) { this.film.letters(...how); }
  paint() { this.film.paint(); }

  /* -------- what is shown */

  take(data) {
    const { radius, first, gap, last } = data.merges;
    this.signature = data.signature;
    this.n = data.n;
    this.total = data.total ?? data.n;
    this.noun = data.noun || "text";
    this.name = data.name ?? "";
    this.m = radius.length;
    this.values = Float64Array.from(data.values);
    this.order = data.order;
    this.texts = data.texts;
    this.radius = Float64Array.from(radius);
    this.first = first; this.gap = gap; this.last = last;
    this.upto = data.upto ?? null;
    this.start = data.start ?? 0;
    this.r_f = data.r_f;
    this.turn = new Int32Array(Math.max(this.n - 1, 0)); // by gap: its merge
    gap.forEach((place, merge) => { this.turn[place] = merge; });
    this.camera = { zoom: 1, shift: 0 };
    this.lit = this.hovered = this.pinned = -1;
    this.shown = null;
    this.note.hidden = (this.n > 1 && this.r_f > 0) && !this.upto;
    this.note.textContent = this.n === 1 ? `one ${this.noun}: no gap, r_f = 0` : this.r_f === 0 ? "all equal: every gap is 0, r_f = 0"
      : `${count(this.n)} of ${count(this.total)} ${this.noun}s drawn: the film begins where ${count(this.radius.filter((r) => r > this.start).length + 1)} parts are left`;
    this.last8.hidden = this.three.hidden = this.n === 1;
    this.fillTable();
  }

  /** Take the colours of the dots; the film goes on. */
  paintDots(colour) {
    this.colour = colour ?? null;
    this.legend.hidden = !colour;
    this.legend.replaceChildren();
    if (!colour) return;
    this.legend.append(make("bdi", { class: "of" }, colour.name));
    if (colour.kind === "number") {
      this.legend.append(make("span", {}, make("bdi", {}, colour.low), make("i", { class: "ramp", "aria-label": "to" }), make("bdi", {}, colour.high)));
      if (colour.missing) this.legend.append(make("span", {}, drawing(SYMBOLS[5], "var(--faint)"), `no number: ${count(colour.missing)}`));
    } else {
      colour.names.forEach((name, i) => {
        this.legend.append(make("span", {}, drawing(SYMBOLS[i], `var(--topic-${i})`), make("bdi", {}, name), make("small", {}, count(colour.counts[i]))));
      });
    }
  }

  /** The key of a dot's colour, and its shape. */
  look(place, shade) {
    const { colour } = this;
    if (!colour) return [shade, "circle"];
    const of = colour.of[this.order[place]];
    if (colour.kind === "number") return of === null || of === undefined ? [NONE, "ring"] : [LEVEL + Math.round(of * (LEVELS - 1)), "circle"];
    return [CATEGORY + of, SHAPES[of]];
  }

  dotColor(key) {
    if (key < CATEGORY) return this.shades[key];
    if (key < LEVEL) return this.colors[`topic-${key - CATEGORY}`];
    return key === NONE ? this.colors.faint : this.film.levels[key - LEVEL];
  }

  /** Stand at a radius: `done` merges are reached, `held` (or -1) is the one whose touch is shown. At its own r_f a reel stops. */
  stand(r, done, held) {
    this.done = done;
    this.held = done === this.m ? this.m - 1 : held;
    this.r = Math.min(r, this.r_f);
  }

  /** Are two neighbours on the line one part now? The held merge is still drawn as two. */
  joined(gap) { return this.turn[gap] < this.done && this.turn[gap] !== this.held; }
  size(first, last) { return this.upto ? this.upto[last + 1] - this.upto[first] : last - first + 1; }
  sizes(merge) { return [this.size(this.first[merge], this.gap[merge]), this.size(this.gap[merge] + 1, this.last[merge])]; }
  textAt(place) { return this.texts[place]; }
  get parts() { return this.n - this.done; }

  light(merge) {
    if (merge === this.lit) return;
    this.lit = merge;
    this.paint();
  }

  pin(place) {
    this.pinned = this.pinned === place ? -1 : place;
    this.paint();
  }

  /* -------- the page */

  build() {
    this.who = make("div", { class: "who", hidden: true }, make("strong"), make("span"));
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
    this.whose = make("p", { class: "whose", hidden: true });
    this.three = make("div", { class: "three" }, this.whose,
      make("div", { class: "figure diagram" }, make("h2", {}, "Birth–death diagram"), this.diagram),
      make("div", { class: "figure barcode" }, make("h2", {}, "Barcode"), this.barcode, this.every),
      this.touch);

    this.radiusHead = make("th", { class: "c-radius", scope: "col" }, "radius");
    this.sizesHead = make("th", { class: "c-sizes", scope: "col" }, "texts");
    this.rows = make("tbody");
    this.lastTitle = make("h2", {}, "What the last merges join");
    this.last8 = make("div", { class: "last" }, this.lastTitle,
      make("table", {}, make("thead", {}, make("tr", {}, make("th", { class: "c-which which", scope: "col" }, "merge"), this.radiusHead,
        make("th", { class: "c-share share-cell", scope: "col", "aria-label": "sizes as a bar" }), this.sizesHead,
        make("th", { scope: "col" }, "on the left"), make("th", { scope: "col" }, "on the right"))), this.rows));
  }

  fillTable() {
    this.rows.replaceChildren();
    this.tableRows = [];
    this.sizesHead.textContent = `${this.noun}s`;
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
      row.addEventListener("click", () => this.film.toMerge(this, merge));
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
      jump.setAttribute("aria-label", `Jump to the merge at ${name} ${shown}: ${count(left)} and ${count(right)} ${this.noun}s`);
    }
  }

  /** Mean rank of a part on the line, 0 to 1. */
  rank(first, last) {
    if (this.upto) return (this.upto[first] + this.upto[last + 1]) / 2 / this.total;
    return this.n > 1 ? (first + last) / 2 / (this.n - 1) : 0.5;
  }

  /* -------- what the reader does */

  listen() {
    const on = (target, kind, act, options) => this.film.on(target, kind, act, options);
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
      on(canvas, "click", (event) => { const merge = find(event.offsetX, event.offsetY); if (merge >= 0) this.film.toMerge(this, merge); });
    }
    const line = this.lineCanvas;
    let drag = null;
    on(line, "pointerdown", (event) => { drag = { x: event.clientX, shift: this.camera.shift, moved: false }; });
    on(line, "pointermove", (event) => {
      if (drag && event.buttons && this.camera.zoom > 1) {
        if (Math.abs(event.clientX - drag.x) > 3) { drag.moved = true; line.setPointerCapture(event.pointerId); }
        if (drag.moved) { this.film.pan(this, drag.shift - (event.clientX - drag.x) / this.scale); return; }
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
      else { const merge = this.gapAt(event.offsetX, event.offsetY); if (merge >= 0) this.film.toMerge(this, merge); }
    });
    on(line, "wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      this.film.zoom(this, 1.0015 ** -event.deltaY, event.offsetX);
    }, { passive: false });
    on(line, "dblclick", () => this.film.zoom(this, 0));
  }

  /** Up and down on a figure: the next dot of the line, the next merge of the others. */
  walk(canvas, way) {
    if (canvas === this.lineCanvas) {
      this.hovered = clamp(this.hovered < 0 ? (way > 0 ? 0 : this.n - 1) : this.hovered + way, 0, this.n - 1);
      this.film.spoken.textContent = this.textAt(this.hovered);
      return this.paint();
    }
    const from = this.lit < 0 ? this.newest : this.lit + way;
    if (this.m) this.light(clamp(from, 0, this.m - 1));
    if (this.lit >= 0) this.film.spoken.textContent = this.story(this.lit);
    return undefined;
  }

  enter(canvas) {
    if (canvas === this.lineCanvas) { if (this.hovered >= 0) this.pin(this.hovered); } else if (this.lit >= 0) this.film.toMerge(this, this.lit);
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

  /** The part of the line that the final disks cover. */
  get extent() { return [this.values[0] - this.r_f, this.values[this.n - 1] + this.r_f]; }

  /** Pixels a unit at which disks of a radius and a part of the line fit. */
  fitting([low, high] = this.extent, radius = this.r_f) {
    return high > low ? Math.min((this.width - 28) / (high - low), radius > 0 ? REACH / radius : Infinity) : 1;
  }

  /** Show a part of the line: its middle stands in the middle of the figure. */
  frame([low, high], fit) {
    this.middle = (low + high) / 2;
    this.half = (high - low) / 2;
    this.fit = fit;
    this.place();
  }

  /** Lay out the figures; `high` is the largest radius of all diagrams, which share their axes. */
  measure(high) {
    const u = this.type, side = this.diagram.clientWidth || SIDE, barWidth = this.barcode.clientWidth || 300;
    const pen = this.diagram.getContext("2d");
    this.letters(pen);
    const wide = Math.max(...[1, 2].flatMap((unit) => ticks(0, high * unit, 5).labels).map((text) => pen.measureText(text).width));
    const box = { left: Math.max(46 * u, wide + 14), right: side - 8, bottom: SIDE - 34 * u };
    const bars = { left: 8, right: barWidth - 26, top: 4, bottom: SIDE - 34 * u, first: 5 };
    bars.pitch = (bars.bottom - bars.top - bars.first) / Math.max(this.m, 1);
    bars.pitch = Math.min(bars.pitch, 14);
    bars.every = Math.max(1, Math.ceil(1 / bars.pitch));
    const rest = this.upto ? ` of the ${count(this.m)} known of ${count(this.total)}` : "";
    this.every.textContent = bars.every > 1 ? `every ${ordinal(bars.every)} bar drawn${rest}` : "";
    // Equal range on both axes: the diagram's square has one scale.
    const size = Math.min(box.right - box.left, box.bottom - 24 * u);
    this.plot = { box, bars, high, top: box.bottom - size, size, infinite: box.bottom - size - 12 };
    box.right = box.left + size;
  }

  place() {
    const { camera } = this;
    this.scale = this.fit * camera.zoom;
    camera.shift = clamp(camera.shift, -this.half, this.half);
    const center = this.middle + camera.shift;
    this.xs = Float64Array.from(this.values, (value) => this.width / 2 + (value - center) * this.scale);
    this.line.classList.toggle("zoomed", camera.zoom > 1);
  }

  deathY(merge) { return this.plot.box.bottom - (this.radius[merge] / this.plot.high) * this.plot.size; }
  deathX(r) { const { bars, high } = this.plot; return bars.left + (r / high) * (bars.right - bars.left); }

  /* -------- drawing */

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
    const path = (map, key) => { let found = map.get(key); if (!found) map.set(key, (found = pathFor(pen))); return found; };
    const size = (this.colour ? 3.2 : 2.2) * Math.sqrt(type);
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
        const [key, shape] = this.look(i, shade);
        dot(path(dots, key), shape, xs[i], MIDDLE, size);
      }
      first = last + 1;
    }
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, width, AXIS - 2);
    pen.clip();
    pen.lineJoin = "round"; // pinches of small disks throw no spikes
    pen.lineWidth = 1.3 * this.stroke;
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
      pen.fillStyle = this.dotColor(key);
      pen.fill(shape);
    }
    if (this.lit >= 0 && this.lit !== this.newest) this.drawGap(pen, this.lit, R, false);
    if (this.newest >= 0) this.drawGap(pen, this.newest, R, true);
    for (const place of [this.pinned, this.hovered]) if (place >= 0) {
      pen.strokeStyle = colors.ink;
      pen.lineWidth = 1.6 * this.stroke;
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
    pen.lineWidth = 2.5 * this.stroke;
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
    if (this.r_f === 0 || (newest && this.playing && this.film.wait() < 0.2)) return; // nothing to read, or no time to
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
    const marks = ticks(0, high * this.unit, 5), side = this.diagram.clientWidth || SIDE;
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
    pen.lineWidth = 1.8 * this.stroke;
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

    const ends = pathFor(pen), alive = pathFor(pen), ahead = pathFor(pen);
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
    pen.lineWidth = 1.8 * this.stroke;
    pen.beginPath();
    pen.moveTo(now, bars.top - 4); pen.lineTo(now, bars.bottom);
    pen.stroke();
  }

  /* -------- words */

  story(merge) {
    const [left, right] = this.sizes(merge);
    return `${this.edge ? "Edge length" : "Radius"} ${number(this.radius[merge] * this.unit)} joins ${count(left)} and ${count(right)} ${this.noun}s. `
      + `Left: ${this.textAt(this.gap[merge])} Right: ${this.textAt(this.gap[merge] + 1)}`;
  }

  write(stamp) {
    for (const [merge, row] of this.tableRows) {
      row.classList.toggle("now", merge === this.newest);
      row.classList.toggle("lit", merge === this.lit);
      row.classList.toggle("ahead", merge >= this.done);
    }
    const name = this.edge ? "edge length" : "radius", radius = number(this.r * this.unit);
    if (!this.who.hidden) {
      set(this.who.firstChild, this.name);
      set(this.who.lastChild, this.parts === 1 ? `one piece since ${this.edge ? "2 r_f" : "r_f"} = ${number(this.r_f * this.unit)}` : `${count(this.parts)} parts`);
    }
    if (!this.playing) {
      const told = `${name} ${radius}, ${count(this.parts)} of ${count(this.total)} parts`, whose = this.who.hidden ? "" : `${this.name}: `;
      this.lineCanvas.setAttribute("aria-label", `${whose}The ${count(this.total)} ${this.noun}s on the line with their growing disks: ${told}. Up and down move through the ${this.noun}s.`);
      this.diagram.setAttribute("aria-label", `${whose}Birth–death diagram, ${count(this.total - 1)} finite points, the last at ${name} ${number(this.r_f * this.unit)}. Up and down move through the merges.`);
      this.barcode.setAttribute("aria-label", `${whose}Barcode of ${count(this.total)} bars, one infinite. Up and down move through the merges.`);
    }
    this.writeTouch(stamp);
    this.writeTip(this.tip, this.hovered === this.pinned ? -1 : this.hovered);
    this.writeTip(this.pinTip, this.pinned);
  }

  /** The two texts of the merge in question; while merges rush by, a few times a second. */
  writeTouch(stamp) {
    const merge = this.lit >= 0 ? this.lit : this.newest;
    const rush = this.playing && this.lit < 0 && this.film.stepsLeft > EASED && stamp - (this.wrote ?? -1e9) < 350;
    const key = `${this.signature} ${merge} ${this.edge} ${this.held === merge} ${this.lit >= 0}`;
    if (rush || key === this.shown) { if (!this.playing) this.offerMore(); return; }
    this.shown = key;
    this.wrote = stamp;
    this.asksMore = true;
    this.touch.classList.toggle("lit", this.lit >= 0 && this.lit !== this.newest);
    this.pair.hidden = merge < 0;
    if (merge < 0) {
      set(this.touchTitle, "No disks touch yet");
      set(this.touchHow, `The first two ${this.noun}s that touch will stand here.`);
      this.more.hidden = true;
      return;
    }
    const [left, right] = this.sizes(merge), name = this.edge ? "edge length" : "radius";
    const which = merge === this.m - 1 ? "The last merge" : `Merge ${count(this.total - this.m + merge)} of ${count(this.total - 1)}`;
    set(this.touchTitle, this.held === merge ? `The two ${this.noun}s that touch now` : merge === this.newest ? `The two ${this.noun}s that touched last` : which);
    set(this.touchHow, `${name} ${number(this.radius[merge] * this.unit)} · joins ${count(left)} + ${count(right)} ${this.noun}s`);
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
      small.textContent = `${number(this.values[place])} · ${count((this.upto ? this.upto[place] : place) + 1)} of ${count(this.total)} on the line`
        + this.colourOf(place) + (near ? ` · ${count(near)} more within 2 px` : "");
      const half = tip.offsetWidth / 2;
      tip.style.left = `${clamp(x - half, 0, Math.max(this.width - 2 * half, 0))}px`;
      tip.style.top = `${above ? MIDDLE - 14 - tip.offsetHeight : MIDDLE + 14}px`;
    }
    tip.style.visibility = x < 0 || x > this.width ? "hidden" : "";
  }

  /** The category of a dot, in words. */
  colourOf(place) {
    const { colour } = this;
    return colour?.kind === "category" ? ` · \u2068${colour.names[colour.of[this.order[place]]]}\u2069` : "";
  }
}
