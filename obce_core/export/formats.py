"""The registry of export formats, one row each: the job, the option of `obce export` and the Model page follow it."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ExportFormat:
    """One export format.

    `name` is the option of `obce export` and the suffix of a folder made on the Model page; `job` is the title of the
    job, whose kind is `export-NAME`. `function` (`module:function`) takes a model and a new folder, with `overwrite`,
    `progress` and `cancelled` as options, and returns the facts of its `export.json`. `memory` is the memory that it
    needs as a multiple of the model's weights. `packages` belong to the extra `extra` of this package.
    """

    name: str
    title: str
    job: str
    description: str
    function: str
    memory: float
    extra: str = ""
    packages: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of its job."""
        return f"export-{self.name}"

    @property
    def install_command(self) -> str:
        """The command that installs its packages."""
        return f"pip install 'obce[{self.extra}]'"

    def missing(self) -> tuple[str, ...]:
        """Name its packages that are not installed; imports none of them."""
        return tuple(name for name in self.packages if importlib.util.find_spec(name) is None)


FORMATS: dict[str, ExportFormat] = {
    row.name: row
    for row in (
        ExportFormat(
            name="onnx",
            title="ONNX",
            job="ONNX export",
            description="For onnxruntime, and checked with it; needs obce[onnx].",
            function="obce_core.export.onnx:export_onnx",
            memory=6.0,
            extra="onnx",
            packages=("onnx", "onnxscript", "onnxruntime"),
        ),
        ExportFormat(
            name="dense",
            title="Stock shapes",
            job="Export in stock shapes",
            description="The same function in the shapes of an uncut BERT, for tools without OBCE support.",
            function="obce_core.export.dense:export_dense",
            memory=4.0,
        ),
    )
}
