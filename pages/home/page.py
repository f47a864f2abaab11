"""The Home page: what OBCE does, the demo, and the user's work."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.catalog import list_analyses
from obce_core.components import TITLES
from obce_core.compression.result import Compressed, list_models
from obce_core.figures.widgets.film.data import film_data
from obce_core.formatting import duration, share
from obce_core.glue.evaluation import count_evaluations
from pages._shared import cached, drafts, guards, job_panel, layout, mounts, naming, nav, state

_DEMO = {"model": "demo", "texts": "demo", "n_texts": 150, "seed": 0}


def _done(result: dict[str, Any]) -> None:
    state.select_analysis(result["analysis"])
    nav.go("importance")


def _open(entry: Analysis | Compressed) -> None:
    """Open an analysis on Importance, or a model on Model with the analysis that it was made from, if that exists."""
    if isinstance(entry, Analysis):
        state.select_analysis(entry.id)
        nav.go("importance")
    else:
        if any(one.id == entry.analysis for one in analyses):
            state.select_analysis(entry.analysis)
        selection.model = entry.folder.name
        nav.go("model")


def _station(name: str, text: str, is_done: bool) -> str:
    return f'<div class="{"done" if is_done else ""}"><b>{name}</b><span>{escape(text)}</span></div>'


def _is_demo(entry: Analysis) -> bool:
    """Return True if an analysis has the inputs of the demo."""
    texts = entry.meta["texts"]
    inputs = {
        "model": entry.meta["model"]["spec"],
        "texts": texts["source"],
        "n_texts": texts["n"],
        "seed": texts["seed"],
    }
    return inputs == _DEMO and (entry.meta["tokens"], entry.meta["tap"]) == ("cls", "neuron")


def _shown(analyses: list[Analysis]) -> Analysis | None:
    """Return the selected analysis, the newest if none is selected, or None if the selected one is missing."""
    selection = state.get()
    if not selection.analysis:
        selection.analysis = analyses[0].id
    selected = next((entry for entry in analyses if entry.id.startswith(selection.analysis)), None)
    if selected is not None:
        selection.analysis = selected.id
        selection.analysis_names[selected.id] = naming.label(selected)
    return selected


analyses = list_analyses()
models = list_models()
selection = state.get()
source = _shown(analyses) if analyses else None
unknown, selection.unknown = selection.unknown, ""
if unknown:
    guards.show_notice(f"There is no page /{unknown}. This is Home; all pages are in the menu at the left.")
if selection.analysis and source is None:
    with guards.caught():
        guards.need_analysis()  # shows the error, and offers the others
left, right = st.columns([1, 1.05], gap="large", vertical_alignment="center")
with left:
    st.html(
        '<h1 style="font-size:35px;line-height:1.15;font-weight:680;padding:0;margin:0 0 12px">Find the neurons that '
        "matter "
        "in a BERT, and cut the rest.</h1>"
        '<p class="lead">OBCE reads the output of every neuron over a set of texts, measures with persistent homology '
        "how "
        "far the outputs spread, cuts the neurons with the smallest spread, and verifies that the smaller model equals "
        "the "
        "masked one.</p>"
    )
    with guards.caught():
        busy = job_panel.panel("demo", _done)
        if not busy:
            buttons = st.columns([1, 1.15, 0.7])
            if analyses:
                if buttons[0].button(
                    "Continue",
                    type="primary",
                    icon=":material/arrow_forward:",
                    width="stretch",
                    disabled=source is None,
                ):
                    nav.go("importance")
            elif not guards.writable("Running the demo"):
                pass
            elif buttons[0].button("Run the demo", type="primary", icon=":material/play_arrow:", width="stretch"):
                job_panel.start("demo", "analyze", _DEMO)
                st.rerun()
            if buttons[1].button("Use my own model", width="stretch"):
                nav.go("analysis")
    made = next((entry for entry in analyses if _is_demo(entry)), None)
    start_seconds = cached.starts().get(made.id) if made is not None else None
    start = f"{duration(start_seconds)} to start and " if start_seconds is not None else ""
    told = (
        f"its last run took {start}{duration(made.meta['seconds'])} to compute"
        if made is not None
        else "its run time was not measured here yet"
    )
    layout.note(f"The demo: all-MiniLM-L6-v2, 22.7 M parameters, 150 sentences, no network once installed; {told}.")
with right:
    if source is not None:
        with guards.caught():
            component = "value"
            filled = [layer for layer in range(1, source.shape.layers + 1) if source.width(layer, component)]
            layer = min(filled, key=lambda layer: abs(layer - 5), default=1)
            if not filled:
                component = "output"  # never cut
            scores = source.scores(layer, component)
            at = int(scores.argsort()[-min(4, len(scores))])
            neuron = int(source.neurons(layer, component)[at])
            values = cached.neuron(source.id, layer, component, neuron)
            noun = "tokens" if source.meta["tokens"] == "all" else "texts"
            texts = None if noun == "tokens" else source.texts.texts
            data = film_data(values, texts, title=f"Layer {layer} · {TITLES[component]} · neuron {neuron}")
            mounts.film({**data, "compact": True}, key="home-film")
            layout.note(
                f"One neuron (layer {layer}, {component}, {neuron}): its output for {len(values):,} {noun}, with a "
                f"growing disk around each. "
                "When the last gap closes, the radius is <b>r<sub>f</sub></b>."
            )
    else:
        layout.note("The film of a neuron appears here after the first analysis.")

first = source
prune_spec = drafts.current(source.id) if source else None
planned = bool(prune_spec and (prune_spec.cells or prune_spec.drop))
evaluated = count_evaluations()
st.html(
    '<div class="line">'
    + _station("Texts", f"{first.meta['texts']['n']:,} texts" if first else "none yet", bool(first))
    + _station("Activations", f"{len(first.columns['r_f']):,} neurons" if first else "none yet", bool(first))
    + _station("Importance", "r_f of every neuron" if first else "none yet", bool(first))
    + _station("Plan", "under edit" if planned else "none yet", planned)
    + _station("Model", f"{len(models)} built" if models else "not built yet", bool(models))
    + _station("Evaluation", f"{evaluated:,} on GLUE" if evaluated else "none yet", bool(evaluated))
    + "</div>"
)
work, questions = st.columns([1.6, 1], gap="large")
with work:
    st.subheader("Your work", anchor=False)
    rows: list[dict[str, Any]] = [
        {
            "what": "Analysis",
            "model": layout.short_name(entry.meta["model"]["name"]),
            "texts": f"{entry.meta['texts']['n']:,}",
            "told": f"● {len(entry.columns['r_f']):,} neurons, {entry.meta['seconds']:.1f} s",
            "when": entry.meta["created"].replace("T", " ").rstrip("Z"),
        }
        for entry in analyses[:6]
    ]
    rows += [
        {
            "what": "Model",
            "model": layout.short_name(entry.name),
            "texts": "",
            "told": f"● {share(entry.budget.encoder_share)} of the encoder left",
            "when": "",
        }
        for entry in models[:4]
    ]
    if rows:
        opened = st.dataframe(
            rows,
            hide_index=True,
            width="stretch",
            on_select="rerun",
            selection_mode="single-row",
            key="your-work",
            column_config={
                "told": st.column_config.TextColumn("state"),
                "when": st.column_config.TextColumn("when (UTC)"),
            },
        )
        if picked := opened["selection"]["rows"]:
            _open([*analyses[:6], *models[:4]][picked[0]])
        layout.note("Tick a row to open it: an analysis on Importance, a model on Model.")
    else:
        layout.note("Nothing yet. <b>Run the demo</b> makes a first analysis.")
with questions:
    st.subheader("Start from a question", anchor=False)
    nav.link("neuron", "What does a single neuron separate?", icon=":material/blur_on:")
    nav.link("importance", "Which layers hold the important neurons?", icon=":material/grid_on:")
    nav.link("plan", "Which neurons would the paper's plan cut in my model?", icon=":material/tune:")
    nav.link("model", "Is the smaller model the same function as the masked one?", icon=":material/archive:")
    nav.link("launch", "What does the smaller model score after fine-tuning?", icon=":material/rocket_launch:")
