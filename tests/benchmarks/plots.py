"""Draws the figures of compare.py and growth.py, a picture for each row.

    python tests/benchmarks/plots.py                         both files, into docs/plots/
    python tests/benchmarks/plots.py --from FILE --into DIRECTORY

A row's picture is named like the row: kept.svg. Those of growth begin with "growth-".
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from svg import bars, lines

HERE = Path(__file__).resolve().parent
FILES = [HERE / "figures.json", HERE / "growth.json"]
PLOTS = HERE.parents[1] / "docs" / "plots"


def main() -> None:
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--from", dest="files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--into", type=Path, default=PLOTS, metavar="DIRECTORY")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    for file in options.files or [file for file in FILES if file.exists()]:
        for name, picture in pictures(json.loads(file.read_text())).items():
            (options.into / name).write_text(picture)
            print(options.into / name)


def pictures(document: dict[str, Any]) -> dict[str, str]:
    """The pictures of one file, by the names of theirs."""
    drawn = {
        f"{row['key']}.svg": bars(row["title"], row["unit"], row["rounds"], strong="mini_http")
        for row in document.get("rows", ())
    }
    for row in document.get("growth", ()):
        series = {
            name: {int(number): figures for number, figures in points.items()}
            for name, points in row["series"].items()
        }
        drawn[f"growth-{row['key']}.svg"] = lines(row["title"], row["across"], "µs", series)
    return drawn


if __name__ == "__main__":
    main()
