"""The dashboard's own widgets: one folder each, with its data, its downloads, its script and its style sheet."""

from __future__ import annotations

from importlib.resources import files


def widget_assets(name: str, *scripts: str) -> tuple[str, str]:
    """Return (css, js) of a widget: `style.css` of its folder, and its scripts joined into one module.

    Args:
        name: the widget's folder.
        scripts: paths below `widgets/`, in the order in which they are joined; `<name>/script.js` by default.
    """
    home = files(__name__)
    paths = scripts or (f"{name}/script.js",)
    return home.joinpath(name, "style.css").read_text("utf-8"), "\n".join(
        home.joinpath(path).read_text("utf-8") for path in paths
    )
