// On a phone one bar stays at the bottom with the next step; what a step has changed is scrolled into view.
(words) => {
  const NARROW = window.matchMedia("(max-width: 820px)");
  // The first that is on the page and can be pressed is the next step of its tab.
  const STEPS = {
    data: ["#data-learn", "#data-saved-learn"],
    train: ["#train-stop", "#train-talk", "#train-start"],
  };
  // What a tab shows anew is brought into view when it appears, or when its mark becomes another.
  const SHOWN = {
    data: [["#data-content", () => document.querySelector("#data-about b")?.textContent]],
    train: [["#train-picture", () => {
      const run = document.querySelector("[data-run]")?.dataset.run;
      return run && `${run} ${seen(document.querySelector("#train-talk"))}`; // it has begun; there is something to talk to
    }]],
  };
  const seen = (element) => Boolean(element?.checkVisibility?.());
  const tab = () => document.querySelector("[role=tab][aria-selected=true]")?.dataset.tabId;

  const bar = document.createElement("div");
  bar.id = "next";
  bar.hidden = true;
  bar.setAttribute("role", "region");
  bar.setAttribute("aria-label", words.next);
  const said = document.createElement("span"), button = document.createElement("button");
  button.type = "button";
  bar.append(said, button);
  (document.querySelector(".gradio-container .contain") ?? document.body).append(bar);
  let target = null;
  button.addEventListener("click", () => target?.click());

  function draw() {
    const step = STEPS[tab()]?.map((place) => document.querySelector(place)).find((one) => seen(one) && !one.disabled);
    bar.hidden = !step;
    document.body.classList.toggle("has-next", Boolean(step));
    target = step ?? null;
    if (!step) return;
    const running = step.id === "train-stop";
    const done = running ? document.querySelector("#train-picture [role=progressbar]")?.getAttribute("aria-valuenow") : null;
    bar.classList.toggle("running", running);
    bar.style.setProperty("--done", `${done ?? 0}%`);
    const text = running ? document.querySelector("#strip-running")?.textContent.trim() ?? "" : words[`next_${step.id.replaceAll("-", "_")}`] ?? "";
    if (said.textContent !== text) said.textContent = text;
    const label = step.textContent.trim();
    if (button.textContent !== label) button.textContent = label;
  }

  let was = "";
  const marks = {};
  function follow() {
    const now = tab();
    if (now !== was) {
      if (was) window.scrollTo({ top: 0 });
      was = now;
    }
    for (const [place, mark] of SHOWN[now] ?? []) {
      const part = document.querySelector(place), found = seen(part) ? mark() : undefined;
      if (!found || marks[place] === found) continue;
      marks[place] = found;
      (part.closest(".card") ?? part).scrollIntoView({ block: "start" });
    }
  }

  let asked = false;
  function look() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); follow(); });
  }
  const watch = new MutationObserver((changes) => { if (!changes.every((one) => bar.contains(one.target))) look(); });
  function begin() {
    watch.disconnect();
    bar.hidden = true;
    document.body.classList.toggle("has-next", false);
    if (!NARROW.matches) return;
    watch.observe(document.querySelector(".gradio-container") ?? document.body,
      { subtree: true, childList: true, attributeFilter: ["aria-selected", "disabled", "class", "style"] });
    look();
  }
  NARROW.addEventListener("change", begin);
  begin();
}
