// `words` stands before this. The browser's own voices read replies aloud, and its recognition writes what is said
// into the message box; what an engine reads comes from the server as a sound.
const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;
const synth = window.speechSynthesis;
const tools = element.querySelector(".voice-tools");
const box = () => document.querySelector("#talk-box textarea");
const kept = (name) => { try { return localStorage.getItem(`omokage-${name}`) === "yes"; } catch { return false; } };
const keep = (name, value) => { try { localStorage.setItem(`omokage-${name}`, value ? "yes" : "no"); } catch { /* for this page only */ } };
const bubbles = () => document.querySelector("#chat-said .bubbles");
const voiceHere = () => JSON.parse(bubbles()?.dataset.voice || "{}");
const japaneseFirst = (document.documentElement.lang || "ja").startsWith("ja");

// Which voice: the chosen one, else one of the persona's language that is of this machine. What is read by a voice of
// the network leaves the machine: such a one is taken only where somebody has chosen it.
const same = (voice, lang) => voice.lang.toLowerCase().replace("_", "-").startsWith(lang);
function voices() {
  const rank = (voice) => 2 * (same(voice, "ja") !== japaneseFirst) + !voice.localService;
  return [...(synth?.getVoices() ?? [])].sort((a, b) => rank(a) - rank(b));
}
function voiceFor(wanted) {
  const all = voices();
  return all.find((one) => one.name === wanted.name) ?? all.find((one) => one.localService && same(one, wanted.lang));
}

function button(id, label, icon) {
  const made = document.createElement("button");
  Object.assign(made, { id, type: "button", hidden: true, title: label });
  made.setAttribute("aria-label", label);
  made.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${icon}</svg>`;
  tools.append(made);
  return made;
}
const hushButton = button("talk-hush", words.hush, '<path d="M4 9v6h4l5 4V5L8 9z"/><path d="m16 9 6 6m0-6-6 6"/>');
const mic = button("talk-mic", words.mic, '<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5 11a7 7 0 0 0 14 0M12 18v3"/>');
const dialog = document.createElement("dialog");
dialog.className = "voice-ask";
tools.append(dialog);

function ask(text, answers) {
  dialog.replaceChildren(Object.assign(document.createElement("p"), { textContent: text }));
  for (const [label, act] of answers) {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    made.addEventListener("click", () => { dialog.close(); act?.(); });
    dialog.append(made);
  }
  dialog.showModal();
}
const tell = (text) => ask(text, [[words.ok]]);

// Reading aloud: one message after the other, until something else is read or it is hushed.
let turn = 0, sound = null, asked = 0, arrive = null, place = null;
function waitForSounds() { // where they arrive is put on the page after this
  if (place) return;
  place = document.querySelector("#talk-spoken");
  new MutationObserver(() => {
    const got = place.querySelector("[data-asked]");
    if (Number(got?.dataset.asked) === asked) arrive?.(got); // else it is the one before
  }).observe(place, { childList: true, subtree: true, attributes: true });
}
function reading(now) { hushButton.hidden = !now; }
function hush() {
  turn += 1;
  synth?.cancel();
  sound?.pause();
  sound = null;
  arrive?.(null);
  reading(false);
}
async function read(parts) {
  hush();
  const mine = turn;
  reading(true);
  for (const part of parts) if (mine === turn) await (part.voice.name?.startsWith("voicevox:") ? engine(part, mine) : browser(part, mine));
  if (mine === turn) reading(false);
}
function browser({ text, voice }, mine) {
  const chosen = voiceFor(voice), sentences = text.match(/[^。！？!?\n]{1,200}[。！？!?\n]*/g) ?? [];
  if (!chosen) {
    hush();
    return tell(words.no_voice);
  }
  return new Promise((done) => {
    let left = sentences.length;
    if (!left) done();
    for (const sentence of sentences) {
      const said = new SpeechSynthesisUtterance(sentence);
      Object.assign(said, { voice: chosen, lang: chosen.lang, rate: voice.rate ?? 1, pitch: voice.pitch ?? 1 });
      said.onend = said.onerror = () => { left -= 1; if (left <= 0 || mine !== turn) done(); };
      synth.speak(said);
    }
  });
}
async function engine({ message, sample, voice }, mine) {
  waitForSounds();
  asked += 1;
  const came = new Promise((done) => { arrive = done; });
  trigger("select", sample ? { asked, voice } : { asked, message });
  const got = await came;
  if (mine !== turn || !got?.src) return;
  sound = new Audio(got.src);
  await new Promise((done) => {
    sound.onended = sound.onerror = sound.onpause = done;
    sound.play().catch(done);
  });
}
function textOf(row) {
  const copy = row.querySelector(".message").cloneNode(true);
  copy.querySelectorAll(".code, button").forEach((part) => part.remove());
  return copy.textContent.replace(/https?:\/\/\S+/g, " ").trim();
}
const partOf = (row) => ({ text: textOf(row), message: Number(row.dataset.message), voice: voiceHere() });
hushButton.addEventListener("click", hush);
document.addEventListener("read-aloud", (event) => read([partOf(event.detail)]));
document.addEventListener("try-voice", (event) => read([{ text: words.sample, sample: true, voice: event.detail }]));
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.isComposing) hush(); });

// A reply that has ended is read where somebody wants that.
const growing = document.querySelector("#chat-growing");
let writing = false;
if (growing) new MutationObserver(() => {
  const now = Boolean(growing.querySelector(".bubbles"));
  if (writing && !now && kept("read-aloud")) setTimeout(() => {
    const rows = [...(bubbles()?.querySelectorAll(".message-row") ?? [])];
    const from = rows.findLastIndex((row) => row.classList.contains("user-row"));
    const parts = rows.slice(from + 1).map(partOf);
    if (parts.length) read(parts);
  }, 150);
  writing = now;
}).observe(growing, { childList: true, subtree: true });

// Speaking in: a short press begins and another ends it; a long one listens while it lasts.
let listening = null, pressed = 0;
function write(text) {
  const field = box();
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
function listen() {
  if (!kept("may-listen")) return ask(words.listen_ask, [[words.listen_yes, () => { keep("may-listen", true); listen(); }], [words.listen_no]]);
  hush();
  const before = box().value, lang = voiceHere().lang === "en" ? "en-US" : "ja-JP";
  let heard = "";
  listening = new Recognition();
  Object.assign(listening, { lang, interimResults: true, continuous: true });
  listening.onresult = (event) => {
    heard = [...event.results].map((one) => one[0].transcript).join("");
    write(before && lang === "en-US" ? `${before} ${heard}` : before + heard);
  };
  listening.onerror = (event) => { if (event.error !== "aborted") tell(words[`listen_${event.error.replaceAll("-", "_")}`] ?? words.listen_failed); };
  listening.onend = () => {
    listening = null;
    mic.setAttribute("aria-pressed", "false");
    box().focus();
    if (heard && kept("send-at-once")) setTimeout(() => document.querySelector("#talk-send")?.click(), 100);
  };
  listening.start();
  mic.setAttribute("aria-pressed", "true");
}
function press() {
  if (listening) return listening.stop();
  listen();
}
mic.addEventListener("pointerdown", () => {
  pressed = listening ? 0 : performance.now();
  press();
});
addEventListener("pointerup", () => {
  if (pressed && listening && performance.now() - pressed > 400) listening.stop();
  pressed = 0;
});
mic.addEventListener("click", (event) => { if (event.detail === 0) press(); }); // by the keyboard

mic.hidden = !Recognition;
if (synth) {
  document.documentElement.classList.add("can-speak");
  synth.getVoices(); // asked once, browsers begin to load them
}
// For the editor: what there is to choose from, behind what the engine has.
window.omokageVoices = (engine) => [
  ["", words.by_language],
  ...engine.map(([name, label]) => [name, label]),
  ...voices().map((one) => [one.name, `${one.name} (${one.lang})${one.localService ? "" : ` ${words.online}`}`]),
].map(([name, label]) => [label, name]);
