// What the figures of lessons 4 and 5 share: numbers as obce_core/formatting.py writes them, and elements.

const SVG = "http://www.w3.org/2000/svg";

// Three significant digits, as obce_core/formatting.py writes them.
function amount(value) {
  if (!value) return "0";
  const size = Number(Math.abs(value).toExponential(2));
  const sign = value < 0 ? "−" : "";
  if (size < 1e-5) return sign + size.toExponential(2).replace(/e-(\d)$/, "e-0$1");
  const power = Math.floor(Math.log10(size));
  return sign + size.toFixed(Math.max(0, 2 - power));
}

function shape(tag, name, values = {}) {
  const element = document.createElementNS(SVG, tag);
  if (name) element.setAttribute("class", name);
  for (const [key, value] of Object.entries(values)) element.setAttribute(key, typeof value === "number" ? value.toFixed(2) : value);
  return element;
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

// Mount a figure with one value that the viewer moves. The server's value takes over when `rev` changes.
function mountValue({ data, parentElement, setStateValue }, figure, name, build, draw) {
  const root = parentElement.querySelector(`.${figure}`);
  if (!root || !data) return;
  root.data = data;
  root.tell = () => setStateValue(name, { rev: data.rev, [name]: root[name] });
  root.classList.toggle("large", data.large);
  if (root.rev !== data.rev) {
    root.rev = data.rev;
    root[name] = data[name];
    build(root);
  }
  draw(root);
}
