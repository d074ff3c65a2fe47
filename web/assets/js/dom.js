// Small helpers for pages that are swapped in pieces.

// Run `mend` on every element that matches, now and whenever htmx brings new ones; once each.
export function whenever(selector, mend) {
  const done = new WeakSet();
  const visit = (root) => {
    const found = [...root.querySelectorAll(selector)];
    if (root.matches?.(selector)) found.unshift(root);
    for (const element of found) {
      if (done.has(element)) continue;
      done.add(element);
      mend(element);
    }
  };
  const start = () => visit(document);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
  document.addEventListener("htmx:load", (event) => visit(event.detail.elt));
  document.addEventListener("cpms:added", (event) => visit(event.target));
}

// Say that `element` was added by a script, so that what is in it gets mended too.
export const announceAdded = (element) =>
  element.dispatchEvent(new CustomEvent("cpms:added", { bubbles: true }));

// make("p", {class: "note"}, "text", child)
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== ""));
  return element;
}

// One line at the top of the page, read aloud; a later one with the same key takes its place.
export function say(text, { kind = "", key = "", link = null, act = null } = {}) {
  const area = document.getElementById("notices");
  if (!area) return;
  unsay(key);
  const role = kind === "error" ? "alert" : "status";
  const notice = make("div", { class: `notice ${kind}`, role, "data-key": key }, make("p", {}, text));
  if (act) notice.append(act);
  if (link) notice.append(make("a", { href: link.href, target: "_blank", rel: "noopener" }, link.text));
  area.append(notice);
}

export function unsay(key) {
  if (key) document.querySelector(`#notices [data-key="${key}"]`)?.remove();
}
