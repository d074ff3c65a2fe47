// A discussion that was on the screen for some seconds counts as read, up to when it was made.
//
// <form data-seen> holds the button that says the same by hand.
import { token } from "./csrf.js";
import { whenever } from "./dom.js";

const AFTER = 5_000;

whenever("form[data-seen]", (form) => {
  let left = AFTER;
  const every = 500;
  const timer = setInterval(() => {
    if (!form.isConnected) return void clearInterval(timer);
    if (document.hidden) return;
    left -= every;
    if (left > 0) return;
    clearInterval(timer);
    const body = new URLSearchParams(new FormData(form));
    body.delete("csrf_token");
    const headers = { "X-CSRF-Token": token(), "X-Background": "true", Accept: "application/json" };
    // The marks stay until the page is loaded again: nothing moves unless asked.
    fetch(form.action, { method: "POST", headers, body, redirect: "manual" }).catch(() => null);
  }, every);
});

// One of the four answers was opened: its field takes what is typed next.
whenever(".quick details.answer", (details) => {
  details.addEventListener("toggle", () => {
    if (details.open) details.querySelector("input:not([type=hidden])")?.focus();
  });
});
