"""The Launch page: models, tasks and recipe of a comparison, its estimate, and Start."""

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
        "**Same seeds for "
        "all**: draws of examples, the head and the order of batches agree, so that differences are of the "
        "models.\n\n**Controls** keep "
        "other neurons and store exactly the same shapes as the plan: each head takes the plan's counts, the "
        "criterion only decides "
        "which. **Order**: cut, then fine-tune (the paper), or fine-tune the whole model and carry the same intent "
        "out on it, "
        "without more training.\n\n**There already**: an evaluation is named by all that decides its result; what was "
        "made once, by "
        "whoever, is not made again. A retry or a second Start is harmless.\n\n**Limits.** The time is that of "
        "earlier evaluations of "
        "the same model on the same task on this machine, scaled by examples and looks at the validation split. Of a "
        "cut that was not "
        "measured it takes the speed of the same model as measured with another cut, or whole. It leaves out the "
        "download of data."
    )
