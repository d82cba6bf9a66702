"""Quiet paper: the palette, handed to Gradio as a theme. What a theme cannot say stands in style.css.

The colours mean the same everywhere: indigo is you and the primary action, vermilion is now, running
and validation, moss is what is learned, grey is context.
"""

from pathlib import Path

from gradio.themes import Base, Color, sizes

STYLE = Path(__file__).with_name("style.css")

INDIGO = Color(
    name="indigo", c50="#eef3f8", c100="#d9e4ee", c200="#b4c9dd", c300="#8aa6c4", c400="#5f86ad", c500="#3a6797",
    c600="#1f4e79", c700="#1a4166", c800="#153452", c900="#10273e", c950="#0b1b2b",
)  # fmt: skip
PAPER = Color(
    name="paper", c50="#faf8f4", c100="#f2efe8", c200="#e6e1d8", c300="#d3ccc0", c400="#a39c90", c500="#6b665e",
    c600="#55514b", c700="#3d3a36", c800="#282623", c900="#1d1c1a", c950="#141312",
)  # fmt: skip
FONTS = ("Noto Sans JP", "Noto Sans CJK JP", "Hiragino Sans", "Yu Gothic UI", "Meiryo", "system-ui", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def theme() -> Base:
    """Fonts are the system's own: nothing is fetched from outside."""
    return Base(
        primary_hue=INDIGO, secondary_hue=INDIGO, neutral_hue=PAPER, font=FONTS, font_mono=MONO,
        radius_size=sizes.radius_lg, text_size=sizes.text_md,
    ).set(
        body_background_fill="#faf8f4", body_background_fill_dark="#171614",
        body_text_color="#24221f", body_text_color_dark="#ece8e1",
        body_text_color_subdued="#6b665e", body_text_color_subdued_dark="#a9a297",
        background_fill_primary="#ffffff", background_fill_primary_dark="#211f1d",
        background_fill_secondary="#faf8f4", background_fill_secondary_dark="#1b1a18",
        border_color_primary="#e6e1d8", border_color_primary_dark="#3a3733",
        block_background_fill="#ffffff", block_background_fill_dark="#211f1d",
        block_border_color="#e6e1d8", block_border_color_dark="#3a3733", block_border_width="1px",
        block_shadow="none", block_shadow_dark="none", block_radius="14px",
        block_label_background_fill="transparent", block_label_background_fill_dark="transparent",
        block_label_border_width="0px", block_label_text_color="#6b665e", block_label_text_color_dark="#a9a297",
        block_title_text_color="#55514b", block_title_text_color_dark="#c2bbb0", block_title_text_weight="600",
        input_background_fill="#ffffff", input_background_fill_dark="#1b1a18",
        input_border_color="#d3ccc0", input_border_color_dark="#4a4640",
        input_border_color_focus="#1f4e79", input_border_color_focus_dark="#8aa6c4",
        input_border_width="1px", input_border_width_dark="1px", input_placeholder_color="#7a746a",
        input_placeholder_color_dark="#8f887d", input_radius="10px",
        button_primary_background_fill="#1f4e79", button_primary_background_fill_dark="#2f6aa0",
        button_primary_background_fill_hover="#1a4166", button_primary_background_fill_hover_dark="#3a79b2",
        button_primary_text_color="#ffffff", button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#ffffff", button_secondary_background_fill_dark="#2a2825",
        button_secondary_background_fill_hover="#f2efe8", button_secondary_background_fill_hover_dark="#35322e",
        button_secondary_border_color="#d3ccc0", button_secondary_border_color_dark="#4a4640",
        checkbox_border_color="#8f887d", checkbox_border_color_dark="#8f887d",
        button_cancel_text_color="#a3123a", button_cancel_text_color_dark="#ff9db3",
        button_cancel_border_color="#e0b4c0", button_cancel_border_color_dark="#6d3a47",
        button_cancel_background_fill="#ffffff", button_cancel_background_fill_dark="#2a2825",
        button_cancel_background_fill_hover="#fcf0f3", button_cancel_background_fill_hover_dark="#3a262b",
        button_large_radius="10px", button_small_radius="8px", button_medium_radius="10px",
        button_large_text_weight="600", button_border_width="1px",
        color_accent="#1f4e79", color_accent_soft="#eef3f8", color_accent_soft_dark="#1e2c3a",
        link_text_color="#1f4e79", link_text_color_dark="#9cc0e4",
        shadow_drop="none", shadow_drop_lg="none", layout_gap="16px", block_padding="14px 16px",
        table_border_color="#e6e1d8", table_border_color_dark="#3a3733",
        table_even_background_fill="#ffffff", table_even_background_fill_dark="#211f1d",
        table_odd_background_fill="#ffffff", table_odd_background_fill_dark="#211f1d",
    )  # fmt: skip
