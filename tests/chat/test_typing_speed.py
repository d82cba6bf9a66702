"""The messages of a reply appear one after another: the first at once, the others as if they were typed."""

from core.chat.typing_speed import TypingSimulator, TypingSpeed

QUICK = TypingSpeed(pause=1.0, letters=10.0, longest=3.0)


def test_a_message_takes_as_long_as_it_is() -> None:
    assert QUICK.before("x" * 10) == 2.0 and QUICK.before("x" * 500) == 3.0


def test_the_first_message_grows_and_the_others_come_whole_and_in_time() -> None:
    pacing = TypingSimulator(QUICK)
    assert pacing.shown(["o"], done=False, now=10.0) == ["o"]
    assert pacing.shown(["one"], done=False, now=10.5) == ["one"]
    assert pacing.shown(["one", "t"], done=False, now=11.0) == ["one"]  # whole since 11.0
    assert pacing.shown(["one", "ten lettrs", "th"], done=False, now=12.9) == ["one"]
    assert pacing.shown(["one", "ten lettrs", "th"], done=False, now=13.1) == ["one", "ten lettrs"]
    assert pacing.shown(["one", "ten lettrs", "three"], done=True, now=13.2) == ["one", "ten lettrs"]
    assert pacing.shown(["one", "ten lettrs", "three"], done=True, now=14.7) == ["one", "ten lettrs", "three"]


def test_a_message_that_is_not_whole_is_not_shown() -> None:
    pacing = TypingSimulator(TypingSpeed(pause=0.0, letters=1000.0))
    pacing.shown(["one"], done=False, now=1.0)
    pacing.shown(["one", "tw"], done=False, now=2.0)
    assert pacing.shown(["one", "two"], done=False, now=99.0) == ["one"]
    assert pacing.shown(["one", "two"], done=True, now=99.0) == ["one", "two"]


def test_a_reply_that_is_made_at_once_still_takes_its_time() -> None:
    pacing, whole = TypingSimulator(QUICK), ["a", "b", "c"]
    seen = [len(pacing.shown(whole, done=True, now=100 + n / 10)) for n in range(30)]
    assert seen[0] == 1 and seen.index(2) == 11 and seen.index(3) == 22 and seen == sorted(seen)


def test_a_known_speed_is_kept_within_what_one_likes_to_wait() -> None:
    assert TypingSpeed.of(0) == TypingSpeed() and TypingSpeed.of(7).letters == 7
    assert TypingSpeed.of(0.5).letters == 4 and TypingSpeed.of(200).letters == 30
    assert TypingSpeed.of(5).before("x" * 300) == 4.0
