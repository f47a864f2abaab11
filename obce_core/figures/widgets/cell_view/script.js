// One cell: the histogram of its scores and, below it, its neurons by head or by rank. Data comes from `data.py`.
// Solid is kept, hollow is cut. A click on a neuron, or Enter, opens it.

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 44;
const RIGHT = 8;

export default function (component) {
  const { data, parentElement, setTriggerValue, setStateValue } = component;
  const root = parentElement.querySelector(".cellview");
  if (!root || !data) return;
  root.open = (neuron) => setTriggerValue("open", neuron);
  root.turn = (view) => setStateValue("view", view);
  const again = root.signature === data.signature;
  root.data = data;
  if (!again) {
    root.signature = data.signature;
    root.at = null;
    root.view = data.view;
    draw(root);
  }
  if (!root.watch) {
    root.watch = new ResizeObserver(() => root.clientWidth !== root.drawn && draw(root));
    root.watch.observe(root);
  }
}

function draw(root) {
  const { data } = root;
  root.drawn = root.clientWidth;
  root.large = parseFloat(getComputedStyle(document.documentElement).fontSize) / 15;
  root.style.setProperty("--hue", `light-dark(${data.light}, ${data.dark})`);
  root.replaceChildren();
  if (!data.bars.length) {
    root.append(make("div", "none", "Fewer than two different values above 0: nothing to draw."));
    return;
  }
  const heads = data.head_size > 0;
  if (!heads) root.view = "rank";
  root.tip = make("div", "tip");
  root.tip.hidden = true;
  root.told = make("span", "told", "");
  root.told.setAttribute("aria-live", "polite");
  const bar = make("div", "bar");
  const choice = make("div");
  choice.setAttribute("role", "radiogroup");
  choice.setAttribute("aria-label", "Neurons below the histogram");
  for (const [name, title] of heads ? [["head", "By head"], ["rank", "Rank curve"]] : [["rank", "Rank curve"]]) {
    const button = make("button", "", title);
    button.type = "button";
    button.setAttribute("role", "radio");
    button.setAttribute("aria-checked", String(root.view === name));
    button.addEventListener("click", () => {
      if (root.view === name) return;
      root.view = name;
      root.at = null;
      draw(root);
      root.turn(name);
    });
    choice.append(button);
  }
  bar.append(choice, root.told);
  root.append(histogram(root), bar, dots(root), root.tip);
}

function scale(root) {
  const { low, high } = root.data;
  const a = Math.log(low), b = Math.log(high);
  const pad = 0.02 * (b - a || 1);
  return (value) => (Math.log(value) - a + pad) / (b - a + 2 * pad);
}

function histogram(root) {
  const { data } = root;
  const height = 200 * root.large, top = 20 * root.large, bottom = 40 * root.large;
  const width = root.drawn, place = scale(root);
  const x = (value) => LEFT + place(value) * (width - LEFT - RIGHT);
  const most = Math.max(...data.bars.map(([cut, kept]) => cut + kept));
  const y = (count) => height - bottom - (count / most) * (height - bottom - top);
  const svg = picture(height, `Histogram of ${data.criterion} in ${data.title}, ${data.scores.length} neurons, log scale`);
  for (const count of steps(most)) {
    svg.append(line("grid", LEFT, y(count), width - RIGHT, y(count)), text(String(count), LEFT - 6, y(count) + 4, "end"));
  }
  data.bars.forEach(([cut, kept], i) => {
    const left = x(data.edges[i]) + 0.7, wide = Math.max(1, x(data.edges[i + 1]) - x(data.edges[i]) - 1.4);
    if (cut) svg.append(box("hollow", left, y(cut), wide, y(0) - y(cut)));
    if (kept) svg.append(box("solid", left, y(cut + kept), wide, y(cut) - y(cut + kept)));
  });
  svg.append(line("axis", LEFT, y(0), width - RIGHT, y(0)));
  let end = -Infinity;
  for (const [value, label] of data.ticks) {
    const half = label.length * 3.4 * root.large;
    if (x(value) - half < end) continue;
    svg.append(text(label, x(value), y(0) + 15 * root.large, "middle"));
    end = x(value) + half + 6;
  }
  end = -Infinity;
  for (const mark of [...data.marks].sort((a, b) => a.value - b.value)) {
    const name = mark.cut ? "mark cut" : "mark";
    svg.append(line(name, x(mark.value), top - 4, x(mark.value), y(0)));
    const half = mark.text.length * 3.6 * root.large;
    const at = Math.max(x(mark.value), end + half);
    svg.append(text(mark.text, at, top - 8, "middle", mark.cut ? "cut" : ""));
    end = at + half + 4;
  }
  const zeros = data.zeros ? ` (${data.zeros} at 0 not shown)` : "";
  svg.append(text(`${data.criterion}, log scale${zeros}`, (LEFT + width - RIGHT) / 2, height - 4, "middle"));
  svg.addEventListener("pointermove", (event) => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    const i = data.bars.findIndex((_, k) => at >= x(data.edges[k]) && at < x(data.edges[k + 1]));
    if (i < 0 || !(data.bars[i][0] + data.bars[i][1])) return hide(root);
    const [cut, kept] = data.bars[i];
    show(root, svg, at, y(cut + kept), `${cut + kept} neurons: ${kept} kept, ${cut} cut\n${amount(data.edges[i])} to ${amount(data.edges[i + 1])}`);
  });
  svg.addEventListener("pointerleave", () => hide(root));
  return svg;
}

function dots(root) {
  const { data } = root;
  const height = 226 * root.large, top = 6, bottom = 38 * root.large;
  const width = root.drawn, place = scale(root);
  const count = data.scores.length, heads = root.view === "head";
  const ranked = data.scores.map((_, i) => i).sort((a, b) => data.scores[b] - data.scores[a] || a - b);
  const wide = heads ? Math.floor(data.neurons[count - 1] / data.head_size) + 1 : count;
  const span = width - LEFT - RIGHT;
  const across = new Float64Array(count);
  if (heads) data.neurons.forEach((n, i) => (across[i] = LEFT + ((Math.floor(n / data.head_size) + 0.15 + (0.7 * (n % data.head_size)) / data.head_size) / wide) * span));
  else ranked.forEach((i, rank) => (across[i] = LEFT + ((rank + 0.5) / wide) * span));
  const y = (value) => top + (1 - place(value)) * (height - bottom - top);
  const svg = picture(height, "");
  svg.setAttribute("class", "dots");
  svg.setAttribute("tabindex", "0");
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", `Neurons of ${data.title} by ${heads ? "head" : "rank"}. Arrows move by rank, Enter opens the neuron.`);
  let end = Infinity;
  for (const [value, label] of data.ticks) {
    svg.append(line("grid", LEFT, y(value), width - RIGHT, y(value)));
    if (end - y(value) < 14 * root.large) continue;
    svg.append(text(label, LEFT - 6, y(value) + 4, "end"));
    end = y(value);
  }
  const radius = (count > 1000 ? 1.6 : 2.4) * root.large;
  for (const keep of ["0", "1"]) {
    const path = document.createElementNS(SVG, "path");
    let d = "";
    for (let i = 0; i < count; i++) {
      if (data.kept[i] !== keep || !(data.scores[i] > 0)) continue;
      d += `M${(across[i] - radius).toFixed(1)},${y(data.scores[i]).toFixed(1)}a${radius},${radius} 0 1,0 ${2 * radius},0a${radius},${radius} 0 1,0 ${-2 * radius},0`;
    }
    path.setAttribute("d", d);
    path.setAttribute("class", keep === "1" ? "solid" : "hollow");
    svg.append(path);
  }
  for (const mark of data.marks) {
    if (!mark.cut) continue;
    svg.append(line("mark cut", LEFT, y(mark.value), width - RIGHT, y(mark.value)), text(mark.text, width - RIGHT, y(mark.value) - 4, "end", "cut"));
  }
  svg.append(line("axis", LEFT, height - bottom, width - RIGHT, height - bottom));
  const labels = heads ? [...Array(wide).keys()] : [1, ...steps(count).slice(1)];
  const skip = Math.ceil((labels.length * 24 * root.large) / span);
  labels.forEach((label, i) => {
    if (i % skip) return;
    svg.append(text(String(label), LEFT + ((heads ? label + 0.5 : label - 0.5) / wide) * span, height - bottom + 15 * root.large, "middle"));
  });
  svg.append(text(heads ? "head" : "rank, the largest first", LEFT + span / 2, height - 4, "middle"));
  const chosen = data.neurons.indexOf(data.selected);
  if (chosen >= 0 && data.scores[chosen] > 0) svg.append(ring("chosen", across[chosen], y(data.scores[chosen])));
  const focus = ring("focus", 0, 0);
  focus.style.display = "none";
  svg.append(focus);
  const turn = (i, tip) => {
    root.at = i;
    if (i === null) {
      focus.style.display = "none";
      root.told.textContent = "";
      return hide(root);
    }
    const at = data.scores[i] > 0 ? y(data.scores[i]) : height - bottom;
    focus.style.display = "";
    focus.setAttribute("cx", across[i]);
    focus.setAttribute("cy", at);
    const head = data.head_size ? ` · head ${Math.floor(data.neurons[i] / data.head_size)}` : "";
    const what = `neuron ${data.neurons[i]}${head}`;
    const told = `${data.criterion} ${amount(data.scores[i])}, ${data.kept[i] === "1" ? "kept" : "cut"}`;
    root.told.textContent = tip ? "" : `${what}: ${told}`;
    if (tip) show(root, svg, across[i], at - 6, `${what}\n${told}`);
  };
  const nearest = (event) => {
    const frame = svg.getBoundingClientRect();
    const px = event.clientX - frame.left, py = event.clientY - frame.top;
    let best = null, reach = 14 * 14;
    for (let i = 0; i < count; i++) {
      if (!(data.scores[i] > 0)) continue;
      const away = (across[i] - px) ** 2 + (y(data.scores[i]) - py) ** 2;
      if (away < reach) [best, reach] = [i, away];
    }
    return best;
  };
  svg.addEventListener("pointermove", (event) => turn(nearest(event), true));
  svg.addEventListener("pointerleave", () => turn(null, true));
  svg.addEventListener("blur", () => turn(null, false));
  svg.addEventListener("click", (event) => {
    const i = nearest(event);
    if (i !== null) root.open(data.neurons[i]);
  });
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -count, End: count }[event.key];
    if (event.key === "Enter" && root.at !== null) root.open(data.neurons[root.at]);
    if (!by) return;
    event.preventDefault();
    const from = root.at === null ? (chosen >= 0 ? ranked.indexOf(chosen) : -1) : ranked.indexOf(root.at);
    turn(ranked[Math.max(0, Math.min(count - 1, from + by))], false);
  });
  return svg;
}

function show(root, svg, x, y, words) {
  root.tip.textContent = words;
  root.tip.hidden = false;
  const left = Math.max(0, Math.min(root.drawn - root.tip.offsetWidth, x - root.tip.offsetWidth / 2));
  const top = svg.getBoundingClientRect().top - root.getBoundingClientRect().top + y - root.tip.offsetHeight - 6;
  root.tip.style.left = `${left}px`;
  root.tip.style.top = `${top}px`;
}

const hide = (root) => (root.tip.hidden = true);

// Whole numbers from 0, at most five, at 1, 2, 5 times a power of ten.
function steps(most) {
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const by = Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? power);
  return Array.from({ length: Math.floor(most / by) + 1 }, (_, i) => i * by);
}

// The same numbers as obce_core/formatting.py writes.
function amount(value) {
  const size = Number(value.toExponential(2));
  if (size === 0) return "0";
  if (size < 1e-5) return size.toExponential(2).replace(/e-(\d)$/, "e-0$1");
  return size.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size))));
}

function picture(height, label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("height", height);
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  }
  return svg;
}

function shape(tag, name, values) {
  const element = document.createElementNS(SVG, tag);
  if (name) element.setAttribute("class", name);
  for (const [key, value] of Object.entries(values)) element.setAttribute(key, value);
  return element;
}

const line = (name, x1, y1, x2, y2) => shape("line", name, { x1, y1, x2, y2 });
const box = (name, x, y, width, height) => shape("rect", name, { x, y, width, height: Math.max(0, height) });
const ring = (name, cx, cy) => shape("circle", name, { cx, cy, r: 5.5 });

function text(words, x, y, anchor, name) {
  const element = shape("text", name, { x, y, "text-anchor": anchor });
  element.textContent = words;
  return element;
}

function make(tag, name, words) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (words !== undefined) element.textContent = words;
  return element;
}
