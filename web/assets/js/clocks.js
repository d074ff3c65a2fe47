// Times in the reader's own zone, and how long since or until, kept current.
import { whenever } from "./dom.js";

const LANGUAGE = document.documentElement.lang || "en";
// Day before month, also where the browser speaks American.
const locale = LANGUAGE === "en" ? "en-GB" : LANGUAGE;
const STYLES = {
  datetime: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
  date: { day: "numeric", month: "short", year: "numeric" },
  time: { hour: "2-digit", minute: "2-digit" },
  promise: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
};
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const UNITS = [
  ["minute", 60, 3600],
  ["hour", 3600, 48 * 3600],
  ["day", 86400, 60 * 86400],
  ["month", 30.4 * 86400, 730 * 86400],
  ["year", 365.25 * 86400, Infinity],
];

const exact = (moment) =>
  moment.toLocaleString(locale, { ...STYLES.datetime, weekday: "short", timeZoneName: "long" });

export const clockAt = (moment) => moment.toLocaleTimeString(locale, STYLES.time);
export const clockNow = () => clockAt(new Date());

function relativeWords(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 60) return seconds < 0 ? "just now" : "in under a minute";
  const [unit, length] = UNITS.find(([, , below]) => size < below);
  return relative.format(Math.trunc(seconds / length), unit);
}

whenever("time[data-time]", (element) => {
  const moment = new Date(element.dateTime);
  const style = STYLES[element.dataset.time] ?? STYLES.datetime;
  element.textContent = moment.toLocaleString(locale, style);
  element.title = exact(moment);
});

// Words about a moment that they do not tell: when it is, on hover.
whenever("[data-due]", (element) => {
  element.title = exact(new Date(element.dataset.due));
});

const running = new Set();

whenever("time[data-clock]", (element) => {
  element.title = exact(new Date(element.dateTime));
  element.textContent = relativeWords(new Date(element.dateTime));
  running.add(element);
});

setInterval(() => {
  for (const element of running) {
    if (!element.isConnected) running.delete(element);
    else {
      const words = relativeWords(new Date(element.dateTime));
      if (element.textContent !== words) element.textContent = words;
    }
  }
}, 20_000);
