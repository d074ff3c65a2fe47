// Speak to a member by name: `@` in a text offers the panel's members, arrow keys and Enter choose.
//
// <form data-names='["Dr Ann Leroy", …]'> around the textareas. Without this script the name is
// typed whole; the site finds it by the same list.
import { make, whenever } from "./dom.js";

const MOST = 6;
const TYPED = /@([\p{L}\p{M}.'’ -]{0,40})$/u;

let count = 0;

class Mentions {
  constructor(area, names) {
    this.area = area;
    this.names = names;
    this.list = make("div", {
      class: "picker-list mention-list",
      role: "listbox",
      id: `mention-${++count}`,
      "aria-label": "Members",
      hidden: true,
    });
    area.after(this.list);
    area.addEventListener("input", () => this.look());
    area.addEventListener("keydown", (event) => this.onKey(event));
    area.addEventListener("blur", () => this.close());
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.choose(option.textContent);
    });
  }

  get typed() {
    return this.area.value.slice(0, this.area.selectionStart).match(TYPED);
  }

  look() {
    const typed = this.typed?.[1].toLocaleLowerCase();
    const fits = (name) => ` ${name}`.toLocaleLowerCase().includes(` ${typed}`);
    const found = typed === undefined ? [] : this.names.filter(fits).slice(0, MOST);
    const options = found.map((name, n) =>
      make("div", { class: "picker-option", role: "option", id: `${this.list.id}-${n}` }, name),
    );
    this.list.replaceChildren(...options);
    this.list.hidden = !found.length;
    if (found.length) this.area.setAttribute("aria-controls", this.list.id);
    this.mark(found.length ? 0 : -1);
  }

  mark(index) {
    this.current = index;
    [...this.list.children].forEach((option, n) => option.setAttribute("aria-selected", String(n === index)));
    const option = this.list.children[index];
    if (option) this.area.setAttribute("aria-activedescendant", option.id);
    else this.area.removeAttribute("aria-activedescendant");
  }

  onKey(event) {
    if (this.list.hidden || event.isComposing) return;
    const size = this.list.children.length;
    if (event.key === "ArrowDown") this.mark((this.current + 1) % size);
    else if (event.key === "ArrowUp") this.mark((this.current - 1 + size) % size);
    else if (event.key === "Enter" || event.key === "Tab") this.choose(this.list.children[this.current].textContent);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  choose(name) {
    const end = this.area.selectionStart;
    const start = end - this.typed[0].length;
    this.area.setRangeText(`@${name} `, start, end, "end");
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
    this.close();
  }

  close() {
    this.list.hidden = true;
    this.list.replaceChildren();
    this.mark(-1);
  }
}

whenever("form[data-names] textarea[name=text]", (area) => {
  new Mentions(area, JSON.parse(area.form.dataset.names));
});
