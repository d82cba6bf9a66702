// Before Gradio starts: the language and the colours that were chosen on the page, its title, and how it copies.
(() => {
  const [, language] = document.cookie.match(/(?:^|; )omokage-language=(ja|en)(?:;|$)/) ?? [];
  if (language) {
    Object.defineProperty(navigator, "language", { get: () => language });
    Object.defineProperty(navigator, "languages", { get: () => [language] });
  }
  document.documentElement.lang = navigator.language.toLowerCase().startsWith("ja") ? "ja" : "en";

  const here = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);
  document.documentElement.classList.toggle("visitor", !here);

  let theme = null;
  try { theme = localStorage.getItem("omokage-theme"); } catch { /* storage is blocked: as the system has it */ }
  if (theme) {
    const asked = window.matchMedia.bind(window);
    window.matchMedia = (query) => query === "(prefers-color-scheme: dark)"
      ? { matches: theme === "dark", media: query, addEventListener() {}, removeEventListener() {} } : asked(query);
  }

  window.omokageCopy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // a page that is not served over https
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
  };

  // "47 % · Train · 面影 Omokage": the heartbeat says what is under way, places.js where one is.
  const parts = { progress: "", place: "" };
  window.omokageTitle = (part, words) => {
    parts[part] = words;
    const title = [parts.progress, parts.place, "面影 Omokage"].filter(Boolean).join(" · ");
    if (document.title !== title) document.title = title;
  };
})();
