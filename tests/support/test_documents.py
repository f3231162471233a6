"""Examples are found in documents, run where they stand, and held to what they promise."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

from support.documents import example_under, examples

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = """\
# A manual

```sh
python -m that
# this is no heading
```

## First one

Text, and then:

```python
def double(number):
    # a comment

    return 2 * number
```

## Two more

```python
print("one")
# -> one
```

1. In a list:

   ```python
   if port:
       print("http://localhost:8000", port)
   # -> http://... 80...
   ```
"""


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "manual.md"
    path.write_text(DOCUMENT)
    return str(path)


def test_blocks_of_a_language_are_found_with_their_headings_and_lines(document: str) -> None:
    found = examples(document)
    assert [(example.heading, example.line) for example in found] == [
        ("First one", 13),
        ("Two more", 22),
        ("Two more", 29),
    ]
    assert [example.code for example in examples(document, "sh")] == [
        "python -m that\n# this is no heading\n"
    ]
    assert str(found[0]) == f"{document}:13"


def test_blank_lines_and_comments_are_no_lines_of_code(document: str) -> None:
    assert [example.length for example in examples(document)] == [2, 1, 2]


def test_an_example_gives_the_names_that_it_defines(document: str) -> None:
    names = example_under(document, "First one").run()
    assert names["double"](4) == 8
    assert names["printed"] == ""


def test_an_example_may_use_names_and_other_places(document: str) -> None:
    names = examples(document)[2].run({"localhost:8000": "127.0.0.1"}, port=8080)
    assert names["printed"] == "http://127.0.0.1 8080\n"


def test_an_example_that_prints_something_else_than_promised_fails(document: str) -> None:
    with pytest.raises(AssertionError, match=r"manual.md:29 promises .*, but prints ''"):
        examples(document)[2].run(port=0)


def test_what_is_to_be_replaced_must_be_there(document: str) -> None:
    with pytest.raises(AssertionError, match="does not mention 'elsewhere'"):
        examples(document)[1].run({"elsewhere": "here"})


def test_a_traceback_names_the_line_of_the_document(document: str) -> None:
    names = example_under(document, "First one").run()
    with pytest.raises(TypeError) as caught:
        names["double"](None)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].lineno == 16


@pytest.mark.parametrize("heading", ["Two more", "A manual"])
def test_only_one_block_may_stand_under_the_heading_asked_for(document: str, heading: str) -> None:
    with pytest.raises(AssertionError, match="blocks of python under"):
        example_under(document, heading)
