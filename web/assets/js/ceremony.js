// Security keys. <form data-ceremony="enrol|sign-in|sign-outcome|step-up" data-options-url data-finish-url>
// (or a button): fetches the options, lets the browser talk to the key, sends what the key answered
// and goes where the site says. What goes wrong is said in [data-ceremony-status].
//
// Both requests carry JSON: the form's fields, and in the second one `credential` beside them. The
// site answers the first with {ceremony, publicKey}, the second, which names that ceremony, with
// {redirect}, and either with {error}. After a "step-up" the form itself goes where it leads.
import { token } from "./csrf.js";
import { whenever } from "./dom.js";

const SENTENCES = {
  NotAllowedError: "Nothing came from the key: it was cancelled or took too long. Try again when you have the key at hand.",
  InvalidStateError: "This key is enrolled here already. Use it to sign in, or take another key.",
  SecurityError: "This address and the key do not fit together. Open the site by its usual address.",
  NotSupportedError: "This key cannot do what this site asks for. It needs a FIDO2 key with a PIN or a fingerprint.",
  ConstraintError: "The key has no PIN yet. Set one in your computer's settings, then try again.",
  AbortError: "It was cancelled. Try again when you are ready.",
};
const TOUCH = {
  enrol: "Put in the key, type its PIN and touch it. You may be asked to touch it twice.",
  "sign-in": "Put in the key, type its PIN and touch it.",
  "sign-outcome": "Put in the key, type its PIN and touch it. Your touch signs this very text.",
};

class Told extends Error {}

function ensurePossible() {
  if (!globalThis.isSecureContext) {
    throw new Told("Keys work only over a secure address. Open this site with https, or as http://localhost on this computer.");
  }
  if (!globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) {
    throw new Told("This browser cannot use security keys. Use a current Firefox, Edge, Chrome or Safari.");
  }
}

async function post(url, value) {
  let answer;
  try {
    const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token() };
    answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(value) });
  } catch {
    throw new Told("The site cannot be reached. Nothing was changed; try again in a moment.");
  }
  const result = await answer.json().catch(() => ({}));
  if (!answer.ok || result.error) {
    throw new Told(result.error ?? "The site could not go on. Nothing was changed; reload the page and try again.");
  }
  return result;
}

async function askKey(kind, given) {
  const options = given.publicKey;
  if (kind === "enrol") {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return navigator.credentials.create({ publicKey });
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return navigator.credentials.get({ publicKey });
}

const fieldsOf = (element) =>
  element instanceof HTMLFormElement
    ? Object.fromEntries([...new FormData(element)].filter(([, value]) => typeof value === "string"))
    : {};

async function perform(element, say) {
  const { ceremony, optionsUrl, finishUrl } = element.dataset;
  ensurePossible();
  const fields = fieldsOf(element);
  say("One moment …");
  const options = await post(optionsUrl, fields);
  say(TOUCH[ceremony] ?? TOUCH["sign-in"]);
  const credential = await askKey(ceremony, options);
  say("The key has answered; the site is checking it …");
  const answer = { ...fields, ceremony: options.ceremony, credential: credential.toJSON() };
  const { redirect } = await post(finishUrl, answer);
  if (ceremony === "step-up") return sendAgain(element, say);
  say("Done.", "done");
  const target = new URL(redirect, location.origin);
  if (target.origin === location.origin) location.assign(target);
}

// As it was sent before, whatever its fields are called. A file that comes leaves this page in place.
function sendAgain(form, say) {
  say("Confirmed, it goes on. If a file comes of it, your browser saves it.", "done");
  for (const part of form.querySelectorAll("[data-before]")) part.hidden = true;
  HTMLFormElement.prototype.submit.call(form);
}

whenever("[data-back]", (link) =>
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.back();
  }),
);

function statusOf(element) {
  const near = element.querySelector("[data-ceremony-status]") ?? element.parentElement?.querySelector("[data-ceremony-status]");
  return near ?? document.querySelector("[data-ceremony-status]");
}

whenever("[data-ceremony]", (element) => {
  const status = statusOf(element);
  const say = (text, state = "working") => {
    if (!status) return;
    status.textContent = text;
    status.dataset.state = state;
  };
  let isRunning = false;
  element.addEventListener(element instanceof HTMLFormElement ? "submit" : "click", async (event) => {
    event.preventDefault();
    if (isRunning) return;
    isRunning = true;
    element.setAttribute("aria-busy", "true");
    try {
      await perform(element, say);
    } catch (error) {
      const words = error instanceof Told ? error.message : SENTENCES[error.name];
      if (!words) console.error(error);
      say(words ?? "The key could not be used. Nothing was changed; try again or take another key.", "error");
    } finally {
      isRunning = false;
      element.removeAttribute("aria-busy");
    }
  });
});
