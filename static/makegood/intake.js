// The page of a new contact: the box that finds customers by keyboard, and saving with Ctrl and Enter.
"use strict";
const form = document.getElementById("contact");
const who = document.getElementById("id_who");
const list = document.getElementById("found");
const field = (name) => form.elements.namedItem(name);
const options = () => [...list.querySelectorAll("[role=option]")];
const check = () => document.body.dispatchEvent(new CustomEvent("check"));

function open(isOpen) {
  list.hidden = !isOpen;
  who.setAttribute("aria-expanded", String(isOpen));
  if (!isOpen) who.removeAttribute("aria-activedescendant");
}

function point(option) {
  for (const each of options()) each.setAttribute("aria-selected", String(each === option));
  who.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

const pointed = () => list.querySelector("[aria-selected=true]");

function takeNew(text) {
  field("is_new").value = "on";
  field("customer").value = "";
  document.getElementById("new-customer").hidden = false;
  const place = text.includes("@") ? "email" : /\s/.test(text) || !/\d/.test(text) ? "name" : "code";
  field(place).value = text;
  (place === "code" ? field("name") : field("code")).focus();
}

function take(option) {
  open(false);
  if (option.dataset.new !== undefined) {
    takeNew(option.dataset.new);
  } else {
    field("customer").value = option.dataset.customer;
    field("is_new").value = "";
    field("account").value = option.dataset.account;
    document.getElementById("new-customer").hidden = true;
    who.value = option.dataset.words;
    field("orders").focus();
  }
  check();
}

// What is typed after a choice is another question.
who.addEventListener("input", () => {
  field("customer").value = field("is_new").value = "";
  document.getElementById("new-customer").hidden = true;
  check();
});
list.addEventListener("htmx:afterSwap", () => {
  const found = options();
  open(found.length > 0 && document.activeElement === who);
  if (found.length) point(found[0]);
});
who.addEventListener("keydown", (event) => {
  const found = options(), at = found.indexOf(pointed());
  if (event.key === "Enter" && !event.ctrlKey) event.preventDefault(); // never the whole form
  if (list.hidden || !found.length) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    point(found[(at + step + found.length) % found.length]);
  } else if (event.key === "Enter" && !event.ctrlKey) {
    take(pointed() || found[0]);
  } else if (event.key === "Escape") {
    open(false);
  }
});
list.addEventListener("mousedown", (event) => {
  const option = event.target.closest("[role=option]");
  event.preventDefault(); // the box keeps the focus
  if (option) take(option);
});
who.addEventListener("blur", () => open(false));

for (const button of form.querySelectorAll("[data-time]")) {
  button.addEventListener("click", () => {
    field("at").value = button.dataset.time;
    check();
  });
}
form.addEventListener("input", (event) => {
  if (event.target !== who && event.target.name !== "message") check();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector(event.shiftKey ? "[data-save-next]" : "[data-save]"));
});
who.focus(); // the attribute alone is not heeded on these pages
