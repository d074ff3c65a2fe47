// Everything the pages load. Each part mends what it finds; without it the pages still work.
import "./htmx.js";
import "./answers.js";
import "./autosave.js";
import "./clocks.js";
import "./confirm.js";
import "./findings.js";
import "./idle.js";
import "./keyboard.js";
import "./list-rows.js";
import "./mentions.js";
import "./seen.js";
import "./live.js";
import "./tables.js";
import "./term-picker.js";
import "./upload.js";
