"""Load a model's tokenizer from a private copy of its checked files, and check it against the model."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from obce_core.architectures.config import parse_config
from obce_core.errors import ModelError, shorten
from obce_core.models.check import ModelReport
from obce_core.models.locate import TOKENIZER_FILES, VOCABULARIES, ModelSource
from obce_core.models.tokenizer_limits import check_tokenizer
from obce_core.models.vocabulary import MAX_TOKENIZER_BYTES, check_ids

_SETTINGS = "tokenizer_config.json"
_SETTINGS_BYTES = 1_000_000
_PROBES = ("a", "b c", "d. e, f")
_ADVICE = (
    'For "[CLS] text [SEP]" save it again with the class that matches it, e.g. '
    "transformers.BertTokenizer(vocab='vocab.txt').save_pretrained(folder)."
)


@dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """Where a tokenizer puts its special tokens.

    Attributes:
        cls_first: whether every text begins with [CLS] (or what the tokenizer has in its place, such as <s>).
        sep_last: whether every text ends with [SEP] (or </s>).
    """

    cls_first: bool
    sep_last: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know, in sentences; empty where both are at their places."""
        absent = [name for name, there in (("[CLS] first", self.cls_first), ("[SEP] last", self.sep_last)) if not there]
        if not absent:
            return ()
        columns = "" if self.cls_first else " mean_cls and std_cls are those of the first word piece."
        return (f"The tokenizer puts no {' and no '.join(absent)}, unlike BERT's.{columns}",)

    def require_cls(self, purpose: str, hint: str = "") -> None:
        """Raise ModelError where [CLS] is not first, since `purpose` would read a word piece in its place."""
        if not self.cls_first:
            raise ModelError(
                f"The tokenizer puts no [CLS] first (its tokenizer.json has no post-processor), and {purpose} reads "
                "the first token.",
                hint=f"{hint} {_ADVICE}",
            )


def load_tokenizer(report: ModelReport) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a checked folder; no code of the folder runs, and no file is read that was not checked.

    Raises:
        ModelError: no tokenizer, one that is damaged, or ids that the model has no embeddings for.
    """
    source = report.source
    stock: Any = report.family.model_class("")
    config = stock.config_class(**report.config)
    with _staged(source) as stage:
        if not any((stage / name).is_file() for name in VOCABULARIES):
            raise ModelError(
                f"{source.folder} has no tokenizer (tokenizer.json, vocab.txt, …).",
                hint="Save the tokenizer there too.",
            )
        if (stage / "tokenizer.json").is_file():
            check_tokenizer(stage / "tokenizer.json")
        try:
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                stage, config=config, trust_remote_code=False, local_files_only=True
            )
            vocabulary = tokenizer.get_vocab()
        except Exception as error:  # tokenizers raises bare Exception on damaged files
            message = str(error).replace(str(stage), str(source.folder))
            raise ModelError(f"The tokenizer in {source.folder} cannot be read: {shorten(message, 160)}.") from None
    tokenizer.name_or_path = source.name  # the staged folder is gone
    tokenizer.init_kwargs["name_or_path"] = source.name
    check_ids(max(vocabulary.values(), default=-1), report.config)
    return tokenizer


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
    """Encode short texts and look where the special tokens are."""
    rows = [tokenizer(text)["input_ids"] for text in _PROBES]
    firsts, lasts = ({row[at] if row else None for row in rows} for at in (0, -1))
    return SpecialTokens(
        cls_first=_is_special(firsts, tokenizer, tokenizer.cls_token_id),
        sep_last=_is_special(lasts, tokenizer, tokenizer.sep_token_id),
    )


def _is_special(ids: set[int | None], tokenizer: PreTrainedTokenizerBase, expected: int | None) -> bool:
    """Return True if all texts have one token here, and it is the expected one, or special where none has the name."""
    if len(ids) != 1 or None in ids:
        return False
    (found,) = ids
    if expected is not None:
        return found == expected
    token = tokenizer.added_tokens_decoder.get(found)
    return token is not None and bool(token.special) and found not in {tokenizer.unk_token_id, tokenizer.pad_token_id}


@contextmanager
def _staged(source: ModelSource) -> Iterator[Path]:
    """Copy the tokenizer's files into a private folder: regular files of the model, opened once."""
    with tempfile.TemporaryDirectory(prefix="obce-") as made:  # mode 0700
        stage = Path(made)
        for name in TOKENIZER_FILES:
            stream = source.open(name)
            if stream is None:
                continue
            limit = _SETTINGS_BYTES if name == _SETTINGS else MAX_TOKENIZER_BYTES
            with stream:
                raw = stream.read(limit + 1)
            if len(raw) > limit:
                raise ModelError(
                    f"{name} in {source.folder} is larger than {limit / 1e6:.0f} MB.", hint="Save the tokenizer again."
                )
            (stage / name).write_bytes(_without_paths(raw) if name == _SETTINGS else raw)
        yield stage


def _without_paths(raw: bytes) -> bytes:
    """Remove names of files and code from a tokenizer_config.json, which the constructor would open."""
    settings = parse_config(raw, _SETTINGS)
    if settings.get("auto_map"):
        raise ModelError("tokenizer_config.json asks for custom code (auto_map); custom code is never run.")
    cleaned = _clean(settings)
    return raw if cleaned == settings else json.dumps(cleaned).encode()


def _clean(value: Any, depth: int = 0) -> Any:
    """Drop keys that name files; at the top also the arguments that a tokenizer class takes as a path or as data."""
    if isinstance(value, list):
        return [_clean(entry, depth + 1) for entry in value]
    if not isinstance(value, dict):
        return value
    dropped = ("vocab", "merges", "init_inputs", "auto_map", "tokenizer_object", "name_or_path") if not depth else ()
    endings = ("_file", "_files", "_path", "_dir")
    return {
        key: _clean(entry, depth + 1)
        for key, entry in value.items()
        if key not in dropped and not key.endswith(endings)
    }
