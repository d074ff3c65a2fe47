// Builds everything the browser loads into ../cpms_web/static/built.
import { build } from "esbuild";
import { cp, rm } from "node:fs/promises";

const outdir = "../cpms_web/static/built";
await rm(outdir, { recursive: true, force: true });
await cp("public", outdir, { recursive: true });

const common = {
  bundle: true,
  minify: true,
  legalComments: "none",
  logLevel: "warning",
  outdir,
  // The oldest browsers that know both light-dark() and CSS nesting.
  target: ["chrome123", "firefox120", "safari17.5"],
};

await build({
  ...common,
  entryPoints: ["js/app.js", "js/ceremony.js", "js/onward.js"],
  format: "iife",
});
await build({
  ...common,
  entryPoints: ["css/app.css"],
  loader: { ".woff2": "file" },
  assetNames: "fonts/[name]",
});
