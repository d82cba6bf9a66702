// Asks the server what has changed, and clicks the unseen button of each topic that has, once it is in sight.
// What moves all the time it writes where it stands, without an event of Gradio.
// Nothing is asked while the page is hidden; little, while nothing is under way and nobody touches the page.
(() => {
  const PLACES = TOPICS_OF_THE_PAGE, EACH_TIME = DRAWN_EACH_TIME; // the second: topics drawn whenever they come into sight
  const SOON = 1000, WATCHED = 5000, IDLE = 3000, LATEST = 10000, HIDDEN = 30000; // ms between two questions; WATCHED: work is under way, nobody touches the page
  const ACTIVE = 10000; // ms after a touch during which the page counts as used
  const drawn = {}, known = {};
  const written = new WeakMap();
  let key = null, timer = null, asking = false, touched = 0, told = 0, quiet = 0;

  const inSight = (place) => Boolean(document.querySelector(place)?.offsetParent);

  function draw() {
    for (const topic of EACH_TIME) if (!inSight(PLACES[topic])) delete drawn[topic];
    for (const topic in known) {
      if (drawn[topic] === known[topic] || !inSight(PLACES[topic])) continue;
      const button = document.querySelector(`#changed-${topic}`);
      if (!button) continue;
      drawn[topic] = known[topic];
      button.click();
    }
  }

  function write({ html = {}, text = {}, title: before = "" }) {
    for (const [place, words] of Object.entries(html)) {
      const part = document.querySelector(place);
      if (!part || written.get(part) === words) continue;
      written.set(part, words);
      part.innerHTML = words;
    }
    for (const [place, words] of Object.entries(text)) {
      const part = document.querySelector(place);
      const held = part && [...part.childNodes].find((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
      if (held && held.data !== words) held.data = words; // Svelte keeps this very node
    }
    window.omokageTitle("progress", before);
  }

  // Where somebody asked to be told of a training's end, a hidden page goes on asking until it has ended.
  let awaited = "";
  const mayTell = () => "Notification" in window && Notification.permission === "granted";
  function tell({ under_way: now = "", ended = "" }) {
    if (ended && document.hidden && mayTell()) new Notification(ended, { tag: awaited });
    awaited = now;
  }
  document.addEventListener("click", (event) => {
    if (!event.isTrusted || !event.target.closest?.("#train-start, #next")) return;
    if (!("Notification" in window) || Notification.permission !== "default") return;
    try {
      if (localStorage.getItem("omokage-asked")) return;
      localStorage.setItem("omokage-asked", "yes"); // once, whatever is answered
    } catch { return; }
    Notification.requestPermission();
  }, true);

  async function ask() {
    clearTimeout(timer);
    if (asking || key === null || (document.hidden && !(awaited && mayTell()))) return;
    asking = true;
    let wait = LATEST;
    const used = touched > told ? { "x-omokage-used": "1" } : {}; // by a person, since the last question
    told = touched;
    try {
      const run = inSight(PLACES.runs) ? document.querySelector("[data-run]")?.dataset.run ?? "" : "";
      const answer = await fetch("omokage/changes", { method: "POST", headers: { "x-omokage-key": key, "x-omokage-run": run, "x-omokage-awaited": awaited, ...used } });
      if (answer.ok) {
        const found = await answer.json(), { numbers, soon } = found;
        const same = Object.keys(numbers).every((topic) => known[topic] === numbers[topic]);
        quiet = same ? quiet + 1 : 0;
        Object.assign(known, numbers);
        draw();
        write(found);
        tell(found);
        const active = performance.now() - touched < ACTIVE;
        wait = document.hidden ? HIDDEN : active ? SOON : soon ? WATCHED : Math.min(IDLE + 500 * quiet, LATEST);
      }
    } catch { /* the server is away: ask again */ wait = IDLE; }
    asking = false;
    timer = setTimeout(ask, wait);
  }

  function touch() {
    const now = performance.now(), woke = now - touched > ACTIVE;
    touched = now;
    if (woke) ask();
  }

  window.omokageHeartbeat = (held) => {
    key = held;
    touched = performance.now();
    ask();
  };
  // A tab that was opened is drawn first, then it is in sight.
  document.addEventListener("click", (event) => {
    if (!event.isTrusted) return; // this script's own clicks are no touch
    touch();
    for (const after of [50, 300, 1000]) setTimeout(draw, after);
  }, true);
  document.addEventListener("keydown", touch, true);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
})();
