"""The examples in the manual, as code that tests run.

    example = example_under("docs/extending.md", "Daytime")
    names = example.run(host=server.host)
    assert names["daytime"]("localhost", server.port) == "..."

An example is a fenced block marked `python`. It runs as it stands, except that `replace` puts the
places that exist in a test where the text names others: `{"http://localhost:8000": server.url}`.
Comments that begin with `# -> ` say what the block prints, line by line, `...` for anything; if it
has any, `run` checks them.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent.parent
"""The folder of the project: what documents are named from."""

PROMISE = "# -> "
HEADING = re.compile(r"#{1,6} +(.*)")
FENCE = re.compile(r"( *)(```+|~~~+) *(\S*).*")


@dataclass(frozen=True)
class Example:
    """One block of code: the language of its fence, its text, and where it stands."""

    language: str
    code: str
    heading: str
    """The heading above it, without its marks."""
    document: str
    line: int
    """Of its first line of code, as editors count."""

    @property
    def length(self) -> int:
        """How many lines of code it has: blank lines and comment lines are none."""
        lines = [line.strip() for line in self.code.splitlines()]
        return len([line for line in lines if line and not line.startswith("#")])

    @property
    def promised(self) -> str:
        """What its `# -> ` comments say that it prints."""
        lines = [line.strip() for line in self.code.splitlines()]
        return "".join(f"{line[len(PROMISE) :]}\n" for line in lines if line.startswith(PROMISE))

    def run(self, replace: Mapping[str, str] | None = None, **names: Any) -> dict[str, Any]:
        """Runs it, with these names defined; returns all that are defined afterwards.

        What it prints is `printed` among them. Raises AssertionError if that is not as promised,
        or if something that is to be replaced isn't there.
        """
        code = self.code
        for text, other in (replace or {}).items():
            assert text in code, f"{self} does not mention {text!r}"
            code = code.replace(text, other)
        # As many lines before it as in the document, so that a traceback names the right one.
        compiled = compile("\n" * (self.line - 1) + code, str(ROOT / self.document), "exec")
        namespace: dict[str, Any] = {"__name__": "example", **names}
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compiled, namespace)
        printed = namespace["printed"] = output.getvalue()
        if self.promised:
            same = doctest.OutputChecker().check_output(self.promised, printed, doctest.ELLIPSIS)
            assert same, f"{self} promises {self.promised!r}, but prints {printed!r}"
        return namespace

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def examples(document: str, language: str = "python") -> list[Example]:
    """The blocks of one language in a document, named from the project's folder, in order."""
    found: list[Example] = []
    heading = ""
    lines = iter(enumerate((ROOT / document).read_text().splitlines(), 1))
    for number, line in lines:
        if title := HEADING.fullmatch(line):
            heading = title[1]
        elif fence := FENCE.fullmatch(line):
            indent, marks, fenced = fence[1], fence[2], fence[3]
            code: list[str] = []
            for _, inner in lines:
                if inner.strip() == marks:
                    break
                code.append(inner.removeprefix(indent))
            if fenced == language:
                text = "\n".join(code) + "\n"
                found.append(Example(language, text, heading, document, number + 1))
    return found


def example_under(document: str, heading: str, language: str = "python") -> Example:
    """The one block of a language under a heading."""
    found = [example for example in examples(document, language) if example.heading == heading]
    assert len(found) == 1, f"{document} has {len(found)} blocks of {language} under {heading!r}"
    return found[0]
