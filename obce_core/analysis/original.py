"""The original model of an analysis: find it, and check that it is unchanged since the analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from obce_core.analysis.analysis import Analysis
from obce_core.errors import ModelError, ObceError, PathError
from obce_core.models.check import ModelReport, check_model
from obce_core.models.identity import config_digest, identity_of, stored_rows
from obce_core.models.locate import ModelSource, hub_name, locate
from obce_core.storage.atomic import read_json, write_json
from obce_core.storage.digests import digest, stable_sha256

PLACES = "places.json"
"""Other places where the same model was analysed, beside what the manifest lists: the id and the digests stay."""

_MOST = 20
_OLDER_TOKENIZER = ("tokenizer.json", "vocab.txt", "tokenizer_config.json")
"""The files that an identity of the older kind has of a tokenizer."""


def remember_place(folder: Path, report: ModelReport) -> None:
    """Record where the model of an analysis lies, when it is another place than the one it was made from."""
    spec, revision = report.source.spec, report.source.revision
    known = _places(folder)
    if [spec, revision] in known:
        return
    try:
        write_json(folder / PLACES, {"places": [[spec, revision], *known][:_MOST]})
    except (OSError, PathError):
        return  # a cache that cannot be written: the first place still stands in the analysis


def model_spec(analysis: Analysis) -> str:
    """Return what `analyze` would take to find the model of an analysis: the first of its places that is there.

    Nothing is read or checked; where none is there, the place that it was made from.
    """
    places = _all_places(analysis)
    return next((spec for spec, _ in places if _is_there(spec)), places[0][0])


def check_original(analysis: Analysis, report: ModelReport) -> None:
    """Raise ModelError unless a checked model is the one that was analysed, in its whole identity."""
    _checked(analysis, report)


def original_of(analysis: Analysis, where: str | Path | ModelSource | None = None) -> ModelReport:
    """Find and check the model of an analysis.

    Args:
        where: where it lies now; None tries every place where it was analysed, the one named in the analysis first.

    Raises:
        ModelError: it is not there, or not the model that was analysed; names the parts that differ.
    """
    if where is not None:
        return _checked(analysis, check_model(where))
    failure: ObceError | None = None
    for spec, revision in _all_places(analysis):
        try:
            return _checked(analysis, check_model(locate(spec, revision=revision or None)))
        except ObceError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _checked(analysis: Analysis, report: ModelReport) -> ModelReport:
    parts = _differences(analysis, report)
    if parts:
        recorded = str(analysis.meta["model"]["weights_sha256"])
        digests = (
            f" ({report.source.weights_sha256[:12]}… instead of {recorded[:12]}…)"
            if parts[0] == "other weights"
            else ""
        )
        raise ModelError(
            f"{report.source.name} has {' and '.join(parts)}{digests} than the analysis was made on.",
            hint="Analyse it again, or name the original with --model.",
        )
    return report


def _differences(analysis: Analysis, report: ModelReport) -> list[str]:
    model: dict[str, Any] = analysis.meta["model"]
    if report.source.weights_sha256 != model["weights_sha256"]:
        return ["other weights"]
    if analysis.identity is not None:
        return analysis.identity.differences(identity_of(report))
    # The older kind: what the analysis recorded besides is held against the model all the same.
    inputs: dict[str, Any] = analysis.meta.get("inputs", {})
    parts = []
    if (model.get("family"), model.get("architecture")) != (report.family.model_type, report.architecture):
        parts.append("another architecture")
    if "config" in inputs and config_digest(_known(inputs["config"], report)) != config_digest(report.config):
        parts.append("another config.json")
    recorded = model.get("widths")
    if (digest(recorded) if recorded else "") != stored_rows(report):
        parts.append("other stored rows")
    if "tokenizer" in inputs:
        files = [report.source.file(name) for name in _OLDER_TOKENIZER]
        if inputs["tokenizer"] != [stable_sha256(path) if path else None for path in files]:
            parts.append("another tokenizer")
    return parts


def _known(config: dict[str, Any], report: ModelReport) -> dict[str, Any]:
    """Return a recorded config with today's defaults for fields that were not checked when it was recorded."""
    return {**{name: value for name, value in report.config.items() if name not in config}, **config}


def _all_places(analysis: Analysis) -> list[tuple[str, str]]:
    model = analysis.meta["model"]
    first = (str(model["spec"]), str(model["revision"]))
    others = [(spec, revision) for spec, revision in _places(analysis.folder)] if analysis.folder is not None else []
    return [first, *(place for place in others if place != first)]


def _places(folder: Path) -> list[list[str]]:
    try:
        places = read_json(folder / PLACES)["places"]
        return [[str(spec), str(revision)] for spec, revision in places][:_MOST]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _is_there(spec: str) -> bool:
    try:
        return spec == "demo" or bool(hub_name(spec)) or Path(spec).is_dir()
    except ObceError:
        return False
