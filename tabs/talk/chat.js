// Gradio runs this once, when the chat is there: `element`, `trigger` and `watch` are given.
// What a button names in data-act is told to the server with the message that it stands at; what the browser can do
// by itself it does here.
const scroller = element.closest("#chat");
const box = () => document.querySelector("#talk-box textarea");
const tell = (act, from, more = {}) => {
  const row = from?.closest("[data-message]");
  trigger("select", { act, message: row ? Number(row.dataset.message) : -1, words: "", ...more });
};

function done(button) {
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
}

const here = {
  copy: (button) => window.omokageCopy(button.dataset.copy).then(() => done(button)),
  "copy-code": (button) => window.omokageCopy(button.closest(".code").querySelector("code").textContent).then(() => done(button)),
  tab: (button) => document.querySelector(`[role=tab][data-tab-id="${button.dataset.tab}"]`)?.click(),
  read: (button) => document.dispatchEvent(new CustomEvent("read-aloud", { detail: button.closest("[data-message]") })),
  write: () => box()?.focus(),
  keep: (button) => tell("keep", button, { words: button.closest(".editing").querySelector("textarea").value }),
  say: (button) => tell("say", button, { words: button.textContent }),
  speak: (button) => tell("speak", null, { words: button.dataset.words }),
  alone: (button) => tell("alone", null, { words: button.closest(".alone").querySelector("input").value }),
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) return (here[button.dataset.act] ?? (() => tell(button.dataset.act, button)))(button);
  const bubble = event.target.closest(".message");
  if (bubble && !String(getSelection())) tell("choose", bubble);
});
document.addEventListener("ask-again", (event) => tell("again", null, { words: event.detail }));
element.addEventListener("keydown", (event) => {
  const field = event.target.closest(".editing textarea");
  if (!field || event.isComposing) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) here.keep(field);
  if (event.key === "Escape") tell("leave", field);
});

// The switch of the pace is remembered by this browser.
function remember(event) {
  if (event.target.matches?.("#talk-human input")) try { localStorage.setItem("omokage-pace", event.target.checked ? "yes" : "no"); } catch { /* for this page only */ }
}
document.addEventListener("change", remember);
function recall() {
  const input = document.querySelector("#talk-human input");
  try { if (input?.checked && localStorage.getItem("omokage-pace") === "no") input.click(); } catch { /* as it is */ }
}
requestAnimationFrame(() => requestAnimationFrame(recall));

// Times are shown on the reader's own clock.
const DAY = { month: "long", day: "numeric" }, CLOCK = { hour: "2-digit", minute: "2-digit" };
function times() {
  let before = "";
  for (const part of element.querySelectorAll("time")) {
    const { day, time } = part.dataset;
    const said = new Date(1000 * (day ?? time)).toLocaleString(navigator.language, day ? DAY : CLOCK);
    if (part.textContent !== said) part.textContent = said;
    if (day) {
      part.hidden = said === before;
      before = said;
    }
  }
  const field = element.querySelector(".editing textarea");
  if (field && document.activeElement !== field) field.focus();
}

// The end stays in sight, unless somebody reads further up. A welcome is read from its beginning.
let stays = true, talk = null, mine = -1, height = 0, first = 0;
scroller?.addEventListener("scroll", () => {
  stays = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
}, { passive: true });
function follow() {
  const root = element.querySelector(".bubbles"), welcome = element.querySelector(".welcome");
  const said = Number([...element.querySelectorAll(".user-row")].at(-1)?.dataset.message ?? -1);
  const from = Number(element.querySelector("[data-message]")?.dataset.message ?? 0);
  if (root?.dataset.talk !== talk || said > mine) stays = true;
  if (root?.dataset.talk === talk && said > mine) document.dispatchEvent(new Event("message-drawn"));
  const earlier = root?.dataset.talk === talk && from < first;
  if (earlier) scroller.scrollTop += scroller.scrollHeight - height;
  else if (welcome) scroller.scrollTop = 0;
  else if (stays) scroller.scrollTop = scroller.scrollHeight;
  [talk, mine, height, first] = [root?.dataset.talk, said, scroller.scrollHeight, from];
}
if (scroller) new MutationObserver(follow).observe(scroller, { childList: true, subtree: true, characterData: true });
watch("value", times);
times();
follow();
