// The leaderboard: a click on a task's head or on a row's name is sent. Data comes from `data.py`; all texts are text.

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".leaderboard");
  if (!root || !data) return;
  root.send = (name, value) => setTriggerValue(name, value);
  const signature = JSON.stringify([data.columns, data.groups, data.task, data.row]);
  if (root.signature === signature) return;
  root.signature = signature;
  const held = root.getRootNode().activeElement?.dataset?.name;
  const left = root.scrollLeft;
  const table = make("table");
  table.setAttribute("aria-label", "Leaderboard");
  const head = make("tr");
  for (const name of data.latency ? ["model", "parameters", "latency"] : ["model", "parameters"]) {
    const cell = make("th", name === "model" ? "corner" : "", name);
    cell.scope = "col";
    head.append(cell);
  }
  for (const column of data.columns) {
    const cell = make("th");
    cell.scope = "col";
    const chosen = column.task === data.task;
    const button = press(root, "task", column.task, chosen, `${column.title}, ${column.metric}`);
    button.append(make("b", "", column.title), make("small", "", column.metric));
    cell.append(button);
    head.append(cell);
  }
  const heads = make("thead");
  heads.append(head);
  table.append(heads);
  for (const group of data.groups) table.append(body(root, group, data));
  root.replaceChildren(table);
  parentElement.getRootNode().host?.closest(".st-key-board-room")?.style.setProperty("min-height", "0"); // the room was kept until now
  root.scrollLeft = left;
  if (held) root.querySelector(`button[data-name="${CSS.escape(held)}"]`)?.focus();
}

function body(root, group, data) {
  const part = make("tbody");
  const line = make("tr", "group");
  const title = make("th", "", group.title);
  title.colSpan = 2 + Number(data.latency) + data.columns.length;
  title.scope = "rowgroup";
  title.append(make("small", "", group.note));
  line.append(title);
  part.append(line);
  for (const row of group.rows) part.append(entry(root, row, data));
  return part;
}

function entry(root, row, data) {
  const line = make("tr", row.key ? "ours" : "told");
  const name = make("th");
  name.scope = "row";
  if (row.key) {
    const button = press(root, "row", row.key, row.key === data.row, row.label);
    button.append(make("span", "", row.label));
    name.append(button);
  } else name.append(make("span", "", row.label));
  name.append(make("small", "", row.small));
  const size = make("td", "size", row.size);
  size.append(make("small", "", row.share));
  line.append(name, size);
  if (data.latency) {
    const latency = make("td");
    latency.append(make("small", "", row.latency));
    line.append(latency);
  }
  row.cells.forEach((cell, at) => {
    const box = make("td", data.columns[at].task === data.task ? "on" : "");
    if (cell.style) box.setAttribute("style", cell.style);
    for (const [score, small] of cell.scores) {
      box.append(make("span", "score", score));
      if (small) box.append(make("small", "", small));
    }
    line.append(box);
  });
  return line;
}

function press(root, kind, value, chosen, label) {
  const button = make("button");
  button.type = "button";
  button.dataset.name = `${kind} ${value}`;
  button.setAttribute("aria-pressed", String(chosen));
  button.setAttribute("aria-label", label);
  button.addEventListener("click", () => root.send(kind, value));
  return button;
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}
