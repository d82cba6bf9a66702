"""Replies, streamed from the model by the one thread that owns it."""

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import AppError, ModelError
from core.models.adapters import Adapter
from core.models.loading import LoadedModel, ModelStore
from core.personas import Sampling
from core.prompt import Ending

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

ADAPTERS_IN_MEMORY = 4


@dataclass(frozen=True)
class Reply:
    """The reply so far. `finished` is False when it ran into its length limit or was stopped."""

    text: str
    tokens: int
    finished: bool = False


@dataclass
class Engine:
    """Generates with the model of a `ModelStore`, with or without an adapter."""

    store: ModelStore
    _attached_to: LoadedModel | None = None
    _wrapped: "PeftModel | None" = None

    def stream(
        self,
        loaded: LoadedModel,
        prompt: Sequence[int],
        sampling: Sampling,
        ending: Ending,
        *,
        adapter: Adapter | None = None,
        stop: threading.Event,
        seed: int | None = None,
    ) -> Iterator[Reply]:
        """Yield the reply as it grows, then once more when it is finished.

        `prompt` are token ids. Setting `stop`, or closing the generator, ends it within a token.
        Raises ModelError when the adapter does not fit or the device runs out of memory.
        """
        ids: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        done = self.store.run(self._generate, loaded, prompt, sampling, ending, adapter, stop, ids, seed)
        done.add_done_callback(lambda _: ids.put(None))
        written: list[int] = []
        text = ""
        try:
            while (token := ids.get()) is not None:
                if token not in ending.token_ids:
                    written.append(token)
                    text = _until(loaded.tokenizer.decode(written, skip_special_tokens=True), ending.strings)
                    if not text.endswith("\ufffd"):  # half of a character: the rest comes with the next token
                        yield Reply(text, len(written))
        finally:
            stop.set()
        try:
            finished = done.result()
        except AppError:
            raise
        except Exception as error:
            raise _failed(error) from error
        yield Reply(text.rstrip("\ufffd").strip(), len(written), finished)

    def _generate(
        self,
        loaded: LoadedModel,
        prompt: Sequence[int],
        sampling: Sampling,
        ending: Ending,
        adapter: Adapter | None,
        stop: threading.Event,
        ids: "queue.SimpleQueue[int | None]",
        seed: int | None,
    ) -> bool:
        """Runs in the model's thread. True when the model ended the turn by itself."""
        import torch

        if stop.is_set():
            return False
        model = self._with_adapter(loaded, adapter)
        if seed is not None:
            torch.manual_seed(seed)
        criteria = _stopping(loaded, ending, stop, len(prompt))
        inputs = torch.tensor([list(prompt)], device=loaded.model.device)
        drawn = {"do_sample": sampling.temperature > 0}
        if sampling.temperature > 0:
            drawn |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "min_p": sampling.min_p, "top_k": 0}
        with torch.inference_mode():
            output = model.generate(
                input_ids=inputs,
                attention_mask=torch.ones_like(inputs),
                max_new_tokens=sampling.max_new_tokens,
                repetition_penalty=sampling.repetition_penalty,
                eos_token_id=list(ending.token_ids) or None,
                pad_token_id=loaded.tokenizer.pad_token_id or (ending.token_ids or (0,))[0],
                stopping_criteria=criteria,
                streamer=_Ids(ids),
                **drawn,
            )
        ended = int(output[0, -1]) in ending.token_ids
        return not stop.is_set() and (ended or criteria[0].met)

    def _with_adapter(self, loaded: LoadedModel, adapter: Adapter | None) -> "PreTrainedModel | PeftModel":
        from peft import PeftModel

        if self._attached_to is not loaded:
            self._attached_to, self._wrapped = loaded, None
        if adapter is None:
            if self._wrapped is not None:
                self._wrapped.base_model.disable_adapter_layers()
            return loaded.model
        check_base(loaded, adapter)
        name = _slot(adapter.folder)
        try:
            if self._wrapped is None:
                self._wrapped = PeftModel.from_pretrained(loaded.model, adapter.folder, adapter_name=name)
            elif name not in self._wrapped.peft_config:
                while len(self._wrapped.peft_config) >= ADAPTERS_IN_MEMORY:
                    self._wrapped.delete_adapter(next(iter(self._wrapped.peft_config)))
                self._wrapped.load_adapter(adapter.folder, adapter_name=name)
        except (RuntimeError, ValueError, KeyError) as error:
            self._wrapped = None
            raise _other_base(loaded, adapter) from error
        self._wrapped.base_model.enable_adapter_layers()
        self._wrapped.set_adapter(name)
        return self._wrapped.eval()


def check_base(loaded: LoadedModel, adapter: Adapter) -> None:
    """Raises ModelError when the adapter was trained on another model than the one in memory."""
    same = adapter.base in ("", loaded.name, str(loaded.folder)) or Path(adapter.base).name == loaded.name
    if not same and loaded.name.rsplit("/", 1)[-1] != adapter.base.rsplit("/", 1)[-1]:
        raise _other_base(loaded, adapter)


def _other_base(loaded: LoadedModel, adapter: Adapter) -> ModelError:
    base = adapter.base or "?"
    return ModelError(
        f"“{adapter.name}” was trained on {base}, but {loaded.name} is loaded. Load {base}, or choose another adapter.",
        f"「{adapter.name}」は {base} で学習したものですが、いまのモデルは {loaded.name} です。"
        f"{base} を読み込むか、別のアダプターを選んでください。",
    )


def _slot(folder: Path) -> str:
    stat = (folder / "adapter_model.safetensors").stat()
    return f"a{abs(hash((str(folder), stat.st_mtime_ns, stat.st_size))):x}"


def _until(text: str, strings: Sequence[str]) -> str:
    cuts = [at for string in strings if (at := text.find(string)) >= 0]
    return text[: min(cuts)] if cuts else text


def _stopping(loaded: LoadedModel, ending: Ending, stop: threading.Event, start: int) -> list:
    from transformers import StoppingCriteria, StoppingCriteriaList

    class Ended(StoppingCriteria):
        """Stops on the person's wish, or when a stop string was written (`met`)."""

        met = False

        def __call__(self, input_ids: "torch.LongTensor", scores: object, **kwargs: object) -> "torch.BoolTensor":  # noqa: F821
            import torch

            if ending.strings:
                tail = loaded.tokenizer.decode(input_ids[0, max(start, input_ids.shape[1] - 16) :])
                self.met = self.met or any(string in tail.lstrip("\n") for string in ending.strings)
            return torch.full((input_ids.shape[0],), self.met or stop.is_set(), device=input_ids.device)

    return StoppingCriteriaList([Ended()])


class _Ids:
    """A streamer for `generate` that passes on token ids; the text is decoded by the reader's thread."""

    def __init__(self, ids: "queue.SimpleQueue[int | None]") -> None:
        self._ids, self._prompt_seen = ids, False

    def put(self, value: "torch.Tensor") -> None:  # noqa: F821
        """First the whole prompt, then one token at a time."""
        if self._prompt_seen:
            self._ids.put(int(value.reshape(-1)[-1]))
        self._prompt_seen = True

    def end(self) -> None:
        """The end is told by the future."""


def _failed(error: Exception) -> ModelError:
    reason = str(error).strip().split("\n")[0][:160] or type(error).__name__
    if "out of memory" in reason.lower():
        return ModelError(
            "The device ran out of memory while replying. Choose a smaller model, or a shorter window.",
            "返事の途中でメモリーが足りなくなりました。小さいモデルか、短い文脈を選んでください。",
        )
    return ModelError(f"The model could not reply ({reason}). Load it again, or choose another one.",
                      f"モデルが返事をできませんでした（{reason}）。読み込み直すか、別のモデルを選んでください。")  # fmt: skip
