"""Pruning plans: prune specs, presets, plan files, and the size of the model that is left."""

from __future__ import annotations

from obce_core.architectures.stored import LayerWidths, original_widths
from obce_core.plan.create import make_plan
from obce_core.plan.plan import Plan, keep_above, resolve, to_ranges
from obce_core.plan.plan_file import from_document, parse_document, read_plan, render, to_document, write_plan
from obce_core.plan.presets import PRESETS, preset, preset_cells, preset_for, uniform
from obce_core.plan.serialize import parse_prune_spec, prune_spec_document
from obce_core.plan.size import Budget, count, plan_widths, stored_widths
from obce_core.plan.size_table import SizeTable, model_size_table, plan_size_table
from obce_core.plan.spec import METHODS, Compensation, Hardware, ManualOverride, PruneSpec
from obce_core.plan.widths import layer_widths

__all__ = [
    "METHODS",
    "PRESETS",
    "Budget",
    "Compensation",
    "Hardware",
    "LayerWidths",
    "ManualOverride",
    "Plan",
    "PruneSpec",
    "SizeTable",
    "count",
    "from_document",
    "keep_above",
    "layer_widths",
    "make_plan",
    "model_size_table",
    "original_widths",
    "parse_document",
    "parse_prune_spec",
    "plan_size_table",
    "plan_widths",
    "preset",
    "preset_cells",
    "preset_for",
    "prune_spec_document",
    "read_plan",
    "render",
    "resolve",
    "stored_widths",
    "to_document",
    "to_ranges",
    "uniform",
    "write_plan",
]
