"""Downloads: one press makes a file and hands it to the browser."""

from dataclasses import dataclass

import gradio as gr
from gradio.events import Dependency

from tabs.ui.handler import EVENT

SAVE = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name ?? "";
  document.body.append(link);
  link.click();
  link.remove();
}"""


@dataclass(frozen=True)
class Download:
    """An unseen component that a handler gives the path of a file, as `Workspace.hand_out` returns it."""

    file: gr.DownloadButton

    def after(self, made: Dependency) -> None:
        """Let the browser save the file when the event `made` has ended well."""
        made.success(None, self.file, None, js=SAVE, **EVENT)


def build_download(elem_id: str) -> Download:
    """The component, in the place where it is made."""
    return Download(gr.DownloadButton("file", elem_id=elem_id, elem_classes="unseen"))
