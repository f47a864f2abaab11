// The film of a neuron, or of two on one clock: disks grow around outputs on a line until all are one piece, at r_f.
// Four files make one module: tools, pens (canvas and SVG), a reel (one neuron's figures), and the film (clock and controls).
// Texts come from anywhere: they reach the page through textContent and attributes only.

const SECONDS = 11; // of a whole film at 1x
const EXPONENT = 1.05; // a merge takes time 1 / (merges left) ** EXPONENT
const EASED = 7; // last merges whose growth slows down before the touch
const ROWS = 8; // last merges in the table
const APART = 0.7; // px: marks closer than this are drawn once
const SHADES = 48; // steps of the ramp
const HEIGHT = 218, MIDDLE = 93, REACH = 84, AXIS = 187; // px of the line's canvas: whole, centre, largest disk, axis
const SIDE = 250; // px of the diagram, and the barcode's height
const SPEEDS = [0.5, 1, 2, 4];
const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "ring"];
const ICONS = {
  first: "M6 5h2.4v14H6zM18.5 5v14L9 12z", back: "M16.5 5v14L7 12z", play: "M7.5 4.5v15l12-7.5z",
  pause: "M6.5 5h4v14h-4zM13.5 5h4v14h-4z", on: "M7.5 5v14L17 12z", end: "M15.6 5H18v14h-2.4zM5.5 5v14L15 12z",
  again: "M12 5V1.8L7 6l5 4.2V7a5.5 5.5 0 1 1-5.5 5.5H4.5A7.5 7.5 0 1 0 12 5z",
};

/* ---------------------------------------------------------------- numbers */

/** Three significant digits; scientific only under 1e-5; the minus is U+2212. */
function number(value) {
  const size = Math.abs(value);
  let text;
  if (size === 0) return "0";
  if (size < 9.995e-6) text = size.toExponential(2).replace(/e-(\d)$/, "e-0$1"); // two digits, as Python writes it
  else if (Number(size.toPrecision(3)) < 1000) text = size.toPrecision(3);
  else text = Math.round(size).toLocaleString("en-US");
  return (value < 0 ? "−" : "") + text;
}

const count = (value) => value.toLocaleString("en-US");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Round places between two ends, `most` at the most, with their labels and a common power of ten ("" if none). */
function ticks(low, high, most) {
  if (!(high > low)) return { at: [low], labels: [number(low)], factor: "" };
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  let step = power * 10;
  for (const multiple of [1, 2, 5]) {
    const width = multiple * power;
    if (Math.floor(high / width + 1e-9) - Math.ceil(low / width - 1e-9) + 1 <= most) { step = width; break; }
  }
  const at = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) at.push(i * step);
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const exponent = largest < 1e-5 ? Math.floor(Math.log10(largest)) : 0;
  const digits = clamp(exponent - Math.floor(Math.log10(step) + 1e-9), 0, 15);
  const labels = at.map((value) => {
    const shown = value / 10 ** exponent;
    const text = digits ? Math.abs(shown).toFixed(digits) : Math.abs(Math.round(shown)).toLocaleString("en-US");
    return Math.abs(value) < step / 2 ? "0" : (value < 0 ? "−" : "") + text;
  });
  const raised = String(exponent).replace(/[-\d]/g, (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]);
  return { at, labels, factor: exponent ? `× 10${raised}` : "" };
}

/* ---------------------------------------------------------------- elements */

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

function drawing(path, color = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(svg.namespaceURI, "path");
  shape.setAttribute("d", path);
  if (color) shape.style.fill = color;
  svg.append(shape);
  return svg;
}

/** Put a user's text in an element, in its own direction of writing. */
function say(element, text) {
  element.textContent = text;
  element.dir = "auto";
}

/** Add one dot to a path; shapes tell topics apart without hue. */
function dot(path, shape, x, y, size) {
  const s = size * 1.15;
  if (shape === "square") path.rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8);
  else if (shape === "triangle") { path.moveTo(x, y - s * 1.1); path.lineTo(x + s, y + s * 0.8); path.lineTo(x - s, y + s * 0.8); path.closePath(); }
  else if (shape === "diamond") { path.moveTo(x, y - s * 1.2); path.lineTo(x + s, y); path.lineTo(x, y + s * 1.2); path.lineTo(x - s, y); path.closePath(); }
  else if (shape === "cross") { const t = size * 0.4; path.rect(x - s, y - t, 2 * s, 2 * t); path.rect(x - t, y - s, 2 * t, 2 * s); }
  else { path.moveTo(x + size, y); path.arc(x, y, size, 0, 2 * Math.PI); }
  if (shape === "ring") { path.moveTo(x + size * 0.5, y); path.arc(x, y, size * 0.5, 0, 2 * Math.PI, true); }
}

function set(element, text) { if (element.textContent !== text) element.textContent = text; }

function ordinal(value) {
  const tail = value % 100 > 10 && value % 100 < 14 ? 0 : value % 10;
  return `${value}${["th", "st", "nd", "rd"][tail] ?? "th"}`;
}

/** The outline of a union of equal disks on a line, exactly: between two neighbours the outline changes hands at their
 * middle. Marks under APART px apart are one; the part's two ends stay. */
function outline(path, xs, first, last, R, width) {
  const kept = [];
  let previous = -Infinity;
  for (let i = first; i <= last; i++) {
    const x = xs[i];
    if (x < -R - 10 && i < last) { if (xs[i + 1] < -R - 10) continue; }
    if (x > width + R + 10 && kept.length) { kept.push(x); break; }
    if (x - previous < APART && i < last) continue;
    previous = x;
    kept.push(x);
  }
  const end = kept.length - 1;
  const turn = (i) => Math.acos(Math.min((kept[i + 1] - kept[i]) / 2 / R, 1)); // where disk i meets the next
  const angles = kept.map((_, i) => (i < end ? turn(i) : 0));
  const flat = (i) => i > 0 && i < end && kept[i + 1] - kept[i - 1] < Math.min(3, R * 0.2); // too short an arc to see
  path.moveTo(kept[0] - R, MIDDLE);
  for (let i = 0; i <= end; i++) {
    if (flat(i)) path.lineTo(kept[i], MIDDLE - R);
    else path.arc(kept[i], MIDDLE, R, i ? Math.PI + angles[i - 1] : Math.PI, 2 * Math.PI - angles[i]);
  }
  for (let i = end; i >= 0; i--) {
    if (flat(i)) path.lineTo(kept[i], MIDDLE + R);
    else path.arc(kept[i], MIDDLE, R, angles[i], i ? Math.PI - angles[i - 1] : Math.PI);
  }
  path.closePath();
}
