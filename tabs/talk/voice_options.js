// Two switches that the browser remembers.
for (const input of element.querySelectorAll("input[data-keep]")) {
  const name = `omokage-${input.dataset.keep}`;
  try { input.checked = localStorage.getItem(name) === "yes"; } catch { /* nothing is remembered here */ }
  input.addEventListener("change", () => {
    try { localStorage.setItem(name, input.checked ? "yes" : "no"); } catch { /* for this page only */ }
  });
}
for (const part of element.querySelectorAll("[data-needs=listening]")) {
  part.hidden = !(window.SpeechRecognition ?? window.webkitSpeechRecognition);
}
