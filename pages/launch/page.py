"""The Launch page: choose models, tasks and a recipe, see the estimate, and start the evaluations."""

from __future__ import annotations

import streamlit as st

from pages._shared import guards, layout
from pages.launch import estimate, form

top = st.container()
left, right = st.columns([1.4, 1], gap="large")
request = None
if guards.writable("Launching an evaluation"):
    with left, guards.caught():
        request = form.ask()
    with right, guards.caught():
        estimate.show(request)
with top:
    layout.title("Launch", form.lead(request))
with st.expander("How to read this"):
    st.markdown(
        "Each evaluation fine-tunes one model on one task with one seed and scores it on the whole validation split. "
        "**Same "
        "seeds for all**: the sampled examples, the initial head and the order of batches are the same, so differences "
        "are due "
        "to the models.\n\n**Controls** keep other neurons and store exactly the same shapes as the plan: each head "
        "keeps as "
        "many neurons as in the plan, and the control only selects which. **Order**: cut, then fine-tune (the paper), "
        "or "
        "fine-tune the whole model and apply the same prune spec to it, without more training.\n\n**Already done**: "
        "the id of "
        "an evaluation follows from all inputs of its result, and an existing evaluation is not repeated. A retry or a "
        "second "
        "Start is harmless.\n\n**Limits.** The time is that of earlier evaluations of the same model on the same task "
        "on this "
        "machine, scaled by the number of examples and of validation passes. For a cut without measurements, the speed "
        "of the "
        "same model with another cut, or uncut, is used. Downloads of data are not included."
    )
