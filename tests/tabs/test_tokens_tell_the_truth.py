"""What the page draws of a row is what training learns: the same ids, the same tokens with loss.

Every row of both sample logs under six recipes goes through the Tokens tab's handler and through training's reader.
"""

import re
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from core.catalogue.bundled import FOLDER
from core.chat.corrections import Correction, add_rows
from core.data.io.store import SavedDataSet, prompt_config_for
from core.data.prepare import prepare
from core.data.recipe import Recipe
from core.data.rows import read_rows
from core.logs.detect import read_log
from core.messages import Turn
from core.prompt import token_counter
from core.tokens.sources import TokenizerSources
from core.train.config.run_file import run_request
from core.train.worker.rows import IGNORED, encode
from tabs.tokens.tab import TokenHandlers
from tabs.tokens.tokens_context import TokensContext
from tabs.ui.services import Services
from tests.helpers.tab_tiny import KEY, owner, services_on, visit

SAMPLES = Path(__file__).parents[2] / "datasets"
LOGS = {"sample_line_aoi.txt": "葵", "sample_whatsapp_wren.txt": "Wren"}
RECIPES = {
    "conversation": Recipe(),
    "earlier turns as context": Recipe(context=4, turns=8),
    "window": Recipe(shape="window", turns=6),
    "pair": Recipe(shape="pair"),
    "each": Recipe(burst="each"),
    "separator, cleaned": Recipe(burst="separator", clean=True),
}
TOKEN = re.compile(r'<span class="([^"]*)" title="id (\d+)">')
BUDGET = 256


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture
def services(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> Services:
    return services_on(tmp_path, FOLDER, tokenizer)


def handlers_on(services: Services) -> TokenHandlers:
    sources = TokenizerSources(services.models, services.trained_tokenizers)
    return TokenHandlers(TokensContext(services, sources))


def drawn(handlers: TokenHandlers, name: str, number: int) -> list[tuple[int, bool]]:
    """(id, carries loss) of every token that the page shows of a row."""
    shown = handlers.row(KEY, name, number, True, visit("en"), None)[0]
    return [(int(token), "learned" in css.split()) for css, token in TOKEN.findall(shown)]


def trained(saved: SavedDataSet, tokenizer: PreTrainedTokenizerBase, window: int) -> list[list[tuple[int, bool]]]:
    """The same of every row, as a training that `python -m core.train` is asked for reads it."""
    asked = {"dataset": str(saved.folder), "output": "out", "base": str(FOLDER), "window": window}
    config = run_request(asked, saved.folder).spec.prompt_config
    rows = []
    for turns in read_rows(saved.file("train")):
        found = encode([turns], config, tokenizer, max_length=window)
        rows.append([
            (token, label != IGNORED)
            for example in found.examples
            for token, label in zip(example.ids, example.labels, strict=True)
        ])  # fmt: skip
    return rows


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("file", LOGS)
def test_every_row_is_drawn_as_it_is_trained(
    services: Services, tokenizer: PreTrainedTokenizerBase, file: str, recipe: Recipe
) -> None:
    log, persona = read_log(SAMPLES / file), LOGS[file]
    config = prompt_config_for(None, context_window=BUDGET, persona=persona, description="")
    prepared = prepare(log, persona, counter=token_counter(config, tokenizer), budget=BUDGET, recipe=recipe)
    saved = services.datasets.save(owner(services), "rows", prepared, description="", model="mini")
    handlers, window = handlers_on(services), services.models.current().context
    rows = trained(saved, tokenizer, window)
    assert len(rows) == len(prepared.train) > 20
    for number, row in enumerate(rows, start=1):
        assert drawn(handlers, "rows", number) == row
        assert any(loss for _, loss in row)


def test_a_correction_is_drawn_as_it_is_trained(services: Services, tokenizer: PreTrainedTokenizerBase) -> None:
    context = (Turn("user", ("やあ",)), Turn("assistant", ("なに",)), Turn("user", ("元気？",)))
    fixed = Correction("c", 3, context, ("うん、元気",), ("はい",), True, "")
    saved = add_rows(services.datasets, owner(services), [fixed], to="", persona="葵", description="")
    (row,) = trained(saved, tokenizer, services.models.current().context)
    assert drawn(handlers_on(services), saved.folder.name, 1) == row
    assert 0 < sum(loss for _, loss in row) <= len(tokenizer("うん、元気").input_ids) + 2  # the corrected reply alone
