// The map of layers by components. Data comes from `data.py`; a click or the arrows select a cell.

const SVG = "http://www.w3.org/2000/svg";

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".cellmap");
  if (!root || !data) return;
  const chosen = root.chosen && root.rev === data.rev ? root.chosen : data.selected;
  root.rev = data.rev;
  root.chosen = chosen;
  if (root.signature !== data.signature) {
    root.signature = data.signature;
    draw(root, data);
  }
  root.pick = (layer, name, focus) => {
    root.chosen = { layer, component: name };
    mark(root, focus);
    setStateValue("selected", { layer, component: name });
  };
  mark(root, false);
}

function draw(root, data) {
  root.replaceChildren();
  const tall = data.layers.length <= 12;
  const grid = make("div", "map" + (tall ? "" : " low"));
  grid.setAttribute("role", "grid");
  grid.setAttribute("aria-label", data.heading || "Layers by components");
  grid.style.gridTemplateColumns = `36px repeat(${data.columns.length}, minmax(var(--least, 0), 1fr))`;
  grid.append(make("div", "corner", "layer"));
  for (const column of data.columns) {
    const head = make("div", "head");
    head.setAttribute("role", "columnheader");
    if (column.locked) head.append(padlock());
    else {
      const chip = make("span", "chip");
      chip.style.background = `light-dark(${column.light}, ${column.dark})`;
      head.append(chip);
    }
    head.append(make("span", "", column.title));
    head.title = column.full + (column.locked ? ": shown, never cut" : "");
    grid.append(head);
  }
  const height = tall ? (data.layers.length <= 6 ? 58 : 44) : 26;
  for (const layer of data.layers) {
    const row = make("div", "row", String(layer));
    row.setAttribute("role", "rowheader");
    grid.append(row);
    for (const cell of data.cells.filter((entry) => entry.layer === layer)) grid.append(button(root, data, cell, height, tall));
  }
  root.append(grid, legend(data.legend));
}

function button(root, data, cell, height, tall) {
  const names = data.columns.map((column) => column.component);
  const element = make("button", "cell" + (cell.equal ? " equal" : "") + (cell.near ? " near" : "") + (data.flat ? " flat" : ""));
  element.type = "button";
  element.style.height = `${(height / 15).toFixed(3)}rem`;
  element.dataset.layer = cell.layer;
  element.dataset.component = cell.component;
  element.setAttribute("role", "gridcell");
  element.setAttribute("aria-label", cell.label + (cell.locked ? ", locked" : ""));
  element.title = cell.label;
  element.append(make("span", "", cell.equal || cell.text));
  if (!cell.equal) {
    element.style.background = `light-dark(${cell.light}, ${cell.dark})`;
    element.style.color = `light-dark(${cell.ink_light}, ${cell.ink_dark})`;
    if (tall && cell.hill) element.append(hill(cell.hill));
  }
  element.addEventListener("click", () => root.pick(cell.layer, cell.component, true));
  element.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const edge = { Home: names[0], End: names[names.length - 1] }[event.key];
    if (edge) root.pick(cell.layer, edge, true);
    if (step || edge) event.preventDefault();
    if (!step) return;
    const at = names.indexOf(cell.component) + step[1];
    const layer = data.layers[data.layers.indexOf(cell.layer) + step[0]];
    if (layer !== undefined && names[at] !== undefined) root.pick(layer, names[at], true);
  });
  return element;
}

function mark(root, focus) {
  for (const cell of root.querySelectorAll(".cell")) {
    const here = Number(cell.dataset.layer) === root.chosen?.layer && cell.dataset.component === root.chosen?.component;
    cell.setAttribute("aria-selected", String(here));
    cell.tabIndex = here ? 0 : -1;
    if (here && focus) cell.focus();
  }
}

function hill(heights) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "hill");
  svg.setAttribute("viewBox", `0 0 ${heights.length - 1} 1`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", "M0,1" + heights.map((h, i) => `L${i},${(1 - h).toFixed(3)}`).join("") + `L${heights.length - 1},1Z`);
  path.setAttribute("fill", "currentColor");
  path.setAttribute("opacity", "0.38");
  svg.append(path);
  return svg;
}

function legend(told) {
  const box = make("div", "legend");
  const bar = make("span", "bar" + (told.light.length === 3 ? " flat" : ""));
  const ramp = told.light.map((light, i) => `light-dark(${light}, ${told.dark[i]}) ${(100 * i) / (told.light.length - 1)}%`);
  bar.style.background = `linear-gradient(90deg, ${ramp.join(", ")})`;
  box.append(make("span", "", told.low), bar, make("span", "", told.high), make("span", "", told.text));
  if (told.near) {
    const near = make("span", "near");
    near.append(make("i"), make("span", "", told.near));
    box.append(near);
  }
  return box;
}

function padlock() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "lock");
  svg.setAttribute("viewBox", "0 0 11 12");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "locked");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", "M2.5 5V3.5a3 3 0 0 1 6 0V5M1 5h9v6.5H1z");
  path.setAttribute("fill", "none");
  path.setAttribute("stroke", "currentColor");
  path.setAttribute("stroke-width", "1.4");
  svg.append(path);
  return svg;
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}
