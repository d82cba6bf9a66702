() => {
  // Esc stops a reply, from anywhere on the page; never while an input method composes.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || event.keyCode === 229) return;
    const stop = document.querySelector("#talk-stop");
    if (stop && stop.offsetParent) stop.click();
  });
}
