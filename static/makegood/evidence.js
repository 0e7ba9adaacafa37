// The viewer of evidence: zoom by key, wheel and pinch; posters as marks of the player; a review by keyboard alone.
// The keys themselves are data-key attributes, which office.js presses.
"use strict";

const LARGEST = 8;
const STEP = 1.25;

class Zoom {
  // A picture in a box that scrolls, as large as the box lets it be until somebody zooms.
  constructor(box) {
    this.box = box;
    this.image = box.querySelector("img");
    this.touches = new Map();
    box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    box.addEventListener("pointerdown", (event) => this.down(event));
    box.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) box.addEventListener(name, (event) => this.up(event));
    this.fit();
  }

  fit() {
    this.box.classList.add("mg-fit");
    this.image.style.width = "";
  }

  by(factor, x = this.box.clientWidth / 2, y = this.box.clientHeight / 2) {
    const { box, image } = this;
    const before = image.getBoundingClientRect();
    const frame = box.getBoundingClientRect();
    const across = (frame.left + x - before.left) / before.width;
    const down = (frame.top + y - before.top) / before.height;
    const least = Math.min(before.width, 48);
    const width = Math.min(Math.max(before.width * factor, least), image.naturalWidth * LARGEST || before.width);
    box.classList.remove("mg-fit");
    image.style.width = `${width}px`;
    const after = image.getBoundingClientRect();
    box.scrollLeft += after.left + across * after.width - (frame.left + x);
    box.scrollTop += after.top + down * after.height - (frame.top + y);
  }

  wheel(event) {
    event.preventDefault();
    const frame = this.box.getBoundingClientRect();
    this.by(event.deltaY < 0 ? STEP : 1 / STEP, event.clientX - frame.left, event.clientY - frame.top);
  }

  down(event) {
    this.touches.set(event.pointerId, event);
    if (event.pointerType === "mouse") {
      event.preventDefault();
      this.box.focus({ preventScroll: true });
      this.box.setPointerCapture(event.pointerId);
      this.box.classList.add("mg-held");
    }
  }

  move(event) {
    const last = this.touches.get(event.pointerId);
    if (!last) return;
    if (this.touches.size === 2) {
      const [other] = [...this.touches.values()].filter((touch) => touch.pointerId !== event.pointerId);
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      const frame = this.box.getBoundingClientRect();
      const middle = [(event.clientX + other.clientX) / 2 - frame.left, (event.clientY + other.clientY) / 2 - frame.top];
      if (apart(last) > 0) this.by(apart(event) / apart(last), ...middle);
    } else if (event.pointerType === "mouse") {
      this.box.scrollLeft -= event.clientX - last.clientX;
      this.box.scrollTop -= event.clientY - last.clientY;
    }
    this.touches.set(event.pointerId, event);
  }

  up(event) {
    this.touches.delete(event.pointerId);
    this.box.classList.remove("mg-held");
  }
}

const zooms = [...document.querySelectorAll(".mg-zoom")].map((box) => new Zoom(box));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-zoom]");
  if (!button) return;
  for (const zoom of zooms) {
    if (button.dataset.zoom === "fit") zoom.fit();
    else zoom.by(button.dataset.zoom === "in" ? STEP : 1 / STEP);
  }
});

// --- the player and its marks

function jump(film, mark) {
  film.currentTime = Number(mark.dataset.seek);
}

function marksOf(film) {
  return [...film.closest("figure").querySelectorAll("[data-seek]")];
}

for (const film of document.querySelectorAll(".mg-film")) {
  for (const mark of marksOf(film)) mark.addEventListener("click", () => jump(film, mark));
  film.addEventListener("timeupdate", () => {
    const passed = marksOf(film).filter((mark) => Number(mark.dataset.seek) <= film.currentTime + 0.05);
    for (const mark of marksOf(film)) {
      if (mark === passed.at(-1)) mark.setAttribute("aria-current", "true");
      else mark.removeAttribute("aria-current");
    }
  });
}

const films = {
  p: (film) => (film.paused ? film.play() : film.pause()),
  "[": (film) => step(film, (marks) => marks.findLast((mark) => Number(mark.dataset.seek) < film.currentTime - 0.05)),
  "]": (film) => step(film, (marks) => marks.find((mark) => Number(mark.dataset.seek) > film.currentTime + 0.05)),
};

function step(film, chosen) {
  const mark = chosen(marksOf(film));
  if (mark) jump(film, mark);
}

// --- the review: a ground that goes with one verdict only chooses it, and a verdict hides the other one's grounds

const review = document.querySelector("[data-review]");

function verdictChosen() {
  const verdict = review.elements.verdict.value;
  for (const label of review.querySelectorAll("[data-for]")) {
    const off = Boolean(verdict) && label.dataset.for !== verdict;
    label.classList.toggle("mg-off", off);
    if (off) label.querySelector("input").checked = false;
  }
}

if (review) {
  review.addEventListener("change", (event) => {
    const only = event.target.closest("[data-for]");
    if (only && !review.elements.verdict.value) review.elements.verdict.value = only.dataset.for;
    verdictChosen();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest("input:not([type=radio]), textarea, select, dialog");
  if (field) {
    if (event.key === "Escape") field.blur();
    return;
  }
  if (event.key === "Enter" && review && !event.target.closest("a, button, summary, video")) {
    event.preventDefault();
    review.requestSubmit();
  }
  if (event.target.matches("input[type=radio]")) {
    // Not typing: office.js leaves every field alone.
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (target) {
      event.preventDefault();
      if (target.dataset.does === "focus") target.focus();
      else target.click();
    }
  }
  if (event.key === "=") document.querySelector('[data-zoom="in"]').click();
  if (films[event.key]) {
    for (const film of document.querySelectorAll(".mg-film")) films[event.key](film);
  }
});
