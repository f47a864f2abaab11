// One neuron's outputs on a line. Data comes from `data.py`. Disks grow with the slider; the server hears of it
// after a moment, so that a link opens the same view. Texts are users' own: textContent only.

const WAIT = 160;
const MOST = 120; // the slider ends at this percentage of r_f

export default function (component) {
  mountValue(component, "gapline", "percent", build, draw);
}

function build(root) {
  root.replaceChildren();
  const tools = make("div", "tools");
  const label = make("label");
  root.reading = make("span");
  root.slider = make("input");
  Object.assign(root.slider, { type: "range", min: 0, max: MOST, step: 0.5, value: root.percent });
  root.slider.addEventListener("input", () => {
    root.percent = Number(root.slider.value);
    draw(root);
    clearTimeout(root.timer);
    root.timer = setTimeout(root.tell, WAIT);
  });
  label.append(root.reading, root.slider);
  root.parts = make("span");
  tools.append(label, root.parts);
  root.svg = shape("svg", "");
  root.svg.setAttribute("role", "img");
  const stage = make("div", "stage");
  stage.append(root.svg);
  root.rows = make("div", "rows");
  root.append(tools, stage, root.rows);
  const head = make("div", "row head");
  const noun = root.data.noun;
  head.append(make("span"), make("span", "", `${noun} on the left of the gap`), make("span", "", `${noun} on its right`), make("span", "width", "width"));
  root.rows.append(head);
  for (const gap of root.data.gaps) {
    const row = make("button", "row");
    row.type = "button";
    row.setAttribute("aria-expanded", "false");
    const texts = gap.texts.map((text) => make("span", "text", text));
    texts.forEach((text) => { text.title = text.textContent; }); // cut to a line until the row is opened
    row.append(make("b", "", gap.letter), ...texts, make("span", "width"));
    row.addEventListener("click", () => row.setAttribute("aria-expanded", String(row.getAttribute("aria-expanded") === "false")));
    root.rows.append(row);
  }
  root.watch?.disconnect();
  root.watch = new ResizeObserver(() => draw(root));
  root.watch.observe(stage);
}

function draw(root) {
  const { data } = root;
  const radius = (root.percent / 100) * data.last;
  const factor = data.edgeLength ? 2 : 1;
  const name = data.edgeLength ? "edge length 2r" : "radius r";
  root.reading.replaceChildren(`${name} `, make("b", "", amount(factor * radius)));
  root.slider.setAttribute("aria-label", name);
  root.slider.setAttribute("aria-valuetext", amount(factor * radius));
  const closed = (gap) => gap <= 2 * radius * (1 + 1e-9);
  const parts = 1 + data.values.slice(1).filter((value, i) => !closed(value - data.values[i])).length;
  root.parts.replaceChildren("parts ", make("b", "", String(parts)));
  root.svg.setAttribute("aria-label", `${data.values.length} outputs on a line; at this radius ${parts} parts`);

  const width = root.svg.clientWidth || 800;
  const height = data.large ? 250 : 216;
  root.svg.setAttribute("height", height);
  root.svg.replaceChildren();
  const margin = Math.max((MOST / 100) * data.last, 1e-12);
  const low = data.values[0] - margin;
  const high = data.values[data.values.length - 1] + margin;
  const scale = width / (high - low);
  const x = (value) => (value - low) * scale;
  const line = height * 0.46;
  const group = shape("g", "disks");
  const drawn = data.values.filter((value, i) => !i || i === data.values.length - 1 || (x(value) / 0.6 | 0) !== (x(data.values[i - 1]) / 0.6 | 0));
  for (const value of drawn) group.append(shape("circle", "", { cx: x(value), cy: line, r: radius * scale }));
  root.svg.append(group, shape("line", "axis", { x1: 0, x2: width, y1: line, y2: line }));
  const points = shape("g", "points");
  for (const value of drawn) points.append(shape("circle", "", { cx: x(value), cy: line, r: data.large ? 3.4 : 2.5 }));
  root.svg.append(points);
  const rows = [...root.rows.querySelectorAll("button")];
  data.gaps.forEach((gap, i) => {
    const told = data.known && gap.widest;
    const shut = closed(gap.right - gap.left);
    const [a, b] = [x(gap.left), x(gap.right)];
    const y = line + 26 + (data.large ? 10 : 0) + 26 * (i % 2); // neighbours on two levels, so that letters never meet
    root.svg.append(shape("path", `gap${shut ? " closed" : ""}${told ? " last" : ""}`, { d: `M${a},${y - 6}V${y}H${b}V${y - 6}` }));
    const letter = shape("text", told ? "last" : "", { x: (a + b) / 2, y: y + 17 });
    letter.textContent = gap.letter;
    root.svg.append(letter);
    rows[i].classList.toggle("last", told);
    rows[i].lastElementChild.textContent = data.known ? amount(gap.right - gap.left) : "?";
    rows[i].setAttribute("aria-label", `Gap ${gap.letter}, ${shut ? "closed" : "open"}: ${gap.texts.join(" | ")}`);
  });
  for (const [value, anchor] of [[data.values[0], "middle"], [data.values[data.values.length - 1], "middle"]]) {
    const tick = shape("text", "tick", { x: x(value), y: height - 10 });
    tick.style.textAnchor = anchor;
    tick.textContent = amount(value);
    root.svg.append(tick, shape("line", "axis", { x1: x(value), x2: x(value), y1: line + 8, y2: height - 24 }));
  }
}
