// Gradio runs this once, when the review is there: `element`, `trigger` and `watch` are given.
// Rows are chosen by a click or with J and K; 1 keeps, 0 drops, E edits what the persona said last.
const rows = () => [...element.querySelectorAll("tr[data-cell]")];
const now = () => rows().findIndex((row) => row.classList.contains("now"));
const tell = (act, more = {}) =>
  trigger("select", { act, cell: rows()[now()]?.dataset.cell ?? "", turn: -1, words: "", ...more });

function choose(row) {
  if (!row) return;
  for (const other of rows()) other.classList.toggle("now", other === row); // at once; the server draws the dialogue
  show();
  tell("choose");
}
function show() {
  const list = element.querySelector(".review-list"), row = rows()[now()];
  if (list && row) list.scrollTop = row.offsetTop - list.clientHeight / 2;
  element.querySelector(".editing textarea")?.focus();
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) {
    const field = button.closest(".editing")?.querySelector("textarea");
    return tell(button.dataset.act, { turn: Number(button.dataset.turn ?? -1), words: field?.value ?? "" });
  }
  choose(event.target.closest("tr[data-cell]"));
});

const KEYS = {
  j: () => choose(rows()[now() + 1]), k: () => choose(rows()[now() - 1]),
  ArrowDown: () => choose(rows()[now() + 1]), ArrowUp: () => choose(rows()[now() - 1]),
  1: () => tell("keep"), f: () => tell("keep"), 0: () => tell("drop"), d: () => tell("drop"),
  u: () => tell("clear"), e: () => [...element.querySelectorAll("[data-act=edit]")].at(-1)?.click(),
};
function press(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", press);
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || !element.offsetParent) return;
  const field = event.target.closest?.("input, textarea, select, [contenteditable], [role=tab], [role=slider]");
  if (field) {
    const button = field.closest(".editing")?.querySelector(event.key === "Escape" ? "[data-act=leave]" : "[data-act=save]");
    if (button && (event.key === "Escape" || (event.key === "Enter" && event.shiftKey))) button.click();
    return;
  }
  const arrow = event.key.startsWith("Arrow");
  if (arrow && !element.contains(document.activeElement)) return; // else they move the page
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || !rows().length) return;
  event.preventDefault();
  act();
}
document.addEventListener("keydown", press);
watch("value", show);
show();
