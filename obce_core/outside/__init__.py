"""Parse untrusted JSON and YAML: bounded in time and memory, without surprises, with the line in the message."""

from __future__ import annotations

from obce_core.outside.json_text import Excess, load_json, parse_json
from obce_core.outside.yaml_text import parse_yaml, render_yaml

__all__ = ["Excess", "load_json", "parse_json", "parse_yaml", "render_yaml"]
