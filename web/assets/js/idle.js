// Before a session ends by itself: a quiet word in time; afterwards the way back to the same page.
//
// <header data-session-ends="900">: seconds from when the page was made. Later only the site knows,
// for other tabs keep the session alive too; so it is asked, and asking in the background keeps
// nothing alive. Where something is typed that the site does not have, the page stays, covered.
import { clockAt } from "./clocks.js";
import { renewToken } from "./csrf.js";
import { make, say, unsay } from "./dom.js";

const LOOK_EVERY = 10_000;

const now = () => Date.now() / 1000;
const frame = document.querySelector("[data-session-ends]");
const given = Number(frame?.dataset.sessionEnds ?? 0);
const WARNING = Math.min(120, given / 2);
let ends = now() + given;
let isSaid = false;
let covered = null;

// Seconds that are left; null if the site cannot be reached.
async function ask(headers = {}) {
  const answer = await fetch("/me/session", { headers: { Accept: "application/json", ...headers } }).catch(() => null);
  if (answer?.status === 401) return 0;
  return answer?.ok ? (await answer.json()).seconds : null;
}

async function look() {
  if (!covered && ends - now() > WARNING) return;
  const left = await ask({ "X-Background": "true" });
  if (left !== null) show(left);
}

function show(left) {
  ends = now() + left;
  if (left === 0) return leave();
  if (covered) uncover();
  if (left > WARNING) {
    unsay("session-ends");
    isSaid = false;
  } else if (!isSaid) warn();
}

function warn() {
  isSaid = true;
  const button = make("button", { class: "button small", type: "button" }, "Stay signed in");
  button.addEventListener("click", stay);
  const text = `Nothing was done here for a while. You will be signed out at ${clockAt(new Date(ends * 1000))}.`;
  say(text, { kind: "warning", key: "session-ends", act: make("div", { class: "actions" }, button) });
}

async function stay() {
  const left = await ask();
  if (left === null) return;
  show(left);
  if (left > 0 && left <= WARNING) {
    const text = `You have been signed in for as long as this site allows, until ${clockAt(new Date(ends * 1000))}. Finish, then sign in again.`;
    say(text, { kind: "warning", key: "session-ends" });
  }
}

const typedInto = new Set();
document.addEventListener("input", ({ target }) => {
  if (target.form && target.form.method === "post" && !("autosave" in target.form.dataset)) typedInto.add(target.form);
});
const HOLDING = '[data-saved][data-state="waiting"], [aria-invalid="true"], [data-ceremony="step-up"]';
const holdsSomething = () =>
  [...typedInto].some((form) => form.isConnected) || document.querySelector(HOLDING) !== null;

function leave() {
  unsay("session-ends");
  if (holdsSomething()) return cover();
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

function cover() {
  if (covered) return;
  const parts = document.querySelectorAll("body > :not(.topbar, main), main > :not(#notices)");
  covered = [...parts].filter((part) => !part.hidden);
  for (const part of covered) part.hidden = true;
  const text = "Your session has ended. What you typed is still on this page: sign in, then come back to it.";
  const link = { href: "/sign-in", text: "Sign in in a new tab" };
  say(text, { kind: "warning", key: "session", link });
}

function uncover() {
  for (const part of covered) part.hidden = false;
  covered = null;
  unsay("session");
  renewToken().catch(() => false);
}

if (frame) {
  setInterval(() => covered || look(), LOOK_EVERY);
  addEventListener("focus", look);
  document.addEventListener("visibilitychange", () => document.hidden || look());
}
