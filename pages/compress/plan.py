"""What each cell loses and what the whole saves: edit percentiles, see sizes at once, export."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from obce_core.criteria import CRITERIA
from obce_core.errors import ObceError, PlanError
from obce_core.figures.numbers import count, megabytes, millions, share
from obce_core.figures.plangrid import plan_grid
from obce_core.figures.sizes import sizes
from obce_core.plan import METHODS, PRESETS, Budget, Compensation, Intent, Plan, parse_document, parse_intent, render, resolve
from obce_core.plan import count as count_plan
from obce_core.plan.make import make_plan
from obce_core.plan.presets import preset
from pages._ui import cached, components, drafts, frame, guards, nav, state

chosen = state.get()
source = guards.need_analysis()
mode = frame.mode()


def _edited(cells: dict[tuple[int, str], float]) -> None:
    drafts.edit(source.id, replace(drafts.current(source.id), cells={}).with_cells(cells), from_grid=True)


def _preset(name: str) -> None:
    try:
        intent, notes = preset(name, source, drafts.current(source.id))
        drafts.edit(source.id, intent)
        st.session_state["plan-told"] = list(notes)
    except ObceError as error:
        st.session_state["plan-told"] = [str(error)]


def _uniform(percentile: float, first: int) -> None:
    base = drafts.current(source.id)
    cells = {
        (layer, c): percentile
        for layer in range(first, source.shape.layers + 1)
        for c in ("query", "key", "value", "intermediate")
        if not source.degenerate(layer, c, base.criterion)
    }
    drafts.edit(source.id, replace(base, cells={}, first_layer=first).with_cells(cells))


def _target(of: str, share_left: float, first: int) -> None:
    base = drafts.current(source.id)
    try:
        plan = make_plan(
            source, first_layer=first, criterion=base.criterion, seed=base.seed, compensation=base.compensation.method,
            compensation_tokens=base.compensation.tokens,
            **{"target_encoder" if of == "encoder" else "target_params": share_left},
        )  # fmt: skip
        drafts.edit(source.id, plan.intent)
    except ObceError as error:
        st.session_state["plan-told"] = [str(error)]


def _criterion() -> None:
    drafts.edit(source.id, replace(drafts.current(source.id), criterion=st.session_state["plan-criterion"]))


def _compensation() -> None:
    method, tokens = st.session_state["plan-method"], st.session_state["plan-tokens"]
    fixed = None if method == "least-squares" else tokens
    drafts.edit(source.id, replace(drafts.current(source.id), compensation=Compensation(method=method, tokens=fixed)))


def _import() -> None:
    upload = st.session_state.get("plan-upload")
    if upload is None:
        return
    try:
        document = parse_document(upload.getvalue(), upload.name)
        intent = parse_intent(document.get("intent", document), upload.name)
        resolve(source, intent)
        drafts.edit(source.id, intent)
    except ObceError as error:
        st.session_state["plan-told"] = [str(error)]


def _carried(intent: Intent) -> tuple[Plan | None, Budget]:
    """Carry out the draft; when it cannot be, say why and count the original."""
    try:
        return cached.resolved(source.id, intent)
    except PlanError as error:
        guards.show_error(error)
        return None, count_plan(source)


def _numbers(budget: Budget, paper: Budget) -> None:
    frame.facts(
        [
            ("neurons cut", count(budget.neurons_cut), f"of {count(budget.neurons)}", f"◇ {count(paper.neurons_cut)}"),
            ("parameters cut", millions(budget.parameters_cut), "", f"◇ {millions(paper.parameters_cut)}"),
            ("of the encoder left", share(budget.encoder_share), "", f"◇ {share(paper.encoder_share)}"),
            ("of the whole model left", share(budget.model_share), "", f"◇ {share(paper.model_share)}"),
            (
                f"FLOPs left, {budget.length} tokens",
                share(budget.flops_left / budget.flops),
                "",
                f"◇ {share(paper.flops_left / paper.flops)}",
            ),
            ("on disk, float32", megabytes(budget.bytes_left), "", f"◇ {megabytes(paper.bytes_left)}"),
        ]
    )


def _menu() -> None:
    """The actions of the page: undo, redo, ways to fill the grid, build."""
    row = st.columns([0.6, 0.6, 1.1, 1.1, 1.1, 2.2, 1.1], vertical_alignment="center")
    row[0].button(
        "", icon=":material/undo:", help="Undo", key="undo", disabled=not drafts.can(source.id, -1), on_click=drafts.move,
        args=(source.id, -1), width="stretch",
    )  # fmt: skip
    row[1].button(
        "", icon=":material/redo:", help="Redo", key="redo", disabled=not drafts.can(source.id, 1), on_click=drafts.move,
        args=(source.id, 1), width="stretch",
    )  # fmt: skip
    with row[2].popover("Presets", width="stretch"):
        for name, told in PRESETS.items():
            fits = name == "paper-scaled" or source.shape.layers == (12 if name == "paper-bert-base" else 24)
            st.button(name, key=f"preset-{name}", help=told, disabled=not fits, on_click=_preset, args=(name,), width="stretch")
        first = st.number_input("From layer", 1, source.shape.layers, min(3, source.shape.layers), key="first-layer")
        for percentile in (30, 50, 70):
            st.button(f"P{percentile} everywhere", key=f"all-{percentile}", on_click=_uniform, args=(percentile, first), width="stretch")
        st.button("Leave all whole", key="all-0", on_click=_uniform, args=(0, 1), width="stretch")
    with row[3].popover("Target", width="stretch"):
        of = st.radio(
            "Leave at most this share of", ["encoder", "model"], format_func={"encoder": "the encoder", "model": "the whole model"}.get
        )
        wanted = st.number_input("Share in percent", 1.0, 99.0, 60.0 if of == "encoder" else 80.0, key=f"share-{of}") / 100
        start = st.number_input("From layer", 1, source.shape.layers, min(3, source.shape.layers), key="target-layer")
        st.button("Find the smallest percentile", on_click=_target, args=(of, wanted, start), width="stretch")
    with row[4].popover("Import", width="stretch"):
        st.file_uploader("A plan or intent, JSON or YAML", ["json", "yaml", "yml"], key="plan-upload", on_change=_import)
    if row[6].button("Build", type="primary", icon=":material/arrow_forward:", width="stretch"):
        nav.go("model")


def _body() -> None:
    _menu()
    for line in st.session_state.pop("plan-told", []):
        st.text(line)
    intent = drafts.current(source.id)
    plan, budget = _carried(intent)
    _, paper, notes = cached.paper(source.id)
    _numbers(budget, paper)
    named = {12: "Table 2", 24: "Table 3"}.get(source.shape.layers, f"Table 2, carried to {source.shape.layers} layers")
    frame.note(f"◇ the paper's plan ({named}), counted by the same rule on this model: query and key fold to shared pairs.")
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        chosen.link_qk = st.toggle("Link query and key, as the paper does", chosen.link_qk, key="link")
        components.plan_grid(
            plan_grid(source, intent, plan, linked=chosen.link_qk), key=f"grid-{source.id}-{intent.criterion}",
            revision=chosen.revision, on_edit=_edited,
        )  # fmt: skip
        frame.note(
            "Bar: solid is kept, hatched is cut. Click, drag or Shift-click selects; a row's number or a column's name selects all of "
            "it. Arrows move, digits set, + and − change by 5, Delete clears."
        )
    with right:
        st.subheader("Size", anchor=False)
        st.plotly_chart(
            sizes([("this plan", budget), ("◇ paper's plan", paper)], mode=mode), theme=None, config={"displayModeBar": False},
            key="sizes",
        )  # fmt: skip
        names = list(CRITERIA)
        if "plan-criterion" not in st.session_state:
            st.session_state["plan-criterion"] = intent.criterion
        st.selectbox(
            "Cut by",
            names,
            format_func=lambda n: CRITERIA[n].title,
            help="r_f is the paper's; the others are for comparison",
            key="plan-criterion",
            on_change=_criterion,
        )
        pair = st.columns(2)
        tokens = ["cls", "all"]
        st.session_state["plan-method"], st.session_state["plan-tokens"] = intent.compensation.method, intent.compensation.tokens
        pair[0].selectbox(
            "Compensation", METHODS, key="plan-method", on_change=_compensation,
            help="What stands in a removed neuron's place: a constant, or (least-squares) a prediction from the kept neurons",
        )  # fmt: skip
        pair[1].selectbox(
            "over", tokens, format_func={"cls": "[CLS] (paper)", "all": "all tokens"}.get, key="plan-tokens", on_change=_compensation,
            disabled=intent.compensation.predicts,
            help="least-squares takes all tokens: one row a text would overfit" if intent.compensation.predicts else None,
        )  # fmt: skip
        if plan is not None:
            st.subheader("Take it away", anchor=False)
            out = st.columns(2)
            out[0].download_button("plan.json", render(plan), "plan.json", "application/json", width="stretch", on_click="ignore")
            out[1].download_button(
                "plan.yaml", render(plan, yaml=True), "plan.yaml", "application/yaml", width="stretch", on_click="ignore"
            )
            st.code(f"obce compress --analysis {source.id} --plan plan.json --out my-model", language="bash", wrap_lines=True)
        for line in notes if intent.cells else ():
            frame.note(line)


with guards.caught():
    ranked = CRITERIA[drafts.current(source.id).criterion].title.replace("r_f", "r<sub>f</sub>")
    frame.title(
        "Plan",
        f"P50 removes the half of a cell's neurons with the smallest {ranked}. "
        "Select cells, type a number; sizes are counted from the tensors that will exist.",
    )
    _body()
    with st.expander("How to read this"):
        st.markdown(
            "**Pxx** keeps the neurons strictly above the xx-th percentile of their own layer and component. **Folding is exact**: a "
            "removed neuron is a constant, and the constant goes into the weights that stay, so the smaller model is the same "
            "function as the masked one. A query/key dimension survives only where both sides are kept; where only the key is, it "
            "becomes part of one extra key row a head. That is why P50 on both leaves about a quarter of the pairs. Under "
            "**least-squares** a removed neuron is predicted from the kept ones (query, key and value: of its own head), which is "
            "folded in as exactly; a head then stores as many pairs as the fewer of its kept queries and kept keys, so more stays."
            "\n\n**Limits.** Sizes are counted, quality is not: build the model to measure how close it stays on held-out texts."
        )
