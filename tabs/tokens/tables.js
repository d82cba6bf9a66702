// Gradio runs this once, when the part of the page is there: `element` is given.
// A table's buttons carry it as text: data-copy for the clipboard, data-save for a file called data-name.
function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

element.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-save]");
  if (!button) return;
  if (button.dataset.copy !== undefined) await window.omokageCopy(button.dataset.copy);
  else save(button.dataset.save, button.dataset.name);
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
});
