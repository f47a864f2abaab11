"""What each cell loses and what the whole saves: edit percentiles, see sizes at once and closeness soon, export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import escape

import streamlit as st

from obce_core.components import TITLES
from obce_core.criteria import CRITERIA
from obce_core.errors import PlanError
from obce_core.figures.sizes import sizes
from obce_core.figures.widgets.next_cuts.data import next_cut_list
from obce_core.figures.widgets.plan_grid.data import plan_grid
from obce_core.figures.widgets.plan_grid.export import plan_figure
from obce_core.formatting import cosine, count, megabytes, millions, share
from obce_core.plan import Budget, Plan, PruneSpec
from obce_core.plan.overrides import choices
from pages._shared import cached, charts, downloads, drafts, guards, layout, mounts, previews, state
from pages.plan import difference, files, menu, options, table

# The sentence has room for two lines from the start: it grows when the cosine arrives.
_STYLE = (
    "<style>.st-key-plan-facts .facts{grid-template-columns:repeat(auto-fit,minmax(COLUMNpx,1fr));gap:10px 14px}"
    ".st-key-plan-head .lead{min-height:2.9em} .st-key-plan-head b{white-space:nowrap}</style>"
)
chosen = state.get()
source = guards.need_analysis()
mode = layout.mode()


def _edited(cells: dict[tuple[int, str], float]) -> None:
    drafts.edit(source.id, replace(drafts.current(source.id), cells={}).with_cells(cells), from_grid=True)


def _apply(cut: dict[tuple[int, str], float]) -> None:
    drafts.edit(source.id, drafts.current(source.id).with_cells(cut))


def _link() -> None:
    chosen.link_qk = bool(st.session_state["link"])


def _carried(prune_spec: PruneSpec) -> tuple[Plan | None, Budget | None]:
    """Carry out the draft; when it cannot be, say why."""
    try:
        return cached.resolved(source.id, prune_spec)
    except PlanError as error:
        guards.show_error(error)
        return None, None


def _lead(plan: Plan | None, budget: Budget | None, close: float | None) -> str:
    """Say in one sentence what the draft does."""
    if plan is None or budget is None:
        return "This plan cannot be carried out as it stands; nothing is counted until it can."
    ranked = CRITERIA[plan.prune_spec.criterion].title.replace("r_f", "r<sub>f</sub>")
    if not plan.kept:
        return f"Nothing is cut yet. Select cells and type a number: P50 removes the half of a cell's neurons with the smallest {ranked}."
    cells = sum(len(row) for row in plan.kept.values())
    kept = f"; its outputs keep a cosine of <b>{cosine(close)}</b> to the original's" if close is not None else ""
    return (
        f"Cuts <b>{count(budget.neurons_cut)}</b> neurons of {cells} {'cell' if cells == 1 else 'cells'} by {ranked}, leaves "
        f"<b>{share(budget.encoder_share)}</b> of the encoder{kept}."
    )


def _paper() -> tuple[Plan | None, Budget | None, tuple[str, ...]]:
    """Return the paper's plan, its size and its notes; where it cannot be carried out on this model, the reason is the note."""
    try:
        return cached.paper(source.id)
    except PlanError as error:
        return None, None, (f"◇ The paper's plan cannot be carried out here: {error}",)


def _numbers(budget: Budget | None, paper: Budget | None, close: str, paper_close: str) -> None:
    def row(
        name: str, write: Callable[[Budget], str], note: Callable[[Budget], str] | None = None
    ) -> tuple[str, str, str, str]:
        own = "–" if budget is None else write(budget)
        return name, own, "", f"◇ {'–' if paper is None else (note or write)(paper)}"

    known = budget or paper
    with st.container(key="plan-facts"):
        st.html(_STYLE.replace("COLUMN", "190" if chosen.presentation else "98"))
        layout.facts(
            [
                row(
                    "neurons cut",
                    lambda size: count(size.neurons_cut),
                    lambda size: f"{count(size.neurons_cut)} of {count(size.neurons)}",
                ),
                row("parameters cut", lambda size: millions(size.parameters_cut)),
                row("of the encoder left", lambda size: share(size.encoder_share)),
                row("of the whole model left", lambda size: share(size.model_share)),
                row(
                    f"FLOPs, {known.length} tokens" if known else "FLOPs",
                    lambda size: share(size.flops_left / size.flops),
                ),
                row("float32 on disk", lambda size: megabytes(size.bytes_left)),
                ("cosine, mean-pooled", close, "", paper_close),
            ]
        )


def _theirs() -> None:
    """Ask which draft to go on with when another tab or person has written one since."""
    found = drafts.theirs(source.id)
    if found is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="theirs"):
        st.text(
            f"Another tab changed this plan at {found.written[11:19]} UTC. Yours is not saved until you choose; undo brings it back."
        )
        st.button("Take theirs", on_click=drafts.take_theirs, args=(source.id,), width="content")
        st.button("Keep mine", on_click=drafts.keep_mine, args=(source.id,), width="content")


def _hands(prune_spec: PruneSpec) -> None:
    found = list(choices(prune_spec))
    st.subheader("Chosen by hand", anchor=False)
    if not found:
        layout.note("No neuron is kept or dropped by hand. The page of a neuron has the two buttons.")
        return
    for number, choice in enumerate(found[:50]):
        row = st.columns([0.8, 3, 4, 1.4], vertical_alignment="center", gap="small")
        row[0].text("keep" if choice.side == "keep" else "drop")
        row[1].text(f"Layer {choice.layer} · {TITLES[choice.component]} · {choice.neuron}")
        row[2].text(choice.reason or "no reason given")
        row[3].button(
            "Remove",
            key=f"release-{number}",
            type="tertiary",
            on_click=drafts.release,
            args=(source.id, choice.layer, choice.component, choice.neuron),
        )
    if len(found) > 50:
        layout.note(f"{count(len(found) - 50)} more are in the exported plan.")


def _body() -> None:
    prune_spec = drafts.current(source.id)
    measured = previews.Previews(source, prune_spec)
    head = st.container(
        horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute", gap="medium", key="plan-head"
    )
    words = head.container(width="stretch")
    plan, budget = _carried(prune_spec)
    paper_plan, paper, notes = _paper()
    whole = measured.whole(plan) if plan is not None else None
    with words:
        layout.title("Plan", _lead(plan, budget, whole.pooled if whole else None))
    theirs = previews.Previews(source, paper_plan.prune_spec if paper_plan is not None else prune_spec)
    paper_whole = theirs.whole(paper_plan, priority=1) if paper_plan is not None else None
    nothing = plan is None or not plan.kept
    _numbers(
        budget,
        paper,
        "–" if nothing else measured.words(whole),
        "◇ " + ("–" if paper_plan is None else theirs.words(paper_whole)),
    )
    with head:  # filled after the numbers, which somebody waits for
        menu.menu(source)
    named = {12: "Table 2", 24: "Table 3"}.get(source.shape.layers, f"Table 2, carried to {source.shape.layers} layers")
    texts = whole or paper_whole
    told = (
        f" Cosine to the original: {texts.texts} held-out texts"
        if texts
        else " Cosine to the original: on held-out texts"
    )
    told += (
        f", [CLS] {cosine(whole.cls)}."
        if whole
        else f"; this plan's is not measured: {escape(measured.reason)}."
        if measured.reason
        else "."
    )
    layout.note(
        f"◇ the paper's plan ({named}), counted by the same rule on this model: query and key fold to shared pairs.{told}"
    )
    if measured.reason and source.id in chosen.unmeasured:
        st.button("Try again to measure", on_click=chosen.unmeasured.pop, args=(source.id, None), type="tertiary")
    _theirs()
    for line in chosen.messages:
        st.text(line)
    compared = difference.difference(source, prune_spec)
    # on a projector everything is larger, and the two stand below one another
    left, right = (st.container(), st.container()) if chosen.presentation else st.columns([1.34, 1], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.session_state["link"] = chosen.link_qk
            st.toggle("Link query and key, as the paper does", key="link", on_change=_link)
            table.table(source, prune_spec)
            options.options(source, prune_spec)
        close = measured.cells(plan) if plan is not None else {}
        grid = plan_grid(source, prune_spec, plan, linked=chosen.link_qk, close=close)
        mounts.plan_grid(
            {**grid, "large": chosen.presentation},
            key=f"grid-{source.id}-{prune_spec.criterion}",
            revision=chosen.revision,
            on_edit=_edited,
        )
        layout.note(
            "Bar: solid is kept, hatched is cut. Small number: cosine to the original, mean-pooled, when this cell alone is cut; faint "
            "while it is measured anew. A layer's number or a component's name selects all of it, Shift extends. Arrows move, digits "
            "set, + and − change by 5, Delete clears. * has neurons chosen by hand."
        )
        if plan is not None:
            carried = plan  # the lambda below runs at a click
            downloads.row(
                "plan-grid",
                figure=lambda: plan_figure(grid, mode=mode),
                csv_text=lambda: files.cells_csv(source, carried, close),
            )
        _hands(prune_spec)
    with right:
        st.subheader("Size", anchor=False)
        rows = [(name, size) for name, size in (("this plan", budget), ("◇ paper's plan", paper)) if size is not None]
        if rows:
            charts.show(
                sizes(rows, mode=mode), key="sizes", name="plan-sizes", csv_text=lambda: files.sizes_csv(budget, paper)
            )
        _next(prune_spec, budget, measured)
    if plan is not None:
        files.take_away(source, plan, close, whole)
    for line in (*(plan.notes if plan else ()), *(notes if prune_spec.cells or paper is None else ())):
        layout.note(escape(line))
    previews.watch([*measured.asked, *theirs.asked, *compared])


def _next(prune_spec: PruneSpec, budget: Budget | None, measured: previews.Previews) -> None:
    st.subheader("Cheapest next cuts", anchor=False)
    cuts = cached.next_steps(source.id, prune_spec, linked=chosen.link_qk)
    asked = budget is None or previews.automatic(budget.encoder) or source.id in chosen.next_requested
    lost = measured.losses(cuts) if asked else previews.Previews(source, prune_spec, reason="later").losses(cuts)
    mounts.next_cut_list(
        {**next_cut_list(cuts, lost, waiting=asked and not measured.reason), "large": chosen.presentation},
        key=f"next-{source.id}",
        revision=f"{prune_spec!r}",
        on_apply=lambda place: _apply(dict(cuts[place].changes)),
    )
    if not asked and not measured.reason:
        st.button(
            f"Measure these {len(cuts)} steps",
            on_click=chosen.next_requested.add,
            args=(source.id,),
            icon=":material/speed:",
        )
    layout.note(
        "Sorted by cosine lost for each parameter saved. Each cell is measured alone, against its present percentile, so the sum is a "
        "guide and no promise. Nothing is applied before you click."
    )


with guards.caught():
    _body()
    with st.expander("How to read this"):
        st.markdown(
            "**Pxx** keeps the neurons strictly above the xx-th percentile of their own layer and component. **Folding is exact**: a "
            "removed neuron is a constant, and the constant goes into the weights that stay, so the smaller model is the same "
            "function as the masked one. A query/key dimension survives only where both sides are kept; where only the key is, it "
            "becomes part of one extra key row a head. That is why P50 on both leaves about a quarter of the pairs. Under "
            "**least-squares** a removed neuron is predicted from the kept ones (query, key and value: of its own head), which is "
            "folded in as exactly; a head then stores as many pairs as the fewer of its kept queries and kept keys, so more stays."
            "\n\n**Cosine** compares the last hidden states of the original and of the masked model, which equals the cut one: of "
            "[CLS], and of the mean over all tokens of a text; shown is the mean over at most 150 texts that the analysis did not read, "
            "drawn with seed 0 from those held out."
            "\n\n**Limits.** A cosine near 1 says that the outputs stay alike before any fine-tuning, not that a task's score stays. "
            "Cells are measured alone; together they lose more or less than the sum. Least-squares is fitted when the model is built, "
            "and not measured before. FLOPs are of the layers."
        )
