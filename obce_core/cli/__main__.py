"""`python -m obce_core.cli` is `obce`."""

from obce_core.cli import main

raise SystemExit(main())
