// Coded terms by typing: three letters, arrow keys, Enter (the combobox pattern of ARIA's guide).
//
// <input data-term-picker data-systems="orpha omim" data-terms-url="/terms">. A choice writes
// "<label> <code>" into the input, unless somebody cancels `cpms:term-chosen`, whose detail is
// { term: {system, code, label, …}, isAbsent }.
import { make, whenever } from "./dom.js";

const PAUSE = 120;
const FEWEST = 3;
const MINUS = /^\s*[-−–]\s*/;

let count = 0;
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// The typed words, marked where a word of the text begins with them.
function marked(text, query) {
  const words = query.split(/\s+/).filter(Boolean).map(escaped);
  if (!words.length) return [text];
  const parts = text.split(new RegExp(`(?<![\\p{L}\\p{N}])(${words.join("|")})`, "giu"));
  return parts.map((part, index) => (index % 2 ? make("mark", {}, part) : part));
}

function optionFor(term, query, id) {
  const isSynonym = term.matched && term.matched !== term.label && term.matched !== term.code;
  const name = make("span", { class: "picker-name" }, ...marked(term.label, query), " ");
  name.append(make("span", { class: "code" }, term.code));
  if (isSynonym) {
    name.append(make("span", { class: "matched" }, " · synonym: ", ...marked(term.matched, query)));
  }
  const option = make("div", { class: "picker-option", role: "option", id, "aria-selected": "false" }, name);
  if (term.branch) option.append(make("span", { class: "branch" }, term.branch));
  if (term.definition) option.append(make("span", { class: "definition" }, term.definition));
  return option;
}

class Picker {
  constructor(input) {
    const id = `picker-${++count}`;
    this.input = input;
    this.terms = [];
    this.current = -1;
    this.list = make("div", { class: "picker-list", role: "listbox", id, "aria-label": "Terms", hidden: true });
    this.status = make("p", { class: "picker-empty", role: "status", hidden: true });
    input.after(this.list, this.status);
    const aria = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id };
    for (const [name, value] of Object.entries(aria)) input.setAttribute(name, value);
    input.addEventListener("input", () => this.later());
    input.addEventListener("keydown", (event) => this.onKey(event));
    input.addEventListener("blur", () => this.close());
    // Keep the focus in the box while an option is pressed.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.choose([...this.list.children].indexOf(option), false);
    });
  }

  get query() {
    return this.input.value.replace(MINUS, "").trim();
  }

  later() {
    clearTimeout(this.timer);
    this.request?.abort();
    this.isPending = this.query.length >= FEWEST;
    if (!this.isPending) return this.close();
    this.timer = setTimeout(() => this.search(), PAUSE);
  }

  async search() {
    const query = this.query;
    this.request = new AbortController();
    const url = new URL(this.input.dataset.termsUrl || "/terms", location.href);
    url.searchParams.set("systems", this.input.dataset.systems ?? "");
    url.searchParams.set("q", query);
    try {
      const answer = await fetch(url, { signal: this.request.signal, headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const found = await answer.json();
      this.show(Array.isArray(found) ? found : found.terms, query);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.close();
      this.tell("The terms cannot be reached. Type the whole name or the code.");
    }
    this.isPending = false;
    if (this.onReady) this.onReady();
    this.onReady = null;
  }

  show(terms, query) {
    this.terms = terms;
    this.wasMoved = false;
    this.list.replaceChildren(...terms.map((term, n) => optionFor(term, query, `${this.list.id}-${n}`)));
    this.list.hidden = !terms.length;
    this.input.setAttribute("aria-expanded", String(terms.length > 0));
    if (!terms.length) this.tell(`Nothing fits “${query}”. Check the spelling, or try another word.`);
    else this.tell(`${terms.length} terms`, true);
    this.mark(terms.length ? 0 : -1);
  }

  tell(text, isQuiet = false) {
    this.status.textContent = text;
    this.status.hidden = false;
    this.status.classList.toggle("visually-hidden", isQuiet);
  }

  mark(index) {
    this.current = index;
    [...this.list.children].forEach((option, n) => option.setAttribute("aria-selected", String(n === index)));
    const option = this.list.children[index];
    if (!option) return void this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.onReady = null;
    this.list.hidden = true;
    this.list.replaceChildren();
    this.status.hidden = true;
    this.terms = [];
    this.input.setAttribute("aria-expanded", "false");
    this.mark(-1);
  }

  onKey(event) {
    const { key } = event;
    if (event.isComposing) return;
    if (key === "ArrowDown" || key === "ArrowUp") this.move(event, key === "ArrowDown" ? 1 : -1);
    else if (key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    } else if (key === "Enter") this.onEnter(event);
    else if (this.wantsAbsent(event)) {
      event.preventDefault();
      this.whenReady(() => this.choose(this.current, true));
    }
  }

  // Alt+A at any time; a bare "−" or "a" once the arrow keys say that nobody is typing a name.
  wantsAbsent(event) {
    if (!("findingsNew" in this.input.dataset) || event.ctrlKey || event.metaKey) return false;
    if (event.altKey) return event.code === "KeyA" && (this.isPending || this.current >= 0);
    return this.wasMoved && this.current >= 0 && ["a", "A", "-", "−"].includes(event.key);
  }

  move(event, step) {
    if (this.list.hidden) return;
    event.preventDefault();
    this.wasMoved = true;
    this.mark((this.current + step + this.terms.length) % this.terms.length);
  }

  onEnter(event) {
    const isOpen = !this.list.hidden && this.current >= 0;
    if (!isOpen && !this.isPending) return;
    event.preventDefault();
    this.whenReady(() => this.choose(this.current, false));
  }

  // Fast typists press Enter before the answer is there.
  whenReady(act) {
    if (!this.isPending) return act();
    this.onReady = () => this.current >= 0 && act();
  }

  choose(index, isAbsent) {
    const term = this.terms[index];
    if (!term) return;
    const detail = { term, isAbsent: isAbsent || MINUS.test(this.input.value) };
    this.close();
    const chosen = new CustomEvent("cpms:term-chosen", { bubbles: true, cancelable: true, detail });
    if (!this.input.dispatchEvent(chosen)) return;
    this.input.value = `${term.label} ${term.code}`;
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

whenever("input[data-term-picker]", (input) => new Picker(input));
