// htmx and its extension for server-sent events in one bundle: as two scripts they race.
import htmx from "htmx.org";
import "htmx-ext-sse";
import { token } from "./csrf.js";

globalThis.htmx = htmx;

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = token();
});
