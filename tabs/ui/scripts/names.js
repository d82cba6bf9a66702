// What Gradio names in English is named in the language of the page; landmarks, and arrows between the tabs.
(words) => {
  const named = [
    [/^range slider for (.*)$/s, "$1"],
    [/^number input for (.*)$/s, words.number],
    [/^bot's message: (.*)$/s, words.reply],
    [/^user's message: (.*)$/s, words.own],
    [/^chatbot conversation$/, words.conversation],
    [/^Copy message$/, words.copy],
    [/^More tabs$/, words.more_tabs],
    [/^Reset to default value$/, words.reset],
    [/^Click to upload or drop files$/, words.upload],
    [/^File upload$/, words.file],
    [/^(?:Clear|Remove this file|Remove file)$/, words.clear],
  ];
  const LABELLED = "[aria-label], button[title]";

  function name(element) {
    for (const attribute of ["aria-label", "title"]) {
      const now = element.getAttribute(attribute);
      if (!now) continue;
      const [pattern, better] = named.find(([one]) => one.test(now)) ?? [];
      const then = pattern ? now.replace(pattern, better) : now;
      if (then !== now) element.setAttribute(attribute, then); // else this would call itself for ever
    }
  }
  function nameAll(root) {
    if (root.matches?.(LABELLED)) name(root);
    root.querySelectorAll?.(LABELLED).forEach(name);
  }
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "attributes") name(change.target);
      else change.addedNodes.forEach(nameAll);
    }
  }).observe(document.body, { subtree: true, childList: true, attributeFilter: ["aria-label"] });
  nameAll(document.body);

  for (const [place, words_of] of [["#strip", words.strip], ["#foot", words.foot]]) {
    const part = document.querySelector(place); // Gradio's main holds all of the page, so neither is a banner
    part?.setAttribute("role", "region");
    part?.setAttribute("aria-label", words_of);
  }
  document.querySelector("[role=tablist]")?.setAttribute("aria-label", words.tabs);

  // Gradio measured its tabs before the stylesheet was there, and may have put some into its menu.
  const measure = () => window.dispatchEvent(new Event("resize"));
  requestAnimationFrame(() => requestAnimationFrame(measure));
  window.addEventListener("load", measure);
  document.fonts?.ready.then(measure);

  const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[role=tablist] [role=tab]");
    if (!tab || event.ctrlKey || event.altKey || event.metaKey) return;
    const tabs = [...tab.parentElement.querySelectorAll("[role=tab]")];
    const at = { Home: 0, End: tabs.length - 1 }[event.key]
      ?? (event.key in STEPS ? (tabs.indexOf(tab) + STEPS[event.key] + tabs.length) % tabs.length : null);
    if (at === null) return;
    event.preventDefault();
    tabs[at].click();
    tabs[at].focus();
  });
}
