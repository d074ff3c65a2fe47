import htmx from "htmx.org";
import { token } from "./csrf.js";

globalThis.htmx = htmx;

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = token();
});
