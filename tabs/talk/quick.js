// `words` stands before this. One's own phrases, a button each: in an empty box one is sent, else it joins the words.
const group = element.querySelector(".quick");
group.setAttribute("aria-label", words.quick);
function draw() {
  let phrases = [];
  try { phrases = (localStorage.getItem("omokage-quick") ?? "").split("\n"); } catch { /* none are kept */ }
  group.replaceChildren(...phrases.map((one) => one.trim()).filter(Boolean).slice(0, 12).map((text) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    made.addEventListener("click", () => {
      const box = document.querySelector("#talk-box textarea"), empty = !box.value.trim();
      box.value += text;
      box.dispatchEvent(new Event("input", { bubbles: true }));
      if (empty) setTimeout(() => document.querySelector("#talk-send")?.click(), 100);
      else box.focus();
    });
    return made;
  }));
}
document.addEventListener("quick-changed", draw);
draw();
