// The sidebar's own controls: copy the address of this view, and tell Python when the system's colours change.

const SHOWN = 1600; // ms that "Copied" stays

export default function frame(component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".frame"), button = root?.querySelector("button");
  if (!button) return undefined;
  keepOneEntryAChoice();
  if (data?.address && data.address !== root.address) completeAddress(data.address);
  root.address = data?.address;
  button.onclick = async () => {
    const told = await copy(window.location.href);
    button.textContent = told ? "Copied" : "Copy the address above";
    clearTimeout(root.timer);
    root.timer = setTimeout(() => { button.textContent = "Copy link"; }, SHOWN);
  };
  // The page's CSS follows the system at once; figures that were drawn on the server do not.
  const tell = () => {
    const mode = dark(getComputedStyle(root).getPropertyValue("--st-background-color")) ? "dark" : "light";
    if (mode !== root.told && mode !== data?.mode) setStateValue("mode", mode);
    root.told = mode;
  };
  const media = matchMedia("(prefers-color-scheme: dark)"), later = () => setTimeout(tell, 150);
  media.addEventListener("change", later);
  tell();
  return () => media.removeEventListener("change", later);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // without https the clipboard is closed: the old way
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

function dark(color) {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  pen.fillStyle = color.trim() || "#ffffff";
  pen.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}
