// What to say when an answer does not come, or is a refusal without a page of its own.
import { say, unsay } from "./dom.js";

const SENTENCES = {
  401: "Your session has ended. What you typed is still here. Sign in, then do it again.",
  403: "This is not possible with your rights, or your session has changed. Reload the page.",
  404: "There is nothing here that you may see. It may have been withdrawn meanwhile.",
  413: "That was larger than this site accepts. Nothing of it was kept.",
  429: "That was too often in a short time. Wait a minute, then try again.",
};

document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  const text = SENTENCES[status] ?? "This did not work, and nothing was changed. Try again.";
  const link = status === 401 ? { href: "/sign-in", text: "Sign in in a new tab" } : null;
  say(text, { kind: "error", key: "answer", link });
});

document.addEventListener("htmx:sendError", () =>
  say("The site cannot be reached. What you typed is still here. Try again in a moment.", {
    kind: "error",
    key: "answer",
  }),
);

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status < 400) unsay("answer");
});

// A swap must not drop the focus to nowhere: put it on what says it wants it.
document.addEventListener("htmx:afterSettle", (event) => {
  const target = event.detail.elt?.querySelector?.("[data-focus]");
  if (target && (document.activeElement === document.body || !document.activeElement)) target.focus();
});
