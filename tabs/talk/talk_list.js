// Gradio runs this once, when the list is there: `element`, `trigger` and `watch` are given.
const tell = (act, from, words = "") => {
  trigger("select", { act, talk: from.closest("[data-talk]")?.dataset.talk ?? "", words });
};
const DAY = { month: "short", day: "numeric" }, CLOCK = { hour: "2-digit", minute: "2-digit" };

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  if (button.dataset.act !== "naming") return tell(button.dataset.act, button);
  const field = button.closest(".talk").querySelector("input");
  field.hidden = !field.hidden;
  if (!field.hidden) field.select();
});
element.addEventListener("keydown", (event) => {
  const field = event.target.closest(".talk input");
  if (!field || event.isComposing) return;
  if (event.key === "Enter") tell("rename", field, field.value);
  if (event.key === "Escape") field.hidden = true;
});

// Today's talks show the time, all others the day, on the reader's own clock.
function dates() {
  const now = new Date();
  for (const part of element.querySelectorAll("time[data-at]")) {
    const then = new Date(1000 * part.dataset.at);
    const today = then.toDateString() === now.toDateString();
    const year = then.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
    part.textContent = then.toLocaleString(navigator.language, today ? CLOCK : { ...DAY, ...year });
    part.dateTime = then.toISOString();
  }
}
// What was drawn for other words than those that stand in the box now came late: it is asked for again.
function stale() {
  const [list, field] = [element.querySelector(".talks"), document.querySelector("#talk-search :is(input, textarea)")];
  if (list && field && list.dataset.query !== field.value) tell("find", list);
}
watch("value", () => { dates(); stale(); });
dates();
