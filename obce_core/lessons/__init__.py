"""Five lessons, from points to a cut: figures as values, and questions whose answers follow from them.

Each module makes the questions of one lesson from the present state of its figure; other points give other answers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One lesson: a short name, its question as title, its idea, and how to read its figure (Markdown)."""

    name: str
    title: str
    lead: str
    read: str


LESSONS = (
    Lesson(
        name="Complexes",
        title="What is a shape made of?",
        lead="A <b>simplex</b> is a point, an edge between two, a triangle between three. A <b>complex</b> holds "
        "every face of "
        "each of its simplices. Click to add a point; choose two or three to join them.",
        read="A **face** of a simplex is what its own points span: a triangle has three edges and three points. The "
        "**boundary** "
        "of a simplex is the sum of its faces of one dimension less; over Z/2, 1 + 1 = 0, so a shared edge cancels. "
        "The "
        "boundary matrices ∂₁ and ∂₂ hold this as ones. **b₀** = points − rank ∂₁ counts pieces, **b₁** = edges − "
        "rank ∂₁ − "
        "rank ∂₂ counts loops that no triangles fill. The **Euler characteristic** is points − edges + triangles, and "
        "also "
        "pieces − loops + closed hollows.\n\n**Limits.** Positions do not matter here, only what is joined; triangles "
        "that "
        "overlap in the picture meet in the complex only where they share points or edges. There are no simplices "
        "above triangles.",
    ),
    Lesson(
        name="Growing disks",
        title="When do points belong together?",
        lead="Grow a disk of radius r around each point. Two points are joined when their disks touch, three are "
        "filled when all "
        "pairs are joined: the <b>Vietoris–Rips complex</b>.",
        read="Two points are joined when their distance is at most 2r, so when disks of radius r touch. The Betti "
        "numbers **b₀** "
        "(parts) and **b₁** (loops) come from the ranks of the boundary matrices ∂₁ and ∂₂ over Z/2.\n\n**Limits.** "
        "The "
        "complex looks at pairs only: three disks may touch in pairs and leave a hole between them that the complex "
        "fills, so "
        "b₁ is not always what the eye sees in the disks. It is cut at triangles, so hollows (b₂) are not told. "
        "Coordinates "
        "have three decimals; touching is decided exactly.",
    ),
    Lesson(
        name="Barcodes",
        title="How long does each part live?",
        lead="Each point is <b>born</b> as a part at r = 0. When two parts touch, one <b>dies</b>. A loop is born "
        "when it closes, "
        "and dies when it is filled. Each life is a bar; one never ends.",
        read="A bar runs from birth to death. N points give N bars of parts (H₀), all born at 0: N − 1 end when two "
        "parts touch, "
        "one is infinite. Bars of loops (H₁, hollow) begin when a loop closes. The number of bars over a radius is "
        "the Betti "
        "number there. The last death of H₀ is the radius at which all is one part: for a neuron, that is "
        "**r_f**.\n\n**Radius or edge length.** We grow disks of radius r; gudhi and ripser report the edge length "
        "2r.\n\n**Limits.** Loops that are filled as soon as they close have no bar. Which of two parts dies is a "
        "matter of "
        "naming: both were born at 0.",
    ),
    Lesson(
        name="A neuron",
        title="What does a neuron hold apart?",
        lead="A neuron gives every text one number: a cloud on a line. Its disks become one piece when the widest gap "
        "closes, and "
        "that radius is <b>r_f</b>, half of the gap.",
        read="Each dot is the neuron's output for one text, as the selected analysis stored it. On a line two parts "
        "merge "
        "when the gap between them closes, so the merges are the gaps, from narrow to wide; the widest gap closes "
        "last, and half of it "
        "is **r_f**.\n\n**Limits.** One extreme text can set r_f alone, and another sample of texts may give another "
        "r_f: the "
        "Neuron page shows what it would be without its most isolated text.",
    ),
    Lesson(
        name="A cut",
        title="Which neurons go?",
        lead="Order the neurons of a cell by r_f. <b>P30</b> cuts those at or below the 30th percentile. Each becomes "
        "a constant, "
        "which folds into its neighbours: its parameters leave the model.",
        read="**Pxx** removes the neurons whose r_f is at or below the xx-th percentile of their own layer and "
        "component (numpy's "
        "linear quantile) and keeps those strictly above. A removed neuron is replaced by a constant, its mean plus "
        "one "
        "standard deviation at [CLS]. The constant of a value or an intermediate neuron moves into a bias that is "
        "there already; "
        "a constant key changes no attention; the constant queries of a head leave one extra key row. All other rows "
        "and columns of "
        "the removed neurons leave, and the function stays that of the model with the constants. Parameters are "
        "counted from the "
        "tensors that would be stored.\n\n**Limits.** This cuts one cell alone; query and key are linked on the Plan "
        "page. A small r_f "
        "says that outputs lie without a wide gap, not that nothing depends on them: measure the model after the cut.",
    ),
)
"""The lessons in their order; people count them from 1."""
