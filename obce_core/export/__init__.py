"""From a model's folder to the forms that other runtimes take: one module a form."""

from __future__ import annotations

import importlib.util

ONNX_COMMAND = "pip install 'obce[onnx]'"
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def absent_for_onnx() -> tuple[str, ...]:
    """Name the packages that an export to ONNX needs and that are not installed; imports none of them."""
    return tuple(name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None)
