() => {
  // Name every text that is cut or stands outside of the page, and every control that stands outside of its column.
  const faults = [], main = document.querySelector('[data-testid="stMain"]');
  const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
  const up = (e) => e.parentElement ?? (e.parentNode instanceof ShadowRoot ? e.parentNode.host : null);
  const scrolls = (style) => [style.overflowX, style.overflowY].some((way) => way === "auto" || way === "scroll");
  const told = (e, style) => style.textOverflow === "ellipsis" && e.title; // shortened on purpose: the whole is a hover away
  const name = (e) => `${(e.textContent || e.value || e.getAttribute("aria-label") || "").trim().slice(0, 40)} <${e.tagName.toLowerCase()}>`;
  const right = main.getBoundingClientRect().left + main.clientWidth;
  if (main.scrollWidth > main.clientWidth + 1) faults.push(`the page scrolls sideways: ${main.scrollWidth} of ${main.clientWidth} px`);
  for (const e of all(main)) {
    const style = getComputedStyle(e), control = ["BUTTON", "INPUT", "SELECT", "TEXTAREA"].includes(e.tagName);
    const text = [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!(text || control) || ["STYLE", "SCRIPT", "OPTION"].includes(e.tagName) || style.visibility === "hidden" || told(e, style)) continue;
    const range = document.createRange();
    range.selectNodeContents(e);
    const box = (control ? e : range).getBoundingClientRect();
    if (box.width < 3 || box.height < 3) continue;
    let free = false; // a place to scroll, or one that is hidden from sight
    for (let p = e; p && p !== main && !free; p = up(p)) {
      const s = getComputedStyle(p), around = p.getBoundingClientRect();
      if (scrolls(s) || told(p, s) || s.clipPath !== "none" || (s.position === "absolute" && around.width <= 2) || Number(s.opacity) === 0) free = true;
      else if (["hidden", "clip"].includes(s.overflowX) && around.width >= 3 && (box.right > around.right + 1 || box.left < around.left - 1)) {
        faults.push(`cut: ${name(e)}, ${Math.round(Math.max(box.right - around.right, around.left - box.left))} px`);
        free = true;
      } else if (control && p.dataset?.testid === "stColumn" && box.right > around.right + 1) {
        faults.push(`over its column: ${name(e)}, ${Math.round(box.right - around.right)} px`);
        free = true;
      }
    }
    if (!free && box.right > right + 1) faults.push(`outside of the page: ${name(e)}, ${Math.round(box.right - right)} px`);
  }
  // A figure and what stands above it or beside it must not share a place.
  const figures = [...main.querySelectorAll('[data-testid="stPlotlyChart"]')].map((e) => [e, e.getBoundingClientRect()]);
  for (const e of all(main).filter((e) => e.tagName === "BUTTON" || e.tagName === "INPUT")) {
    const box = e.getBoundingClientRect();
    if (box.width < 3 || getComputedStyle(e).visibility === "hidden" || e.closest('[data-testid="stElementToolbar"]')) continue;
    for (const [figure, around] of figures) {
      const over = Math.min(box.right, around.right) - Math.max(box.left, around.left) > 2 && Math.min(box.bottom, around.bottom) - Math.max(box.top, around.top) > 2;
      if (over && !figure.contains(e)) faults.push(`over a figure: ${name(e)}`);
    }
  }
  return [...new Set(faults)];
}
