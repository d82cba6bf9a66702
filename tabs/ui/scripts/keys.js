// Esc stops a reply, from anywhere on the page; ← and → show other versions, where no text is being edited.
// Never while an input method composes.
() => {
  const buttons = { Escape: "#talk-stop", ArrowLeft: "#talk-older", ArrowRight: "#talk-newer" };
  document.addEventListener("keydown", (event) => {
    if (!buttons[event.key] || event.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const takesArrows = event.target.closest?.("input, textarea, select, [contenteditable], [role=tab], [role=slider]");
    if (event.key !== "Escape" && takesArrows) return;
    const button = document.querySelector(buttons[event.key]);
    if (button && button.offsetParent) button.click();
  });

  // A person has paused when nothing was typed for 1.2 seconds after their message was drawn. The pause is counted in
  // short steps, so that a busy page, where keys arrive late, waits longer.
  const STEP = 100, STEPS = 12;  // milliseconds
  let left = 0, timer = null;
  const count = () => {
    left -= 1;
    if (left > 0) timer = setTimeout(count, STEP);
    else document.querySelector("#talk-paused")?.click();
  };
  const restart = () => {
    clearTimeout(timer);
    left = STEPS;
    timer = setTimeout(count, STEP);
  };
  document.addEventListener("message-drawn", restart);
  for (const kind of ["keydown", "input", "compositionupdate"]) {
    document.addEventListener(kind, (event) => {
      if (left > 0 && event.target.closest?.("#talk-box")) restart();
    }, true);
  }
}
