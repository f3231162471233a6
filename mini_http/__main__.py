"""`python -m mini_http URL…` is the command line; `python -m mini_http demo` shows what happens."""

from __future__ import annotations

import sys

from mini_http.tools.command_line import main

sys.exit(main())
