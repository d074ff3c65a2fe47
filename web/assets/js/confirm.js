// Ask before an act that cannot be undone: <form data-confirm="Question" data-confirm-button="Withdraw">.
import { make } from "./dom.js";

const agreed = new WeakSet();

function ask(question, act, kind = "primary") {
  const no = make("button", { class: "button", value: "no", autofocus: true }, "Cancel");
  const yes = make("button", { class: `button ${kind}`, value: "yes" }, act);
  const title = make("p", { id: "confirm-text" }, question);
  const form = make("form", { method: "dialog" }, title, make("div", { class: "actions" }, no, yes));
  const dialog = make("dialog", { "aria-labelledby": "confirm-text" }, form);
  document.body.append(dialog);
  const before = document.activeElement;
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus();
      resolve(dialog.returnValue === "yes");
    });
  });
}

const kindOf = (button) => (button?.classList.contains("danger") ? "danger" : "primary");

const actOf = (element, submitter) =>
  element.dataset.confirmButton || submitter?.textContent.trim() || "Go on";

document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
    if (!question || agreed.has(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const { submitter } = event;
    if (!(await ask(question, actOf(form, submitter), kindOf(submitter)))) return;
    agreed.add(form);
    form.requestSubmit(submitter);
  },
  true,
);

// An answer holds until the form is really sent: autosave may hold it back for a moment before.
document.addEventListener("submit", (event) => agreed.delete(event.target));

// hx-confirm asks in the same way.
document.addEventListener("htmx:confirm", async (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  const element = event.detail.elt;
  if (await ask(event.detail.question, actOf(element, element), kindOf(element))) event.detail.issueRequest(true);
});
