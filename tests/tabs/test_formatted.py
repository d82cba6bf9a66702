"""What people and models write, as HTML: marks become elements, and nothing else does."""

import pytest

from tabs.ui.formatted import formatted


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("土曜は*ライブ前*だから", "土曜は<em>ライブ前</em>だから"),
        ("**well** *he smiles*", "<strong>well</strong> <em>he smiles</em>"),
        ("**a *b* c**", "<strong>a <em>b</em> c</strong>"),
        ("2*3*4 and a * b * c", "2*3*4 and a * b * c"),
        ("`*x*` *y", "<code>*x*</code> *y"),
        ("*one\ntwo*", "*one\ntwo*"),
        ("<b>&amp; *<i>*", "&lt;b&gt;&amp;amp; <em>&lt;i&gt;</em>"),
        ("![p](https://a.example/p.png) [x](javascript:1)", "![p](https://a.example/p.png) [x](javascript:1)"),
    ],
)
def test_marks_become_elements_and_all_else_stays(written: str, drawn: str) -> None:
    assert formatted(written) == drawn


def test_fenced_code_has_a_button_and_is_left_alone() -> None:
    html = formatted("see\n```py\n*a* = '<b>'\n```\n*done*", copy="Copy")
    assert "<small>py</small>" in html and 'data-act="copy-code">Copy</button>' in html
    assert "<pre><code>*a* = &#x27;&lt;b&gt;&#x27;</code></pre>" in html and html.endswith("<em>done</em>")


def test_code_that_is_still_being_written_is_code_already() -> None:
    assert formatted("```\n**a**\nb").endswith("<pre><code>**a**\nb</code></pre></div>")
