"""The Plan page: edit percentiles, see the size and the cosine of the smaller model, and export the plan."""

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
from obce_core.plan.spec import choices
from pages._shared import cached, charts, downloads, drafts, guards, layout, mounts, previews, state
from pages.plan import difference, files, menu, options, table

# Reserve two lines for the lead sentence, which grows when the cosine arrives.
_STYLE = (
    "<style>.st-key-plan-facts .facts{grid-template-columns:repeat(auto-fit,minmax(COLUMNpx,1fr));gap:10px 14px}"
    ".st-key-plan-head .lead{min-height:2.9em} .st-key-plan-head b{white-space:nowrap}</style>"
)
selection = state.get()
source = guards.need_analysis()
mode = layout.mode()


def _edited(cells: dict[tuple[int, str], float]) -> None:
    drafts.edit(source.id, replace(drafts.current(source.id), cells={}).with_cells(cells), from_grid=True)


def _apply(cut: dict[tuple[int, str], float]) -> None:
    drafts.edit(source.id, drafts.current(source.id).with_cells(cut))


def _link() -> None:
    selection.link_qk = bool(st.session_state["link"])


def _carried(prune_spec: PruneSpec) -> tuple[Plan | None, Budget | None]:
    """Resolve the draft and count its size; if that fails, show the error and return (None, None)."""
    try:
        return cached.resolved(source.id, prune_spec)
    except PlanError as error:
        guards.show_error(error)
        return None, None


def _lead(plan: Plan | None, budget: Budget | None, close: float | None) -> str:
    """Return one sentence on what the draft does."""
    if plan is None or budget is None:
        return "This plan cannot be applied, so its size is not known."
    ranked = CRITERIA[plan.prune_spec.criterion].title.replace("r_f", "r<sub>f</sub>")
    if not plan.kept:
        return (
            "Nothing is cut yet. Select cells and type a number: P50 removes the half of a cell's neurons with the "
            "smallest "
            f"{ranked}."
        )
    cells = sum(len(row) for row in plan.kept.values())
    kept = f"; its outputs keep a cosine of <b>{cosine(close)}</b> to the original's" if close is not None else ""
    return (
        f"Cuts <b>{count(budget.neurons_cut)}</b> neurons of {cells} {'cell' if cells == 1 else 'cells'} by {ranked}, "
        f"leaves "
        f"<b>{share(budget.encoder_share)}</b> of the encoder{kept}."
    )


def _paper() -> tuple[Plan | None, Budget | None, tuple[str, ...]]:
    """Return the paper's plan, its size and its notes; if it cannot be applied here, the note is the reason."""
    try:
        return cached.paper(source.id)
    except PlanError as error:
        return None, None, (f"◇ The paper's plan cannot be applied here: {error}",)


def _numbers(budget: Budget | None, paper: Budget | None, close: str, paper_close: str) -> None:
    def row(
        name: str, write: Callable[[Budget], str], note: Callable[[Budget], str] | None = None
    ) -> tuple[str, str, str, str]:
        own = "–" if budget is None else write(budget)
        return name, own, "", f"◇ {'–' if paper is None else (note or write)(paper)}"

    known = budget or paper
    with st.container(key="plan-facts"):
        st.html(_STYLE.replace("COLUMN", "190" if selection.presentation else "98"))
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
    """Ask which draft to continue with if another session has written one."""
    draft = drafts.theirs(source.id)
    if draft is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="theirs"):
        st.text(
            f"Another tab changed this plan at {draft.written[11:19]} UTC. Your changes are not saved until you "
            f"choose; undo "
            "restores them."
        )
        st.button("Take theirs", on_click=drafts.take_theirs, args=(source.id,), width="content")
        st.button("Keep mine", on_click=drafts.keep_mine, args=(source.id,), width="content")


def _hands(prune_spec: PruneSpec) -> None:
    overrides = list(choices(prune_spec))
    st.subheader("Manual overrides", anchor=False)
    if not overrides:
        layout.note("No neuron is kept or dropped manually. Use Keep and Drop on the Neuron page.")
        return
    for number, choice in enumerate(overrides[:50]):
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
    if len(overrides) > 50:
        layout.note(f"{count(len(overrides) - 50)} more are in the exported plan.")


def _body() -> None:
    prune_spec = drafts.current(source.id)
    measured = previews.Previews(source, prune_spec)
    head = st.container(
        horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute", gap="medium", key="plan-head"
    )
    words = head.container(width="stretch")
    plan, budget = _carried(prune_spec)
    paper_plan, paper, notes = _paper()
    fidelity = measured.whole(plan) if plan is not None else None
    with words:
        layout.title("Plan", _lead(plan, budget, fidelity.pooled if fidelity else None))
    paper_previews = previews.Previews(source, paper_plan.prune_spec if paper_plan is not None else prune_spec)
    paper_fidelity = paper_previews.whole(paper_plan, priority=1) if paper_plan is not None else None
    nothing = plan is None or not plan.kept
    _numbers(
        budget,
        paper,
        "–" if nothing else measured.words(fidelity),
        "◇ " + ("–" if paper_plan is None else paper_previews.words(paper_fidelity)),
    )
    with head:  # filled last, so that the numbers appear first
        menu.menu(source)
    named = {12: "Table 2", 24: "Table 3"}.get(source.shape.layers, f"Table 2, scaled to {source.shape.layers} layers")
    texts = fidelity or paper_fidelity
    cosine_note = (
        f" Cosine to the original: {texts.texts} held-out texts"
        if texts
        else " Cosine to the original: on held-out texts"
    )
    cosine_note += (
        f", [CLS] {cosine(fidelity.cls)}."
        if fidelity
        else f"; this plan's is not measured: {escape(measured.reason)}."
        if measured.reason
        else "."
    )
    layout.note(
        f"◇ the paper's plan ({named}), counted by the same rule on this model: query and key share stored "
        f"pairs.{cosine_note}"
    )
    if measured.reason and source.id in selection.unmeasured:
        st.button("Measure again", on_click=selection.unmeasured.pop, args=(source.id, None), type="tertiary")
    _theirs()
    for line in selection.messages:
        st.text(line)
    compared = difference.difference(source, prune_spec)
    # In presentation mode everything is larger, so the two columns are stacked.
    left, right = (st.container(), st.container()) if selection.presentation else st.columns([1.34, 1], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.session_state["link"] = selection.link_qk
            st.toggle("Link query and key, as the paper does", key="link", on_change=_link)
            table.table(source, prune_spec)
            options.options(source, prune_spec)
        close = measured.cells(plan) if plan is not None else {}
        grid = plan_grid(source, prune_spec, plan, linked=selection.link_qk, close=close)
        mounts.plan_grid(
            {**grid, "large": selection.presentation},
            key=f"grid-{source.id}-{prune_spec.criterion}",
            revision=selection.revision,
            on_edit=_edited,
        )
        layout.note(
            "Bar: solid is kept, hatched is cut. Small number: mean-pooled cosine to the original when only this cell "
            "is cut; "
            "faint while it is measured again. Click a layer's number or a component's name to select all of it; Shift "
            "extends "
            "the selection. Arrow keys move, digits set a percentile, + and − change it by 5, Delete clears it. * "
            "marks cells "
            "with manual overrides."
        )
        if plan is not None:
            resolved_plan = plan  # bound here because the lambda below runs at a click
            downloads.row(
                "plan-grid",
                figure=lambda: plan_figure(grid, mode=mode),
                csv_text=lambda: files.cells_csv(source, resolved_plan, close),
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
        files.take_away(source, plan, close, fidelity)
    for line in (*(plan.notes if plan else ()), *(notes if prune_spec.cells or paper is None else ())):
        layout.note(escape(line))
    previews.watch([*measured.asked, *paper_previews.asked, *compared])


def _next(prune_spec: PruneSpec, budget: Budget | None, measured: previews.Previews) -> None:
    st.subheader("Cheapest next cuts", anchor=False)
    cuts = cached.next_steps(source.id, prune_spec, linked=selection.link_qk)
    is_measured = budget is None or previews.automatic(budget.encoder) or source.id in selection.next_requested
    losses = (
        measured.losses(cuts) if is_measured else previews.Previews(source, prune_spec, reason="later").losses(cuts)
    )
    mounts.next_cut_list(
        {**next_cut_list(cuts, losses, waiting=is_measured and not measured.reason), "large": selection.presentation},
        key=f"next-{source.id}",
        revision=f"{prune_spec!r}",
        on_apply=lambda place: _apply(dict(cuts[place].changes)),
    )
    if not is_measured and not measured.reason:
        st.button(
            f"Measure these {len(cuts)} steps",
            on_click=selection.next_requested.add,
            args=(source.id,),
            icon=":material/speed:",
        )
    layout.note(
        "Sorted by cosine lost per parameter saved. Each cell is measured alone, against its current percentile, so "
        "the sum is "
        "only an approximation. A cut is applied when you click it."
    )


with guards.caught():
    _body()
    with st.expander("How to read this"):
        st.markdown(
            "**Pxx** keeps the neurons strictly above the xx-th percentile of their own layer and component. **Folding "
            "is "
            "exact**: a removed neuron is replaced by a constant, and the constant is folded into the remaining "
            "weights, so the "
            "smaller model is the same function as the masked one. A query/key dimension is stored only where both "
            "sides are "
            "kept; where only the key is kept, it becomes part of one extra key row per head. Therefore P50 on both "
            "leaves about "
            "a quarter of the pairs. With **least-squares** a removed neuron is predicted from the kept ones (for "
            "query, key and "
            "value: those of its own head), which is folded in exactly as well. A head then stores as many pairs as "
            "the smaller "
            "number of its kept queries and kept keys, so more pairs are left."
            "\n\n**Cosine** compares the last hidden states of the original and of the masked model, which equals the "
            "cut one: "
            "of [CLS], and of the mean over all tokens of a text. The value is the mean over at most 150 texts that "
            "the analysis "
            "did not read, drawn with seed 0 from the held-out texts."
            "\n\n**Limits.** A cosine near 1 means that the outputs are similar before any fine-tuning, not that a "
            "task's score is "
            "preserved. Cells are measured alone; together they may lose more or less than the sum. Least-squares is "
            "fitted when "
            "the model is built, and is not measured before. FLOPs are those of the layers."
        )
