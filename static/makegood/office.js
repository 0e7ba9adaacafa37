// Keys of the back office: n next claim, q queue, e first evidence, a approve, ? the list of keys. "/" is unfold's own search.
// A key works where no text is being typed, and only through a link or button that is on the page anyway.
"use strict";
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable], dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  if (target.dataset.does === "focus") {
    target.scrollIntoView({ block: "center" });
    target.focus();
  } else if (target.dataset.does === "open") {
    const part = target.closest("details");
    part.open = true;
    part.scrollIntoView({ block: "center" });
    part.querySelector("input[type=radio]:checked, input:not([type=hidden]), textarea").focus();
  } else {
    target.click();
  }
});

// unfold writes a chosen file's name into the text box it draws beside its own file fields. Ours have none: it would fail, or
// take another field for it.
document.addEventListener("DOMContentLoaded", () => {
  for (const input of document.querySelectorAll(".mg-page input[type=file]")) input.hasChangeListener = true;
});

// One click is one decision: the second click on a sent form does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.once === undefined) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
});

// unfold writes the name of a chosen file into a text field beside it: our file fields show it themselves, and have none.
document.addEventListener("change", (event) => {
  if (event.target.matches("input[type=file].mg-input")) event.stopPropagation();
}, true);

// While an assessment runs, the page asks for its end; then it loads once more, to show all of it.
document.addEventListener("htmx:afterSwap", (event) => {
  const ended = event.target.querySelector && event.target.querySelector("[data-reload]");
  if (ended) window.location.reload();
});

document.addEventListener("click", (event) => {
  const all = event.target.closest("[data-open-all]");
  if (!all) return;
  const orders = [...document.querySelectorAll("details.mg-order")];
  const open = !orders.every((order) => order.open);
  for (const order of orders) order.open = open;
});

// A text to take along: into the clipboard, or selected where the browser gives none.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy);
  text.select();
  try {
    await navigator.clipboard.writeText(text.value);
  } catch {
    document.execCommand("copy");
  }
  button.textContent = button.dataset.copied;
});

// The queue by keyboard: j and k walk over the claims (Enter opens the one in focus), x chooses it. The boxes themselves are no text.
const claimLinks = () => [...document.querySelectorAll("#result_list .data-row th a")];
function walk(step) {
  const links = claimLinks();
  const here = links.findIndex((link) => link.closest("tr") === document.activeElement.closest("tr"));
  const next = links[Math.min(Math.max(here + step, 0), links.length - 1)];
  if (!next) return;
  next.scrollIntoView({ block: "nearest" });
  next.focus({ focusVisible: true });
}
function countPicked() {
  const counter = document.querySelector("[data-picked]");
  if (counter) counter.textContent = document.querySelectorAll(".mg-pick:checked").length;
}
document.addEventListener("keydown", (event) => {
  const target = event.target;
  const typing = target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !document.querySelector("[data-picked]")) return;
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    walk(event.key === "j" ? 1 : -1);
  } else if (event.key === "x") {
    const row = document.activeElement.closest("tr.data-row");
    const box = row && row.querySelector(".mg-pick");
    if (box) box.click();
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-pick-all]")) {
    for (const box of document.querySelectorAll(".mg-pick")) box.checked = event.target.checked;
  }
  if (event.target.matches(".mg-pick, [data-pick-all]")) countPicked();
});
window.addEventListener("pageshow", countPicked); // the browser remembers the boxes of a page one comes back to
