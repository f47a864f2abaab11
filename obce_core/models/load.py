"""Build a checked model: the only module that turns a folder into a torch module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import safe_open
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.initialization import no_init_weights
from transformers.utils import logging as hf_logging

from obce_core.errors import BadInput, ModelError, NotFinite, ObceError
from obce_core.models.check import ModelReport, check_model
from obce_core.models.dense import dense_state
from obce_core.models.locate import WEIGHTS, ModelSource
from obce_core.models.tokenizer import load_tokenizer

hf_logging.disable_progress_bar()

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A stock transformers model in eval mode with its tokenizer and the report it was built from."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    report: ModelReport

    @property
    def base(self) -> torch.nn.Module:
        """The encoder without its head."""
        return base_model(self.model, self.report.family.root)


def base_model(model: torch.nn.Module, root: str) -> torch.nn.Module:
    """Return the base model under a head, or the model itself."""
    return getattr(model, root, model)


def choose_device(name: str = "auto") -> torch.device:
    """Turn `auto`, `cpu`, `cuda`, `cuda:1` or `mps` into a device that is there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BadInput(f"Unknown device {name[:40]!r}; known: auto, cpu, cuda, cuda:N, mps.") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadInput(
            f"Device {name!r} does not exist: {torch.cuda.device_count()} CUDA devices found.",
            hint="Use --device auto.",
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise BadInput("Device 'mps' does not exist on this machine.", hint="Use --device auto.")
    if device.type not in {"cpu", "cuda", "mps"}:
        raise BadInput(f"Unknown device {name[:40]!r}; known: auto, cpu, cuda, cuda:N, mps.")
    return device


def choose_dtype(name: str) -> torch.dtype:
    """Turn a dtype's name into a torch dtype."""
    if name not in DTYPES:
        raise BadInput(f"Unknown dtype {name[:40]!r}; known: {', '.join(DTYPES)}.")
    return DTYPES[name]


def load_model(
    spec: str | Path | ModelSource | ModelReport,
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "float32",
) -> LoadedModel:
    """Load a stock model from checked files; one that obce cut comes in the stock shapes (see `dense_state`).

    The config is built from allowed fields only, weights come from safetensors only, no code of the folder runs.

    Raises:
        ModelError: see `check_model`; also a head or pooler tensor of the wrong shape.
        NotFinite: a tensor holds NaN or inf.
    """
    report = spec if isinstance(spec, ModelReport) else check_model(spec, revision=revision)
    where, compute = choose_device(device), choose_dtype(dtype)
    state = stock_state(report)
    cls: Any = report.family.model_class(report.architecture)
    config: PretrainedConfig = cls.config_class(**report.config, architectures=[report.architecture])
    model = build(cls, config, report, state)
    return LoadedModel(
        model=model.to(device=where, dtype=compute).eval(), tokenizer=load_tokenizer(report), report=report
    )


def read_state(report: ModelReport) -> dict[str, torch.Tensor]:
    """Read every tensor of the model by its name relative to the base model, float32, and check that all are finite."""
    path = report.source.weights
    try:
        # The open file itself is read: a link that takes its place after the check leads nowhere.
        with _weights(report.source) as stream, safe_open(_reopened(stream), framework="pt", device="cpu") as file:
            raw = {name: file.get_tensor(name) for name in report.tensors}
    except ObceError:
        raise
    except Exception as error:  # safetensors raises its own type and several of Rust's
        raise ModelError(f"{path.name} cannot be read: {str(error)[:120]}.", hint="Download it again.") from None
    floats = {name: tensor for name, tensor in raw.items() if tensor.is_floating_point()}
    bad = [name for name, tensor in floats.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        noun = "tensor contains" if len(bad) == 1 else "tensors contain"
        raise NotFinite(
            f"{path.name}: {len(bad)} {noun} NaN or inf (first: {bad[0]}).", hint="The weights are damaged."
        )
    return {report.family.strip_root(name): tensor.float() for name, tensor in floats.items()}


def _weights(source: ModelSource) -> BinaryIO:
    stream = source.open(WEIGHTS)
    if stream is None:
        raise ModelError(f"{source.folder} has no {WEIGHTS} any more.")
    return stream


def _reopened(stream: BinaryIO) -> str:
    """Return a path of an open file, for libraries that take paths only."""
    return f"/dev/fd/{stream.fileno()}"


def stock_state(report: ModelReport) -> dict[str, torch.Tensor]:
    """Read every tensor in the stock shapes, whether the model was cut or not."""
    state = read_state(report)
    return dense_state(state, report.family, report.shape, report.layers) if report.layers else state


def build(
    cls: type,
    config: PretrainedConfig,
    report: ModelReport,
    state: dict[str, torch.Tensor],
    *,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> PreTrainedModel:
    """Build a model in `dtype` and fill it; a pooler or head may be absent in the file, an encoder not.

    What is absent is drawn from `seed`.
    """
    with no_init_weights():
        model = cls(config).to(dtype)
    root = report.family.root
    own = model.state_dict()
    prefix = f"{root}." if hasattr(model, root) else ""
    named_items = {name: _own_name(name, prefix, own) for name in state}
    fill = {named_items[name]: tensor for name, tensor in state.items() if named_items[name] in own}
    wrong = [name for name, tensor in fill.items() if own[name].shape != tensor.shape]
    if wrong:
        raise ModelError(
            f"{report.source.weights.name}: {wrong[0]} has shape {list(fill[wrong[0]].shape)}, "
            f"{report.architecture} asks for {list(own[wrong[0]].shape)}."
        )
    absent = [name for name in own if name not in fill]
    model.load_state_dict(fill, strict=False, assign=True)
    model.tie_weights()
    _start_absent(model, absent, config, seed)
    return model


def _own_name(name: str, prefix: str, own: dict[str, Any]) -> str:
    return prefix + name if prefix + name in own else name


def _start_absent(model: PreTrainedModel, absent: list[str], config: PretrainedConfig, seed: int) -> None:
    """Give a head or pooler that the file lacks the usual random start (seeded), never leftover memory."""
    tied = set(model.all_tied_weights_keys) if hasattr(model, "all_tied_weights_keys") else set()
    generator = torch.Generator().manual_seed(seed)
    parameters = dict(model.named_parameters())
    norms = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, torch.nn.LayerNorm)}
    with torch.no_grad():
        for name in absent:
            if name in tied or name not in parameters:
                continue
            tensor = parameters[name]
            if tensor.dim() > 1:  # drawn in float32 whatever the dtype, so that every build starts alike
                tensor.copy_(torch.empty(tensor.shape).normal_(0.0, config.initializer_range, generator=generator))
            else:
                tensor.fill_(1.0 if name in norms else 0.0)
