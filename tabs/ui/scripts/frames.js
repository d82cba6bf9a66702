// Gradio's loading picture goes on being computed at every frame after it has gone (6.31): an untouched page then takes
// a tenth of a core for good. Here, while nothing is touched and no answer comes, a frame that a script asks for comes
// a quarter of a second later; animations of the style sheet are not concerned.
(() => {
  const frame = window.requestAnimationFrame.bind(window);
  const cancel = window.cancelAnimationFrame.bind(window);
  const QUIET = 2000, PAUSE = 250; // ms
  const paused = new Map(); // our (negative) id → how to take the request back
  let touched = 0, number = 0;

  const touch = () => { touched = performance.now(); };
  const touches = ["pointerdown", "pointermove", "wheel", "touchmove", "scroll", "keydown", "input", "resize", "focusin"];
  for (const kind of [...touches, "omokage-answer"]) window.addEventListener(kind, touch, { capture: true, passive: true });

  window.requestAnimationFrame = (call) => {
    if (performance.now() - touched < QUIET) return frame(call);
    const id = (number -= 1);
    const timer = setTimeout(() => {
      const asked = frame((now) => { paused.delete(id); call(now); });
      paused.set(id, () => cancel(asked));
    }, PAUSE);
    paused.set(id, () => clearTimeout(timer));
    return id;
  };

  window.cancelAnimationFrame = (id) => {
    const takeBack = paused.get(id);
    if (!takeBack) return cancel(id);
    paused.delete(id);
    takeBack();
  };
})();
