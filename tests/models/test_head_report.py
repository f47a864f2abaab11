"""Which tensors of a head are in the file: known from names alone, said by `info` and `load`, held against what
transformers saves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers
from tiny import copy_folder, edit_config, edit_tensors, save_tiny

from obce_core import load
from obce_core.architectures import FAMILIES
from obce_core.cli import main
from obce_core.errors import ModelError
from obce_core.models import check_model
from obce_core.models.head import name_tensors
from obce_core.models.remote import preview_model
from obce_core.models.report import require_head

BERT = FAMILIES["bert"]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", BERT.architectures())
def test_a_head_is_what_transformers_saves_beside_the_encoder(name: str, tied: bool, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "m", getattr(transformers, name), num_hidden_layers=1, tie_word_embeddings=tied)
    report = check_model(folder)
    assert set(report.head.present) == set(report.extra) and report.head.is_complete
    require_head(report)


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("BertModel", ""),
        ("BertForMaskedLM", "cls.predictions.*"),
        ("BertForPreTraining", "cls.predictions.*, cls.seq_relationship.*"),
        ("BertForNextSentencePrediction", "cls.seq_relationship.*"),
        ("BertForSequenceClassification", "classifier.*"),
        ("BertForTokenClassification", "classifier.*"),
        ("BertForMultipleChoice", "classifier.*"),
        ("BertForQuestionAnswering", "qa_outputs.*"),
    ],
)
def test_an_encoder_that_is_called_a_head_lacks_it(name: str, absent: str, tiny_folder: Path, tmp_path: Path) -> None:
    report = check_model(copy_folder(tiny_folder, tmp_path / "m", architectures=[name]))
    assert report.head.absent_words == absent
    if absent:
        with pytest.raises(ModelError) as caught:
            require_head(report)
        assert f"model.safetensors lacks {absent}; the outputs of {name} would be random." in str(caught.value)
        assert '["BertModel"]' in str(caught.value) and "\n" not in str(caught.value)


def test_single_tensors_are_named_where_the_rest_of_their_module_is_there(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "m", transformers.BertForSequenceClassification, num_hidden_layers=1)
    edit_tensors(folder, lambda state: state.pop("bert.pooler.dense.bias"))
    head = check_model(folder).head
    assert head.absent_words == "pooler.dense.bias"
    assert "pooler.dense.weight" in head.words and "classifier.*" in head.words
    assert name_tensors(["cls.predictions.bias"], ["cls.seq_relationship.bias"]) == "cls.predictions.*"


def test_info_names_the_head(tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "m", architectures=["BertForMaskedLM"])
    assert main(["info", str(folder)]) == 0
    assert "missing: cls.predictions.* (random unless it is trained)" in capsys.readouterr().out
    assert main(["info", str(folder), "--json"]) == 0
    head = json.loads(capsys.readouterr().out)["head"]
    assert head["present"] == [] and "cls.predictions.bias" in head["absent"]
    assert any("cls.predictions.*" in text for fits, text in preview_model(str(folder)).lines if not fits)
    assert main(["info", str(tiny_folder)]) == 0
    assert "pooler.* in the file" in capsys.readouterr().out


def test_the_encoder_loads_and_a_random_head_is_said(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "m", architectures=["BertForMaskedLM"])
    with pytest.warns(UserWarning, match=r"the file lacks cls.predictions.\*, which starts at random"):
        loaded = load(folder, device="cpu").model
    encoder, known = loaded.bert.state_dict(), load(tiny_folder, device="cpu").model.state_dict()
    assert all((tensor == known[name]).all() for name, tensor in encoder.items())


def test_a_cut_model_has_the_head_of_its_original(tiny_cut: Path, tmp_path: Path) -> None:
    assert check_model(tiny_cut).head.absent == ()
    folder = copy_folder(tiny_cut, tmp_path / "m")
    edit_config(folder, architectures=["ObceBertForMaskedLM"])
    with pytest.raises(ModelError, match=r"the original's config\.json and cut it again"):
        require_head(check_model(folder))
