// One entry of the browser's history a choice.
//
// Streamlit pushes an entry at every change of the address: one as a page is opened, with no selection, and one more as
// the page fills in what nobody chose. Back then returns to an address that is completed to the one just left: a press
// without effect. So the first change after a press of key or pointer is a new entry, and whatever follows it without
// another press completes that entry.

function keepOneEntryAChoice() {
  if (window.obceHistory) return;
  const own = window.obceHistory = { pressed: false };
  const press = (event) => { if (!event.repeat) own.pressed = true; };
  for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, press, { capture: true, passive: true });
  window.addEventListener("popstate", () => { own.pressed = false; }, { capture: true });
  const push = history.pushState.bind(history);
  history.pushState = (state, title, url) => {
    const next = new URL(url ?? location.href, location.href);
    if (next.href === location.href) return;
    const bare = !location.search && next.pathname === location.pathname; // a page before its selection
    if (own.pressed && !bare) push(state, title, url);
    else history.replaceState(state, title, url);
    own.pressed = false;
  };
}

/** Put a query into the entry that is shown. */
function completeAddress(query) {
  if (query && query !== location.search.slice(1)) history.replaceState({}, "", `${location.pathname}?${query}`);
}
