"""An analysis: the outputs of every neuron of one model for one set of texts, and the importance of each neuron.

Open files in one folder: `analysis.json`, `texts.parquet`, `importance.parquet`, `activations.safetensors`, and a
manifest. Layers count from 1, neurons from 0; radii, not edge lengths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from obce_core import settings
from obce_core.architectures import EncoderShape, Family, family_of
from obce_core.architectures.stored import StoredLayer, read_entries
from obce_core.components import COMPONENTS, check_component
from obce_core.criteria import CRITERIA, criterion, random_scores
from obce_core.errors import AnalysisError, shorten
from obce_core.models.identity import Identity, read_identity
from obce_core.storage.atomic import read_json
from obce_core.storage.staging import check_name, is_complete

if TYPE_CHECKING:
    import pandas

    from obce_core.texts import Texts

FORMAT = "obce-analysis/1"
META, TEXTS, IMPORTANCE, ACTIVATIONS = "analysis.json", "texts.parquet", "importance.parquet", "activations.safetensors"
BASE_COLUMNS = (
    "r_f",
    "mean",
    "std",
    "min",
    "max",
    "mean_cls",
    "std_cls",
    "mean_all",
    "std_all",
)
"""Columns of a neuron beside layer, component, neuron, head, n_tokens and one for each other stored criterion."""


def stored_criteria() -> tuple[str, ...]:
    """Return the names of the criteria whose scores an analysis stores: all but those made from a seed."""
    return tuple(name for name, row in CRITERIA.items() if row.reads != "seed")


def radius_units() -> dict[str, str]:
    """Return the units of the stored criteria that are lengths of the filtration: radii, whatever a page shows."""
    return {name: row.unit for name, row in CRITERIA.items() if row.unit.startswith("radius")}


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """One analysis, read lazily: importance columns as numpy arrays, activations a cell at a time.

    `columns` maps a column's name to one float64 value a neuron, in the order layer, component, neuron.
    """

    meta: Mapping[str, Any]
    columns: Mapping[str, np.ndarray]
    folder: Path | None = None

    @property
    def id(self) -> str:
        return str(self.meta["id"])

    @cached_property
    def identity(self) -> Identity | None:
        """The identity of the model; None in an analysis of the older kind, which did not record it."""
        return read_identity(self.meta["model"].get("identity"))

    @cached_property
    def shape(self) -> EncoderShape:
        return EncoderShape(**self.meta["model"]["shape"])

    @property
    def family(self) -> Family:
        return family_of(self.meta["model"]["family"])

    @cached_property
    def layers(self) -> tuple[StoredLayer | None, ...]:
        """The stored rows of each layer if the analysed model was cut before (None: all rows); empty if it was not."""
        widths = self.meta["model"].get("widths")
        return () if widths is None else tuple(read_entries(widths, self.shape))

    def neurons(self, layer: int, component: str) -> np.ndarray:
        """Return the neurons of a cell by their original index, rising, shape (neurons,).

        In a model that was never cut these are 0, 1, 2, …; an extra key row is not a neuron.
        """
        self._place(layer, component)
        stored = self.layers[layer - 1] if self.layers else None
        return np.arange(self.shape.width(component)) if stored is None else stored.stored(component, self.shape)

    def width(self, layer: int, component: str) -> int:
        """Count the neurons of a cell."""
        place = self._place(layer, component)
        return place.stop - place.start

    @cached_property
    def _places(self) -> dict[tuple[int, str], slice]:
        places, at = {}, 0
        for layer in range(1, self.shape.layers + 1):
            stored = self.layers[layer - 1] if self.layers else None
            for component in COMPONENTS:
                width = self.shape.width(component) if stored is None else len(stored.stored(component, self.shape))
                places[layer, component] = slice(at, at + width)
                at += width
        return places

    def cell(self, layer: int, component: str) -> dict[str, np.ndarray]:
        """Return every column of one cell, each of shape (neurons,)."""
        place = self._place(layer, component)
        return {name: values[place] for name, values in self.columns.items()}

    def scores(self, layer: int, component: str, name: str = "r_f", *, seed: int = 0) -> np.ndarray:
        """Return a criterion's float64 score of each neuron of a cell; `seed` matters for `random` only."""
        place = self._place(layer, component)
        if criterion(name).reads == "seed":
            return random_scores(seed, layer, component, self.shape.width(component))[self.neurons(layer, component)]
        return self.columns[name][place]

    def degenerate(self, layer: int, component: str, name: str = "r_f") -> bool:
        """Return True if a criterion cannot rank this cell (every text gives the same value)."""
        return criterion(name).degenerate(self.cell(layer, component))

    def outputs(self, layer: int, component: str) -> np.ndarray:
        """Read the cloud of every neuron of a cell, float32, shape (texts, neurons)."""
        from safetensors import safe_open

        self._place(layer, component)
        with safe_open(str(self._home / ACTIVATIONS), framework="numpy") as file:
            return file.get_tensor(f"layer.{layer}.{component}")

    def neuron(self, layer: int, component: str, neuron: int) -> np.ndarray:
        """Read one neuron's outputs over the texts, float32, shape (texts,); `neuron` is its original index.

        Nothing else of its cell is held in memory, which matters where every token has a row.
        """
        from safetensors import safe_open

        at = self.position(layer, component, neuron)
        with safe_open(str(self._home / ACTIVATIONS), framework="numpy") as file:
            return np.ascontiguousarray(file.get_slice(f"layer.{layer}.{component}")[:, at : at + 1][:, 0])

    def cloud(self, layer: int, component: str, head: int | None = None) -> np.ndarray:
        """Read the vector cloud of a component, or of one head of it: N points, float32, shape (texts, neurons).

        Raises:
            AnalysisError: no such layer, or no neuron is left of such a head.
        """
        outputs = self.outputs(layer, component)
        if head is None:
            return outputs
        mine = [self.shape.head_of(component, int(neuron)) == head for neuron in self.neurons(layer, component)]
        if not any(mine):
            raise AnalysisError(f"Layer {layer} {component} has no neuron of head {head}.")
        return np.ascontiguousarray(outputs[:, mine])

    def position(self, layer: int, component: str, neuron: int) -> int:
        """Return the place of a neuron, named by its original index, among those of its cell."""
        stored = self.neurons(layer, component)
        width = self.shape.width(component)
        if not 0 <= neuron < width:
            raise AnalysisError(f"Layer {layer} {component} has neurons 0–{width - 1}; {neuron} is out of range.")
        place = int(np.searchsorted(stored, neuron))
        if place == len(stored) or stored[place] != neuron:
            raise AnalysisError(f"Layer {layer} {component}: neuron {neuron} was cut before this analysis.")
        return place

    @cached_property
    def texts(self) -> Texts:
        """The texts that were read, with their columns (topic, label) and the ones held out."""
        from obce_core.texts import Texts

        return Texts.read(self._home / TEXTS)

    @property
    def importance(self) -> pandas.DataFrame:
        """The whole table: layer, component, neuron, head, then the columns; one row a neuron."""
        import pandas as pd

        return pd.read_parquet(self._home / IMPORTANCE)

    @property
    def _home(self) -> Path:
        if self.folder is None:
            raise AnalysisError("This analysis lives in memory only; its files were never written.")
        return self.folder

    def _place(self, layer: int, component: str) -> slice:
        check_component(component)
        if (layer, component) not in self._places:
            raise AnalysisError(f"Layer {layer} is out of range; this model has layers 1–{self.shape.layers}.")
        return self._places[layer, component]


def read_analysis(where: str | Path) -> Analysis:
    """Open an analysis by folder or by id (an entry of `cache/analyses`; the first 6 or more digits are enough).

    Raises:
        AnalysisError: there is none, it is incomplete, or a newer version wrote it.
    """
    folder = find_analysis(where)
    return Analysis(meta=read_meta(folder), columns=_read_columns(folder / IMPORTANCE), folder=folder)


def find_analysis(where: str | Path) -> Path:
    """Find an analysis folder by path or id."""
    text = str(where)
    try:
        path = Path(text).expanduser()
        if text and path.is_dir():
            return path.resolve()
    except (OSError, RuntimeError):  # a name that is too long, a folder that may not be read, no such user
        pass
    home = settings.cache_dir() / "analyses"
    if "/" not in text and len(text) >= 6 and home.is_dir():
        hits = [
            entry for entry in sorted(home.iterdir()) if entry.name.startswith(check_name(text)) and is_complete(entry)
        ]
        if len(hits) == 1:
            return hits[0]
    raise AnalysisError(
        f"No analysis at {shorten(text, 200)!r}.", hint="Name a folder or an id; obce analyze makes one."
    )


def read_meta(folder: Path) -> dict[str, Any]:
    """Read what an analysis says of itself; raises AnalysisError."""
    try:
        meta = read_json(folder / META)
        written = meta["format"]
        if written == FORMAT:
            _check_meta(meta)
    except (OSError, ValueError, KeyError, TypeError):
        raise AnalysisError(f"{folder} is not an analysis ({META} is missing or unreadable).") from None
    if written != FORMAT:
        raise AnalysisError(
            f"{folder} has format {shorten(written)!r}; this version reads {FORMAT}.",
            hint="Update obce, or analyse again.",
        )
    if not is_complete(folder):
        raise AnalysisError(f"{folder} is incomplete (it has no manifest).", hint="Run obce analyze again.")
    return dict(meta)


def _check_meta(meta: dict[str, Any]) -> None:
    """Raise TypeError or KeyError if a field that every list and page reads is missing or of another type."""
    model, texts = meta["model"], meta["texts"]
    strings = [*(meta[name] for name in ("id", "created", "tokens", "tap")), texts["source"]]
    strings += [model[name] for name in ("name", "spec", "weights_sha256")]
    numbers = [meta["max_length"], texts["n"]]
    if not all(isinstance(value, str) for value in strings) or not all(isinstance(value, int) for value in numbers):
        raise TypeError("a field of another type")
    EncoderShape(**model["shape"])


def _read_columns(path: Path) -> dict[str, np.ndarray]:
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        names = [name for name in table.column_names if name not in {"layer", "component", "neuron", "head"}]
        return {name: table[name].to_numpy().astype(np.float64) for name in names}
    except Exception as error:  # pyarrow raises several types on damaged files
        raise AnalysisError(f"{path} cannot be read: {str(error)[:120]}.", hint="Run obce analyze again.") from None
