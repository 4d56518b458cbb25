"use strict";
// Enter sends, as on a telephone; with Shift it begins a line.
document.addEventListener("keydown", (event) => {
  const isWriting = event.target.matches?.(".write textarea");
  if (!isWriting || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

// A screen is read from its end, unless the reader has scrolled up.
const READING = 120;
const ends = new WeakMap();

function showNewest() {
  for (const screen of document.querySelectorAll(".screen")) {
    const known = ends.get(screen);
    const isAtEnd = known === undefined || known - screen.scrollTop - screen.clientHeight < READING;
    if (isAtEnd) screen.scrollTop = screen.scrollHeight;
    ends.set(screen, screen.scrollHeight);
  }
}

showNewest();
document.addEventListener("htmx:after:swap", showNewest);

// What was sent leaves the box; what was refused stays in it.
document.addEventListener("htmx:after:request", (event) => {
  const { sourceElement, response } = event.detail.ctx;
  document.getElementById("away").hidden = true;
  if (sourceElement.matches(".write, .number") && response.status === 200) sourceElement.reset();
});
document.addEventListener("htmx:error", () => {
  document.getElementById("away").hidden = false;
});
