"""Plans as files: `obce-plan/1`, as JSON or, for convenience, YAML. Unknown keys and inconsistent plans are errors."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from obce_core.analysis.analysis import Analysis, read_analysis
from obce_core.architectures import EncoderShape
from obce_core.components import CUTTABLE
from obce_core.errors import AnalysisError, PathError, PlanError, shorten
from obce_core.plan.plan import Kept, Plan, resolve, to_ranges
from obce_core.plan.serialize import check_keys, layer_number, mapping, parse_prune_spec, pretty, prune_spec_document
from obce_core.plan.spec import check_cuttable
from obce_core.settings import MAX_PLAN_JSON_BYTES, MAX_PLAN_YAML_BYTES
from obce_core.storage.atomic import replace_file
from obce_core.storage.json_input import parse_json
from obce_core.storage.yaml_input import parse_yaml, render_yaml

FORMAT = "obce-plan/1"
_PLAN_KEYS = ("format", "model", "analysis", "intent", "fact", "earlier")
_MODEL_KEYS = ("name", "revision", "weights_sha256", "identity")


def to_document(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain data, in the form of the file."""
    kept = {str(layer): {name: to_ranges(mask) for name, mask in row.items()} for layer, row in plan.kept.items()}
    return {
        "format": FORMAT,
        "model": dict(plan.model),
        "analysis": plan.analysis,
        "intent": prune_spec_document(plan.prune_spec),
        "fact": {"kept": kept},
        "earlier": [dict(entry) for entry in plan.earlier],
    }


def render(plan: Plan, *, yaml: bool = False) -> str:
    """Render a plan as the text of a JSON or YAML file."""
    if yaml:
        return render_yaml(to_document(plan))
    return pretty(to_document(plan)) + "\n"


def fits_yaml(plan: Plan) -> bool:
    """Return True if a plan's YAML is certain to stay below the size limit of a YAML file; nothing is rendered."""
    size = 8_000 + sum(
        len(override.neurons) * 8 + 8 * len(override.reason) + 200
        for override in (*plan.prune_spec.keep, *plan.prune_spec.drop)
    )
    for row in plan.kept.values():
        for mask in row.values():
            # the places where a run of kept neurons begins or ends
            edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
            pairs = int(np.count_nonzero(edges[1::2] - edges[::2] > 1))
            # "      - 1234" and "      - [1234, 1235]", each with a newline
            size += 13 * (len(edges) // 2 - pairs) + 21 * pairs + 40
    return size < MAX_PLAN_YAML_BYTES


def write_plan(plan: Plan, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a plan file as JSON or YAML, depending on its suffix.

    Raises:
        PathError: the file exists and `overwrite` is false or it is not a plan of this tool, or it cannot be written.
        PlanError: the YAML file would be too large.
    """
    target = Path(path)
    if target.exists():
        if not overwrite:
            raise PathError(f"{target} already exists.", hint="Choose another --out, or give --overwrite.")
        if not _is_plan(target):
            raise PathError(
                f"{target} is not a plan that obce wrote, so --overwrite leaves it alone.", hint="Choose another --out."
            )
    text = render(plan, yaml=_is_yaml(target))
    if _is_yaml(target) and len(text.encode()) > MAX_PLAN_YAML_BYTES:
        raise PlanError(
            f"{target.name} would be larger than the {MAX_PLAN_YAML_BYTES // 1000} kB of a YAML plan.",
            hint="Write .json.",
        )
    try:
        replace_file(target, text)
    except OSError as error:
        raise PathError(f"Cannot write {target}: {error.strerror or error}.") from None


def _is_plan(path: Path) -> bool:
    """Return True if the path is a regular file that parses as a plan of this tool."""
    try:
        return load_document(path).get("format") == FORMAT
    except (OSError, PlanError):
        return False


def read_plan(path: str | Path, analysis: Analysis | None = None) -> Plan:
    """Read a plan file and check it against its analysis.

    Args:
        path: a `.json`, `.yaml` or `.yml` file.
        analysis: the analysis that the plan was made on; None looks it up in the cache.

    Raises:
        PlanError: unknown keys, invalid layers, another model, or kept neurons that do not follow from the prune spec.
    """
    document = load_document(path)
    name = Path(path).name
    if analysis is None:
        try:
            analysis = read_analysis(str(document.get("analysis", "")))
        except AnalysisError:
            raise PlanError(
                f"{name} was made on analysis {shorten(document.get('analysis'))!r}, which is not in the cache.",
                hint="Give its folder with --analysis.",
            ) from None
    return from_document(document, analysis, name)


def load_document(path: str | Path) -> dict[str, Any]:
    """Parse a plan file into plain data; only its syntax is checked."""
    source = Path(path)
    try:
        exists = source.exists()
    except OSError:  # the name is too long, or the folder is not readable
        exists = False
    if not exists:
        raise PlanError(f"No plan file at {shorten(source, 200)!r}.")
    if not source.is_file():
        raise PlanError(f"{shorten(source, 200)!r} is not a regular file.")
    with source.open("rb") as stream:
        return parse_document(stream.read(MAX_PLAN_JSON_BYTES + 1), source.name)


def parse_document(raw: bytes, name: str) -> dict[str, Any]:
    """Parse the bytes of a plan file as JSON or YAML, depending on the suffix of its name."""
    if _is_yaml(Path(name)):
        return parse_yaml(raw, name, error=PlanError)
    return parse_json(raw, name, limit=MAX_PLAN_JSON_BYTES, error=PlanError)


def from_document(document: Mapping[str, Any], analysis: Analysis, name: str = "plan") -> Plan:
    """Check a plan's plain data against an analysis and return the plan."""
    weights, identity = read_model(document, name)
    analysed = str(analysis.meta["model"]["weights_sha256"])
    if weights != analysed:
        raise PlanError(
            f"{name} was made for model {shorten(weights[:12])}…, this analysis is of {analysed[:12]}….",
            hint="Use the analysis of the same model, or make the plan again with obce plan --from.",
        )
    if identity and analysis.identity is not None and identity != analysis.identity.digest:
        raise PlanError(
            f"{name} was made for a model with the same weights, but another architecture, config.json or tokenizer "
            f"({shorten(identity[:12])}…) than this analysis ({analysis.identity.digest[:12]}…).",
            hint="Use the analysis of the same model, or make the plan again with obce plan --from.",
        )
    prune_spec = parse_prune_spec(document.get("intent"), f"{name}: intent")
    plan = resolve(analysis, prune_spec)
    _check_kept(plan, read_kept(document, analysis.shape, name), analysis.shape, name)
    earlier = document.get("earlier", [])
    if not isinstance(earlier, list) or not all(isinstance(entry, dict) for entry in earlier):
        raise PlanError(f"{name}: earlier must be a list of plans.")
    return Plan(
        model=plan.model,
        analysis=plan.analysis,
        prune_spec=prune_spec,
        kept=plan.kept,
        notes=plan.notes,
        earlier=tuple(earlier),
    )


def read_model(document: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Check a plan's keys and format; return the sha256 of the weights and the digest of the identity of its model.

    The identity is "" in a plan of the older kind.
    """
    check_keys(document, _PLAN_KEYS, name)
    if document.get("format") != FORMAT:
        raise PlanError(f"{name}: format is {shorten(document.get('format'))!r}; this version reads {FORMAT}.")
    model = mapping(document.get("model"), f"{name}: model")
    check_keys(model, _MODEL_KEYS, f"{name}: model")
    return str(model.get("weights_sha256", "")), str(model.get("identity", ""))


def read_kept(document: Mapping[str, Any], shape: EncoderShape, name: str) -> dict[int, dict[str, np.ndarray]]:
    """Read the kept neurons that a plan's `fact` states, in the form of `Plan.kept`; nothing is resolved again."""
    fact = mapping(document.get("fact"), f"{name}: fact")
    check_keys(fact, ("kept",), f"{name}: fact")
    stated: dict[tuple[int, str], np.ndarray] = {}
    for layer, row in mapping(fact.get("kept"), f"{name}: fact.kept").items():
        number = layer_number(layer, f"{name}: fact.kept")
        if number > shape.layers:
            raise PlanError(f"{name}: there is no layer {number}; this model has layers 1–{shape.layers}.")
        for component, ranges in mapping(row, f"{name}: fact.kept.{number}").items():
            check_cuttable(number, component)
            stated[number, component] = _mask(ranges, shape.width(component), f"{name}: layer {number} {component}")
    kept: dict[int, dict[str, np.ndarray]] = {}
    for number in range(1, shape.layers + 1):
        for component in CUTTABLE:
            mask = stated.get((number, component))
            if mask is not None and not mask.all():
                kept.setdefault(number, {})[component] = mask
    return kept


def _check_kept(plan: Plan, stated: Kept, shape: EncoderShape, name: str) -> None:
    """Raise PlanError if the stated neurons are not those of the plan."""
    for layer in range(1, shape.layers + 1):
        for component in CUTTABLE:
            full = np.ones(shape.width(component), dtype=bool)
            if not np.array_equal(stated.get(layer, {}).get(component, full), plan.mask(layer, component, shape)):
                raise PlanError(
                    f"{name}: the kept neurons of layer {layer} {component} do not follow from the intent.",
                    hint=f"Resolve it again: obce plan --analysis {plan.analysis} --from {shlex.quote(name)} "
                    "--out NEW.json.",
                )


def _mask(ranges: object, width: int, where: str) -> np.ndarray:
    if not isinstance(ranges, list):
        raise PlanError(f"{where}: kept neurons are a list of numbers and [first, last] ranges.")
    mask = np.zeros(width, dtype=bool)
    for entry in ranges:
        pair = entry if isinstance(entry, list) else [entry, entry]
        if len(pair) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) for n in pair) or pair[0] > pair[1]:
            raise PlanError(f"{where}: {shorten(entry)} is not a neuron index or a [first, last] range.")
        if not 0 <= pair[0] <= pair[1] < width:
            raise PlanError(f"{where}: index {pair[1] if pair[0] >= 0 else pair[0]} is out of range 0–{width - 1}.")
        if mask[pair[0] : pair[1] + 1].any():
            raise PlanError(f"{where}: neuron {pair[0]} is listed twice.")
        mask[pair[0] : pair[1] + 1] = True
    return mask


def _is_yaml(path: Path) -> bool:
    return path.suffix.lower() in {".yaml", ".yml"}
