// The policy editor. The server changes the form; here is only what a server cannot do: warn before leaving, and two keys.
"use strict";
const editor = () => document.getElementById("editor");
let leaving = false;
let unsaved = Boolean(editor() && editor().dataset.unsaved !== undefined);

document.addEventListener("input", (event) => {
  if (event.target.closest("[data-leave]")) unsaved = true;
});
document.addEventListener("submit", (event) => {
  if (!event.target.closest("[data-leave]")) return;
  unsaved = false;
  leaving = true;
});
window.addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});
window.addEventListener("pageshow", () => {
  leaving = false;
  unsaved = Boolean(editor() && editor().dataset.unsaved !== undefined);
});

// Alt with an arrow moves the clause that is being written; what has the focus stays in sight.
document.addEventListener("keydown", (event) => {
  const by = { ArrowUp: "up", ArrowDown: "down" }[event.key];
  const clause = event.target.closest && event.target.closest(".mg-clause");
  if (!by || !event.altKey || !clause) return;
  event.preventDefault();
  const button = clause.querySelector(`[data-move="${by}"]`);
  button.focus();
  button.click();
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "editor") return;
  unsaved = true;
  document.activeElement.scrollIntoView({ block: "nearest" });
});
// What is told of a form that a button has replaced meanwhile, or of one that is being saved, is told to nobody.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.dataset.tells === undefined) return;
  if (leaving) event.preventDefault();
  event.detail.target.addEventListener("htmx:beforeSwap", (swap) => {
    if (!swap.target.isConnected) swap.detail.shouldSwap = false;
  });
});
document.addEventListener("htmx:responseError", () => {
  if (editor()) window.alert(editor().dataset.lost);
});
const summary = document.getElementById("summary");
if (summary) summary.focus();
