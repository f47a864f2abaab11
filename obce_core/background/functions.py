"""The functions of the background worker, one row each. Arguments and values are plain JSON data.

A task's function gets a dict, `memory`, that lives as long as the process: what is slow to make is kept there.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from obce_core.errors import ObceError, UnknownName

_NO_BROWSER = "PNG and SVG need Chrome or Chromium, and none was found."

Memory = MutableMapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function of the background worker, and the seconds after which it is aborted and the process replaced."""

    name: str
    work: Callable[[Mapping[str, Any], Memory], Any]
    limit: float


def _preheat(_: Mapping[str, Any], memory: Memory) -> None:
    """Import what previews need, before the first request."""
    import torch
    import transformers

    memory["preheated"] = (torch.__version__, transformers.__version__)


def _image(arguments: Mapping[str, Any], memory: Memory) -> str:
    """Draw a Plotly figure (its JSON) as `png` or `svg`; the browser behind it stays open. Returns base64."""
    try:
        import kaleido
    except ImportError:
        raise ObceError("PNG and SVG need kaleido and Chrome or Chromium.", hint="pip install 'obce[images]'") from None
    from choreographer.errors import ChromeNotFoundError

    try:
        if "images" not in memory:
            kaleido.start_sync_server(n=1, silence_warnings=True)
            memory["images"] = True
        picture = kaleido.calc_fig_sync(
            {"data": arguments["figure"]["data"], "layout": arguments["figure"]["layout"]},
            opts={name: arguments[name] for name in ("format", "width", "height", "scale")},
        )
    except Exception as error:
        memory.pop("images", None)  # a browser that failed is restarted at the next request
        kaleido.stop_sync_server(silence_warnings=True)
        if isinstance(error, ChromeNotFoundError):
            raise ObceError(_NO_BROWSER, hint="Install one, or set BROWSER_PATH to its program.") from None
        raise
    return base64.b64encode(picture).decode("ascii")


def _preview(arguments: Mapping[str, Any], memory: Memory) -> dict[str, Any]:
    """Measure a plan, or some of its cells, on held-out texts (see `obce_core.measure.preview_pass.answer`)."""
    from obce_core.measure.preview_pass import answer

    return answer(arguments, memory)


def _umap(arguments: Mapping[str, Any], _: Memory) -> dict[str, Any]:
    """Project the cloud of a head or a component by UMAP.

    `arguments`: `analysis` (id), `layer`, `component`, `head` (None: the whole component), `seed`. Returns `points`,
        one
    pair a text, and `neighbours` (see `obce_core.topology.umap.umap_projection`).
    """
    from obce_core.analysis.analysis import read_analysis
    from obce_core.topology.umap import umap_projection

    cloud = read_analysis(arguments["analysis"]).cloud(arguments["layer"], arguments["component"], arguments["head"])
    points, neighbours = umap_projection(cloud, seed=arguments["seed"])
    return {"points": points.tolist(), "neighbours": neighbours}


FUNCTIONS: dict[str, Function] = {
    task.name: task
    for task in (
        Function(name="preheat", work=_preheat, limit=120),
        Function(name="image", work=_image, limit=60),
        Function(name="preview_plan", work=_preview, limit=300),
        Function(name="preview_cell", work=_preview, limit=300),
        Function(name="umap", work=_umap, limit=180),
    )
}


def function_named(name: str) -> Function:
    """Return a function by name, or raise UnknownName."""
    if name not in FUNCTIONS:
        raise UnknownName("task", name, FUNCTIONS)
    return FUNCTIONS[name]
