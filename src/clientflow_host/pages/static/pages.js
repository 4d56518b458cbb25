"use strict";
// Times in the reader's own zone; without this script they stand in UTC.
const today = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const thisYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const earlier = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

function localize(root) {
  const now = new Date();
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    const isToday = at.toDateString() === now.toDateString();
    const format = "exact" in element.dataset ? exact : isToday ? today : at.getFullYear() === now.getFullYear() ? thisYear : earlier;
    element.textContent = format.format(at);
    element.title = at.toLocaleString();
  }
}

// A thread is read from its end, unless the reader has scrolled up.
function toEnd(said, { always }) {
  const distance = said.scrollHeight - said.scrollTop - said.clientHeight;
  if (always || distance < 160) said.scrollTop = said.scrollHeight;
}

localize(document);
const said = document.querySelector(".said");
if (said) {
  toEnd(said, { always: true });
  document.body.addEventListener("htmx:after:swap", () => toEnd(said, { always: false }));
}
document.body.addEventListener("htmx:after:swap", () => localize(document));

const body = document.querySelector(".answer textarea");
body?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    body.form.requestSubmit();
  }
});
// A draft goes into the box as it comes, unless something stands there already.
function takeDraft() {
  const drafted = document.querySelector("#draft[data-text]");
  const taken = document.querySelector("#draft-id");
  if (!drafted || !body || body.value || taken.value === drafted.dataset.id) return;
  body.value = drafted.dataset.text;
  taken.value = drafted.dataset.id;
}
document.body.addEventListener("htmx:after:swap", takeDraft);
// Who opts out while the page is open gets nothing that is typed into it.
function heedConsent() {
  const badge = document.querySelector("#consent .badge");
  const refused = document.querySelector("#refused");
  if (!refused || refused.hidden !== Boolean(badge)) return;
  refused.hidden = !badge;
  refused.querySelector("span").textContent = badge?.textContent ?? "";
  for (const one of [body, body.form.querySelector("button")]) one.disabled = Boolean(badge);
}
document.body.addEventListener("htmx:after:swap", heedConsent);
// Twice pressed is still once sent.
body?.form.addEventListener("submit", (event) => {
  const button = body.form.querySelector("button");
  if (button.disabled) event.preventDefault();
  button.disabled = true;
});
