"""The animation of one neuron: disks grow around its outputs until they form one piece, at r_f.

The picture is plain JavaScript and CSS (`script.js`, `style.css`), used twice: mounted by the pages as a component, and
inlined in a page that needs nothing else. Here its data is made.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from obce_core.errors import BadInput
from obce_core.figures.widgets import widget_assets
from obce_core.topology import ThinLine, thin_line

_LONGEST = 400
"""Characters of a text that are shown; a longer one ends in an ellipsis."""

MOST = 3000
"""Points that a film shows; of a larger cloud it shows the last merges, exactly."""

_FILES = ("film/tools.js", "film/pen.js", "film/reel.js", "film/script.js")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font-size: 15px; }}
body {{ margin: 0; background: light-dark(#ffffff, #11161d); color: light-dark(#1b2430, #e4e9ef); }}
main {{ max-width: 1480px; margin: 0 auto; padding: 32px 40px; }}
@media (max-width: 700px) {{ main {{ padding: 16px; }} }}
h1 {{ margin: 0 0 16px; font: 650 1.75rem/1.25 "Source Sans 3", "Source Sans Pro", system-ui, sans-serif;
 unicode-bidi: plaintext; }}
{css}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<div class="film"></div>
</main>
<script type="application/json" id="film-data">{data}</script>
<script type="module">
{js}
const data = JSON.parse(document.getElementById("film-data").textContent);
film({{ data, parentElement: document.querySelector("main"), setTriggerValue() {{}}, setStateValue() {{}} }});
</script>
</body>
</html>
"""


def assets() -> tuple[str, str]:
    """Return the component's style sheet and script (one module), as text: (css, js)."""
    return widget_assets("film", *_FILES)


def film_data(
    values: Float[np.ndarray, " texts"],
    texts: Sequence[str] | None,
    line: ThinLine | None = None,
    *,
    title: str = "",
    noun: str = "text",
    name: str = "",
) -> dict[str, Any]:
    """Collect what the film shows of one neuron, as plain lists and numbers that JSON can hold.

    `values` are the neuron's outputs, one a text (None for `texts`: they are called "noun 1" and so on); `line` is
    `thin_line(values, MOST)`, computed if not given. `name` is what the neuron is called beside another one, and in the
    names of files that are saved.

    Returns a dict: `n`, the points shown, of `total`; `values`, ascending; `order`, the text's index by place on the
    line; `texts` by place on the line, cut at 400 characters; `merges`, by growing radius, four parallel lists
    `radius`, `first`, `gap`, `last` (places, as in `LineMerge`); `start`, the radius at which the film begins, 0 unless
    points were left out; `upto`, the texts before each point shown (None when all are shown); `r_f`, the last radius, 0
    for one text; `title`, `noun`, `name`; `signature`, which is equal for equal films and different for others.

    Colours of the dots are added under `colour` (see `dot_colours`), a second film under `mate` (see `film_pair`).

    Raises:
        BadInput: there are no values, or the number of texts or line entries differs from the number of values.
        NotFinite: a value is NaN or inf.

    >>> film = film_data(np.array([4.0, 0.0, 1.0]), ["far", "zero", "one"])
    >>> film["order"], film["merges"]["radius"], film["r_f"]
    ([1, 2, 0], [0.5, 1.5], 1.5)
    """
    outputs = np.asarray(values)
    if outputs.ndim != 1 or outputs.size == 0:
        raise BadInput(f"A film needs one value a text, shape (N,) with N >= 1; found {outputs.shape}.")
    size = len(outputs)
    if texts is not None and len(texts) != size:
        raise BadInput(f"A film of {size} values needs {size} texts; found {len(texts)}.")
    line = thin_line(outputs, MOST) if line is None else line
    if line.total != size:
        raise BadInput(f"A film of {size} values needs merges of {size} points; found {line.total}.")
    shown, merges = line.points.tolist(), line.merges
    film: dict[str, Any] = {
        "n": len(shown),
        "total": size,
        "title": _whole(title),
        "name": _whole(name),
        "noun": noun,
        "values": line.values.tolist(),
        "order": shown,
        "texts": [f"{noun} {at + 1:,}" if texts is None else _cut(_whole(texts[at])) for at in shown],
        "merges": {
            "radius": [merge.radius for merge in merges],
            "first": [merge.first for merge in merges],
            "gap": [merge.gap for merge in merges],
            "last": [merge.last for merge in merges],
        },
        "start": line.start,
        "upto": None if len(shown) == size else line.upto.tolist(),
        "r_f": float(merges[-1].radius) if merges else 0.0,
    }
    film["signature"] = _signature(film)
    return film


def film_pair(first: dict[str, Any], second: dict[str, Any], distance: float) -> dict[str, Any]:
    """Put a second film below the first, on one clock of the radius, with the bottleneck distance of their diagrams."""
    return {
        **first,
        "mate": second,
        "distance": distance,
        "signature": _signature([first["signature"], second["signature"]]),
    }


def _signature(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()[:16]


def film_html(data: dict[str, Any], title: str) -> str:
    """Write one page that plays a film: style, script and data inside, nothing fetched from anywhere.

    `data` is what `film_data` returns. Texts and title may hold anything: they are shown, never run.
    """
    css, js = assets()
    return _PAGE.format(title=html.escape(_whole(title)), css=css, js=js, data=_json(data))


def _cut(text: str) -> str:
    """Shorten a text to what the film shows."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _json(data: dict[str, Any]) -> str:
    """Write JSON that no HTML parser can take for markup, in ASCII."""
    written = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _whole(text: object) -> str:
    """Put a question mark for half a surrogate pair, which no file or connection can carry."""
    return str(text).encode("utf-8", "replace").decode("utf-8")
