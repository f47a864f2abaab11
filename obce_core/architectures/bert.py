"""The BERT family: the only module that knows its module names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from obce_core.architectures.base import AttentionSite, EncoderShape, Family
from obce_core.architectures.config import Field
from obce_core.errors import shorten

_POOLER, _PREDICTIONS = "pooler.dense", ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm")
_HEADS = {
    "BertModel": (_POOLER,),
    "BertForPreTraining": (_POOLER, *_PREDICTIONS, "cls.seq_relationship"),
    "BertForMaskedLM": _PREDICTIONS,
    "BertForNextSentencePrediction": (_POOLER, "cls.seq_relationship"),
    "BertForSequenceClassification": (_POOLER, "classifier"),
    "BertForTokenClassification": ("classifier",),
    "BertForMultipleChoice": (_POOLER, "classifier"),
    "BertForQuestionAnswering": ("qa_outputs",),
}
"""The modules outside the encoder that each architecture needs, without a decoder and the predictions' bias."""


class Bert(Family):
    """BertModel and every encoder head of the Bert family in transformers."""

    model_type = "bert"
    title = "BERT"
    root = "bert"
    layers = "encoder.layer"
    linears: Mapping[str, str] = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "attention_output": "attention.output.dense",
        "intermediate": "intermediate.dense",
        "output": "output.dense",
    }
    blocks: Mapping[str, str] = {"attention_output": "attention.output", "output": "output"}
    norms = ("attention.output.LayerNorm", "output.LayerNorm")
    classifier = "BertForSequenceClassification"
    fields = (
        Field(name="vocab_size", kind=int, low=8, high=2_000_000),
        Field(name="hidden_size", kind=int, low=8, high=4096),
        Field(name="num_hidden_layers", kind=int, low=1, high=96),
        Field(name="num_attention_heads", kind=int, low=1, high=256),
        Field(name="intermediate_size", kind=int, low=8, high=32_768),
        Field(name="max_position_embeddings", kind=int, low=8, high=65_536, default=512),
        Field(name="type_vocab_size", kind=int, low=1, high=64, default=2),
        Field(name="layer_norm_eps", kind=float, low=1e-20, high=0.1, default=1e-12),
        Field(name="hidden_dropout_prob", kind=float, low=0.0, high=0.99, default=0.1),
        Field(name="attention_probs_dropout_prob", kind=float, low=0.0, high=0.99, default=0.1),
        Field(name="classifier_dropout", kind=float, low=0.0, high=0.99, default=None),
        Field(name="initializer_range", kind=float, low=0.0, high=10.0, default=0.02),
        Field(name="pad_token_id", kind=int, low=0, high=2_000_000, default=0),
        Field(name="hidden_act", kind=str, choices=("gelu", "gelu_new", "relu", "gelu_pytorch_tanh"), default="gelu"),
        Field(name="tie_word_embeddings", kind=bool, default=True),
        Field(
            name="problem_type",
            kind=str,
            choices=("regression", "single_label_classification", "multi_label_classification"),
            default=None,
        ),
    )

    def shape(self, config: Mapping[str, Any]) -> EncoderShape:
        hidden, heads = config["hidden_size"], config["num_attention_heads"]
        return EncoderShape(
            layers=config["num_hidden_layers"],
            hidden=hidden,
            heads=heads,
            head_size=hidden // heads,
            intermediate=config["intermediate_size"],
        )

    def refuse(self, config: Mapping[str, Any]) -> str | None:
        if config.get("is_decoder") or config.get("add_cross_attention"):
            return "is_decoder is true: a decoder cannot be cut here, only encoders can."
        embedding = config.get("position_embedding_type", "absolute")
        if embedding != "absolute":
            return (
                f"position_embedding_type is {shorten(embedding)!r}: transformers ignores it, so the numbers would "
                "be wrong."
            )
        if config.get("pruned_heads"):
            return "pruned_heads is not empty: the head numbers of this model cannot be trusted."
        if "hidden_size" in config and "num_attention_heads" in config:
            hidden, heads = config["hidden_size"], config["num_attention_heads"]
            if isinstance(hidden, int) and isinstance(heads, int) and heads > 0 and hidden % heads:
                return f"hidden_size {hidden} is not a multiple of num_attention_heads {heads}."
        pad, words = config.get("pad_token_id"), config.get("vocab_size")
        if isinstance(pad, int) and isinstance(words, int) and pad >= words:
            return f"pad_token_id {shorten(pad)} is not below vocab_size {shorten(words)}."
        return None

    def attention(self, layer: int) -> AttentionSite:
        return AttentionSite(path=f"{self.layers}.{layer - 1}.attention.self")

    def embedding_tensors(self, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        hidden = config["hidden_size"]
        return {
            "embeddings.word_embeddings.weight": (config["vocab_size"], hidden),
            "embeddings.position_embeddings.weight": (config["max_position_embeddings"], hidden),
            "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], hidden),
            "embeddings.LayerNorm.weight": (hidden,),
            "embeddings.LayerNorm.bias": (hidden,),
        }

    def head_tensors(self, architecture: str, config: Mapping[str, Any]) -> tuple[str, ...]:
        modules = list(_HEADS[architecture])
        if "cls.predictions.transform.dense" in modules and not config.get("tie_word_embeddings", True):
            modules.append("cls.predictions.decoder")
        single = ("cls.predictions.bias",) if "cls.predictions.transform.dense" in modules else ()
        return (*(f"{module}.{part}" for module in modules for part in ("weight", "bias")), *single)

    def canonical(self, name: str) -> str:
        return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")

    def architectures(self) -> tuple[str, ...]:
        return tuple(_HEADS)

    def model_class(self, architecture: str) -> type:
        import transformers

        return getattr(transformers, self.architecture(architecture))

    def compact_class(self, architecture: str) -> type:
        from obce_core.architectures import modeling_obce

        return getattr(modeling_obce, "Obce" + self.architecture(architecture))
