// The plan as a grid. Data comes from figures/plangrid.py. The component paints at once and sends the whole plan;
// Python keeps the truth: a new `rev` in the data makes it take over (after undo, a preset, an import).

const MARKS = [30, 50, 70];

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".plangrid");
  if (!root || !data) return;
  root.send = (values) => setStateValue("edit", { rev: data.rev, cells: values });
  root.linked = data.linked;
  if (root.shape !== data.shape) {
    root.shape = data.shape;
    root.picked = new Set();
    build(root, data);
  }
  if (root.rev !== data.rev) {
    root.rev = data.rev;
    root.values = Object.fromEntries(data.cells.map((cell) => [key(cell), cell.percentile]));
  }
  root.kept = Object.fromEntries(data.cells.map((cell) => [key(cell), [cell.percentile, cell.kept]]));
  paint(root);
}

const key = (cell) => `${cell.layer}.${cell.component}`;

function build(root, data) {
  root.replaceChildren();
  root.cells = new Map();
  root.widths = Object.fromEntries(data.cells.map((cell) => [key(cell), cell.width]));
  root.equal = new Set(data.cells.filter((cell) => cell.equal).map(key));
  root.order = data.layers.map((layer) => data.columns.map((column) => `${layer}.${column.component}`));
  root.append(tools(root), grid(root, data));
}

function tools(root) {
  const box = make("div", "tools");
  root.count = make("span", "count");
  root.value = make("span", "value");
  const marks = make("div", "marks");
  for (const mark of [0, ...MARKS]) {
    const button = make("button", "", mark ? `P${mark}` : "–");
    button.type = "button";
    button.title = mark ? `Remove the ${mark} % with the smallest scores` : "Leave these cells whole";
    button.addEventListener("click", () => set(root, mark));
    marks.append(button);
  }
  root.slider = make("input");
  Object.assign(root.slider, { type: "range", min: 0, max: 99, step: 1 });
  root.slider.setAttribute("aria-label", "Percentile of the selected cells");
  root.slider.addEventListener("input", () => {
    set(root, Number(root.slider.value), false);
    clearTimeout(root.timer);
    root.timer = setTimeout(() => root.send({ ...root.values }), 120);
  });
  const all = make("button", "", "Select all");
  all.type = "button";
  all.addEventListener("click", () => select(root, root.order.flat(), false));
  box.append(root.count, root.value, marks, root.slider, all);
  root.buttons = [...marks.children];
  return box;
}

function grid(root, data) {
  const box = make("div", "grid" + (data.layers.length > 12 ? " low" : ""));
  box.setAttribute("role", "grid");
  box.setAttribute("aria-multiselectable", "true");
  box.setAttribute("aria-label", "Percentile by layer and component");
  box.style.gridTemplateColumns = `44px repeat(${data.columns.length}, minmax(0, 1fr))`;
  box.append(make("div", "corner", "layer"));
  for (const column of data.columns) {
    const head = make("button", "head");
    head.type = "button";
    head.title = `Select ${column.title} in every layer`;
    const chip = make("span", "chip");
    chip.style.background = hue(column);
    head.append(chip, make("span", "", column.title));
    head.addEventListener("click", (event) => select(root, root.order.flat().filter((k) => k.endsWith("." + column.component)), event.shiftKey));
    box.append(head);
  }
  const height = data.layers.length <= 6 ? 56 : data.layers.length <= 12 ? 44 : 28;
  data.layers.forEach((layer, i) => {
    const row = make("button", "row", String(layer));
    row.type = "button";
    row.title = `Select layer ${layer}`;
    row.addEventListener("click", (event) => select(root, root.order[i], event.shiftKey));
    box.append(row);
    for (const column of data.columns) box.append(cell(root, `${layer}.${column.component}`, column, height));
  });
  document.addEventListener("pointerup", () => (root.dragging = null));
  return box;
}

function cell(root, name, column, height) {
  const equal = root.equal.has(name);
  const element = make("button", "cell" + (equal ? " equal" : ""));
  element.type = "button";
  element.style.height = `${height}px`;
  element.dataset.name = name;
  element.setAttribute("role", "gridcell");
  element.label = make("span", "", equal ? "all equal" : "");
  element.append(element.label);
  if (!equal) {
    element.stay = make("span", "kept");
    const bar = make("span", "bar");
    element.fill = document.createElement("i");
    element.fill.style.background = hue(column);
    bar.append(element.fill);
    element.append(element.stay, bar);
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      root.dragging = event.shiftKey && root.anchor ? root.anchor : name;
      select(root, between(root, root.dragging, name), event.ctrlKey || event.metaKey);
    });
    element.addEventListener("pointerenter", () => root.dragging && select(root, between(root, root.dragging, name), false));
    element.addEventListener("keydown", (event) => press(root, name, event));
  }
  root.cells.set(name, element);
  return element;
}

function press(root, name, event) {
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (step) {
    event.preventDefault();
    const [row, column] = place(root, name);
    const next = root.order[row + step[0]]?.[column + step[1]];
    if (!next || root.equal.has(next)) return;
    const anchor = event.shiftKey ? root.anchor ?? name : next;
    select(root, between(root, anchor, next), false, anchor);
    root.cells.get(next).focus();
  } else if (/^[0-9]$/.test(event.key)) {
    event.preventDefault();
    const now = Date.now();
    root.typed = now - (root.typedAt ?? 0) < 900 ? (root.typed + event.key).slice(-2) : event.key;
    root.typedAt = now;
    set(root, Math.min(99, Number(root.typed)));
  } else if (["Delete", "Backspace"].includes(event.key)) {
    event.preventDefault();
    set(root, 0);
  } else if (["-", "+"].includes(event.key)) {
    event.preventDefault();
    const by = event.key === "+" ? 5 : -5;
    for (const one of reach(root)) root.values[one] = Math.max(0, Math.min(99, (root.values[one] ?? 0) + by));
    paint(root);
    root.send({ ...root.values });
  }
}

function place(root, name) {
  const row = root.order.findIndex((names) => names.includes(name));
  return [row, root.order[row].indexOf(name)];
}

function between(root, from, to) {
  const [a, b] = place(root, from);
  const [c, d] = place(root, to);
  const found = [];
  for (let row = Math.min(a, c); row <= Math.max(a, c); row++)
    for (let column = Math.min(b, d); column <= Math.max(b, d); column++) found.push(root.order[row][column]);
  return found;
}

function select(root, names, add, anchor) {
  if (!add) root.picked.clear();
  for (const name of names) if (!root.equal.has(name)) root.picked.add(name);
  root.anchor = anchor ?? root.dragging ?? names[0];
  paint(root);
}

// The selected cells, and their partners where query and key are linked.
function reach(root) {
  const found = new Set(root.picked);
  if (root.linked)
    for (const name of root.picked) {
      const twin = name.endsWith(".query") ? name.replace(".query", ".key") : name.endsWith(".key") ? name.replace(".key", ".query") : null;
      if (twin && !root.equal.has(twin)) found.add(twin);
    }
  return found;
}

function set(root, percentile, send = true) {
  if (!root.picked.size) return;
  for (const name of reach(root)) root.values[name] = percentile;
  paint(root);
  if (send) root.send({ ...root.values });
}

function paint(root) {
  for (const [name, element] of root.cells) {
    const picked = root.picked.has(name);
    element.setAttribute("aria-selected", String(picked));
    if (root.equal.has(name)) {
      element.tabIndex = -1;
      element.setAttribute("aria-label", `${words(name)}: every text gives the same value, cannot be cut`);
      continue;
    }
    const percentile = root.values[name] ?? 0;
    const [known, kept] = root.kept[name];
    const stay = known === percentile ? kept : Math.round(root.widths[name] * (1 - percentile / 100));
    const whole = stay === root.widths[name];
    element.tabIndex = picked || (!root.picked.size && element === root.cells.values().next().value) ? 0 : -1;
    element.classList.toggle("whole", whole);
    element.label.textContent = percentile ? `P${percentile}` : whole ? "–" : "by hand";
    element.stay.textContent = whole ? "" : stay.toLocaleString("en-US");
    element.fill.style.width = `${(100 * stay) / root.widths[name]}%`;
    element.setAttribute("aria-label", `${words(name)}: ${percentile ? `P${percentile}` : "whole"}, ${stay} of ${root.widths[name]} stay`);
  }
  const values = new Set([...root.picked].map((name) => root.values[name] ?? 0));
  root.count.textContent = root.picked.size ? `${root.picked.size} cell${root.picked.size > 1 ? "s" : ""}` : "no cell";
  root.value.textContent = values.size === 1 ? ([...values][0] ? `P${[...values][0]}` : "whole") : values.size ? "mixed" : "";
  if (values.size === 1 && document.activeElement !== root.slider) root.slider.value = [...values][0];
  for (const control of [...root.buttons, root.slider]) control.disabled = !root.picked.size;
}

const words = (name) => `Layer ${name.split(".")[0]}, ${name.split(".")[1]}`;
const hue = (column) => `light-dark(${column.light}, ${column.dark})`;

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}
