"""Text as it is printed."""

import io

from core.text import speak_utf8


def test_a_command_prints_utf8_with_plain_newlines_on_a_terminal_of_another_encoding() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", newline="\r\n")
    speak_utf8(stream, io.StringIO())  # a stand-in without an encoding is left alone
    print("面影 \udc80", file=stream, flush=True)
    assert raw.getvalue() == "面影 \\udc80\n".encode()


def test_a_command_reads_utf8_with_either_newline() -> None:
    raw = io.BufferedReader(io.BytesIO("面影\r\nb\n".encode()))
    stream = io.TextIOWrapper(raw, encoding="cp1252")
    speak_utf8(stream)
    assert stream.readlines() == ["面影\n", "b\n"]
