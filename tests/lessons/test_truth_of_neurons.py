"""Every sentence of lessons 4 and 5, in every state of their figures, against numpy and the definition of folding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pytest
from claims import Claims, close, hold, hold_all, number

from obce_core.errors import PlanError
from obce_core.lessons import cut, neuron
from obce_core.plan import resolve
from tests.tiny import memory_analysis

# --- lesson 4: a neuron's line ----------------------------------------------------------------------------------------


class Gaps:
    """The gaps of sorted values by numpy; `line` names the marked ones."""

    def __init__(self, values: Sequence[float], edge_length: bool) -> None:
        self.sorted = np.sort(np.asarray(values, dtype=np.float64))
        self.gaps = np.diff(self.sorted)
        self.widest, self.edge = float(self.gaps.max()), edge_length
        self.tied = int((self.gaps == self.widest).sum()) > 1
        self.range = float(np.ptp(self.sorted))
        self.line = neuron.look(values)
        self.marked = {gap.letter: gap for gap in self.line.gaps}
        (self.letter,) = [name for name, gap in self.marked.items() if gap.right - gap.left == self.widest]
        self.ends = (self.marked[self.letter].left, self.marked[self.letter].right)
        self.left = int((self.sorted <= self.ends[0]).sum())
        self.small, self.large = sorted((self.left, len(self.sorted) - self.left))

    def side(self, letter: str) -> int:
        left = int((self.sorted <= self.marked[letter].left).sum())
        return min(left, len(self.sorted) - left)


def even(s: Gaps, wrong: str, letter: str, width: str, radius: str, more: str | None) -> bool:
    gap = s.marked[letter]
    true = letter == wrong and close(width, gap.right - gap.left) and close(radius, (gap.right - gap.left) / 2)
    others = [s.side(name) for name in s.marked if name != letter]
    return true and gap.right - gap.left < s.widest and bool(more) == (s.side(letter) > max(others))


LINE: Claims = (
    (r"The disks keep growing\. Which of the marked gaps closes last\?", lambda *_: True),
    (
        r"Gap ([A-D]) is (\S+) wide and closes at radius (\S+)\.( Of the marked gaps it divides the texts most "
        r"evenly, but only the width counts\.)?",
        even,
    ),
    (
        r"Of the marked gaps ([A-D]) is the widest, (\S+) from (\S+) to (\S+): its two sides merge last\.",
        lambda s, _, letter, width, left, right: (
            letter == s.letter and close(width, s.widest) and close(left, s.ends[0]) and close(right, s.ends[1])
        ),
    ),
    (
        r"(The widest gap|One of the widest gaps) runs from (\S+) to (\S+)\. What is r_f( as an edge length)?\?",
        lambda s, _, which, left, right, edge: (
            (which[0] == "O") == s.tied and close(left, s.ends[0]) and close(right, s.ends[1]) and bool(edge) == s.edge
        ),
    ),
    (
        r"The gap is (\S+) − (\S+) = (\S+) wide\. Disks grow from both of its ends, so they touch at half of it: r_f "
        r"= ([^\s,]+?)"
        r"(?:, an edge length of (\S+))?\.",
        lambda s, _, right, left, width, r, edge: (
            close(left, s.ends[0])
            and close(right, s.ends[1])
            and close(width, s.widest)
            and close(r, s.widest / 2)
            and (close(edge, s.widest) if s.edge else edge is None)
        ),
    ),
    (
        r"That is the radius; the edge length is the whole gap\.",
        lambda s, w: s.edge and w == pytest.approx(s.widest / 2),
    ),
    (
        r"That is the whole gap, the edge length that gudhi reports; each disk covers half of it\.",
        lambda s, w: not s.edge and w == pytest.approx(s.widest),
    ),
    (
        r"That is half of the range: all texts count there, but only neighbours on the line merge\.",
        lambda s, w: w == pytest.approx(s.range / 2),
    ),
    (r"That is the range, from the smallest output to the largest\.", lambda s, w: w == pytest.approx(s.range)),
    (r"How many texts lie on the smaller side of the widest gap\?", lambda s, _: not s.tied),
    (
        r"How many texts lie on the smaller side of gap ([A-D]), one of the widest\?",
        lambda s, _, letter: s.tied and letter == s.letter,
    ),
    (r"That is the larger side of the gap\.", lambda s, w: int(w) == s.large > s.small),
    (
        r"The texts at the two ends touch, but each brings the whole part that it belongs to\.",
        lambda s, w: int(w) == 2 != s.small,
    ),
    (r"That is how many gaps lie between (\d+) texts\.", lambda s, w, n: int(n) == len(s.sorted) == int(w) + 1),
    (
        r"Gap ([A-D]) has (\d+) texts? on its left and (\d+) on its right(?:: the last merge joins parts of (\d+) and "
        r"(\d+))?\.",
        lambda s, _, letter, left, right, small, large: (
            letter == s.letter
            and (int(left), int(right)) == (s.left, len(s.sorted) - s.left)
            and ((small is None) if s.tied else (int(small), int(large)) == (s.small, s.large))
        ),
    ),
)


def hold_line(values: Sequence[float], edge_length: bool) -> None:
    questions = neuron.questions(neuron.look(values), edge_length=edge_length)
    if len(set(values)) < 2:
        assert not questions
        return
    state = Gaps(values, edge_length)
    answers = [state.widest if edge_length else state.widest / 2, state.small]
    hold_all(questions, [state.letter, *answers] if len(state.marked) > 1 else answers, LINE, state)


@pytest.mark.parametrize("edge_length", [False, True])
def test_lesson_4_for_every_line(edge_length: bool, tiny_analysis: Any) -> None:
    for size in range(1, 6):
        for values in combinations_with_replacement([-0.75, -0.5, 0.0, 0.25, 0.375, 1.0], size):
            hold_line(values, edge_length)
    for component in ("value", "intermediate", "output"):
        for layer in (2, 3):
            for at in tiny_analysis.neurons(layer, component).tolist():
                hold_line(tiny_analysis.neuron(layer, component, at).astype(float).tolist(), edge_length)


# --- lesson 5: a percentile of a cell ---------------------------------------------------------------------------------


class Percentile:
    """A cell under a percentile: what goes by numpy, and its parameters by the definition of folding."""

    def __init__(self, analysis: Any, layer: int, component: str, percentile: int, at: int | None) -> None:
        self.scores, self.component, self.percentile = (
            analysis.scores(layer, component).astype(float),
            component,
            percentile,
        )
        self.limit = float(np.percentile(self.scores, percentile))
        self.kept = self.scores > self.limit
        self.total, self.gone = len(self.scores), int((~self.kept).sum())
        self.h = analysis.shape.hidden
        self.heads = (
            len({int(index) // analysis.shape.head_size for index in np.flatnonzero(~self.kept)})
            if component == "query"
            else 0
        )
        place = int(np.argsort(self.scores, kind="stable")[self.total // 2]) if at is None else at
        self.neuron, self.score, self.fate = place, float(self.scores[place]), bool(self.kept[place])
        own, read = self.gone * (self.h + 1), self.gone * self.h
        pair = 2 * own - self.heads * self.h
        self.saved = own + read if component in ("value", "intermediate") else pair


def told(text: str) -> str:
    return text.replace(",", "")


def columns_left_out(s: Percentile, w: str, reader: str) -> bool:
    return (
        reader == {"value": "attention output", "intermediate": "output"}[s.component]
        and int(w) == s.saved - s.gone * s.h
    )


CUT: Claims = (
    (
        r"How many of the ([\d,]+) neurons does P(\d+) cut\?",
        lambda s, _, n, p: int(told(n)) == s.total and int(p) == s.percentile,
    ),
    (
        r"P(\d+) of this cell lies at r_f = (\S+); ([\d,]+) of ([\d,]+) neurons are at or below it, and the ([\d,]+) "
        r"strictly above stay\.",
        lambda s, _, p, limit, *n: (
            int(p) == s.percentile
            and close(limit, s.limit)
            and [int(told(x)) for x in n] == [s.gone, s.total, s.total - s.gone]
        ),
    ),
    (r"That many stay: the smallest r_f go\.", lambda s, w: int(w) == s.total - s.gone),
    (
        r"(\d+) is the share in percent; the cell has ([\d,]+) neurons\.",
        lambda s, w, p, n: int(w) == int(p) == s.percentile and int(told(n)) == s.total,
    ),
    (
        r"(\d+) neurons? at the percentile itself must go too\.",
        lambda s, w, n: int(n) == int((s.scores == s.limit).sum()) > 0 and int(w) == int((s.scores < s.limit).sum()),
    ),
    (
        r"The neurons strictly above the percentile stay\.",
        lambda s, w: int(w) == s.gone + 1 and not (s.scores == s.limit).any(),
    ),
    (
        r"Neuron (\d+) has r_f (\S+)\. Does P(\d+) keep it\?",
        lambda s, _, at, score, p: int(at) == s.neuron and close(score, s.score) and int(p) == s.percentile,
    ),
    (
        r"(\S+) (>|≤) (\S+), the percentile of its cell, so it (stays|goes)\.",
        lambda s, _, score, sign, limit, fate: (
            close(score, s.score)
            and close(limit, s.limit)
            and (sign == ">") == (fate == "stays") == (s.score > s.limit)
            and (number(score) > number(limit)) == (sign == ">")
        ),
    ),
    (r"Only neurons at or below the percentile go\.", lambda s, w: w == "Cut" and s.score > s.limit),
    (r"Only neurons strictly above the percentile stay\.", lambda s, w: w == "Kept" and s.score <= s.limit),
    (
        r"(Query|Key|Value|Intermediate): how many parameters (?:do these ([\d,]+) neurons|(does this neuron)) take "
        r"along\?",
        lambda s, _, name, n, one: name.lower() == s.component and (s.gone == 1 if one else int(told(n)) == s.gone > 1),
    ),
    (
        r"Each takes its row of (\d+) weights, its bias, and the column of (\d+) weights of (attention output|output) that read it: ([\d,]+) × "  # noqa: E501
        r"(\d+) = ([\d,]+)\. The constants go into the bias that is there\.",
        lambda s, _, a, b, reader, n, each, all_: (
            columns_left_out(s, str(s.saved - s.gone * s.h), reader)
            and [int(told(x)) for x in (a, b, n, each, all_)] == [s.h, s.h, s.gone, 2 * s.h + 1, s.saved]
        ),
    ),
    (
        r"That leaves out the columns of (attention output|output) that read these neurons: they go too\.",
        columns_left_out,
    ),
    (r"Each neuron's bias goes with it\.", lambda s, w: int(w) == s.saved - s.gone),
    (r"That counts neurons; each has a row of weights\.", lambda s, w: int(w) == s.gone),
    (
        r"A (query|key) meets its (query|key) in a product, so the pair drops out: ([\d,]+) × 2 rows of (\d+) = "
        r"([\d,]+)\."
        r"(?: The constant queries leave a bias on every key: one extra row in (\d+) heads?, ([\d,]+) back\.)? "
        r"([\d,]+) in all\.",
        lambda s, _, own, twin, n, row, both, heads, back, all_: (
            own == s.component != twin
            and int(told(n)) == s.gone
            and int(row) == s.h + 1
            and int(told(both)) == 2 * s.gone * (s.h + 1)
            and int(heads or 0) == s.heads
            and int(told(back or "0")) == s.heads * s.h
            and int(told(all_)) == s.saved
        ),
    ),
    (
        r"That counts one side; the (query|key) that it is multiplied with goes too\.",
        lambda s, w, twin: twin != s.component and int(w) == s.gone * (s.h + 1),
    ),
    (r"That leaves out the extra key rows\.", lambda s, w: s.heads > 0 and int(w) == 2 * s.gone * (s.h + 1)),
)


def hold_cell(analysis: Any, layer: int, component: str, percentiles: Iterable[int]) -> None:
    for percentile in percentiles:
        try:
            seen = cut.look(analysis, layer, component, percentile)
        except PlanError:  # nothing would stay
            assert (
                analysis.scores(layer, component) <= np.percentile(analysis.scores(layer, component), percentile)
            ).all()
            continue
        for at in (None, *range(0, len(seen.neurons), 7), int(np.argmin(abs(seen.scores - seen.threshold)))):
            state = Percentile(analysis, layer, component, percentile, at)
            answers = [f"{state.gone:,}", "Kept" if state.fate else "Cut", f"{state.saved:,}"]
            hold_all(cut.questions(seen, None if at is None else int(seen.neurons[at])), answers, CUT, state)


@pytest.mark.parametrize("component", ["query", "key", "value", "intermediate"])
def test_lesson_5_for_every_percentile(component: str, tiny_analysis: Any) -> None:
    hold_cell(tiny_analysis, 3, component, range(1, 96))


@pytest.mark.parametrize("neurons", [5, 21, 40])
def test_lesson_5_where_neurons_lie_at_the_percentile(neurons: int) -> None:
    """Whole numbers of neurons below many percentiles, ties among them, and neurons that are constant."""
    analysis = memory_analysis(2, 8, 2, neurons)
    scores = np.arange(neurons) // 2 / 8  # pairs of equal neurons, the first two constant
    analysis.cell(2, "intermediate")["r_f"][:] = scores
    assert (analysis.scores(2, "intermediate") == scores).all()
    hold_cell(analysis, 2, "intermediate", range(1, 96))


def test_lesson_5_of_a_model_that_was_cut_before_says_so(tiny_cut: Any, tmp_path: Any) -> None:
    from obce_core.analysis.analyze import analyze
    from tests.tiny import sample

    again = analyze(tiny_cut, sample(20, heldout=6), batch_size=8, out=tmp_path / "again")
    for component in ("query", "key"):
        seen = cut.look(again, 3, component, 30)
        saved = cut.questions(seen)[-1]
        plan = resolve(again, cut.prune_spec(3, component, 30))
        assert saved.answer == f"{seen.saved:,}" and plan.neurons_cut == seen.gone
        if "because an earlier cut" in saved.why:
            assert {slip.why for slip in saved.slips} <= {"That counts neurons; each has a row of weights."}


def test_the_pattern_of_a_wrong_sentence_fails() -> None:
    """The check itself can fail: a neuron that is not there, and a sentence that nobody knows."""
    analysis = memory_analysis(2, 8, 2, 20)
    seen = cut.look(analysis, 2, "value", 30)
    question = cut.questions(seen)[0]
    state = Percentile(analysis, 2, "value", 30, None)
    with pytest.raises(AssertionError, match="not true"):
        hold(question, "1 neuron at the percentile itself must go too.", CUT, state, str(state.gone - 1))
    with pytest.raises(AssertionError, match="no check"):
        hold(question, "The neuron that lies at the percentile goes too.", CUT, state, str(state.gone - 1))
