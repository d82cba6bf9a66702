"""What a reply was given of the memory, out of the prompt that was kept with it."""

from core.chat.remembered import Remembered, remembered
from core.prompt import Prompt
from core.prompt.segments import Segment


def kept(*segments: Segment) -> dict:
    count = sum(one.end - one.start for one in segments)
    return Prompt(tuple(range(count)), (False,) * count, segments, 100).to_json()


def test_the_lines_of_each_part_without_their_heading() -> None:
    found = remembered(
        kept(
            Segment("persona", "You are Mika.", 0, 2, "system"),
            Segment("knowledge", "\nWhat you know:\n- Ken cannot eat eggs.\n- Hana: his sister", 2, 4, "system"),
            Segment("recalled", "From earlier talks:\n- May 1, Ken: “I moved.”\n", 4, 6, "user"),
            Segment("new", "hi", 6, 7, "user"),
        )
    )
    assert found == (
        Remembered("recalled", ("May 1, Ken: “I moved.”",)),
        Remembered("knowledge", ("Ken cannot eat eggs.", "Hana: his sister")),
    )


def test_nothing_where_nothing_was_remembered_or_kept() -> None:
    assert remembered(kept(Segment("new", "hi", 0, 1, "user"))) == ()
    assert remembered(None) == () and remembered({"segments": 3}) == ()
