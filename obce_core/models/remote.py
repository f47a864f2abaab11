"""Preview a hub model before it is downloaded: read its config and the header of its weights only."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from obce_core import settings
from obce_core.components import COMPONENTS, CUTTABLE
from obce_core.errors import ModelError, Offline, shorten
from obce_core.models.check import ModelReport, check_model
from obce_core.models.locate import (
    CONFIG,
    DOWNLOADS,
    PICKLES,
    TOKENIZER_FILES,
    WEIGHTS,
    ModelSource,
    downloaded,
    hub_name,
)
from obce_core.models.vocabulary import adds_special_tokens
from obce_core.models.weights import FLOATS, MAX_HEADER_BYTES

_SECONDS = 6.0
"""A server that is silent for longer is not waited for."""

_FIRST = 200_000
"""Bytes of the weights asked for at first: nearly every header fits."""


@dataclass(frozen=True, kw_only=True)
class RemotePreview:
    """What is known of a model before work begins.

    `lines` says what fits and what does not: (True, …) fits, (False, …) is left out or to be known. `download` is the
    number of bytes still to be fetched, 0 for a model that is here. The folder of a remote model's report is gone.
    """

    report: ModelReport
    lines: tuple[tuple[bool, str], ...]
    download: int = 0


def preview_model(spec: str, *, revision: str | None = None) -> RemotePreview:
    """Check a model as `check_model` does, but fetch at most its config and the header of its weights from the hub.

    Raises:
        ModelError: it cannot be used; says why.
        Offline: a hub model that is not here, and no network; never waits longer than a few seconds.
    """
    name = hub_name(spec)
    if not name:
        report = check_model(spec, revision=revision)
        return RemotePreview(report=report, lines=_lines(report))
    folder = downloaded(name, revision)
    if folder is not None:
        report = check_model(ModelSource(spec=spec, kind="hub", name=name, revision=folder.name, folder=folder))
        return RemotePreview(report=report, lines=_lines(report))
    if settings.offline():
        raise Offline(
            f"{shorten(name)!r} is neither a folder nor in the local hub cache, and the network is forbidden.",
            hint="Name a local folder, or demo.",
        )
    return _ask(spec, name, revision)


def _ask(spec: str, name: str, revision: str | None) -> RemotePreview:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = HfApi().model_info(name, revision=revision, timeout=_SECONDS, files_metadata=True)
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError):
        at = f" at revision {shorten(revision)!r}" if revision else ""
        raise ModelError(
            f"{shorten(name)!r} is neither a folder nor a hub model{at}.", hint="For a private model set HF_TOKEN."
        ) from None
    except Exception as error:  # the HTTP library's own classes, which differ from version to version
        raise _unreachable(name, error) from None
    sizes = {entry.rfilename: int(entry.size or 0) for entry in info.siblings or ()}
    with tempfile.TemporaryDirectory(prefix="obce-") as made:
        folder = Path(made)
        for file in sizes.keys() & {*TOKENIZER_FILES, *PICKLES, WEIGHTS + ".index.json"}:
            (folder / file).write_text(
                "[UNK]\n"
            )  # that they are there is all that is asked; an empty vocabulary is refused
        if CONFIG not in sizes:
            _lay_out_subfolders(folder, sizes)
        if CONFIG in sizes:
            (folder / CONFIG).write_bytes(_fetch(name, CONFIG, info.sha, settings.MAX_CONFIG_BYTES))
        if WEIGHTS in sizes:
            _shell(folder / WEIGHTS, name, info.sha, sizes[WEIGHTS])
        try:
            report = check_model(
                ModelSource(spec=spec, kind="hub", name=name, revision=str(info.sha or ""), folder=folder)
            )
        except ModelError as error:
            if str(folder) not in error.message:
                raise
            raise ModelError(error.message.replace(str(folder), shorten(name)), hint=error.hint) from None
        return RemotePreview(report=report, lines=_lines(report), download=_wanted(sizes))


def _lay_out_subfolders(folder: Path, files: Iterable[str]) -> None:
    """Touch the configs and weights of the sub-folders, so that the check can name the one that holds the model."""
    for file in files:
        above, _, name = file.rpartition("/")
        if re.fullmatch(r"\w[\w.-]{0,100}", above) and name in (CONFIG, WEIGHTS, *PICKLES):
            (folder / above).mkdir(exist_ok=True)
            (folder / file).touch()


def _shell(path: Path, name: str, revision: str | None, size: int) -> None:
    """Write the header of the weights, and after it a hole as long as the data."""
    start = _fetch(name, WEIGHTS, revision, min(size, _FIRST))
    length = 8 + int.from_bytes(start[:8], "little")
    if len(start) < length <= min(size, 8 + MAX_HEADER_BYTES):
        start = _fetch(name, WEIGHTS, revision, length)
    path.write_bytes(start)
    os.truncate(path, size)


def _fetch(name: str, file: str, revision: str | None, most: int) -> bytes:
    """Read the first bytes of a file of the hub."""
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    headers = {**build_hf_headers(), "Range": f"bytes=0-{most - 1}"}
    try:
        answer = get_session().get(hf_hub_url(name, file, revision=revision), headers=headers, timeout=_SECONDS)
    except Exception as error:  # the HTTP library's own classes, which differ from version to version
        raise _unreachable(name, error) from None
    if answer.status_code in (401, 403):
        raise ModelError(
            f"The hub does not show {file} of {shorten(name)!r} to you.",
            hint="Accept its licence there and set HF_TOKEN.",
        )
    if answer.status_code >= 400:
        raise _unreachable(name, RuntimeError(f"status {answer.status_code}"))
    return bytes(answer.content[:most])


def _unreachable(name: str, error: BaseException) -> Offline:
    why = str(error) if type(error) is RuntimeError else type(error).__name__
    return Offline(
        f"{shorten(name)!r} is neither a folder nor in the local hub cache, and the hub cannot be reached "
        f"({shorten(why)}).",
        hint="Name a local folder, or demo, or connect to the network.",
    )


def _wanted(sizes: Mapping[str, int]) -> int:
    return sum(sizes.get(file, 0) for file in DOWNLOADS)


def _lines(report: ModelReport) -> tuple[tuple[bool, str], ...]:
    """Say in words what fits and what does not."""
    shape = report.shape
    count = {
        wanted: sum(len(report.neurons(layer, name)) for layer in range(1, shape.layers + 1) for name in wanted)
        for wanted in (COMPONENTS, CUTTABLE)
    }
    lines = [
        (
            True,
            f"{report.family.title} ({report.architecture}), {shape.layers} layers, {shape.heads} heads of "
            f"{shape.head_size}.",
        ),
        (
            True,
            f"{count[COMPONENTS]:,} neurons are measured; {count[CUTTABLE]:,} of query, key, value and intermediate "
            "can be cut.",
        ),
    ]
    if report.layers:
        lines.append((True, "obce cut this model before; it can be cut again."))
    if any(report.source.file(name) for name in TOKENIZER_FILES):
        lines.append(
            (
                True,
                f"A tokenizer is there; texts of up to {report.config.get('max_position_embeddings', 512):,} tokens "
                "fit.",
            )
        )
    else:
        lines.append((False, "No tokenizer file is there: texts cannot be read with this model."))
    if not adds_special_tokens(report.source):
        lines.append(
            (
                False,
                "The tokenizer puts no [CLS] first (tokenizer.json has no post-processor): measure the mean or all "
                "tokens.",
            )
        )
    floats = {
        report.family.strip_root(name) for name, info in report.tensors.items() if info.dtype in FLOATS
    }  # no index tables
    parts = list(dict.fromkeys(shorten(name.split(".")[0], 30) for name in report.extra if name in floats))
    if parts:
        lines.append((False, f"Also in the file, kept as it is and never cut: {', '.join(parts[:6])}."))
    lines += [(False, note) for note in report.notes]
    if not report.head.is_complete:
        absent = report.head.absent_words
        lines.append(
            (
                False,
                f"The file lacks {absent}, which the outputs of {report.architecture} need; the encoder is complete.",
            )
        )
    if report.ignored:
        lines.append((False, f"Fields of config.json that change nothing here: {', '.join(report.ignored[:8])}."))
    return tuple(lines)
