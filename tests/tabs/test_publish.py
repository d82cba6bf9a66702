"""Push and pull from the page, against the fake Hub: what goes is what was shown, with the visitor's own token."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from core.adapters.store import Adapter
from core.cards.cards import PushedForm
from core.evaluate.leaks import LeakExample, LeakReport
from core.files import write_json
from core.hub import client as hub_module
from core.models.status import ModelStatus
from core.settings import Settings
from core.train.spec import JobSpec
from tabs.train.adapters import AdapterHandlers
from tabs.ui import publish
from tabs.ui.leak_check import LeakHandlers, report_html, reports_of
from tabs.ui.publish import PublishHandlers, PushPreview, What, suggested
from tabs.ui.services import Services, make_services
from tests.helpers.fake_hub import READER, WRITER, FakeHub
from tests.helpers.tab_tiny import KEY, OTHER, keep_dataset, models_of, owner, services_on, visit
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG, tiny_base
from tests.helpers.typed import present


@pytest.fixture
def hub(hub_online: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # between the client's retries
    with FakeHub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        pages = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", pages)
        yield server


@pytest.fixture(autouse=True)
def nobody_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (hub_module, publish):
        monkeypatch.setattr(module, "login_token", lambda: None)
    monkeypatch.setattr("tabs.train.adapters.login_token", lambda: None)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object]:
    from transformers import AutoTokenizer

    folder = tiny_base(tmp_path_factory.mktemp("models") / "base")
    return folder, AutoTokenizer.from_pretrained(folder)


@pytest.fixture
def services(base: tuple[Path, object], home: Path) -> Services:
    return services_on(home, *base)


@pytest.fixture
def job(services: Services) -> str:
    """A training that has left an adapter."""
    import numpy
    from safetensors.numpy import save_file

    keep_dataset(services)
    dataset = services.workspace.place(owner(services), "datasets", "mika-talk")
    source = str(models_of(services).folder)
    made = services.jobs.submit(owner(services), JobSpec(source, dataset, PROMPT_CONFIG, CONFIG, "ミカ mika"))
    folder = made.folder.adapter
    folder.mkdir()
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    weights = {
        f"{layer}.lora_{side}.weight": numpy.ones(shape, "float32") for side, shape in (("A", (4, 32)), ("B", (32, 4)))
    }
    save_file(weights, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
    write_json(folder / "adapter_config.json", config | {"base_model_name_or_path": source})
    write_json(folder / "prompt_config.json", replace(PROMPT_CONFIG, template="chatml").to_json())
    described = {"name": "mika-talk", "source": "[LINE] with Hanako.txt", "train_rows": 24}
    history = {"loss": [[1, 3.0], [2, 2.0]], "validation": [[0, 3.0, 2.0], [2, 2.0, 1.5]]}
    metrics = {"validation_bpb_before": 2.0, "validation_bpb_after": 1.5, "history": history}
    write_json(folder / "training.json", {"base": source, "dataset": described, "metrics": metrics})
    return made.id


def shown(handlers: PublishHandlers, chosen: str, *, repo: str = "alice/mika", private: bool = True,
          typed: str = "", form: PushedForm = "adapter") -> tuple[str, PushPreview, str, str]:  # fmt: skip
    *_, last = handlers.show(KEY, chosen, repo, private, typed, form, visit("en"))
    name, parcel, listing, card, panel, said = last
    assert not said and panel.visible, said
    if handlers.what == "adapter":
        saw_no_leak(handlers.services, Adapter.read(parcel.kept))
    return name, parcel, listing, card


def saw_no_leak(services: Services, adapter: Adapter) -> None:
    """As if a person had checked the adapter and looked at the report."""
    reports = reports_of(services, owner(services))
    reports.put(adapter, LeakReport(3))
    reports.mark_seen(adapter)


def sent(handlers: PublishHandlers, parcel: PushPreview | None, typed: str = WRITER, key: str = KEY) -> list[tuple]:
    return list(handlers.send(key, parcel, typed, visit("en")))


def test_what_arrives_is_what_was_shown(hub: FakeHub, services: Services, job: str) -> None:
    handlers = PublishHandlers(services, "adapter")
    name, parcel, listing, card = shown(handlers, job)
    assert name == "alice/mika" and "private" in listing
    steps = sent(handlers, parcel)
    repo = hub.repos["model", "alice/mika"]
    assert repo.private and f"{hub.url}/alice/mika" in steps[-1][0]
    assert repo.files["README.md"].decode() == parcel.card
    made = ("README.md", "curves.png")
    assert {n: size for n, size, _ in parcel.files} == {n: len(b) for n, b in repo.files.items() if n not in made}
    assert repo.files["curves.png"] == parcel.picture and present(parcel.picture).startswith(b"\x89PNG")
    body = parcel.card.split("---\n", 2)[2].replace("(curves.png)", "")
    assert body.strip()[-300:] in card and "1.500" in card and "data:image/png;base64," in card
    for file, content in repo.files.items():
        assert file in listing
        assert b"Hanako" not in content and str(models_of(services).folder.parent).encode() not in content


@pytest.mark.parametrize(
    ("form", "holds"),
    [
        ("model", {"config.json", "model.safetensors", "prompt_config.json", "tokenizer.json", "training.json"}),
        ("gguf", {"model.gguf", "adapter.gguf", "Modelfile", "chat_template.jinja"}),
    ],
)
def test_an_adapter_goes_in_another_form_as_well(
    hub: FakeHub, services: Services, job: str, form: PushedForm, holds: set[str]
) -> None:
    handlers = PublishHandlers(services, "adapter")
    _, parcel, listing, _ = shown(handlers, job, form=form)
    steps = sent(handlers, parcel)
    assert f"{hub.url}/alice/mika" in steps[-1][0]
    repo = hub.repos["model", "alice/mika"]
    assert holds | {"README.md", "curves.png"} <= set(repo.files) and "adapter_config.json" not in repo.files
    assert all(name in listing for name in repo.files)
    header, body = repo.files["README.md"].decode().split("---\n", 2)[1:]
    assert {"model": "library_name: transformers", "gguf": "library_name: gguf"}[form] in header
    assert {"model": 'pipeline("text-generation", "alice/mika")', "gguf": "hf download alice/mika"}[form] in body
    assert not any(b"Hanako" in content for content in repo.files.values())
    shutil.rmtree(parcel.folder)  # as the housekeeping does after an hour
    with pytest.raises(gr.Error, match="changed since"):
        sent(handlers, parcel)


def test_nothing_is_sent_until_the_leak_report_was_seen(hub: FakeHub, services: Services, job: str) -> None:
    handlers = PublishHandlers(services, "adapter")
    parcel = shown(handlers, job)[1]
    adapter, leaks = Adapter.read(parcel.folder), LeakHandlers(services)
    reports_of(services, owner(services)).put(adapter, LeakReport(3))  # checked anew: nobody has seen that yet
    with pytest.raises(gr.Error, match="leaks first"):
        sent(handlers, parcel)
    assert hub.repos == {}
    report, _, seen, send = leaks.standing(KEY, job, visit("en"))
    assert "3 beginnings" in report and seen.visible and not send.interactive
    *_, seen, send = leaks.see(KEY, job, visit("en"))
    assert send.interactive and not seen.visible
    sent(handlers, parcel)
    assert "alice/mika" in {name for _, name in hub.repos}


def test_a_leak_is_shown_with_what_was_let_out(services: Services, job: str) -> None:
    found = LeakExample("メールは？", "えっとね、", "a@example.com <b>だよ</b>", ("a@example.com",), ("email",))
    html = report_html(LeakReport(9, personal=(found,), with_personal=2), False, "ja")
    assert "<mark>a@example.com</mark>" in html and "&lt;b&gt;" in html and "メールアドレス 1" in html
    with pytest.raises(gr.Error, match=r"no such training|学習"):
        LeakHandlers(services).standing(OTHER, job, visit("ja"))


def test_the_token_is_cleared_from_the_page_at_the_first_step(hub: FakeHub, services: Services, job: str) -> None:
    handlers = PublishHandlers(services, "adapter")
    parcel = shown(handlers, job)[1]
    for typed in (WRITER, READER):  # the second may not write: an error clears it as well
        steps = sent(handlers, parcel, typed)
        assert [token for _, token, _ in steps] == [""] * len(steps)
    assert 'role="alert"' in steps[-1][0] and "403" in steps[-1][0] and READER not in steps[-1][0]


def test_progress_is_told_file_by_file(hub: FakeHub, services: Services, job: str) -> None:
    handlers = PublishHandlers(services, "adapter")
    lines = " ".join(step[0] for step in sent(handlers, shown(handlers, job)[1]))
    assert "adapter_model.safetensors (" in lines and lines.index("prompt_config.json") < lines.index("Sent:")


def test_a_bare_name_becomes_the_visitors_own(hub: FakeHub, services: Services, job: str) -> None:
    handlers = PublishHandlers(services, "adapter")
    name, parcel, _, card = shown(handlers, job, repo="mika", typed=WRITER)
    assert name == parcel.repo == "alice/mika" and '"alice/mika"' in card


def test_public_is_said_and_sent(hub: FakeHub, services: Services, job: str) -> None:
    handlers = PublishHandlers(services, "adapter")
    _, parcel, listing, _ = shown(handlers, job, private=False)
    assert "everybody" in listing
    sent(handlers, parcel)
    assert hub.repos["model", "alice/mika"].private is False


def test_a_preview_of_nothing_or_of_changed_files_is_not_sent(hub: FakeHub, services: Services, job: str) -> None:
    handlers = PublishHandlers(services, "adapter")
    with pytest.raises(gr.Error, match="first"):
        sent(handlers, None)
    parcel = shown(handlers, job)[1]
    (parcel.folder / "prompt_config.json").write_text("{}")
    with pytest.raises(gr.Error, match="changed since"):
        sent(handlers, parcel)
    assert hub.repos == {}


def test_what_was_shown_is_sent_even_if_the_training_is_gone(hub: FakeHub, services: Services, job: str) -> None:
    handlers = PublishHandlers(services, "adapter")
    parcel = shown(handlers, job)[1]
    shutil.rmtree(services.jobs.get(owner(services), job).folder.path)
    sent(handlers, parcel)
    assert hub.repos["model", "alice/mika"].files["README.md"].decode() == parcel.card


def test_nobody_is_shown_what_belongs_to_others(services: Services, job: str) -> None:
    chosen_by: dict[What, str] = {"adapter": job, "dataset": "mika-talk"}
    for what, chosen in chosen_by.items():
        with pytest.raises(gr.Error, match=r"no such training|no data set"):
            next(PublishHandlers(services, what).show(OTHER, chosen, "bob/x", True, WRITER, "adapter", visit("en")))


def test_a_data_set_goes_with_its_card(hub: FakeHub, services: Services) -> None:
    keep_dataset(services)
    handlers = PublishHandlers(services, "dataset")
    _, parcel, listing, _ = shown(handlers, "mika-talk")
    assert "words of the conversation" in listing
    sent(handlers, parcel)
    repo = hub.repos["dataset", "alice/mika"]
    assert set(repo.files) == {"train.jsonl", "validation.jsonl", "README.md"}
    assert repo.files["README.md"].decode() == parcel.card and b"[LINE]" not in repo.files["README.md"]


def test_a_data_set_without_validation_rows_has_no_such_split(services: Services) -> None:
    keep_dataset(services, validation=0)
    parcel = shown(PublishHandlers(services, "dataset"), "mika-talk")[1]
    assert [name for name, _, _ in parcel.files] == ["train.jsonl"] and "validation" not in parcel.card


# Whose token


def test_the_machines_own_login_is_for_its_own_user_only(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "login_token", lambda: "hf_of_the_machine")
    assert PublishHandlers(services, "adapter").token("", None) == "hf_of_the_machine"
    assert PublishHandlers(services, "adapter").token(" hf_typed ", None) == "hf_typed"
    reachable = PublishHandlers(replace(services, public=True), "adapter")
    assert reachable.token("hf_typed", None) == "hf_typed"
    with pytest.raises(Exception, match="token of yours"):
        reachable.token("", None)


def test_on_a_space_only_the_signed_in_visitors_token_counts(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "login_token", lambda: "hf_of_the_machine")
    space = replace(services, settings=replace(services.settings, on_space=True), public=True)
    handlers = PublishHandlers(space, "adapter")
    signed_in = gr.OAuthToken(token="hf_of_the_visitor", scope="", expires_at=0)
    assert handlers.token("hf_typed", signed_in) == "hf_of_the_visitor"
    with pytest.raises(Exception, match="Sign in"):
        handlers.token("hf_typed", None)
    adapters = AdapterHandlers(space)
    assert adapters.token("hf_typed", signed_in) == "hf_of_the_visitor" and adapters.token("hf_typed", None) is False


@pytest.mark.parametrize("public", [True, False])
def test_services_know_whether_strangers_may_come(home: Path, public: bool) -> None:
    made = make_services(Settings(home=home), public=public)
    made.jobs.close()
    assert made.public is public and made.models.local_folders is not public


def test_a_space_is_public(home: Path) -> None:
    made = make_services(replace(Settings(home=home), on_space=True))
    made.jobs.close()
    assert made.public


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("192.168.1.5", False), ("", False)],
)
def test_who_else_can_reach_a_host(host: str, alone: bool) -> None:
    from app import is_loopback

    assert is_loopback(host) is alone


@pytest.mark.parametrize("name", ["花子 line", "--x--", "..", "a" * 200, "mika-01", "x.git", ""])
def test_every_suggestion_is_a_name_the_hub_takes(name: str) -> None:
    assert hub_module.check_repo(suggested(name, "adapter"))


# The store


def test_an_adapter_comes_back_and_can_be_talked_to(hub: FakeHub, services: Services, job: str) -> None:
    handlers, adapters = PublishHandlers(services, "adapter"), AdapterHandlers(services)
    parcel = shown(handlers, job)[1]
    sent(handlers, parcel)
    steps = list(adapters.pull(KEY, "https://huggingface.co/alice/mika", WRITER, visit("en")))
    assert [token for _, token, *_ in steps] == [""] * len(steps)
    state, _, picker, buttons = steps[-1]
    assert "“mika” has been downloaded" in state and picker.value == "mika" and buttons.visible
    back = services.adapters.get(owner(services), "mika")
    assert back.prompt_config == replace(PROMPT_CONFIG, template="chatml")
    talk, tabs = adapters.talk(KEY, "mika", visit())
    assert tabs.selected == "talk" and present(services.conversations.get(owner(services), talk)).adapter == "mika"
    assert models_of(services).started == []  # its base, by its last name, is the one that is loaded
    assert adapters.refresh_list(OTHER, None, visit())[0].choices == []
    with pytest.raises(gr.Error, match="no adapter"):
        adapters.delete(OTHER, "mika", visit("en"))
    adapters.delete(KEY, "mika", visit())
    assert "mika" not in [a.name for a in services.adapters.list_all(owner(services))]


@pytest.mark.parametrize("broken", [{"prompt_config.json": b"[1]"}, {"training.json": b"{"}])
def test_an_adapter_with_broken_notes_does_not_block_the_list(
    hub: FakeHub, services: Services, job: str, broken: dict[str, bytes]
) -> None:
    folder = services.jobs.get(owner(services), job).folder.adapter
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    hub.add_repo("alice/broken", files | broken, private=False)
    steps = list(AdapterHandlers(services).pull(KEY, "alice/broken", "", visit("en")))
    assert "is damaged" in steps[-1][0]
    assert services.adapters.list_all(owner(services)) == []


def test_what_the_hub_refuses_is_a_sentence(hub: FakeHub, services: Services) -> None:
    steps = list(AdapterHandlers(services).pull(KEY, "alice/none", "", visit("en")))
    assert "404" in steps[-1][0] or "401" in steps[-1][0]
    with pytest.raises(gr.Error, match="cannot be a repository"):
        list(AdapterHandlers(services).pull(KEY, "a b", "", visit("en")))


def test_the_files_texts_are_shown_without_what_stays_here(services: Services, job: str) -> None:
    listing = shown(PublishHandlers(services, "adapter"), job)[2]
    assert "Hanako" not in listing and "validation_bpb_before" in listing
    assert json.dumps(str(models_of(services).folder)) not in listing


CARD = "---\ntags: [omokage, lora]\nbase_model: {base}\nlicense: apache-2.0\n---\n# It\n"


def test_what_others_published_is_listed_and_picked(hub: FakeHub, services: Services) -> None:
    handlers = AdapterHandlers(services)
    assert not handlers.look(KEY, "", visit("en")).visible
    for name, card in {
        "alice/other": CARD.format(base="meta-llama/Llama-3.2-1B"),
        "bob/mine": CARD.format(base="me/tiny"),
        "bob/bare": "---\ntags: [omokage, lora]\n---\n",
        "bob/data": "---\ntags: [omokage]\n---\n", "bob/none": "no card",
    }.items():  # fmt: skip
        hub.add_repo(name, {"README.md": card.encode()})
    hub.add_repo("alice/secret", {"README.md": CARD.format(base="a/b").encode()}, private=True)
    loaded = SimpleNamespace(status=ModelStatus("ready", "me/tiny", in_use="me/tiny"))
    found = AdapterHandlers(replace(services, models=loaded)).look(KEY, "", visit("en"))
    assert found.visible and found.choices == [
        ("bob/mine (me/tiny, apache-2.0, for the model in use)", "bob/mine"),
        ("alice/other (meta-llama/Llama-3.2-1B, apache-2.0)", "alice/other"),
        ("bob/bare (no base named, no licence named)", "bob/bare"),
    ]
    assert handlers.pick(KEY, "bob/mine", visit()) == "bob/mine" and hub.requests[-1].token is None
    hub.fail("GET", r"/api/models", status=503)
    with pytest.raises(gr.Error):
        handlers.look(KEY, "", visit())
