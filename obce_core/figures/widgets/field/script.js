// Points in a field. Data comes from `data.py`, in whole thousandths. The figure draws at once and tells the
// server after a moment; a new `rev` in the data makes the server's points take over.
//
// With a radius it draws the Vietoris-Rips complex; without one, the simplices that were chosen by hand.

const SVG = "http://www.w3.org/2000/svg";
const WAIT = 120;
const SOME = 400;

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".field");
  if (!root || !data) return;
  root.send = () => {
    clearTimeout(root.timer);
    setStateValue("edit", { rev: root.rev, points: root.points, radius: root.radius, simplices: root.simplices.map(nameOf) });
  };
  root.later = () => {
    clearTimeout(root.timer);
    root.timer = setTimeout(root.send, WAIT);
  };
  root.data = data;
  root.classList.toggle("large", data.large);
  if (root.shape !== data.shape) {
    root.shape = data.shape;
    root.rev = undefined;
    build(root);
  }
  if (root.rev !== data.rev) {
    clearTimeout(root.timer); // an edit that was under way belongs to points that are gone
    root.rev = data.rev;
    root.points = data.points.map((point) => [...point]);
    root.simplices = data.simplices.map((simplex) => [...simplex]);
    root.radius = data.radius;
    root.chosen = data.radius === null ? [] : root.points.length ? [0] : [];
    root.here = 0;
  }
  draw(root);
}

const letter = (at) => String.fromCharCode(at < 26 ? 65 + at : 71 + at);
const nameOf = (simplex) => simplex.map(letter).join("");
const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

function build(root) {
  root.replaceChildren();
  const tools = make("div", "tools");
  if (root.data.radius === null) {
    root.told = make("span", "told");
    root.join = button(tools, "main", "", () => toggle(root));
    tools.append(root.told, make("span", "space"));
  } else {
    const label = make("label");
    root.reading = make("span");
    root.slider = make("input");
    Object.assign(root.slider, { type: "range", min: 0, max: root.data.maxRadius, step: 10 });
    root.slider.addEventListener("input", () => {
      root.radius = Number(root.slider.value);
      draw(root);
      root.later();
    });
    label.append(root.reading, root.slider);
    tools.append(label);
  }
  root.more = button(tools, "", "Add", () => add(root));
  root.more.setAttribute("aria-label", "Add a point");
  root.less = button(tools, "", "Remove", () => remove(root));
  root.less.setAttribute("aria-label", "Remove the chosen points");
  root.svg = shape("svg");
  root.svg.setAttribute("role", "group");
  root.svg.setAttribute("aria-label", "Points. Arrow keys move the chosen one, brackets choose another, Delete removes it.");
  root.layers = {};
  for (const name of ["disks", "triangles", "edges", "missing", "reach", "dots"]) {
    root.layers[name] = shape(["disks", "reach", "dots"].includes(name) ? "g" : "path");
    root.layers[name].setAttribute("class", name);
    root.svg.append(root.layers[name]);
  }
  root.svg.addEventListener("click", (event) => {
    if (event.target !== root.svg) return;
    const box = root.svg.getBoundingClientRect();
    add(root, [(event.clientX - box.left) / root.scale, (box.height - (event.clientY - box.top)) / root.scale]);
  });
  root.hint = make("div", "hint", "Click to add a point");
  root.spoken = make("div", "spoken");
  root.spoken.setAttribute("aria-live", "polite");
  const stage = make("div", "stage");
  stage.append(root.svg, root.hint, root.spoken);
  root.append(tools, stage);
  root.watch?.disconnect();
  root.watch = new ResizeObserver(() => draw(root));
  root.watch.observe(stage);
}

function draw(root) {
  if (!root.points) return;
  const { data, points, layers } = root;
  const width = root.svg.clientWidth || 500;
  root.scale = width / data.size[0];
  const height = data.size[1] * root.scale;
  root.svg.setAttribute("height", height);
  root.svg.classList.toggle("full", points.length >= data.most);
  const place = points.map(([x, y]) => [x * root.scale, height - y * root.scale]);
  const { edges, triangles, missing } = data.radius === null ? byHand(root) : byRadius(root);
  layers.edges.setAttribute("d", edges.map((edge) => path(edge.map((at) => place[at]))).join(""));
  fill(root, place, triangles);
  layers.missing.setAttribute("d", missing.map((edge) => path(edge.map((at) => place[at]))).join(""));
  disks(root, place);
  dots(root, place);
  root.hint.hidden = points.length > 0;
  root.less.disabled = !root.chosen.length;
  root.more.disabled = points.length >= data.most;
  if (data.radius !== null) {
    if (document.activeElement !== root.slider) root.slider.value = root.radius;
    const [name, value] = data.edgeLength ? ["edge length 2r", 2 * root.radius] : ["radius r", root.radius];
    const bold = make("b", "", (value / 1000).toFixed(value % 10 ? 3 : 2)); // a link may hold three decimals
    root.reading.replaceChildren(`${name} `, bold);
    root.slider.setAttribute("aria-label", name);
    root.slider.setAttribute("aria-valuetext", bold.textContent);
  } else choice(root);
}

// Disks that touch are joined; whole numbers, so touching is exact.
function byRadius(root) {
  const { points, radius } = root;
  const near = (a, b) => (points[a][0] - points[b][0]) ** 2 + (points[a][1] - points[b][1]) ** 2 <= 4 * radius ** 2;
  const edges = [];
  const triangles = [];
  for (let a = 0; a < points.length; a++)
    for (let b = a + 1; b < points.length; b++) {
      if (!near(a, b)) continue;
      edges.push([a, b]);
      for (let c = b + 1; c < points.length; c++) if (near(a, c) && near(b, c)) triangles.push([a, b, c]);
    }
  return { edges, triangles, missing: [] };
}

function byHand(root) {
  const edges = root.simplices.filter((simplex) => simplex.length === 2);
  const triangles = root.simplices.filter((simplex) => simplex.length === 3);
  const needed = triangles.flatMap(([a, b, c]) => [[a, b], [a, c], [b, c]]);
  return { edges, triangles, missing: needed.filter((edge) => !edges.some((other) => same(edge, other))) };
}

function disks(root, place) {
  const reach = root.radius === null ? null : root.radius * root.scale;
  fit(root.layers.disks, reach === null ? 0 : place.length, () => {
    const disk = shape("circle");
    disk.setAttribute("class", "disk");
    return disk;
  });
  [...root.layers.disks.children].forEach((disk, i) => set(disk, { cx: place[i][0], cy: place[i][1], r: reach }));
  const at = place[root.chosen[0]];
  const shown = reach !== null && at && reach > 14;
  fit(root.layers.reach, shown ? 2 : 0, (i) => shape(i ? "text" : "line"));
  if (!shown) return;
  const [line, name] = root.layers.reach.children;
  const side = at[0] + reach > root.svg.clientWidth ? -1 : 1;
  line.setAttribute("class", "reach");
  set(line, { x1: at[0], y1: at[1], x2: at[0] + side * reach, y2: at[1] });
  name.setAttribute("class", "reach-name");
  name.textContent = "r";
  set(name, { x: at[0] + (side * reach) / 2 - 3, y: at[1] + 16 });
}

function dots(root, place) {
  const size = root.data.large ? 1.4 : 1;
  fit(root.layers.dots, place.length, (at) => dot(root, at));
  [...root.layers.dots.children].forEach((group, at) => {
    const [hit, ring, mark, name] = group.children;
    set(hit, { cx: place[at][0], cy: place[at][1], r: 15 });
    set(ring, { cx: place[at][0], cy: place[at][1], r: 9 * size });
    set(mark, { cx: place[at][0], cy: place[at][1], r: 5 * size });
    const right = place[at][0] > root.svg.clientWidth - 22;
    const low = place[at][1] < 20;
    set(name, { x: place[at][0] + (right ? -20 : 9) * size, y: place[at][1] + (low ? 17 : -8) * size });
    group.classList.toggle("on", root.chosen.includes(at));
    group.setAttribute("tabindex", at === Math.min(root.here, place.length - 1) ? 0 : -1);
    const [x, y] = root.points[at].map((value) => (value / 1000).toFixed(2));
    group.setAttribute("aria-label", `Point ${letter(at)} at ${x}, ${y}`);
    if (root.data.radius === null) group.setAttribute("aria-pressed", String(root.chosen.includes(at)));
  });
}

function dot(root, at) {
  const group = shape("g");
  group.setAttribute("class", "dot");
  group.setAttribute("role", "button");
  group.dataset.at = at;
  for (const name of ["hit", "ring", "mark"]) {
    const circle = shape("circle");
    circle.setAttribute("class", name);
    group.append(circle);
  }
  const name = shape("text");
  name.textContent = letter(at);
  name.setAttribute("aria-hidden", "true");
  group.append(name);
  group.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    group.setPointerCapture(event.pointerId);
    group.focus({ preventScroll: true });
    root.drag = { at, from: [event.clientX, event.clientY], moved: false };
    root.here = at;
    if (root.data.radius !== null) root.chosen = [at];
    draw(root);
  });
  group.addEventListener("pointermove", (event) => {
    const drag = root.drag;
    if (!drag || drag.at !== at) return;
    drag.moved ||= Math.hypot(event.clientX - drag.from[0], event.clientY - drag.from[1]) > 3;
    if (!drag.moved) return;
    group.classList.add("held");
    const box = root.svg.getBoundingClientRect();
    move(root, at, [(event.clientX - box.left) / root.scale, (box.height - (event.clientY - box.top)) / root.scale]);
    root.later();
  });
  const end = () => {
    const drag = root.drag;
    if (!drag || drag.at !== at) return;
    root.drag = null;
    group.classList.remove("held");
    if (drag.moved) root.send();
    else if (root.data.radius === null) pick(root, at);
  };
  group.addEventListener("pointerup", end);
  group.addEventListener("pointercancel", end);
  group.addEventListener("click", (event) => event.stopPropagation());
  group.addEventListener("focus", () => {
    root.here = at;
    if (root.data.radius !== null && !root.chosen.includes(at)) {
      root.chosen = [at];
      draw(root);
    }
  });
  group.addEventListener("keydown", (event) => press(root, at, event));
  return group;
}

function press(root, at, event) {
  const step = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
  if (step) {
    const by = event.shiftKey ? 500 : 100;
    move(root, at, [root.points[at][0] + by * step[0], root.points[at][1] + by * step[1]]);
    root.later();
  } else if (event.key === "[" || event.key === "]") {
    const count = root.points.length;
    root.layers.dots.children[(at + (event.key === "]" ? 1 : count - 1)) % count].focus();
  } else if (event.key === "Delete" || event.key === "Backspace") {
    root.chosen = root.data.radius === null && root.chosen.includes(at) ? root.chosen : [at];
    remove(root);
  } else if ((event.key === "Enter" || event.key === " ") && root.data.radius === null) {
    if (event.key === "Enter" && root.chosen.length > 1 && root.chosen.includes(at)) toggle(root);
    else pick(root, at);
  } else return;
  event.preventDefault();
}

const clamp = (value, high) => Math.min(Math.max(Math.round(value), 0), high);

function move(root, at, [x, y]) {
  root.points[at] = [clamp(x, root.data.size[0]), clamp(y, root.data.size[1])];
  draw(root);
}

function add(root, where) {
  if (root.points.length >= root.data.most) return say(root, `At most ${root.data.most} points.`);
  const [wide, high] = root.data.size;
  const step = root.points.length; // a new point of the keyboard lands beside the middle, never on an earlier one
  const [x, y] = where ?? [wide / 2 + 700 * ((step % 5) - 2), high / 2 + 600 * ((Math.floor(step / 5) % 5) - 2)];
  root.points.push([clamp(x, wide), clamp(y, high)]);
  root.here = root.points.length - 1;
  if (root.data.radius !== null) root.chosen = [root.here];
  say(root, `Point ${letter(root.here)} added.`);
  draw(root);
  if (!where) root.layers.dots.lastElementChild.focus();
  root.send();
}

function remove(root) {
  if (!root.chosen.length) return;
  const gone = new Set(root.chosen);
  const names = root.chosen.map(letter).join(", ");
  const kept = root.points.map((_, at) => at).filter((at) => !gone.has(at));
  const now = new Map(kept.map((at, i) => [at, i]));
  root.points = kept.map((at) => root.points[at]);
  root.simplices = root.simplices.filter((simplex) => simplex.every((at) => now.has(at))).map((simplex) => simplex.map((at) => now.get(at)));
  root.here = Math.max(0, Math.min(root.here, kept.length - 1));
  root.chosen = root.data.radius === null || !kept.length ? [] : [root.here];
  say(root, `${names} removed.`);
  const focused = root.layers.dots.contains(root.getRootNode().activeElement);
  draw(root);
  if (focused) root.layers.dots.children[root.here]?.focus();
  root.send();
}

// Choosing points of which to make a simplex.
function pick(root, at) {
  root.chosen = root.chosen.includes(at) ? root.chosen.filter((other) => other !== at) : [...root.chosen.slice(-2), at];
  draw(root);
}

function choice(root) {
  const chosen = [...root.chosen].sort((a, b) => a - b);
  const kind = { 2: "edge", 3: "triangle" }[chosen.length];
  const there = root.simplices.some((simplex) => same(simplex, chosen));
  root.join.hidden = !kind;
  root.join.textContent = kind ? `${there ? "Remove" : "Add"} ${kind} ${nameOf(chosen)}` : "";
  root.told.textContent = kind ? "" : chosen.length ? `${nameOf(chosen)} is chosen; choose one or two more` : "Choose two or three points";
}

function toggle(root) {
  const chosen = [...root.chosen].sort((a, b) => a - b);
  const at = root.simplices.findIndex((simplex) => same(simplex, chosen));
  if (at >= 0) root.simplices.splice(at, 1);
  else root.simplices.push(chosen);
  say(root, `${nameOf(chosen)} ${at >= 0 ? "removed" : "added"}.`);
  draw(root);
  root.send();
}

function say(root, words) {
  root.spoken.textContent = words;
}

// One way round, so that overlapping triangles never cancel.
function turned([a, b, c]) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) < 0 ? [a, c, b] : [a, b, c];
}

// Many triangles take long to paint: edges and disks go ahead, and the shade follows when the hand rests.
function fill(root, place, triangles) {
  const paint = () => {
    const shown = triangles.length > SOME ? triangles.filter((triangle) => empty(triangle, place)) : triangles;
    root.layers.triangles.setAttribute("d", shown.map((triangle) => path(turned(triangle.map((at) => place[at]))) + "Z").join(""));
  };
  clearTimeout(root.shade);
  if (triangles.length <= SOME) return paint();
  root.layers.triangles.setAttribute("d", "");
  root.shade = setTimeout(paint, WAIT);
}

// A triangle with a point inside is covered by the three smaller ones at that point, which are filled as well.
function empty([a, b, c], place) {
  const side = ([px, py], [qx, qy], [x, y]) => (qx - px) * (y - py) - (qy - py) * (x - px);
  const [p, q, r] = turned([place[a], place[b], place[c]]);
  return !place.some((point, at) => at !== a && at !== b && at !== c && side(p, q, point) > 0 && side(q, r, point) > 0 && side(r, p, point) > 0);
}

const path = (corners) => "M" + corners.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L");

function fit(layer, count, one) {
  while (layer.children.length > count) layer.lastElementChild.remove();
  while (layer.children.length < count) layer.append(one(layer.children.length));
}

function set(element, values) {
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, value.toFixed(1));
}

function button(box, name, text, act) {
  const element = make("button", name, text);
  element.type = "button";
  element.addEventListener("click", act);
  box.append(element);
  return element;
}

const shape = (tag) => document.createElementNS(SVG, tag);

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}
