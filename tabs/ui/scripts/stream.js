// Gradio's page closes its stream of answers when the server says that none is owed. A question that was sent meanwhile
// is then never answered: the page takes the stream for open, and the server has ended it. Seen behind slow lines and on
// busy machines (Gradio 6.31). Here such a stream goes on with the next one, unnoticed by Gradio.
(() => {
  const fetchNow = window.fetch.bind(window);
  const owed = new Set(); // ids of events that were asked for and are not completed
  const early = new Set(); // completed before the answer that tells their id had come

  window.fetch = async (resource, options) => {
    const address = new URL(resource.url ?? resource, location.href);
    if (address.origin !== location.origin) return fetchNow(resource, options);
    if (address.pathname.endsWith("/queue/data")) return unbroken(new Request(resource, options));
    if (address.pathname.endsWith("/cancel")) forget(options?.body);
    const response = await fetchNow(resource, options);
    if (address.pathname.endsWith("/queue/join") && response.ok) {
      const { event_id: id } = await response.clone().json();
      if (!early.delete(id)) owed.add(id);
    }
    return response;
  };

  function forget(body) {
    try { owed.delete(JSON.parse(body).event_id); } catch { /* not a body of Gradio's */ }
  }

  function note({ msg, event_id: id }) {
    window.dispatchEvent(new Event("omokage-answer"));
    if (msg === "process_completed" && !owed.delete(id)) early.add(id);
  }

  async function unbroken(request) {
    const first = await fetchNow(request.clone());
    if (!first.ok || !first.body) return first;
    let reader = first.body.getReader(), decoder = new TextDecoder(), rest = "";

    async function goOn() { // true where another stream took over
      while (!(await reader.read()).done); // leaving before its end would cancel what is owed
      if (!owed.size) return false;
      const next = await fetchNow(request.clone());
      if (!next.ok) return false;
      [reader, decoder, rest] = [next.body.getReader(), new TextDecoder(), ""];
      return true;
    }

    async function* answers() {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const events = (rest + decoder.decode(value, { stream: true })).split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const message = event.startsWith("data:") ? JSON.parse(event.slice(5)) : {};
          note(message);
          if (message.msg !== "close_stream" || !(await goOn())) yield new TextEncoder().encode(`${event}\n\n`);
        }
      }
    }

    const events = answers();
    async function pull(controller) {
      const { value, done } = await events.next();
      if (done) controller.close(); else controller.enqueue(value);
    }

    const body = new ReadableStream({ pull, cancel: (why) => reader.cancel(why) });
    return new Response(body, { status: first.status, headers: first.headers });
  }
})();
