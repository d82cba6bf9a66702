"""SMS Backup & Restore: text messages and those of several parts, a conversation for each number."""

from datetime import datetime
from pathlib import Path

from core.logs.detect import read_log
from tests.helpers.log_files import said

HEAD = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<!-- made by hand -->\n<smses count=\"4\">\n"


def sms(body: str, kind: int, minute: int, number: str = "+81", name: str = "ミカ") -> str:
    return (f'  <sms protocol="0" address="{number}" date="{1710201600000 + 60_000 * minute}" type="{kind}" '
            f'subject="null" body="{body}" toa="null" read="1" contact_name="{name}" />\n')  # fmt: skip


MMS = """  <mms date="1710201900000" msg_box="1" address="+81" contact_name="ミカ" m_type="132">
    <parts>
      <part seq="-1" ct="application/smil" name="null" text="&lt;smil&gt;&lt;/smil&gt;" />
      <part seq="0" ct="image/jpeg" name="a.jpg" text="null" data="QUJD" />
      <part seq="0" ct="text/plain" name="null" text="見て" />
    </parts>
    <addrs><addr address="+81" type="137" charset="106" /></addrs>
  </mms>
  <mms date="1710201960000" msg_box="2" address="+81" contact_name="ミカ"><parts>
    <part ct="image/png" text="null" data="QUJD" /></parts></mms>
"""


def write(path: Path, text: str) -> Path:
    path.write_text(HEAD + text + "</smses>\n", encoding="utf-8")
    return path


def test_messages_of_both_kinds_in_the_order_of_time(tmp_path: Path) -> None:
    path = write(
        tmp_path / "sms.xml", sms("2 &lt; 3 &amp; 4&#10;うん", 2, 3) + sms("&#55357;&#56832; 元気？", 1, 2) + MMS
    )
    log = read_log(path)
    assert (log.format.id, log.partner) == ("sms-backup", "ミカ")
    assert said(log) == [
        ("ミカ", "text", "😀 元気？"), ("Me", "text", "2 < 3 & 4\nうん"), ("ミカ", "text", "見て"), ("Me", "media", "")
    ]  # fmt: skip
    assert log.messages[0].time == datetime(2024, 3, 12, 0, 2) and log.messages[0].line == 5
    assert any(guess.about == "zone" for guess in log.guesses)


def test_each_number_is_a_conversation(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "x.xml", sms("a", 1, 1) + sms("b", 1, 2, "+1", "(Unknown)") + sms("c", 2, 3)))
    assert [(one.sender, one.text, one.part) for one in log.messages] == [
        ("ミカ", "a", 1),
        ("Me", "c", 1),
        ("+1", "b", 2),
    ]


def test_half_a_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "cut.xml"
    path.write_text(HEAD + sms("a", 1, 1) + '  <sms address="+81" date="17', encoding="utf-8")
    assert said(read_log(path)) == [("ミカ", "text", "a")]
