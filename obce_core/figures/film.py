"""The film of one neuron: disks grow around its outputs until they are one piece, at r_f.

The picture is plain JavaScript and CSS (`film.js`, `film.css`), used twice: mounted by the pages as a component, and
inlined in a page that needs nothing else. Here its data is made.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from jaxtyping import Float

from obce_core.errors import BadInput
from obce_core.topology import LineMerge, line_merges

_LONGEST = 400
"""Characters of a text that are shown; a longer one ends in an ellipsis."""

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
    """Return the component's style sheet and script, as text: (css, js)."""
    folder = resources.files("obce_core.figures")
    return folder.joinpath("film.css").read_text("utf-8"), folder.joinpath("film.js").read_text("utf-8")


def film_data(
    values: Float[np.ndarray, " texts"],
    texts: Sequence[str],
    merges: Sequence[LineMerge] | None = None,
    *,
    title: str = "",
    topics: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Collect what the film shows of one neuron, as plain lists and numbers that JSON can hold.

    `values` are the neuron's outputs, one a text; `merges` those of `line_merges(values)`, computed if not given;
    `topics` one word a text, which gives its dot a colour and a shape.

    Returns a dict: `n`; `values`, ascending; `order`, the text's index by place on the line; `texts` and `topics` (or
    None) by text index, a text cut at 400 characters; `merges`, by growing radius, four parallel lists `radius`,
    `first`, `gap`, `last` (places, as in `LineMerge`); `r_f`, the last radius, 0 for one text; `title`; `signature`,
    which is equal for equal films and different for others.

    Raises:
        BadInput: there is no value, or texts, topics or merges do not fit the values in number.
        NotFinite: a value is NaN or inf.

    >>> film = film_data(np.array([4.0, 0.0, 1.0]), ["far", "zero", "one"])
    >>> film["order"], film["merges"]["radius"], film["r_f"]
    ([1, 2, 0], [0.5, 1.5], 1.5)
    """
    outputs = np.asarray(values)
    if outputs.ndim != 1 or outputs.size == 0:
        raise BadInput(f"A film needs one value a text, shape (N,) with N >= 1; found {outputs.shape}.")
    size = len(outputs)
    for name, given, needed in (("texts", texts, size), ("topics", topics, size), ("merges", merges, size - 1)):
        if given is not None and len(given) != needed:
            raise BadInput(f"A film of {size} values needs {needed} {name}; found {len(given)}.")
    order, computed = line_merges(outputs)
    merges = computed if merges is None else merges
    film: dict[str, Any] = {
        "n": size,
        "title": _whole(title),
        "values": outputs[order].astype(np.float64).tolist(),
        "order": order.tolist(),
        "texts": [_cut(_whole(text)) for text in texts],
        "topics": None if topics is None else [_cut(_whole(topic)) for topic in topics],
        "merges": {
            "radius": [float(merge.radius) for merge in merges],
            "first": [int(merge.first) for merge in merges],
            "gap": [int(merge.gap) for merge in merges],
            "last": [int(merge.last) for merge in merges],
        },
        "r_f": float(merges[-1].radius) if merges else 0.0,
    }
    film["signature"] = hashlib.sha256(json.dumps(film, sort_keys=True).encode("ascii")).hexdigest()[:16]
    return film


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
