// The console's only script: a clock for the live parts, keys, dialogs, copying. No page needs it to be readable.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

// Live parts ask when the clock ticks; while nobody looks it stands still.
const TICK = 2000;
let beats = 0;

function tick() {
  if (document.hidden || $("dialog[open]")) return;
  htmx.trigger(document.body, "tick");
  if (beats++ % 5 === 4) htmx.trigger(document.body, "slow-tick");
}

setInterval(tick, TICK);
document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });

let updated = Date.now();

function ago(seconds) {
  const left = Math.abs(seconds);
  if (left < 1) return "now";
  const [size, unit] = left < 90 ? [1, "s"] : left < 5400 ? [60, "min"] : left < 129600 ? [3600, "h"] : [86400, "d"];
  const span = `${Math.round(left / size)} ${unit}`;
  return seconds > 0 ? `${span} ago` : `in ${span}`;
}

setInterval(() => {
  const now = Date.now();
  for (const time of $$("time[data-ago]")) time.textContent = ago((now - Date.parse(time.dateTime)) / 1000);
  for (const live of $$(".live")) {
    const silence = Math.round((now - updated) / 1000);
    live.classList.toggle("late", silence > 8);
    live.lastElementChild.textContent = silence < 1 ? "updated now" : `updated ${silence} s ago`;
  }
}, 1000);

// What a person is reading or holding stays: no swap while they select text, and the focus returns to the same link.
let held = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const selection = getSelection();
  const inside = selection.anchorNode && event.detail.target.contains(selection.anchorNode);
  if (event.detail.xhr.status === 200 && selection.toString() && inside) event.detail.shouldSwap = false;
  const active = document.activeElement;
  held = event.detail.target.contains(active) ? active.getAttribute("href") : null;
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (held) $$("a[href]", event.detail.target).find((link) => link.getAttribute("href") === held)?.focus({ preventScroll: true });
  held = null;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) updated = Date.now();
});

// Copying, dialogs, menus, the navigation on narrow screens.
async function copy(text, button) {
  try { await navigator.clipboard.writeText(text); } catch { return; }
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1200);
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  let found;
  if ((found = on("[data-copy]"))) copy(found.dataset.copy, found);
  else if ((found = on("[data-copy-from]"))) copy(JSON.stringify(JSON.parse($(`#${found.dataset.copyFrom}`).textContent), null, 2), found);
  else if ((found = on("[data-open]"))) document.getElementById(found.dataset.open)?.showModal();
  else if ((found = on("[data-close]"))) found.closest("dialog").close();
  else if ((found = on("[data-toggle-navigation]"))) found.setAttribute("aria-expanded", $("#nav-sidebar").classList.toggle("open"));
  else if (event.target.matches("dialog")) event.target.close();
  else if (!on("#nav-sidebar")) $("#nav-sidebar")?.classList.remove("open");
  for (const menu of $$("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// Ticking rows: one box for all of them, and how many are ticked is told wherever it is asked for.
document.addEventListener("change", (event) => {
  const all = event.target.dataset.choose, name = all ?? event.target.name;
  if (event.target.type !== "checkbox" || !event.target.form || !name) return;
  const boxes = $$(`input[type=checkbox][name="${CSS.escape(name)}"]`, event.target.form);
  if (all) for (const box of boxes) box.checked = event.target.checked;
  const chosen = boxes.filter((box) => box.checked).length;
  for (const told of $$(`[data-chosen="${CSS.escape(name)}"]`)) told.textContent = chosen;
  const head = $(`input[data-choose="${CSS.escape(name)}"]`, event.target.form);
  if (head) { head.checked = chosen === boxes.length; head.indeterminate = chosen > 0 && chosen < boxes.length; }
});

// Keys.
function step(by) {
  const links = $$("[data-rows] tbody tr").map((row) => $("a[href]", row)).filter(Boolean);
  const row = document.activeElement?.closest("tr");
  const at = links.findIndex((link) => link.closest("tr") === row);
  links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
}

let go = 0;
document.addEventListener("keydown", (event) => {
  const jump = $("#nav-filter");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && jump) {
    event.preventDefault();
    $("#nav-sidebar").classList.add("open");
    jump.focus();
    jump.select();
    return;
  }
  if (event.key === "Escape") {
    if (document.activeElement === jump) jump.blur();
    $("#nav-sidebar")?.classList.remove("open");
    for (const menu of $$("details.menu[open]")) menu.open = false;
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || $("dialog[open]")) return;
  if (Date.now() - go < 1200) {
    go = 0;
    const link = $(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); link.click(); }
    return;
  }
  const acts = {
    g: () => { go = Date.now(); },
    j: () => step(1),
    k: () => step(-1),
    "/": () => ($("#searchbar") ?? jump)?.focus(),
    "?": () => $("#keys")?.showModal(),
  };
  if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
});

// The jump box: arrows walk through what it offers, Enter takes the first.
$(".jump")?.addEventListener("keydown", (event) => {
  const places = [$("#nav-filter"), ...$$("#offers a")];
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  places[(places.indexOf(document.activeElement) + by + places.length) % places.length]?.focus();
});
