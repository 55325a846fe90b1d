"use strict";
// The page works without this script; it opens what an address points at, remembers the colours,
// and sieves long lists of tasks.
(() => {
  const all = (selector) => Array.from(document.querySelectorAll(selector));

  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let at = target; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") {
        at.hidden = false;
        at.open = true;
      }
    }
    const task = target.closest("details.task");
    target.scrollIntoView();
    if (task) task.querySelector("summary").focus({ preventScroll: true });
  };
  window.addEventListener("hashchange", reveal);
  // A click on the address that is shown already changes nothing, yet the task may be closed.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#task-"]');
    if (link && link.hash === location.hash) reveal();
  });

  // Graphs that are wider than the window begin where most of them is: in the middle.
  for (const task of all("details.task")) {
    task.addEventListener("toggle", () => {
      const flow = task.querySelector(".flow");
      if (flow) flow.scrollLeft = (flow.scrollWidth - flow.clientWidth) / 2;
    }, { once: true });
  }

  const KEY = "hardwon-report-colours";
  const schemes = all('input[name="scheme"]');
  // Storage may be forbidden, as it can be for files: then the choice lasts until the page is left.
  try {
    const kept = schemes.find((input) => input.value === localStorage.getItem(KEY));
    if (kept) kept.checked = true;
  } catch {}
  for (const input of schemes) {
    input.addEventListener("change", () => {
      try {
        localStorage.setItem(KEY, input.value);
      } catch {}
    });
  }

  const tasks = all("details.task");
  const state = document.getElementById("sieve-state");
  const text = document.getElementById("sieve-text");
  const count = document.getElementById("sieve-count");
  const sieve = () => {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const task of tasks) {
      const fits =
        (!state.value || task.dataset.state === state.value) && task.dataset.name.includes(wanted);
      task.hidden = !fits;
      shown += fits;
    }
    for (const group of all("section.group")) {
      group.hidden = !group.querySelector("details.task:not([hidden])");
    }
    count.textContent = shown === tasks.length ? "" : `${shown} of ${tasks.length} tasks`;
  };
  const form = document.querySelector("form.sieve");
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  state.addEventListener("change", sieve);
  text.addEventListener("input", sieve);
  const setOpen = (open) => () => {
    for (const task of tasks) if (!task.hidden) task.open = open;
  };
  document.getElementById("unfold").addEventListener("click", setOpen(true));
  document.getElementById("fold").addEventListener("click", setOpen(false));

  // Not before the page is loaded: browsers move the focus themselves until then.
  window.addEventListener("load", () => requestAnimationFrame(reveal));
})();
