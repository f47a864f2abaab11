
/* ---------------------------------------------------------------- pens */

const escaped = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, " ");
const short = (value) => String(Math.round(value * 1000) / 1000);

/** A path that is written as SVG, with the canvas's words. */
class SvgPath {
  constructor() { this.d = ""; }

  moveTo(x, y) { this.d += `M${short(x)} ${short(y)}`; }
  lineTo(x, y) { this.d += `${this.d ? "L" : "M"}${short(x)} ${short(y)}`; }
  closePath() { this.d += "Z"; }
  rect(x, y, width, height) { this.d += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`; }

  arc(x, y, r, from, to, back = false) {
    const turn = 2 * Math.PI;
    let sweep = back ? from - to : to - from;
    sweep = sweep >= turn ? turn : ((sweep % turn) + turn) % turn || (from === to ? 0 : turn); // as a canvas does
    const at = (angle) => [x + r * Math.cos(angle), y + r * Math.sin(angle)], way = back ? -1 : 1;
    this.lineTo(...at(from));
    const halves = sweep > Math.PI ? 2 : 1; // an arc of more than half a turn is written as two
    for (let i = 1; i <= halves; i++) {
      const [ex, ey] = at(from + (way * sweep * i) / halves);
      this.d += `A${short(r)} ${short(r)} 0 0 ${back ? 0 : 1} ${short(ex)} ${short(ey)}`;
    }
  }
}

/** What the figures ask of a canvas's context, written as SVG. */
class SvgPen {
  constructor() {
    this.out = [];
    this.clips = 0;
    this.open = []; // groups opened since each save
    this.path = new SvgPath();
    this.ruler = document.createElement("canvas").getContext("2d");
    Object.assign(this, { fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, lineJoin: "miter", globalAlpha: 1, font: "12px sans-serif", textAlign: "left" });
    this.dash = [];
  }

  newPath() { return new SvgPath(); }
  beginPath() { this.path = new SvgPath(); }
  moveTo(...at) { this.path.moveTo(...at); }
  lineTo(...at) { this.path.lineTo(...at); }
  arc(...turn) { this.path.arc(...turn); }
  rect(...box) { this.path.rect(...box); }
  closePath() { this.path.closePath(); }
  setLineDash(dash) { this.dash = dash; }
  measureText(text) { this.ruler.font = this.font; return this.ruler.measureText(text); }

  fill(path = this.path) {
    if (path.d) this.out.push(`<path d="${path.d}" fill="${escaped(this.fillStyle)}" fill-opacity="${short(this.globalAlpha)}"/>`);
  }

  stroke(path = this.path) {
    if (!path.d) return;
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    this.out.push(`<path d="${path.d}" fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${short(this.lineWidth)}" `
      + `stroke-linejoin="${this.lineJoin}" stroke-opacity="${short(this.globalAlpha)}"${dash}/>`);
  }

  fillRect(x, y, width, height) {
    const path = new SvgPath();
    path.rect(x, y, width, height);
    this.fill(path);
  }

  fillText(text, x, y) { this.letter(text, x, y, `fill="${escaped(this.fillStyle)}" fill-opacity="${short(this.globalAlpha)}"`); }

  strokeText(text, x, y) {
    this.letter(text, x, y, `fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${short(this.lineWidth)}" `
      + `stroke-linejoin="${this.lineJoin}" stroke-opacity="${short(this.globalAlpha)}"`);
  }

  letter(text, x, y, paint) {
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    this.out.push(`<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}" style="font:${escaped(this.font)}" xml:space="preserve" ${paint}>${escaped(text)}</text>`);
  }

  save() { this.open.push(0); }
  restore() { for (let i = this.open.pop() ?? 0; i > 0; i--) this.out.push("</g>"); }
  group(attributes) { this.out.push(`<g ${attributes}>`); this.open[this.open.length - 1]++; }
  translate(x, y) { this.group(`transform="translate(${short(x)} ${short(y)})"`); }

  clip() {
    const name = `clip${++this.clips}`;
    this.out.push(`<clipPath id="${name}"><path d="${this.path.d}"/></clipPath>`);
    this.group(`clip-path="url(#${name})"`);
  }

  page(width, height) {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${this.out.join("\n")}</svg>\n`;
  }
}

/** A path for a pen: the canvas has its own kind. */
const pathFor = (pen) => (pen.newPath ? pen.newPath() : new Path2D());

/** Hand a file to the reader. */
function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
