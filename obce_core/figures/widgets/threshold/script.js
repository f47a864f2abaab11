// A cell's scores on a log axis, and a percentile to drag through them. Data comes from `data.py`.
// Hollow is cut, solid is kept. The server hears of the percentile after a moment and counts what it saves.

const WAIT = 120;
const BINS = 48;
const [FIRST, LAST] = [1, 95];

export default function (component) {
  mountValue(component, "threshold", "percentile", build, draw);
}

function build(root) {
  root.style.setProperty("--hue", `light-dark(${root.data.light}, ${root.data.dark})`);
  root.replaceChildren();
  const label = make("label");
  root.reading = make("span");
  root.slider = make("input");
  Object.assign(root.slider, { type: "range", min: FIRST, max: LAST, step: 1, value: root.percentile });
  root.slider.setAttribute("aria-label", "Percentile");
  root.slider.addEventListener("input", () => take(root, Number(root.slider.value)));
  label.append(root.reading, root.slider);
  root.svg = shape("svg");
  root.svg.setAttribute("role", "img");
  const follow = (event) => {
    if (!(event.buttons & 1)) return;
    const value = 10 ** (root.low + ((event.clientX - root.svg.getBoundingClientRect().left) / root.svg.clientWidth) * (root.high - root.low));
    const below = root.data.scores.filter((score) => score <= value).length;
    take(root, Math.min(LAST, Math.max(FIRST, Math.round((100 * below) / root.data.scores.length))));
  };
  root.svg.addEventListener("pointerdown", (event) => {
    root.svg.setPointerCapture(event.pointerId);
    follow(event);
  });
  root.svg.addEventListener("pointermove", follow);
  const stage = make("div", "stage");
  stage.append(root.svg);
  root.append(label, stage);
  root.watch?.disconnect();
  root.watch = new ResizeObserver(() => draw(root));
  root.watch.observe(stage);
}

function take(root, percentile) {
  if (percentile === root.percentile) return;
  root.percentile = percentile;
  root.slider.value = percentile;
  draw(root);
  clearTimeout(root.timer);
  root.timer = setTimeout(root.tell, WAIT);
}

// numpy's `linear` quantile of rising numbers.
function quantile(rising, percentile) {
  const place = (percentile / 100) * (rising.length - 1);
  const low = Math.floor(place);
  return rising[low] + (place - low) * ((rising[low + 1] ?? rising[low]) - rising[low]);
}

function draw(root) {
  const { data } = root;
  const { scores } = data;
  const positive = scores.filter((score) => score > 0);
  const value = quantile(scores, root.percentile);
  root.reading.replaceChildren("percentile ", make("b", "", `P${root.percentile}`));
  const width = root.svg.clientWidth || 800;
  const height = data.large ? 370 : 340;
  root.svg.setAttribute("height", height);
  root.svg.replaceChildren();
  root.svg.setAttribute("aria-label", `${scores.length} neurons by r_f; P${root.percentile} is at ${amount(value)}`);
  if (!positive.length) return;
  const [least, most] = [Math.log10(positive[0]), Math.log10(positive[positive.length - 1])];
  const margin = 0.04 * (most - least || 1);
  root.low = least - margin;
  root.high = most + margin;
  const x = (score) => ((Math.log10(score) - root.low) / (root.high - root.low)) * width;
  const [top, base] = [44, height - 54];
  const step = (most - least || 1) / BINS;
  const cut = new Array(BINS).fill(0);
  const kept = new Array(BINS).fill(0);
  for (const score of positive) (score <= value ? cut : kept)[Math.min(BINS - 1, Math.floor((Math.log10(score) - least) / step))] += 1;
  const tall = Math.max(...cut.map((count, i) => count + kept[i]));
  const unit = (base - top) / tall;
  const wide = (step / (root.high - root.low)) * width;
  for (let i = 0; i < BINS; i++) {
    const left = ((least + i * step - root.low) / (root.high - root.low)) * width + 1;
    if (cut[i]) root.svg.append(shape("rect", "cut", { x: left + 0.6, y: base - cut[i] * unit, width: wide - 3.2, height: cut[i] * unit }));
    if (kept[i])
      root.svg.append(shape("rect", "kept", { x: left, y: base - (cut[i] + kept[i]) * unit, width: wide - 2, height: kept[i] * unit }));
  }
  root.svg.append(shape("line", "base", { x1: 0, x2: width, y1: base, y2: base }));
  for (const [tick, words] of data.ticks) text(root.svg, "", x(tick), base + 18, words);
  const at = value > 0 ? x(value) : 0;
  root.svg.append(shape("line", "at", { x1: at, x2: at, y1: 26, y2: base + 4 }));
  text(root.svg, "name", Math.min(Math.max(at, 26), width - 26), 18, `P${root.percentile}`);
  if (data.neuron && data.neuron[1] > 0) {
    const here = x(data.neuron[1]);
    root.svg.append(shape("path", "here", { d: `M${here},${base + 24}l5,9h-10z` }));
    text(root.svg, "one", Math.min(Math.max(here, 40), width - 40), base + 46, `neuron ${data.neuron[0]}`);
  }
  if (at > 90) text(root.svg, "side", at - 42, 40, "cut ←");
  if (at < width - 90) text(root.svg, "side", at + 42, 40, "→ kept");
}

function text(svg, name, x, y, words) {
  const element = shape("text", name, { x, y });
  element.textContent = words;
  svg.append(element);
}
