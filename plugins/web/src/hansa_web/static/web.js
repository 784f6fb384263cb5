// What the pages do with a script; without it each has a link or a button that does the same.

const MOST_PAUSE = 60;
const MISSES = 3;
const region = document.getElementById("live-region");
const liveParts = [...document.querySelectorAll("[data-live]")];
const texts = JSON.parse(document.getElementById("texts")?.textContent || "{}");
let paused = false;

// the text in the language of the page, which brings what is not English along
function say(text, values = {}) {
  return (texts[text] || text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// -- live parts: asked for again with If-None-Match, and replaced where they have changed -----------

function isBusy(part) {
  const selection = document.getSelection();
  const isSelected = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  const isTicked = part.querySelector("input[type=checkbox]:checked");
  return isSelected || isTicked || (part.contains(document.activeElement) && part !== document.activeElement);
}

function tell(part, text, stale) {
  let line = document.querySelector(`[data-told="${part.id}"]`);
  if (!line) {
    line = document.createElement("p");
    line.dataset.told = part.id;
    part.after(line);
  }
  line.className = stale ? "stale" : "trail";
  line.textContent = text;
}

function clock() {
  return new Date().toISOString().slice(11, 19) + " UTC";
}

async function refresh(state) {
  const headers = { "X-Live": "1" };
  if (state.etag) headers["If-None-Match"] = state.etag;
  const answer = await fetch(location.href, { headers, redirect: "error" });
  if (answer.status !== 304) {
    if (!answer.ok) throw new Error(String(answer.status));
    state.etag = answer.headers.get("ETag");
    state.found = new DOMParser().parseFromString(await answer.text(), "text/html");
  }
  // what is asked for less often may be as old as that: put in place sooner, it could be older than
  // what is there
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = state.found?.getElementById(part.id);
    if (!next || isBusy(part) || performance.now() < Number(part.dataset.live) * 1000) continue;
    if (next.innerHTML !== part.innerHTML) part.innerHTML = next.innerHTML;
  }
}

async function live() {
  const every = Math.min(...liveParts.map((part) => Number(part.dataset.live)));
  const state = { etag: "", misses: 0, since: clock() };
  let pause = every;
  for (;;) {
    await new Promise((done) => setTimeout(done, pause * 1000));
    if (paused || document.hidden) continue;
    try {
      await refresh(state);
      if (state.misses >= MISSES) region.textContent = say("as of {time}", { time: clock() });
      state.misses = 0;
      state.since = clock();
      pause = every;
      tell(liveParts[0], say("as of {time}", { time: state.since }), false);
    } catch {
      state.misses += 1;
      pause = Math.min(pause * 2, MOST_PAUSE);
      const stale = say("stale since {time}", { time: state.since });
      if (state.misses === MISSES) region.textContent = stale;
      if (state.misses >= MISSES) tell(liveParts[0], stale, true);
    }
  }
}

if (liveParts.length) {
  const button = document.getElementById("pause");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      paused = !paused;
      button.textContent = paused ? say("Go on live") : say("Pause");
    });
  }
  live();
}

// -- what is followed beside the page: who has applied a change, who else changes what one edits -----

async function look(part) {
  const answer = await fetch(part.dataset.follow, { headers: { "X-Live": "1" }, redirect: "error" });
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.getElementById("followed");
  if (found && found.innerHTML !== part.innerHTML) part.innerHTML = found.innerHTML;
}

async function follow(part) {
  const every = Number(part.dataset.every);
  let pause = every;
  while (!part.querySelector("[data-done]")) {
    await new Promise((done) => setTimeout(done, pause * 1000));
    if (document.hidden || paused) continue;
    try {
      await look(part);
      pause = every;
    } catch {
      pause = Math.min(pause * 2, MOST_PAUSE);
    }
  }
}

for (const part of document.querySelectorAll("[data-follow]")) follow(part);

// -- keys: "/" and Ctrl-K search, "g" and a letter goes to a page, "?" to the help -------------------

const PLACES = { d: "", m: "/map", f: "/failed", s: "/services", c: "/channels", o: "/outgoing", l: "/logs" };
const root = document.documentElement;
const search = document.querySelector(".bar [data-search]");
const base = search ? new URL(search.form.action).pathname.replace(/\/find$/, "") : "";
let went = false;

// "j" and "k" go through the rows of a list, from the one in hand; "x" selects the row
const STEPS = { j: 1, k: -1 };

function rowInHand() {
  return document.activeElement.closest("[data-rows] tr");
}

function step(by) {
  const rows = [...document.querySelectorAll("[data-rows] tbody tr")];
  const chosen = rows.findIndex((row) => row.ariaSelected === "true");
  const at = rowInHand() ? rows.indexOf(rowInHand()) : chosen;
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1);
  rows[next]?.querySelector("th a")?.focus();
}

function tick() {
  rowInHand()?.querySelector("input[type=checkbox]")?.click();
}

function find(event) {
  search.focus();
  search.select();
  event.preventDefault();
}

document.addEventListener("keydown", (event) => {
  if (!search || event.altKey) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "k") find(event);
  const inField = event.target.closest("input, textarea, select, [contenteditable]");
  if (inField || event.ctrlKey || event.metaKey || !("keys" in root.dataset)) return;
  if (event.key in STEPS) step(STEPS[event.key]);
  else if (event.key === "x") tick();
  else if (event.key === "/") find(event);
  else if (event.key === "?") location.href = `${base}/help`;
  else if (went && event.key in PLACES) {
    document.querySelector(`.menu a[href="${base + PLACES[event.key]}"]`)?.click();
  }
  went = event.key === "g";
});

// -- forms --------------------------------------------------------------------------------------------

document.querySelector("[data-focus]")?.focus();

const source = document.querySelector("textarea[data-line]");
if (source) {
  const before = source.value.split("\n").slice(0, Number(source.dataset.line) - 1).join("\n");
  source.setSelectionRange(before.length + 1, before.length + 1);
  source.scrollTop = (before.split("\n").length - 4) * parseFloat(getComputedStyle(source).lineHeight);
}

for (const form of document.querySelectorAll("form[data-changed]")) {
  let changed = false;
  form.addEventListener("input", () => (changed = true));
  form.addEventListener("submit", () => (changed = false));
  addEventListener("beforeunload", (event) => {
    if (changed) event.preventDefault();
  });
}

// a long form is filtered by the names of its settings; folds open for what is found
const filter = document.querySelector("[data-filter]");
if (filter) {
  filter.hidden = false;
  filter.addEventListener("input", () => {
    const text = filter.querySelector("input").value.trim().toLowerCase();
    for (const field of document.querySelectorAll(".field[data-name]")) {
      const fits = field.dataset.name.toLowerCase().includes(text);
      field.classList.toggle("other", !fits);
      if (text && fits) for (let fold = field.closest(".fold, .group"); fold; fold = fold.parentElement.closest(".fold, .group")) fold.open = true;
    }
  });
}

function addRow(group) {
  const last = group.lastElementChild;
  const row = last.cloneNode(true);
  for (const input of row.querySelectorAll("input")) input.value = "";
  last.after(row);
}

for (const group of document.querySelectorAll(".pairs")) {
  group.addEventListener("input", () => {
    const filled = [...group.lastElementChild.querySelectorAll("input")].some((one) => one.value);
    if (filled) addRow(group);
  });
}

// live parts get new boxes, so that none has a listener of its own
for (const all of document.querySelectorAll("[data-all]")) {
  const boxes = () => [...document.querySelectorAll(`input[name="${all.dataset.all}"]`)];
  const count = document.querySelector("[data-count]");
  document.addEventListener("change", (event) => {
    if (event.target === all) for (const box of boxes()) box.checked = all.checked;
    if (count) count.textContent = say("{count} selected", { count: boxes().filter((box) => box.checked).length });
  });
}

for (const block of document.querySelectorAll("pre[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = say("Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.textContent);
    region.textContent = say("copied");
  });
  block.after(button);
}

// -- times: the zone of the browser is that of the pages until one is chosen -------------------------

if ("zone" in root.dataset) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.cookie = `hansa-zone=${zone}; path=/; max-age=31536000; samesite=lax`;
}

// on a narrow screen the menu is folded
const isNarrow = matchMedia("(max-width: 900px)");
const menu = document.querySelector(".menu");
if (menu && isNarrow.matches) menu.open = false;

// a menu that covers the page, or fills a narrow screen, is closed by Escape
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector(isNarrow.matches ? ".new[open], .menu[open]" : ".new[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
