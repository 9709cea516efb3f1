"""The seam of two parts: nothing twice, nothing missing, and held back no longer than needed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiconsole.routing.continuation import anchor_of
from aiconsole.routing.seam import SeamText
from aiconsole.simulator import known_text

KNOWN = "".join(f"{word}{place} " for place, word in enumerate(known_text(200).split(" "))).rstrip()
"""Words in paragraphs, none of which comes again."""


def joined(shown: str, new: str, *, size: int = 3, **options: object) -> str:
    seam = SeamText(shown, **options)  # type: ignore[arg-type]
    pieces = [seam.feed(new[at : at + size]) for at in range(0, len(new), size)]
    return shown + "".join(pieces) + seam.close()


@settings(max_examples=150, deadline=None)
@given(
    cut=st.integers(0, len(KNOWN)),
    back=st.integers(0, 400),
    size=st.integers(1, 40),
)
def test_a_repetition_of_any_length_is_left_out(cut: int, back: int, size: int) -> None:
    back = min(back, cut)
    repeated = len("".join(KNOWN[cut - back : cut].split()))
    if 0 < repeated < 12:
        back = 0
    assert joined(KNOWN[:cut], KNOWN[cut - back :], size=size) == KNOWN


@settings(max_examples=80, deadline=None)
@given(cut=st.integers(60, len(KNOWN)), spaces=st.sampled_from(["\n", "  ", " \n\n", "\t"]), data=st.data())
def test_white_space_may_differ_in_what_is_repeated(cut: int, spaces: str, data: st.DataObject) -> None:
    back = data.draw(st.integers(30, 60))
    again = KNOWN[cut - back : cut].strip().replace(" ", spaces)
    assert joined(KNOWN[:cut].rstrip(), again + " and the end") == KNOWN[:cut].rstrip() + " and the end"


def test_all_of_it_repeated_is_held_back_and_left_out() -> None:
    seam = SeamText(KNOWN[:200])
    assert seam.feed(KNOWN[:190]) == ""
    assert not seam.decided
    assert seam.feed(KNOWN[190:230]) == KNOWN[200:230]
    assert seam.overlap_chars == 200


def test_what_is_no_repetition_is_shown_with_its_first_word() -> None:
    seam = SeamText("The river is long")
    assert seam.feed(" and quiet") == " and quiet"
    assert seam.decided
    assert seam.overlap_chars == 0


@pytest.mark.parametrize(
    ("shown", "new", "whole"),
    [
        ("one two ", " three", "one two three"),
        ("one two\n\n", "\n\nthree", "one two\n\nthree"),
        ("one two\n\n", "three", "one two\n\nthree"),
        ("one two ", "\n\nthree", "one two \n\nthree"),
        ("one two", " three", "one two three"),
        ("", "one", "one"),
        ("one", "", "one"),
        ("one ", " ", "one "),
    ],
)
def test_space_at_the_seam_is_neither_doubled_nor_lost(shown: str, new: str, whole: str) -> None:
    assert joined(shown, new, size=1) == whole


def test_a_model_told_to_go_on_gets_the_space_it_leaves_out() -> None:
    assert joined("the open", "window is", space=True) == "the open window is"
    assert joined("the open", ", window", space=True) == "the open, window"
    assert joined("in 19", "84 it", space=True) == "in 1984 it"
    assert joined("河流很", "长", space=True) == "河流很长"


def test_the_anchor_is_taken_as_repeated_however_short() -> None:
    assert joined("It is so", "so good", anchor="so", space=True) == "It is so good"
    assert joined("It was a win", "a window", anchor="a win", space=True) == "It was a window"


def test_a_row_of_the_same_is_not_taken_for_a_repetition() -> None:
    assert joined("| - - - - - - - - ", "- - - - - - - - |\n") == "| - - - - - - - - - - - - - - - - |\n"


def test_chance_is_not_taken_for_a_repetition() -> None:
    assert joined("He said ha", "ha and left") == "He said haha and left"


def test_a_known_echo_is_left_out_however_short() -> None:
    assert joined("Yes", "Yes, sir", echoes=True) == "Yes, sir"


def test_an_answer_begun_anew_in_other_words_is_noticed() -> None:
    opening = "This is a long opening that both answers share word for word, and then "
    seam = SeamText(opening + "the first goes on about rivers")
    text = seam.feed(opening) + seam.feed("the second speaks of stones") + seam.close()
    assert seam.began_anew
    assert text == opening + "the second speaks of stones"
    refrain = SeamText(opening + "the first goes on about rivers", whole_only=True)
    assert refrain.feed(opening) + refrain.feed("the second speaks of stones") == text
    assert not refrain.began_anew


def test_what_is_held_back_is_bounded_by_the_text_there_is() -> None:
    shown = "word " * 400
    seam = SeamText(shown)
    held = 0
    for _ in range(600):
        if seam.feed("word "):
            break
        held += 5
    assert held <= len(shown)


def test_of_a_model_that_goes_on_with_its_own_text_only_the_whole_can_be_a_repetition() -> None:
    shown = "two slow glass brown house, two slow glass brown house"
    assert joined(shown, ", two slow glass brown house", whole_only=True) == f"{shown}, two slow glass brown house"
    assert joined("again two slow glass", " two slow glass", whole_only=True) == "again two slow glass two slow glass"
    assert joined(shown, shown + " and more", whole_only=True) == shown + " and more"


def test_an_echo_with_a_piece_missing_is_the_answer_anew() -> None:
    said = "one green bread table blue winter more cloud round letter story ocean stone north early under silver path paper"
    echoed = said.replace("path ", "") + " seven small"
    seam = SeamText(said, echoes=True, whole_only=True, least=24)
    assert "".join([*(seam.feed(piece) for piece in echoed.split("|")), seam.close()]) == echoed
    assert seam.began_anew


WORDS = known_text(40).split()


@pytest.mark.parametrize("shown", [2, 5, 9, 11, 30])
@pytest.mark.parametrize("lost", range(6))
@pytest.mark.parametrize("bits", [1, 7, 1_000])
@pytest.mark.parametrize("rest", [0, 6])
def test_a_repetition_with_a_piece_lost_is_still_left_out(shown: int, lost: int, bits: int, rest: int) -> None:
    said = " ".join(WORDS[:shown])
    anchor = anchor_of(said).split()
    lost %= len(anchor)
    seam = SeamText(said, anchor=" ".join(anchor), least=12, space=True)
    before, after = (
        " ".join(anchor[:lost]),
        "".join(f" {word}" for word in (*anchor[lost + 1 :], *WORDS[shown:][:rest])),
    )
    came = [seam.feed(before[at : at + bits]) for at in range(0, len(before), bits)]
    seam.torn()
    came += [seam.feed(after[at : at + bits]) for at in range(0, len(after), bits)]
    assert said + "".join(came) + seam.close() == " ".join(WORDS[: shown + rest])
