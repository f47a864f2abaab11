"""The dashboard's router: page config, page table, run."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parent))  # makes `pages` importable wherever streamlit was started

from pages._shared import gc_freeze, guards, layout, nav, sidebar, state

st.set_page_config(page_title="OBCE", page_icon="◎", layout="wide", initial_sidebar_state="auto")
page = nav.navigation()
state.enter(nav.name_of(page))
layout.begin()
with guards.caught():
    page.run()
sidebar.show()
gc_freeze.settle(page.url_path)
