// Each tab and each talk has an address: #train, #talk/20261130-…. Back, forward and reload stay where one was.
() => {
  const tabs = () => [...document.querySelectorAll("[role=tablist] [role=tab]")];
  const open = () => document.querySelector("[role=tab][aria-selected=true]")?.dataset.tabId;
  const talk = () => document.querySelector("#place i")?.dataset.talk ?? "";
  const wanted = () => location.hash.slice(1).split("/");
  let going = false; // the page is on its way to an address, which is no step of its own

  function write(changed) {
    const tab = open();
    if (!tab) return;
    const name = tab === "talk" ? document.querySelector("#place i")?.title : "";
    window.omokageTitle("place", name || tabs().find((button) => button.dataset.tabId === tab).textContent.trim());
    const address = tab === "talk" && talk() ? `#talk/${talk()}` : `#${tab}`;
    const [was, id] = wanted();
    const there = location.hash === address, arrived = changed === "talk" || (tab === was && !id);
    if (going && tab !== was) { // a page that was still being built may have lost the click
      if (changed === "talk") tabs().find((button) => button.dataset.tabId === was)?.click();
      return;
    }
    if (there || (going && !arrived)) return going = going && !there;
    const same = going || !was || (was === "talk" && tab === "talk" && !id); // the first address is no step
    history[same ? "replaceState" : "pushState"](null, "", address);
    going = false;
  }

  function go() {
    const [tab, id] = wanted();
    const button = tabs().find((one) => one.dataset.tabId === tab);
    if (!button) return;
    going = tab !== open() || Boolean(id && id !== talk());
    if (id && talk() && id !== talk()) document.querySelector("#place-go")?.click();
    if (tab !== open()) button.click();
  }

  function start() {
    const list = document.querySelector("[role=tablist]"), place = document.querySelector("#place");
    if (!list || !place || !tabs().length) return setTimeout(start, 50);
    go();
    new MutationObserver(() => write("tab")).observe(list, { subtree: true, attributeFilter: ["aria-selected"] });
    let told = talk(); // Gradio also touches the place while its event is still on the way
    new MutationObserver(() => {
      const arrived = talk() !== told;
      told = talk();
      write(arrived ? "talk" : "name");
    }).observe(place, { subtree: true, childList: true, attributeFilter: ["data-talk", "title"] });
    window.addEventListener("popstate", go);
    document.addEventListener("click", (event) => { if (event.isTrusted) going = false; }, true);
    write("tab");
  }
  start();
}
