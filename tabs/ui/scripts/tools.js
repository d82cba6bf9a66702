// Language, colours, and the list of keys: three small buttons at the top of the page, at its end on a phone.
(words) => {
  const make = (name, made = {}) => Object.assign(document.createElement(name), made);
  const language = document.documentElement.lang;

  function speak(chosen) {
    const secure = location.protocol === "https:" ? "; SameSite=None; Secure" : "; SameSite=Lax";
    document.cookie = `omokage-language=${chosen}; path=/; max-age=31536000${secure}`;
    location.reload();
  }
  function paint() {
    const dark = document.body.classList.toggle("dark");
    try { localStorage.setItem("omokage-theme", dark ? "dark" : "light"); } catch { /* until the page is left */ }
  }

  const keys = make("dialog", { id: "keys" });
  keys.setAttribute("aria-labelledby", "keys-title");
  const list = make("dl");
  for (const [key, what] of words.keys.split("\n").map((line) => line.split("\t"))) {
    const held = make("dt");
    held.append(make("kbd", { textContent: key }));
    list.append(held, make("dd", { textContent: what }));
  }
  const close = make("button", { type: "button", textContent: words.keys_close });
  close.addEventListener("click", () => keys.close());
  keys.append(make("h2", { id: "keys-title", textContent: words.keys_title }), list, close);

  const tools = make("nav", { id: "tools" });
  tools.setAttribute("aria-label", words.tools);
  const other = language === "ja" ? "en" : "ja";
  const buttons = [
    ["tool-language", words.language, () => speak(other), other],
    ["tool-theme", words.theme, paint],
    ["tool-keys", words.keys_button, () => keys.showModal()],
  ];
  for (const [id, text, press, lang] of buttons) {
    const button = make("button", { id, type: "button", textContent: text });
    if (lang) button.lang = lang;
    button.addEventListener("click", press);
    tools.append(button);
  }
  (document.querySelector(".gradio-container .contain") ?? document.body).append(tools, keys);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest?.("input:not([type=radio], [type=checkbox], [type=range]), textarea, select, [contenteditable]")) return;
    keys.showModal();
  });
}
