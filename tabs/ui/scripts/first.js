// Before Gradio starts: the language and the colours that were chosen on the page, and its title.
(() => {
  const [, language] = document.cookie.match(/(?:^|; )omokage-language=(ja|en)(?:;|$)/) ?? [];
  if (language) {
    Object.defineProperty(navigator, "language", { get: () => language });
    Object.defineProperty(navigator, "languages", { get: () => [language] });
  }
  document.documentElement.lang = navigator.language.toLowerCase().startsWith("ja") ? "ja" : "en";

  let theme = null;
  try { theme = localStorage.getItem("omokage-theme"); } catch { /* storage is blocked: as the system has it */ }
  if (theme) {
    const asked = window.matchMedia.bind(window);
    window.matchMedia = (query) => query === "(prefers-color-scheme: dark)"
      ? { matches: theme === "dark", media: query, addEventListener() {}, removeEventListener() {} } : asked(query);
  }

  // "47 % · Train · 面影 Omokage": the heartbeat says what is under way, places.js where one is.
  const parts = { progress: "", place: "" };
  window.omokageTitle = (part, words) => {
    parts[part] = words;
    const title = [parts.progress, parts.place, "面影 Omokage"].filter(Boolean).join(" · ");
    if (document.title !== title) document.title = title;
  };
})();
