// `words` stands before this. The phrases of the row above the message box, one a line; this browser keeps them.
const place = element.querySelector(".quick-edit");
const label = Object.assign(document.createElement("label"), { textContent: words.quick });
const field = Object.assign(document.createElement("textarea"), { rows: 3, placeholder: words.quick_example, id: "quick-phrases" });
const about = Object.assign(document.createElement("small"), { textContent: words.quick_info });
label.append(about, field);
place.replaceChildren(label);
try { field.value = localStorage.getItem("omokage-quick") ?? ""; } catch { /* nothing is kept here */ }
field.addEventListener("input", () => {
  try { localStorage.setItem("omokage-quick", field.value); } catch { return; }
  document.dispatchEvent(new Event("quick-changed"));
});
