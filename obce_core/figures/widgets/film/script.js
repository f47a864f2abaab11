
/* ---------------------------------------------------------------- the film */

export default function film(component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".film");
  if (!root || !data) return undefined;
  const view = (root.filmView ??= new Film(root));
  const mount = ++view.mounts;
  view.events = data.events ?? [];
  view.tell = (name, value) => { if (view.events.includes(name)) setTriggerValue?.(name, value); };
  view.take(data);
  // Some hosts clean up before each rerun: only a film that left the page for good is ended.
  return () => setTimeout(() => {
    if (view.mounts === mount && !root.isConnected) { view.end(); delete root.filmView; }
  }, 0);
}

/** The clock, the controls and the reels: one, or two that show the same radius. */
class Film {
  constructor(root) {
    this.root = root;
    this.mounts = 0;
    this.signature = null;
    this.edge = false;
    this.speed = 1;
    this.playing = false;
    this.frame = 0;
    this.events = [];
    this.tell = () => {};
    this.onEnd = [];
    this.reels = [new Reel(this, 0), new Reel(this, 1)];
    this.build();
    this.listen();
  }

  /** The reels that are shown. */
  get shown() { return this.mate ? this.reels : this.reels.slice(0, 1); }
  get unit() { return this.edge ? 2 : 1; }
  get ended() { return this.time >= this.total; }
  get stepsLeft() { return this.steps - this.done; }
  still() { return matchMedia("(prefers-reduced-motion: reduce)").matches; }

  on(target, kind, act, options) {
    target.addEventListener(kind, act, options);
    this.onEnd.push(() => target.removeEventListener(kind, act, options));
  }

  /* -------- what is shown */

  take(data) {
    const large = Boolean(data.presentation);
    if (large !== this.presentation) { this.presentation = large; this.relayout = true; }
    if (typeof data.edge === "boolean" && data.edge !== this.edge) this.setEdge(data.edge);
    this.root.classList.toggle("compact", Boolean(data.compact)); // the line alone, for a small place
    const dots = `${data.colour?.signature} ${data.mate?.colour?.signature}`;
    const other = data.signature !== this.signature;
    if (other) {
      this.signature = data.signature;
      this.mate = Boolean(data.mate);
      this.fileName = data.file || "film";
      [data, data.mate].forEach((reel, i) => { if (reel) this.reels[i].take(reel); });
      this.arrange();
      this.partsSpan.hidden = this.mate;
      this.distance = data.distance ?? null;
      for (const reel of this.reels) {
        reel.whose.hidden = !this.mate;
        reel.whose.textContent = reel.name;
      }
      for (const reel of this.shown) reel.lastTitle.textContent = `What the last merges join${this.mate ? ` · ${reel.name}` : ""}`;
      this.root.setAttribute("aria-label", data.title || "Growing disks around one neuron's outputs");
    }
    if (other || dots !== this.dots) {
      this.dots = dots;
      this.reels[0].paintDots(data.colour);
      this.reels[1].paintDots(data.mate?.colour ?? (this.mate ? data.colour : null));
    }
    if (!other) {
      if (this.relayout) { this.relayout = false; this.measure(); }
      this.paint();
      return;
    }
    this.relayout = false;
    this.clock();
    this.scrub.disabled = this.total === 0;
    this.measure();
    if (this.mate) {
      // One origin and scale for both lines lets their outputs and disks be compared; where one would be tiny, each has its own.
      const [, common] = this.common();
      this.same = Math.max(...this.shown.map((reel) => reel.fit)) / common <= 3;
      this.sameBox.checked = this.same;
      this.measure();
    }
    this.nameBetween();
    this.go(0);
    if (this.still() || this.total === 0 || data.autoplay === false) this.go(this.total, this.steps - 1);
    else this.play();
    this.paint();
  }

  /** When each merge of any reel is reached. Ties are reached together: at that radius all of them touch. */
  clock() {
    const steps = this.shown.flatMap((reel) => Array.from(reel.radius, (radius, merge) => [radius, reel.index, merge]));
    if (this.mate) steps.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
    this.steps = steps.length;
    this.start = Math.max(...this.shown.map((reel) => reel.start));
    this.radius = Float64Array.from(steps, (step) => step[0]);
    this.owner = Uint8Array.from(steps, (step) => step[1]);
    this.merge = Int32Array.from(steps, (step) => step[2]);
    for (const reel of this.shown) {
      reel.reached = new Int32Array(this.steps + 1); // by steps done: the reel's merges among them
      reel.stepOf = new Int32Array(reel.m);
      steps.forEach(([, owner, merge], i) => {
        reel.reached[i + 1] = reel.reached[i] + (owner === reel.index ? 1 : 0);
        if (owner === reel.index) reel.stepOf[merge] = i;
      });
    }
    const weights = Array.from(this.radius, (r, i) => (r > Math.max(this.start, i ? this.radius[i - 1] : 0) ? (this.steps - i) ** -EXPONENT : 0));
    const sum = weights.reduce((a, b) => a + b, 0);
    this.total = sum > 0 ? Math.min(SECONDS, 2 * weights.filter((w) => w > 0).length) : 0;
    this.times = new Float64Array(this.steps);
    let passed = 0;
    weights.forEach((weight, i) => { passed += weight; this.times[i] = sum > 0 ? (passed / sum) * this.total : 0; });
    // Rounding must not split ties or miss the end.
    for (let i = this.steps - 1; i >= 0; i--) {
      this.times[i] = this.total;
      if (weights[i] > 0) break;
    }
  }

  /** Stand at a time; `held` is the step whose touch is shown, its two parts still in two colours. */
  go(time, held = -1) {
    this.time = clamp(time, 0, this.total);
    let low = 0, high = this.steps;
    while (low < high) { const mid = (low + high) >> 1; if (this.times[mid] <= this.time) low = mid + 1; else high = mid; }
    this.done = low; // steps at or under the radius
    this.held = held;
    const from = Math.max(low ? this.radius[low - 1] : 0, this.start), at = low ? this.times[low - 1] : 0;
    if (low < this.steps && this.time > at) {
      let part = (this.time - at) / (this.times[low] - at);
      if (this.steps - low <= EASED) part = part * part * (3 - 2 * part);
      this.r = from + part * (this.radius[low] - from);
    } else this.r = from;
    for (const reel of this.shown) reel.stand(this.r, reel.reached[low], held >= 0 && this.owner[held] === reel.index ? this.merge[held] : -1);
  }

  /** Seconds between the steps here. */
  wait() { return this.done < this.steps ? (this.times[this.done] - (this.done ? this.times[this.done - 1] : 0)) / this.speed : 1; }

  /* -------- moving */

  play() {
    if (this.total === 0 || this.still()) return;
    if (this.ended) this.go(0);
    else this.go(this.time);
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

  toStep(step) { this.jump(this.times[step], step); }
  toMerge(reel, merge) { this.toStep(reel.stepOf[merge]); }
  toStart() { this.jump(0, -1); }
  toEnd() { this.jump(this.total, this.steps - 1); }

  forward() {
    let step = this.done;
    if (step >= this.steps) return this.toEnd();
    while (step + 1 < this.steps && this.times[step + 1] === this.times[step]) step++;
    return this.toStep(step);
  }

  backward() {
    let step = this.done - 1;
    while (step >= 0 && this.times[step] >= this.time) step--;
    if (step < 0 || this.times[step] === 0) return this.toStart();
    return this.toStep(step);
  }

  toggle() {
    if (this.still()) this.forward();
    else if (this.playing) this.pause();
    else this.play();
  }

  setEdge(on) {
    this.edge = on;
    this.edgeBox.checked = on;
    for (const reel of this.reels) reel.shown = null;
    if (this.signature) {
      for (const reel of this.shown) reel.nameRows();
      this.nameBetween();
      this.paint();
    }
  }

  askEdge(on) {
    this.setEdge(on);
    this.tell("edge", on);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.speedBox.value = String(speed);
  }

  zoom(reel, by, x) {
    reel.zoom(by, x);
    if (this.mate && this.same) for (const other of this.reels) if (other !== reel) other.zoom(by, x);
  }

  /** Move along the line; with one scale for both, both move. */
  pan(reel, shift) {
    for (const other of this.mate && this.same ? this.reels : [reel]) {
      other.camera.shift = shift;
      other.place();
    }
    this.paint();
  }

  nameBetween() {
    const known = this.mate && this.distance !== null;
    set(this.between, known ? `Bottleneck distance of the two diagrams: ${number(this.distance * this.unit)} (${this.edge ? "edge length" : "radius"})` : "");
  }

  speak() {
    const words = this.shown.map((reel) => `${this.mate ? `${reel.name}: ` : ""}${count(reel.parts)} ${reel.parts === 1 ? "part" : "parts"}.`);
    let text = `${this.edge ? "Edge length" : "Radius"} ${number(this.r * this.unit)}, ${words.join(" ")}`;
    if (this.done > 0) {
      const step = this.held >= 0 ? this.held : this.done - 1, reel = this.reels[this.owner[step]];
      const [left, right] = reel.sizes(this.merge[step]);
      text += ` The merge joins ${count(left)} and ${count(right)} ${reel.noun}s.`;
    }
    if (this.ended && this.steps) text += ` This is ${this.edge ? "twice r_f" : "r_f"}.`;
    this.spoken.textContent = text;
  }

  /* -------- the page */

  build() {
    const root = this.root;
    root.replaceChildren();
    root.tabIndex = -1;
    root.setAttribute("role", "group");

    this.probe = make("div", { class: "probe", "aria-hidden": "true" });
    const names = ["ink", "bg", "muted", "faint", "red", "ghost", "hair", "surface"]
      .concat([0, 1, 2, 3, 4].map((i) => `ramp-${i}`), SHAPES.map((_, i) => `topic-${i}`), [0, 1, 2, 3].map((i) => `level-${i}`));
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
    this.partsSpan = make("span", { class: "parts" }, "parts", this.partsNow);
    this.speedBox = make("select", { "aria-label": "Speed", title: "Speed (keys 1 to 4)" },
      ...SPEEDS.map((speed) => make("option", { value: String(speed) }, `${speed === 0.5 ? "½" : speed}×`)));
    this.speedBox.value = "1";
    this.edgeBox = make("input", { type: "checkbox" });
    this.sameBox = make("input", { type: "checkbox" });
    this.sameLabel = make("label", { class: "same", hidden: true }, this.sameBox, "same scale");
    const bar = make("div", { class: "bar" },
      make("div", { class: "buttons" }, ...this.buttons),
      make("div", { class: "scrub" }, this.rug, this.scrub),
      make("div", { class: "readout" }, make("span", { class: "radius" }, this.radiusName, this.radiusNow), this.partsSpan),
      make("div", { class: "options" }, this.speedBox, this.sameLabel, make("label", { class: "edge" }, this.edgeBox, "edge length")));

    this.between = make("p", { class: "between", hidden: true });
    this.spoken = make("div", { class: "spoken", "aria-live": "polite" });
    const keys = make("p", { class: "keys" }, "Space plays, ← → step by merge, Home, End, 1–4 speed, E edge length. "
      + "On a figure ↑ ↓ walk its marks, Enter pins or jumps; + − 0 zoom the line.");
    this.stepKeys = make("span", { hidden: true }, " [ and ] open the neurons of the next higher and lower rank.");
    keys.append(this.stepKeys);
    const still = make("p", { class: "still" }, "This frame:", ...["PNG", "SVG"].map((kind) => {
      const element = make("button", { type: "button", class: "more", "aria-label": `Save this frame as ${kind}` }, kind);
      element.addEventListener("click", () => this.save(kind));
      return element;
    }));
    const [first] = this.reels;
    root.append(this.probe, bar, first.who, first.line, first.legend, first.three, still, first.last8, keys, this.spoken);
  }

  /** Put the second film in its places below the first, or take it away. */
  arrange() {
    const [first, second] = this.reels;
    first.who.hidden = second.who.hidden = this.between.hidden = this.sameLabel.hidden = !this.mate;
    if (this.mate) {
      first.legend.after(this.between, second.who, second.line);
      first.three.after(second.three);
      first.last8.after(second.last8);
    } else for (const part of [this.between, second.who, second.line, second.three, second.last8]) part.remove();
  }

  listen() {
    const on = (...what) => this.on(...what);
    on(this.root, "keydown", (event) => this.key(event));
    on(document, "keydown", (event) => {
      const at = event.composedPath()[0];
      const typing = at?.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at?.tagName ?? "") && at.type !== "range" && at.type !== "checkbox";
      const other = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph"); // brackets need AltGr on some keyboards
      if (typing || other || !this.root.isConnected || !["[", "]"].includes(event.key)) return;
      this.tell("step", event.key === "[" ? -1 : 1);
    });
    on(this.scrub, "input", () => {
      this.playing = false;
      const time = this.scrub.valueAsNumber * this.total;
      this.go(time, time >= this.total ? this.steps - 1 : -1);
      this.paint();
    });
    on(this.scrub, "change", () => this.speak());
    on(this.speedBox, "change", () => this.setSpeed(Number(this.speedBox.value)));
    on(this.edgeBox, "change", () => this.askEdge(this.edgeBox.checked));
    on(this.sameBox, "change", () => {
      this.same = this.sameBox.checked;
      for (const reel of this.reels) reel.camera = { zoom: 1, shift: 0 };
      this.measure();
      this.paint();
    });
    const repaint = () => this.paint();
    // A change of theme starts the probes' transition; the system's scheme and the preference for less motion are asked.
    on(this.probe, "transitionrun", repaint);
    on(this.probe, "transitionend", () => { this.colors = null; this.paint(); });
    on(matchMedia("(prefers-color-scheme: dark)"), "change", repaint);
    on(matchMedia("(prefers-reduced-motion: reduce)"), "change", () => { if (this.still()) this.pause(false); this.paint(); });
    this.sizer = new ResizeObserver(() => { this.measure(); this.paint(true); });
    this.sizer.observe(this.root);
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
    const reel = this.reels.find((one) => one.canvases.includes(target)), zoomed = reel ?? this.reels[0];
    const pressed = target.tagName === "BUTTON" || target.type === "checkbox";
    const acts = {
      ArrowLeft: () => this.backward(), ArrowRight: () => this.forward(), Home: () => this.toStart(), End: () => this.toEnd(),
      e: () => this.askEdge(!this.edge), "+": () => this.zoom(zoomed, 1.5), "=": () => this.zoom(zoomed, 1.5),
      "-": () => this.zoom(zoomed, 1 / 1.5), 0: () => this.zoom(zoomed, 0),
      Escape: () => { for (const one of this.shown) if (one.pinned >= 0) one.pin(one.pinned); },
    };
    SPEEDS.forEach((speed, i) => { acts[i + 1] = () => this.setSpeed(speed); });
    if (!pressed) acts[" "] = () => this.toggle();
    if (reel) {
      acts.ArrowUp = () => reel.walk(target, 1);
      acts.ArrowDown = () => reel.walk(target, -1);
      acts.Enter = () => reel.enter(target);
    }
    const act = acts[key.length === 1 ? key.toLowerCase() : key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /* -------- drawing */

  /** The part of the line that all reels cover, and the pixels a unit at which it fits with all their final disks. */
  common() {
    const extents = this.shown.map((reel) => reel.extent), radius = Math.max(...this.shown.map((reel) => reel.r_f));
    const extent = [Math.min(...extents.map(([low]) => low)), Math.max(...extents.map(([, high]) => high))];
    return [extent, Math.min(...this.shown.map((reel) => reel.fitting(extent, radius)))];
  }

  /** Lay out every reel. */
  measure() {
    this.type = (parseFloat(getComputedStyle(this.root).fontSize) || 15) / 15;
    this.stroke = this.presentation ? 1.4 : this.type;
    this.font = getComputedStyle(this.root).fontFamily;
    this.fit_canvases = true;
    if (!this.signature) return;
    const high = Math.max(...this.shown.map((reel) => reel.r_f)) * 1.12 || 1.12;
    for (const reel of this.shown) reel.width = Math.max(reel.line.clientWidth, 60);
    const [extent, fit] = this.common();
    for (const reel of this.shown) {
      if (this.mate && this.same) reel.frame(extent, fit);
      else reel.frame(reel.extent, reel.fitting());
      reel.measure(high);
    }
  }

  letters(pen, size = 12, weight = 400) { pen.font = `${weight} ${(size * this.type).toFixed(1)}px ${this.font}`; }

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
      if (time >= this.total) { this.go(this.total, this.steps - 1); this.pause(); } else { this.go(time); this.paint(); }
    }
    this.draw(stamp);
  }

  readColors() {
    const [ink, bg] = [this.probes[0][1].color, this.probes[1][1].color];
    if (this.colors && this.colors.ink === ink && this.colors.bg === bg) return;
    this.colors = Object.fromEntries(this.probes.map(([name, style]) => [name, style.color]));
    const ramp = (name, stops, steps) => {
      const known = Array.from({ length: stops }, (_, i) => this.colors[`${name}-${i}`].match(/[\d.]+/g).slice(0, 3).map(Number));
      return Array.from({ length: steps }, (_, i) => {
        const at = (i / (steps - 1)) * (stops - 1), low = Math.min(Math.floor(at), stops - 2), part = at - low;
        return `rgb(${known[low].map((c, k) => Math.round(c + part * (known[low + 1][k] - c))).join(",")})`;
      });
    };
    this.shades = ramp("ramp", 5, SHADES);
    this.levels = ramp("level", 4, LEVELS);
  }

  draw(stamp = performance.now()) {
    if (!this.signature || !this.root.isConnected) return;
    this.readColors();
    if (this.fit_canvases) {
      this.fit_canvases = false;
      this.pens = [this.rug, ...this.shown.flatMap((reel) => reel.canvases)].map((canvas) => {
        const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
        canvas.width = Math.max(1, Math.round(width * ratio));
        canvas.height = Math.max(1, Math.round(height * ratio));
        return { pen: canvas.getContext("2d"), width, height, ratio };
      });
    }
    const pens = this.pens.map(({ pen, width, height, ratio }) => {
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      pen.globalAlpha = 1;
      return pen;
    });
    this.drawRug(pens[0], this.pens[0].width);
    this.shown.forEach((reel, i) => {
      const [line, diagram, barcode] = pens.slice(1 + 3 * i, 4 + 3 * i);
      reel.drawLine(line);
      if (reel.n > 1) { reel.drawDiagram(diagram); reel.drawBarcode(barcode); }
    });
    this.write(stamp);
  }

  drawRug(pen, width) {
    if (!this.total) return;
    const { colors } = this, x = (time) => 7 + (time / this.total) * (width - 14), half = this.mate ? 5 : 9;
    const draw = (reel, from, to, color) => {
      let previous = -Infinity;
      pen.fillStyle = color;
      for (let i = from; i < to; i++) {
        if (this.owner[i] !== reel.index) continue;
        const at = x(this.times[i]);
        if (at - previous < 2) continue;
        previous = at;
        pen.fillRect(at - 0.5, 26 + 5 * reel.index, 1, half - 1);
      }
    };
    for (const reel of this.shown) {
      draw(reel, 0, this.done, colors.muted);
      draw(reel, this.done, this.steps, colors.faint);
      if (reel.lit >= 0) { pen.fillStyle = colors.ink; pen.fillRect(x(this.times[reel.stepOf[reel.lit]]) - 1, 24 + 5 * reel.index, 2, half + 2); }
    }
  }

  write(stamp) {
    const radius = number(this.r * this.unit), name = this.edge ? "edge length" : "radius";
    const parts = this.shown.map((reel) => count(reel.parts)).join(" and ");
    set(this.radiusName, name);
    set(this.radiusNow, radius);
    set(this.partsNow, parts);
    this.stepKeys.hidden = !this.events.includes("step");
    const share = this.total ? this.time / this.total : 1;
    this.scrub.value = String(share);
    this.scrub.style.setProperty("--done", share.toFixed(4));
    if (!this.playing) this.scrub.setAttribute("aria-valuetext", `${name} ${radius}, ${parts} parts`);

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
    for (const [i, button] of this.buttons.entries()) if (i !== 2) button.disabled = this.steps === 0;
    for (const reel of this.shown) reel.write(stamp);
  }

  /* -------- a frame as a file */

  /** Draw the frame on any pen, pieces below one another; returns its width and height. */
  drawFrame(pen) {
    const width = this.reels[0].width, row = HEIGHT + SIDE + 56, height = 44 + row * this.shown.length;
    const at = (x, y, act) => { pen.save(); pen.translate(x, y); act(); pen.restore(); };
    const words = (text, size, weight, x, y, color) => {
      this.letters(pen, size, weight);
      pen.textAlign = "left";
      pen.globalAlpha = 1;
      pen.fillStyle = color;
      pen.fillText(text, x, y);
    };
    pen.fillStyle = this.colors.bg;
    pen.fillRect(0, 0, width, height);
    const name = this.edge ? "edge length" : "radius";
    const between = this.mate && this.distance !== null ? `, bottleneck distance ${number(this.distance * this.unit)}` : "";
    words(`${name} ${number(this.r * this.unit)}${between}`, 15, 600, 0, 22, this.colors.ink);
    this.shown.forEach((reel, i) => {
      const top = 36 + i * row;
      words(`${reel.name || "one neuron"}: ${count(reel.parts)} of ${count(reel.total)} parts`, 13, 600, 0, top + 14, this.colors.ink);
      at(0, top + 16, () => reel.drawLine(pen));
      if (reel.n < 2) return;
      at(0, top + 26 + HEIGHT, () => reel.drawDiagram(pen));
      at((reel.diagram.clientWidth || SIDE) + 32, top + 26 + HEIGHT, () => reel.drawBarcode(pen));
    });
    return [width, height];
  }

  save(kind) {
    if (!this.signature) return;
    this.readColors();
    const file = `${this.fileName}-${this.edge ? "edge" : "radius"}-${(this.r * this.unit).toPrecision(3)}`;
    if (kind === "SVG") {
      const pen = new SvgPen();
      const [width, height] = this.drawFrame(pen);
      save(`${file}.svg`, pen.page(width, height), "image/svg+xml");
      return;
    }
    const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
    const [width, height] = this.drawFrame(new SvgPen());
    canvas.width = 2 * width;
    canvas.height = 2 * height;
    pen.scale(2, 2);
    this.drawFrame(pen);
    canvas.toBlob((blob) => { if (blob) save(`${file}.png`, blob); }, "image/png");
  }
}
