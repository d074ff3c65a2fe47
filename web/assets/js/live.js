// A discussion that others go on with while it is read. The site sends a sign without content when
// something has changed; what it is, is fetched, and waits until the reader asks for it: nothing on
// the page moves, and nothing that is typed is lost.
//
// <div data-live="/panels/1" data-since="1764…" data-into="#entries .timeline" aria-live="polite">
import { announceAdded, make, whenever } from "./dom.js";

const AGAIN = 60_000;
const TRIES = 5;
const NOUNS = { contribution: "contribution", reply: "reply", question: "question" };

whenever("[data-live]", (place) => {
  let since = Number(place.dataset.since);
  let source = null;
  let refused = 0;
  let news = [];

  // A page that nobody sees holds no connection: a browser has six of them for all its tabs.
  function follow() {
    if (document.hidden) return stop();
    if (source || refused > TRIES) return;
    source = new EventSource(`${place.dataset.live}/live?since=${since}`);
    source.addEventListener("changed", fetchNews);
    source.addEventListener("open", () => (refused = 0));
    source.addEventListener("over", () => {
      refused = Infinity;
      stop();
    });
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return; // else the browser tries again itself
      stop();
      setTimeout(follow, AGAIN * (1 + Math.random()) * 2 ** refused++);
    });
  }

  function stop() {
    source?.close();
    source = null;
  }

  async function fetchNews() {
    const headers = { "HX-Request": "true", "X-Background": "true" };
    const answer = await fetch(`${place.dataset.live}/news?since=${since}`, { headers }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const until = Number(page.querySelector("[data-news]")?.dataset.news);
    news = [...page.querySelectorAll("[data-new]")]
      .map((note) => ({ ...note.dataset, until, entry: page.getElementById(note.dataset.new) }))
      .filter((one) => Number(one.changed) > since || !document.getElementById(one.new));
    tell();
  }

  function tell() {
    if (!news.length) return place.replaceChildren();
    const text = inWords(news);
    if (place.textContent === text) return;
    const button = make("button", { class: "button primary", type: "button" }, text);
    button.addEventListener("click", show);
    place.replaceChildren(button);
  }

  function show() {
    const list = document.querySelector(place.dataset.into);
    const shown = news.map((one) => bring(one.entry, list));
    since = news[0].until;
    news = [];
    place.replaceChildren();
    shown.forEach(announceAdded);
    shown.forEach((entry) => globalThis.htmx.process(entry));
    shown[0].tabIndex = -1;
    shown[0].focus({ preventScroll: true });
    shown[0].scrollIntoView({ block: "center" });
  }

  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", follow);
  follow();
});

function inWords(news) {
  const kinds = new Set(news.map((one) => one.what));
  const people = new Set(news.map((one) => one.who));
  const noun = kinds.size === 1 ? (NOUNS[news[0].what] ?? "step") : "entry";
  const many = noun === "entry" ? "entries" : noun === "reply" ? "replies" : `${noun}s`;
  const who = people.size === 1 ? news[0].who : `${people.size} people`;
  return `${news.length} new ${news.length === 1 ? noun : many} by ${who}`;
}

// In the place of what it was before, or at the end. A reply that is being typed stays.
function bring(entry, list) {
  const before = document.getElementById(entry.id);
  const slot = before?.querySelector(".reply-slot:has(form)");
  const place = entry.querySelector(".reply-slot");
  if (slot && place) place.replaceWith(slot);
  if (before) before.replaceWith(entry);
  else list.append(entry);
  return entry;
}
