// The cheapest next cuts, a button a row. Data comes from `data.py`; a click sends the row's place.

const HEADS = ["component", "layer", "step", "saves", "cosine", ""];

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".nextcuts");
  if (!root || !data) return;
  root.send = (place) => setTriggerValue("apply", { rev: data.rev, place });
  root.classList.toggle("large", Boolean(data.large));
  const signature = JSON.stringify([data.rows, data.rev]);
  if (root.signature === signature) return;
  root.signature = signature;
  const held = root.getRootNode().activeElement?.dataset?.label;
  const top = root.scrollTop;
  const table = make("table");
  const head = make("tr");
  for (const name of HEADS) {
    const cell = make("th", ["layer", "saves", "cosine"].includes(name) ? "number" : "", name);
    if (!name) cell.setAttribute("aria-label", "apply");
    cell.scope = "col";
    head.append(cell);
  }
  const heads = make("thead");
  heads.append(head);
  const body = make("tbody");
  for (const row of data.rows) body.append(line(root, row));
  table.append(heads, body);
  root.replaceChildren(table);
  root.scrollTop = top;
  if (held) root.querySelector(`button[data-label="${CSS.escape(held)}"]`)?.focus();
}

function line(root, row) {
  const tr = make("tr");
  const name = make("td");
  for (const chip of row.chips) {
    const mark = make("span", "chip");
    mark.style.background = `light-dark(${chip.light}, ${chip.dark})`;
    name.append(mark);
  }
  name.append(make("span", "", row.component));
  const button = make("button", "", "Apply");
  button.type = "button";
  button.title = row.label;
  button.setAttribute("aria-label", row.label);
  button.dataset.label = row.label;
  button.addEventListener("click", () => root.send(row.place));
  const last = make("td", "act");
  last.append(button);
  tr.append(name, make("td", "number", String(row.layer)), make("td", "", row.step), make("td", "number", row.saves),
    make("td", "number" + (row.known ? "" : " open"), row.lost), last);
  return tr;
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}
