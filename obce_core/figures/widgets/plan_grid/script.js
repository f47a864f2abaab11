// The plan as a grid. Data comes from `data.py`. The component paints at once and sends the whole plan;
// Python keeps the truth: a new `rev` in the data makes it take over (after undo, a preset, an import).

const MARKS = [30, 50, 70];

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".plangrid");
  if (!root || !data) return;
  root.send = (values) => setStateValue("edit", { rev: data.rev, cells: values });
  root.linked = data.linked;
  root.classList.toggle("large", Boolean(data.large));
  if (root.shape !== data.shape) {
    root.shape = data.shape;
    root.picked = new Set();
    root.anchor = null;
    build(root, data);
  }
  if (root.rev !== data.rev) {
    root.rev = data.rev;
    clearTimeout(root.timer);
    root.values = Object.fromEntries(data.cells.map((cell) => [key(cell), cell.percentile]));
  }
  root.told = Object.fromEntries(data.cells.map((cell) => [key(cell), cell]));
  paint(root);
}

const key = (cell) => `${cell.layer}.${cell.component}`;

function build(root, data) {
  root.replaceChildren();
  root.cells = new Map();
  root.titles = Object.fromEntries(data.columns.map((column) => [column.component, column.name]));
  root.equal = new Set(data.cells.filter((cell) => cell.equal).map(key));
  root.order = data.layers.map((layer) => data.columns.map((column) => `${layer}.${column.component}`));
  root.append(tools(root), grid(root, data));
}

function tools(root) {
  const box = make("div", "tools");
  box.setAttribute("role", "toolbar");
  box.setAttribute("aria-label", "Percentile of the selected cells");
  root.count = make("span", "count");
  root.value = make("span", "value");
  root.count.setAttribute("aria-live", "polite");
  const marks = make("div", "marks");
  for (const mark of [0, ...MARKS]) {
    const button = make("button", "", mark ? `P${mark}` : "–");
    button.type = "button";
    button.mark = mark;
    button.title = mark ? `Remove the ${mark} % with the smallest scores` : "Leave these cells whole";
    button.addEventListener("click", (event) => {
      set(root, mark);
      back(root, event);
    });
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
  root.slider.addEventListener("pointerup", (event) => back(root, event));
  root.number = make("input", "number");
  Object.assign(root.number, { type: "text", inputMode: "decimal", maxLength: 5, placeholder: "P…", autocomplete: "off" });
  root.number.title = "Type a percentile from 0 to below 100, then Enter";
  root.number.setAttribute("aria-label", "Type a percentile");
  root.number.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    root.number.blur(); // its change sets the cells
    if (!root.number.classList.contains("wrong")) back(root);
  });
  root.number.addEventListener("change", () => {
    const wanted = Number(root.number.value.trim().replace(/^p/i, "").replace(",", "."));
    const right = root.number.value.trim() !== "" && wanted >= 0 && wanted < 100;
    root.number.classList.toggle("wrong", !right);
    root.number.setAttribute("aria-invalid", String(!right));
    if (right) set(root, wanted);
  });
  const all = make("button", "all", "Select all");
  all.type = "button";
  all.addEventListener("click", (event) => {
    select(root, root.order.flat(), false);
    back(root, event);
  });
  const what = make("div", "what");
  what.append(root.count, root.value);
  box.append(what, marks, root.slider, root.number, all);
  root.buttons = [...marks.children];
  return box;
}

function grid(root, data) {
  const low = data.layers.length > 12;
  const box = make("div", "grid" + (low ? " low" : ""));
  box.setAttribute("role", "grid");
  box.setAttribute("aria-multiselectable", "true");
  box.setAttribute("aria-label", "Percentile by layer and component");
  box.style.gridTemplateColumns = `44px repeat(${data.columns.length}, minmax(var(--least, 0), 1fr)) repeat(${data.locked.length}, minmax(20px, 42px))`;
  const heads = line(box);
  const corner = make("div", "corner", "layer");
  corner.setAttribute("role", "columnheader");
  heads.append(corner);
  for (const column of data.columns) {
    const head = make("button", "head");
    head.type = "button";
    head.setAttribute("role", "columnheader");
    head.title = `Select ${column.name} in every layer`;
    const chip = make("span", "chip");
    chip.style.background = hue(column);
    head.append(chip, make("span", "", column.title));
    head.addEventListener("click", (event) => {
      select(root, root.order.flat().filter((k) => k.endsWith("." + column.component)), event.shiftKey);
      back(root, event);
    });
    heads.append(head);
  }
  for (const name of data.locked) {
    const head = make("div", "lock");
    head.setAttribute("role", "columnheader");
    head.title = `${name} is locked: it feeds a residual sum and cannot be cut`;
    head.setAttribute("aria-label", head.title);
    head.append(padlock());
    heads.append(head);
  }
  const height = data.layers.length <= 6 ? 56 : data.layers.length <= 12 ? 44 : 28;
  data.layers.forEach((layer, i) => {
    const cells = line(box);
    const row = make("button", "row", String(layer));
    row.type = "button";
    row.setAttribute("role", "rowheader");
    row.title = `Select layer ${layer}`;
    row.addEventListener("click", (event) => {
      select(root, root.order[i], event.shiftKey);
      back(root, event);
    });
    cells.append(row);
    for (const column of data.columns) cells.append(cell(root, `${layer}.${column.component}`, column, height));
    for (const name of data.locked) {
      const grey = make("div", "locked");
      grey.setAttribute("role", "gridcell");
      grey.setAttribute("aria-disabled", "true");
      grey.setAttribute("aria-label", `Layer ${layer}, ${name}: locked`);
      cells.append(grey);
    }
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
  element.label = make("span", "label");
  element.append(element.label);
  if (!equal) {
    element.close = make("span", "cosine");
    const bar = make("span", "bar");
    element.fill = document.createElement("i");
    element.fill.style.background = hue(column);
    bar.append(element.fill);
    element.append(element.close, bar);
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
    let [row, column] = place(root, name);
    let next;
    do {
      [row, column] = [row + step[0], column + step[1]];
      next = root.order[row]?.[column];
    } while (next && root.equal.has(next));
    if (!next) return;
    const anchor = event.shiftKey ? root.anchor ?? name : next;
    select(root, between(root, anchor, next), false, anchor);
    root.cells.get(next).focus();
  } else if (event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key !== "a" || event.altKey) return;
    event.preventDefault();
    select(root, root.order.flat(), false, name);
  } else if (/^[0-9]$/.test(event.key)) {
    event.preventDefault();
    const now = Date.now();
    root.typed = now - (root.typedAt ?? 0) < 900 ? (root.typed + event.key).slice(-2) : event.key;
    root.typedAt = now;
    set(root, Math.min(99, Number(root.typed)));
  } else if (["Delete", "Backspace"].includes(event.key)) {
    event.preventDefault();
    set(root, 0);
  } else if (["-", "−", "+"].includes(event.key)) {
    event.preventDefault();
    const by = event.key === "+" ? 5 : -5;
    for (const one of reach(root)) root.values[one] = Math.max(0, Math.min(95, (root.values[one] ?? 0) + by));
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
  root.number.value = "";
  root.number.classList.remove("wrong");
  paint(root);
}

// After the pointer used a button or the slider, the keys go to the cells again; who came by Tab stays where he is.
function back(root, event) {
  if (event && event.type === "click" && !event.detail) return;
  const name = root.picked.has(root.anchor) ? root.anchor : root.order.flat().find((one) => root.picked.has(one));
  root.cells.get(name)?.focus({ preventScroll: true });
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
  let first = true;
  for (const [name, element] of root.cells) {
    const picked = root.picked.has(name);
    const told = root.told[name];
    const star = told.hands ? "*" : "";
    element.setAttribute("aria-selected", String(picked));
    if (root.equal.has(name)) {
      element.tabIndex = -1;
      element.label.textContent = `all equal${star}`;
      const why = told.width ? "every text gives the same value, so its neurons cannot be ranked" : "an earlier cut left no neuron";
      describe(element, `${words(root, name)}: ${why}`);
      continue;
    }
    const percentile = root.values[name] ?? 0;
    const known = told.percentile === percentile;
    const stay = known ? told.kept : Math.round(told.width * (1 - percentile / 100));
    const whole = stay === told.width && !percentile;
    element.tabIndex = picked || (!root.picked.size && first) ? 0 : -1;
    first = false;
    element.classList.toggle("whole", whole);
    element.label.textContent = percentile ? `P${percentile}${star}` : whole ? `–${star}` : "by hand";
    element.fill.style.width = `${(100 * stay) / told.width}%`;
    element.close.textContent = whole ? "" : told.cosine;
    element.close.classList.toggle("old", !known || told.old);
    const close = whole ? "" : known ? `. ${told.told}` : ". Cosine not measured yet";
    const hands = told.hands ? `, ${told.hands} chosen by hand` : "";
    describe(element, `${words(root, name)}: ${percentile ? `P${percentile}` : "whole"}, ${stay} of ${told.width} stay${hands}${close}`);
  }
  const values = new Set([...root.picked].map((name) => root.values[name] ?? 0));
  const same = values.size === 1 ? [...values][0] : null;
  root.count.textContent = root.picked.size ? `${root.picked.size} cell${root.picked.size > 1 ? "s" : ""}` : "Select cells";
  root.value.textContent = same !== null ? (same ? `P${same}` : "whole") : values.size ? "mixed" : "";
  if (same !== null && focused(root) !== root.slider) root.slider.value = same;
  for (const button of root.buttons) button.setAttribute("aria-pressed", String(button.mark === same));
  for (const control of [...root.buttons, root.slider, root.number]) control.disabled = !root.picked.size;
}

function describe(element, text) {
  if (element.title === text) return;
  element.title = text;
  element.setAttribute("aria-label", text);
}

const focused = (root) => root.getRootNode().activeElement;
const words = (root, name) => `Layer ${name.split(".")[0]}, ${root.titles[name.split(".")[1]]}`;
const hue = (column) => `light-dark(${column.light}, ${column.dark})`;

function line(box) {
  const row = make("div", "line");
  row.setAttribute("role", "row");
  box.append(row);
  return row;
}

function padlock() {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 16 16", width: 12, height: 12, "aria-hidden": "true" })) picture.setAttribute(name, value);
  for (const [tag, of] of [
    ["path", { d: "M5 7V5a3 3 0 0 1 6 0v2", fill: "none", stroke: "currentColor", "stroke-width": 1.8 }],
    ["rect", { x: 3, y: 7, width: 10, height: 7, rx: 1, fill: "currentColor" }],
  ]) {
    const part = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(of)) part.setAttribute(name, value);
    picture.append(part);
  }
  return picture;
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}
