"""One contract for every family: what it says of names and shapes is what transformers builds."""

from __future__ import annotations

from typing import Any

import pytest

from obce_core.architectures import FAMILIES, TAPS, Family, family_of
from obce_core.architectures.config import read_fields
from obce_core.components import COMPONENTS, HEADED
from obce_core.errors import ModelError, UnknownName

# A small config.json of each family; a new row of FAMILIES needs one here.
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": {
        "vocab_size": 30,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 40,
        "max_position_embeddings": 16,
    },
}
EVERY = list(FAMILIES.values())
NAMES = list(FAMILIES)


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    """Build the base model of every family from its small config."""
    built = {}
    for name, family in FAMILIES.items():
        cls = family.model_class("")
        built[name] = cls(cls.config_class(**read_fields(CONFIGS[name], family.fields)))
    return built


def test_every_family_has_a_small_config_here() -> None:
    assert set(CONFIGS) == set(FAMILIES)


@pytest.mark.parametrize("family", EVERY, ids=NAMES)
def test_a_family_says_what_it_is(family: Family) -> None:
    assert FAMILIES[family.model_type] is family_of(family.model_type) is family
    assert family.title and family.root and family.layers
    assert len({field.name for field in family.fields}) == len(family.fields)


@pytest.mark.parametrize("family", EVERY, ids=NAMES)
def test_every_linear_map_is_where_it_says_and_as_wide(family: Family, models: dict[str, Any]) -> None:
    import torch

    shape = family.shape(read_fields(CONFIGS[family.model_type], family.fields))
    found = set()
    for layer in range(1, shape.layers + 1):
        for component in COMPONENTS:
            module = models[family.model_type].get_submodule(family.linear(layer, component))
            assert isinstance(module, torch.nn.Linear)
            assert module.out_features == shape.width(component)
            found.add(module)
    assert len(found) == 6 * shape.layers
    everything = {
        m for m in models[family.model_type].get_submodule(family.layers).modules() if isinstance(m, torch.nn.Linear)
    }
    assert found == everything


@pytest.mark.parametrize("tap", TAPS)
@pytest.mark.parametrize("family", EVERY, ids=NAMES)
def test_every_tap_is_a_place_in_the_model(family: Family, tap: Any, models: dict[str, Any]) -> None:
    shape = family.shape(read_fields(CONFIGS[family.model_type], family.fields))
    for layer in range(1, shape.layers + 1):
        for component in COMPONENTS:
            point = family.hook_point(layer, component, tap)
            assert models[family.model_type].get_submodule(point.path) is not None
            assert point.side in {"input", "output"}
            if tap == "linear":
                assert (point.path, point.side) == (family.linear(layer, component), "output")


@pytest.mark.parametrize("family", EVERY, ids=NAMES)
def test_every_attention_module_has_its_head_size_and_scale(family: Family, models: dict[str, Any]) -> None:
    shape = family.shape(read_fields(CONFIGS[family.model_type], family.fields))
    for layer in range(1, shape.layers + 1):
        site = family.attention(layer)
        module = models[family.model_type].get_submodule(site.path)
        assert getattr(module, site.head_size) == shape.head_size
        assert getattr(module, site.scale) == pytest.approx(shape.head_size**-0.5)


@pytest.mark.parametrize("family", EVERY, ids=NAMES)
def test_the_listed_tensors_are_those_of_embeddings_and_layers(family: Family, models: dict[str, Any]) -> None:
    state = {name: tuple(tensor.shape) for name, tensor in models[family.model_type].state_dict().items()}
    encoder = {name: size for name, size in state.items() if name.startswith(("embeddings.", family.layers + "."))}
    assert family.tensors(read_fields(CONFIGS[family.model_type], family.fields)) == encoder


@pytest.mark.parametrize("family", EVERY, ids=NAMES)
def test_every_architecture_has_a_class_and_a_compact_twin(family: Family, models: dict[str, Any]) -> None:
    base = type(models[family.model_type])
    for name in family.architectures():
        stock, compact = family.model_class(name), family.compact_class(name)
        assert stock.__name__ == name
        assert issubclass(compact, stock)
        assert compact.config_class.model_type == f"obce-{family.model_type}"
        model = stock(stock.config_class(**CONFIGS[family.model_type]))
        assert type(getattr(model, family.root, model)) is base
    assert family.model_class("") is base
    assert family.architecture("") == family.architectures()[0] == base.__name__


@pytest.mark.parametrize("family", EVERY, ids=NAMES)
def test_names_are_made_relative_to_the_base_model(family: Family) -> None:
    assert (
        family.strip_root(f"{family.root}.{family.layers}.0.x")
        == family.strip_root(f"{family.layers}.0.x")
        == f"{family.layers}.0.x"
    )
    assert family.strip_root(f"{family.root}x.y") == f"{family.root}x.y"


def test_bert_knows_the_layer_norms_of_old_files() -> None:
    family = FAMILIES["bert"]
    assert family.strip_root("bert.encoder.layer.0.output.LayerNorm.gamma") == "encoder.layer.0.output.LayerNorm.weight"
    assert family.strip_root("cls.predictions.transform.LayerNorm.beta") == "cls.predictions.transform.LayerNorm.bias"


# (layer, component, tap) -> (path, side), for BERT
TAP_POINTS = [
    (1, "query", "neuron", "encoder.layer.0.attention.self.query", "output"),
    (1, "query", "block", "encoder.layer.0.attention.self.query", "output"),
    (12, "intermediate", "neuron", "encoder.layer.11.output.dense", "input"),
    (12, "intermediate", "linear", "encoder.layer.11.intermediate.dense", "output"),
    (2, "attention_output", "neuron", "encoder.layer.1.attention.output.dense", "output"),
    (2, "attention_output", "block", "encoder.layer.1.attention.output", "output"),
    (2, "output", "neuron", "encoder.layer.1.output.dense", "output"),
    (2, "output", "block", "encoder.layer.1.output", "output"),
]


@pytest.mark.parametrize(("layer", "component", "tap", "path", "side"), TAP_POINTS)
def test_bert_is_read_at_these_places(layer: int, component: str, tap: Any, path: str, side: str) -> None:
    point = FAMILIES["bert"].hook_point(layer, component, tap)
    assert (point.path, point.side) == (path, side)


def test_heads_belong_to_query_key_and_value_alone() -> None:
    shape = FAMILIES["bert"].shape(CONFIGS["bert"])
    assert [shape.head_of("query", neuron) for neuron in (0, 7, 8, 23)] == [0, 0, 1, 2]
    assert [shape.head_of(name, 8) for name in COMPONENTS] == [1 if name in HEADED else None for name in COMPONENTS]


def test_an_unknown_architecture_or_family_lists_the_known_ones() -> None:
    with pytest.raises(
        UnknownName, match=r"Unknown BERT architecture 'BertForMasking'; known: BertModel, .*Did you mean"
    ):
        FAMILIES["bert"].architecture("BertForMasking")
    with pytest.raises(ModelError, match=r"The model type 't5' cannot be cut. Known families: BERT"):
        family_of("t5")
    with pytest.raises(ModelError, match="The model type 'None' cannot be cut"):
        family_of(None)
