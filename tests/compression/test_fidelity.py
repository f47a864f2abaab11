"""How close two models are: cosines by hand, and a largest difference that no NaN slips through."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from obce_core.compression.fidelity import differences, fidelity, largest_difference
from obce_core.errors import Cancelled, Mismatch
from obce_core.models.batching import Encoded, batches

# three texts of 3, 2 and 1 tokens; a token's id picks its output
TEXTS = Encoded(ids=((0, 1, 2), (1, 2), (3,)), max_length=8, truncated=0, pad_id=4)
TABLE = torch.tensor([[1.0, 0.0], [0.0, 2.0], [2.0, 2.0], [0.0, 1.0], [100.0, 100.0]])


class Model(torch.nn.Module):
    """Hand on a row of a table for each token; the row of padding is large."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(table.clone())

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        hidden = self.table[input_ids]

        class Output(SimpleNamespace):
            def __getitem__(self, index: int) -> torch.Tensor:
                return [self.last_hidden_state][index]

        return Output(last_hidden_state=hidden)


class Classifier(Model):
    """Hand on two numbers a text."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        return (self.table[input_ids[:, 0]],)


class ForMultipleChoice(Model):
    """Take all texts of a batch as the choices of one question."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        assert input_ids.dim() == attention_mask.dim() == 3
        return (self.table[input_ids[0, :, 0]].sum(-1)[None],)


def changed(row: int, values: list[float]) -> torch.Tensor:
    table = TABLE.clone()
    table[row] = torch.tensor(values)
    return table


def cosine(a: list[float], b: list[float]) -> float:
    return float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_cosines_by_hand_and_padding_never_counts(batch_size: int) -> None:
    smaller = changed(1, [2.0, 0.0])
    smaller[4] = -7.0
    found = fidelity(Model(TABLE), Model(smaller), TEXTS, batch_size=batch_size)
    cls = [1.0, 0.0, 1.0]
    pooled = [cosine([3.0, 4.0], [5.0, 2.0]), cosine([2.0, 4.0], [4.0, 2.0]), 1.0]
    assert found.texts == 3
    assert (found.cls, found.pooled) == pytest.approx((np.mean(cls), np.mean(pooled)), abs=1e-12)
    assert (found.cls_lowest, found.pooled_lowest) == pytest.approx((0.0, min(pooled)), abs=1e-12)


def test_a_model_is_equal_to_itself() -> None:
    found = fidelity(Model(TABLE), Model(TABLE), TEXTS)
    assert (found.cls, found.pooled, found.cls_lowest, found.pooled_lowest) == pytest.approx((1.0,) * 4)
    assert largest_difference(Model(TABLE), Model(TABLE), TEXTS) == 0.0


def test_it_ends_when_asked() -> None:
    with pytest.raises(Cancelled, match="Measuring the fidelity was cancelled"):
        fidelity(Model(TABLE), Model(TABLE), TEXTS, cancelled=lambda: True)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_largest_difference_is_a_share_of_the_largest_output_padding_left_out(batch_size: int) -> None:
    other = changed(2, [2.0, 1.5])
    other[4] = -7.0
    assert largest_difference(Model(TABLE), Model(other), TEXTS, batch_size=batch_size) == pytest.approx(0.25)


def test_the_outputs_of_a_head_are_compared_as_they_are() -> None:
    assert largest_difference(Classifier(TABLE), Classifier(changed(1, [0.0, 1.0])), TEXTS) == pytest.approx(0.5)
    assert largest_difference(
        ForMultipleChoice(TABLE), ForMultipleChoice(changed(3, [0.0, 0.0])), TEXTS
    ) == pytest.approx(0.5)


@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_output_that_is_not_finite_is_never_called_equal(bad: float, row: int) -> None:
    for batch_size in (1, 3):
        assert (
            not largest_difference(Model(TABLE), Model(changed(row, [1.0, bad])), TEXTS, batch_size=batch_size) <= 1e9
        )


def test_a_reference_of_zeros_gives_the_difference_itself() -> None:
    zero = torch.zeros(5, 2)
    assert largest_difference(Model(zero), Model(zero), TEXTS) == 0.0
    assert largest_difference(Model(zero), Model(zero + 0.5), TEXTS) == 0.5


class Layered(torch.nn.Module):
    """Hand on hidden states of two layers, the last ten times as large as the first, and what a head says."""

    def __init__(self, first: torch.Tensor, second: torch.Tensor, logits: torch.Tensor | None) -> None:
        super().__init__()
        self.first, self.second, self.logits = torch.nn.Parameter(first.clone()), second, logits

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, output_hidden_states: bool) -> Any:
        assert output_hidden_states
        states = (self.first[input_ids], 10 * self.second[input_ids])
        found: dict[str, Any] = {"hidden_states": states, "last_hidden_state": states[1], "loss": None}
        return found if self.logits is None else found | {"logits": self.logits[input_ids[:, 0]]}


def test_every_hidden_state_is_measured_by_its_own_size() -> None:
    reference, every = Layered(TABLE, TABLE, None), list(batches(TEXTS, 2))
    found = differences(reference, Layered(changed(2, [2.0, 1.5]), TABLE, None), every)
    assert (found.hidden, found.logits) == (pytest.approx(0.5 / 2.0), None)
    found = differences(reference, Layered(TABLE, changed(2, [2.0, 1.5]), None), every)
    assert found.hidden == pytest.approx(5.0 / 20.0)
    padding = changed(4, [-7.0, 7.0])
    assert differences(reference, Layered(padding, padding, None), every).hidden == 0.0


def test_what_a_head_says_is_measured_apart() -> None:
    reference, every = Layered(TABLE, TABLE, TABLE), list(batches(TEXTS, 3))
    found = differences(reference, Layered(TABLE, TABLE, changed(1, [0.0, 1.0])), every)
    assert (found.hidden, found.logits) == (0.0, pytest.approx(0.5))
    with pytest.raises(Mismatch, match=r"^The models hand on other outputs: logits.$"):
        differences(reference, Layered(TABLE, TABLE, None), every)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_no_difference_that_is_not_finite_slips_through(bad: float) -> None:
    reference, spoiled = Layered(TABLE, TABLE, TABLE), changed(0, [1.0, bad])
    for size in (1, 3):
        every = list(batches(TEXTS, size))
        assert not differences(reference, Layered(spoiled, TABLE, TABLE), every).hidden <= 1e9
        assert not differences(reference, Layered(TABLE, spoiled, TABLE), every).hidden <= 1e9
        logits = differences(reference, Layered(TABLE, TABLE, spoiled), every).logits
        assert logits is not None and not logits <= 1e9
