"""Start the dashboard's server: `python pages/_ui/serve.py APP [streamlit flags]`; `obce app` runs it."""

from __future__ import annotations

import sys

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.cli import main

# Streamlit takes a folder named `pages` for its old router until the first visitor has run `st.navigation`, and tells
# that visitor of a deep link "Page not found" over the right page. The navigation is declared, so say so from the start.
PagesManager.uses_pages_directory = False

if __name__ == "__main__":
    sys.argv = ["streamlit", "run", *sys.argv[1:]]
    sys.exit(main())
