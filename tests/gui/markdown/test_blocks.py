"""Cutting Markdown into blocks: the same however it comes in, and each block whole by itself."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from aiconsole.gui.markdown.blocks import LONGEST, TABLE_ROWS, Block, Splitter, split

MIXED = """# Title
Text that goes on
and on.

1. one
   - inner
   - inner two

   more of one
2. two

   ```python
   def f():
       return 1
   ```

   after the code
3. three

- [ ] task
- [x] done
> quote
> more

| a | b |
|---|--:|
| 1 | 2 |

Under
=====
~~~
tilde
~~~
***
last
"""


def kinds(text: str) -> list[str]:
    return [block.kind for block in split(text)]


def shape(blocks: list[Block]) -> list[tuple[object, ...]]:
    return [
        (block.kind, block.source, block.indent, block.tight, block.joined, block.number, block.first)
        for block in blocks
    ]


def test_each_kind_is_found() -> None:
    assert kinds(MIXED) == [
        "heading",
        "paragraph",
        "item",
        "item",
        "code",
        "paragraph",
        "item",
        "item",
        "item",
        "quote",
        "table",
        "heading",
        "code",
        "rule",
        "paragraph",
    ]


def test_an_item_keeps_what_is_inside_it_and_code_in_it_stands_apart() -> None:
    blocks = split(MIXED)

    assert blocks[2].source == "1. one\n   - inner\n   - inner two\n\n   more of one"
    assert blocks[4].fence is not None
    assert blocks[4].fence.text == "def f():\n    return 1"
    assert (blocks[4].fence.language, blocks[4].indent) == ("python", 3)
    assert (blocks[5].source, blocks[5].indent) == ("after the code", 3)
    assert blocks[6].number == 3


@pytest.mark.parametrize("seed", range(20))
def test_cut_anywhere_the_blocks_are_the_same(seed: int) -> None:
    dice = random.Random(seed)
    splitter, at = Splitter(), 0
    while at < len(MIXED):
        length = dice.randint(1, 9)
        splitter.feed(MIXED[at : at + length])
        splitter.tail()
        at += length
    splitter.finish()

    assert shape(splitter.blocks) == shape(split(MIXED))


@given(st.text(alphabet="ab \n`~-*#>|1.:=\t", max_size=120), st.integers(1, 7))
def test_no_character_of_the_text_is_lost_in_any_cut(text: str, step: int) -> None:
    splitter = Splitter()
    for at in range(0, len(text), step):
        splitter.feed(text[at : at + step])
        splitter.tail()
    splitter.finish()

    assert shape(splitter.blocks) == shape(split(text))
    letters = [sign for sign in text if sign in "ab"]
    fences = {id(block.fence): block.fence for block in splitter.blocks if block.fence is not None}
    kept = "".join(block.source for block in splitter.blocks) + "".join(fence.info for fence in fences.values())
    assert sorted(sign for sign in kept if sign in "ab") == sorted(letters)


def test_the_tail_shows_the_line_being_written_and_is_not_kept() -> None:
    splitter = Splitter()
    splitter.feed("Done.\n\nBeing wri")

    assert [block.source for block in splitter.blocks] == ["Done."]
    assert [block.source for block in splitter.tail()] == ["Being wri"]
    assert [block.source for block in splitter.blocks] == ["Done."]


def test_a_fence_that_is_being_closed_does_not_show_its_backticks() -> None:
    splitter = Splitter()
    splitter.feed("```py\nx = 1\n``")

    assert [block.source for block in splitter.tail()] == ["x = 1"]


@pytest.mark.parametrize("mark", ["```", "~~~~", "`````"])
def test_a_fence_ends_only_by_its_own_mark(mark: str) -> None:
    blocks = split(
        f"{mark}\n``\n~~~\n\n# no heading\n{mark}\n\ntext" if mark != "~~~~" else "~~~~\n~~~\n```\n~~~~\n\ntext"
    )

    assert [block.kind for block in blocks] == ["code", "paragraph"]


def test_a_fence_that_never_closes_is_closed_by_the_end() -> None:
    block = split("```\nline")[0]

    assert block.fence is not None
    assert block.fence.closed


def test_a_long_fence_is_cut_and_its_text_is_whole() -> None:
    lines = [f"line {number}" for number in range(500)]
    blocks = split("```\n" + "\n".join(lines) + "\n```\n")

    assert len(blocks) > 5
    assert len({id(block.fence) for block in blocks}) == 1
    assert blocks[0].fence is not None
    assert blocks[0].fence.lines == lines
    assert [line for block in blocks for line in block.lines] == lines
    assert [block.joined for block in blocks] == [False] + [True] * (len(blocks) - 1)


def test_a_long_table_is_cut_and_each_part_knows_its_columns() -> None:
    rows = "\n".join(f"| {number} | x |" for number in range(40))
    blocks = split(f"| n | letter |\n|---|---|\n{rows}\n")

    assert len(blocks) == 4
    assert all(len(block.lines) <= TABLE_ROWS + 2 for block in blocks)
    assert {block.head for block in blocks[1:]} == {("| n | letter |", "|---|---|")}
    assert blocks[3].source.startswith("| n | letter |\n|---|---|\n| 36 |")


def test_an_endless_line_is_cut_where_a_sentence_ends() -> None:
    blocks = split("This is a sentence. " * 1000)

    assert max(block.size for block in blocks) <= 2 * LONGEST + 1
    assert all(block.source.rstrip().endswith(".") for block in blocks)
    assert "".join(block.source for block in blocks) == "This is a sentence. " * 1000


def test_numbers_of_a_list_count_on_whatever_the_source_says() -> None:
    assert [block.number for block in split("1. a\n1. b\n1. c\n")] == [1, 2, 3]
    assert [block.number for block in split("7. a\n3. b\n")] == [7, 8]


def test_setext_and_interruptions_follow_commonmark() -> None:
    assert kinds("text\n---\n") == ["heading"]
    assert kinds("text\n2. not an item\n") == ["paragraph"]
    assert kinds("text\n1. an item\n") == ["paragraph", "item"]
    assert kinds("    indented code\n") == ["paragraph"]
    assert kinds("- a\n\n\ntext\n") == ["item", "paragraph"]
    assert kinds("- - -\n") == ["rule"]
    assert kinds("#no heading\n") == ["paragraph"]


def test_the_blocks_mean_what_the_whole_means() -> None:
    """Rendered one by one, the blocks give the text that the whole gives, by markdown-it's own reading."""
    parser = MarkdownIt("commonmark").enable("table")

    def words(text: str) -> list[str]:
        tokens = parser.parse(text)
        said = [token.content for token in tokens if token.type in ("inline", "fence", "code_block")]
        return " ".join(said).split()

    one_by_one = [
        word
        for block in split(MIXED)
        for word in (block.source.split() if block.kind == "code" else words(block.source))
    ]
    assert one_by_one == words(MIXED)


@pytest.mark.parametrize(
    "text", ["a" * 300_000, "[" * 100_000, "> " * 50_000, "- " * 50_000, "`" * 100_000, "|" * 50_000]
)
def test_hostile_lengths_are_cut_in_linear_time(text: str) -> None:
    started = time.process_time()
    splitter = Splitter()
    for at in range(0, len(text), 1000):
        splitter.feed(text[at : at + 1000])
        splitter.tail()
    splitter.finish()

    assert time.process_time() - started < 3
    assert splitter.blocks
