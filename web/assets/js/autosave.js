// Drafts: what is typed goes to the server 800 ms later, and is never lost on the way.
//
// <form data-autosave="/cases/…/draft"> posts itself there as an ordinary form; [data-saved] in the
// form, or else anywhere on the page, says how it stands. Nothing is stored in the browser: until
// the server has it, the page keeps it, says so, tries again, and asks before it is left.
import { renewToken, token } from "./csrf.js";
import { clockNow } from "./clocks.js";
import { say, unsay, whenever } from "./dom.js";

const PAUSE = 800;
const RETRY = 10_000;
const KEEPALIVE_LIMIT = 60_000; // bytes a page may still send while it is being closed

const WAITING = {
  offline: "Not saved yet: the site cannot be reached. Kept on this page, saved as soon as it is back.",
  expired: "Not saved yet: your session has ended. Kept on this page.",
  refused: "Not saved: the site refused it. Kept on this page.",
};

const bodyOf = (form) => {
  const fields = [...new FormData(form)].filter(([, value]) => typeof value === "string");
  return new URLSearchParams(fields.filter(([name]) => name !== "csrf_token")).toString();
};

async function post(url, body) {
  const headers = {
    "Content-Type": "application/x-www-form-urlencoded",
    "X-CSRF-Token": token(),
    Accept: "application/json",
  };
  const keepalive = body.length < KEEPALIVE_LIMIT;
  try {
    const answer = await fetch(url, { method: "POST", headers, body, keepalive, redirect: "manual" });
    if (answer.ok) return "saved";
    const isExpired = answer.type === "opaqueredirect" || [401, 403].includes(answer.status);
    if (isExpired) return "expired";
    return answer.status >= 500 || answer.status === 429 ? "offline" : "refused";
  } catch {
    return "offline";
  }
}

// To read a form, Chromium lays out the whole page: not before it has shown it the first time.
const afterPaint = (act) => requestAnimationFrame(() => setTimeout(act));

class Draft {
  constructor(form) {
    this.form = form;
    this.saved = null; // not read yet
    afterPaint(() => (this.saved ??= bodyOf(form)));
    this.state = "saved";
    this.sending = null;
    form.addEventListener("input", () => this.later());
    form.addEventListener("change", () => this.later());
    form.addEventListener("focusout", () => this.isDirty && this.save());
    form.addEventListener("submit", (event) => this.beforeSubmit(event), true);
  }

  get isDirty() {
    return this.form.isConnected && this.saved !== null && bodyOf(this.form) !== this.saved;
  }

  later(pause = PAUSE) {
    this.saved ??= ""; // typed before it was read
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), pause);
  }

  // One request at a time: what was typed meanwhile goes with the next.
  async save() {
    clearTimeout(this.timer);
    if (this.sending) await this.sending;
    if (!this.isDirty) return this.state;
    this.sending = this.send();
    await this.sending;
    this.sending = null;
    if (this.state === "saved" && this.isDirty) this.later();
    if (this.state === "offline" || this.state === "expired") this.later(RETRY);
    return this.state;
  }

  async send() {
    const body = bodyOf(this.form);
    let state = await post(this.form.dataset.autosave, body);
    if (state === "expired" && (await renewToken().catch(() => false))) {
      state = await post(this.form.dataset.autosave, body);
    }
    if (state === "saved") this.saved = body;
    this.show(state);
  }

  show(state) {
    this.state = state;
    const line = this.form.querySelector("[data-saved]") ?? document.querySelector("[data-saved]");
    if (line) {
      line.textContent = WAITING[state] ?? `Saved ${clockNow()}`;
      line.dataset.state = state === "saved" ? "saved" : "waiting";
    }
    if (state === "expired") {
      const link = { href: "/sign-in", text: "Sign in in a new tab" };
      const text = "Your session has ended. What you typed stays on this page and is saved as soon as you have signed in again.";
      say(text, { kind: "warning", key: "session", link });
    } else if (state === "saved") unsay("session");
  }

  // A form that is sent while the session has ended would be answered by the sign-in page and its
  // last words lost: keep the draft first, and send only once that has worked.
  async beforeSubmit(event) {
    if (this.isSubmitting) return void (this.isSubmitting = false);
    if (!this.isDirty) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const state = await this.save();
    if (state === "expired" || state === "offline") return;
    this.isSubmitting = true;
    this.isLeaving = true;
    this.form.requestSubmit(event.submitter);
  }
}

const drafts = new Set();
const alive = () => [...drafts].filter((draft) => draft.form.isConnected || !drafts.delete(draft));

whenever("form[data-autosave]", (form) => drafts.add(new Draft(form)));

document.addEventListener("visibilitychange", () => {
  for (const draft of alive()) if (draft.isDirty) draft.save();
});
for (const back of ["online", "focus"]) {
  addEventListener(back, () => {
    for (const draft of alive()) if (draft.state !== "saved") draft.save();
  });
}
addEventListener("beforeunload", (event) => {
  if (alive().some((draft) => draft.isDirty && !draft.isLeaving)) event.preventDefault();
});
