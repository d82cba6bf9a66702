() => {
  // Esc stops a reply, from anywhere on the page; ← and → show other versions, where no text is being edited.
  // Never while an input method composes.
  const buttons = { Escape: "#talk-stop", ArrowLeft: "#talk-older", ArrowRight: "#talk-newer" };
  document.addEventListener("keydown", (event) => {
    if (!buttons[event.key] || event.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const takesArrows = event.target.closest?.("input, textarea, select, [contenteditable], [role=tab], [role=slider]");
    if (event.key !== "Escape" && takesArrows) return;
    const button = document.querySelector(buttons[event.key]);
    if (button && button.offsetParent) button.click();
  });
}
