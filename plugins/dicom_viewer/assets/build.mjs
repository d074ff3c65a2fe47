// Builds the viewer into ../cpms_dicom_viewer/static/built: a small page script, Cornerstone3D as
// chunks it loads when needed, the decoding worker, and the decoders as WebAssembly.
import { build } from "esbuild";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";

const outdir = "../cpms_dicom_viewer/static/built";
const scope = "node_modules/@cornerstonejs";
await rm(outdir, { recursive: true, force: true });

// The page's content security policy allows no style attribute; Cornerstone sets one, here only.
const styleByObjectModel = {
  name: "style-by-object-model",
  setup({ onLoad }) {
    onLoad({ filter: /drawingSvg\/drawTextBox\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replace(/(\w+)\.setAttribute\('style', (\w+)\)/, "$1.style.cssText = $2");
      if (contents === source) throw new Error(`${path} has changed: mend the build`);
      return { contents };
    });
  },
};

const { metafile } = await build({
  entryPoints: [
    "js/viewer.js",
    "css/viewer.css",
    `${scope}/dicom-image-loader/dist/esm/decodeImageFrameWorker.js`,
  ],
  bundle: true,
  minify: true,
  format: "esm",
  splitting: true,
  metafile: true,
  legalComments: "none", // see licences() below
  logLevel: "error", // the decoders' glue is full of what only Node would run
  outdir,
  // Flat: the worker is found beside the chunk that starts it.
  entryNames: "[name]",
  chunkNames: "chunk-[name]-[hash]",
  target: ["chrome123", "firefox120", "safari17.5"],
  plugins: [styleByObjectModel],
  define: { global: "globalThis" },
  alias: Object.fromEntries(
    ["fs", "path", "url", "crypto", "module", "worker_threads", "perf_hooks"].map((name) => [
      name,
      "./empty.cjs",
    ]),
  ),
});

await mkdir(`${outdir}/wasm`);
for (const [codec, file] of [
  ["codec-charls", "charlswasm_decode.wasm"],
  ["codec-libjpeg-turbo-8bit", "libjpegturbowasm_decode.wasm"],
  ["codec-openjpeg", "openjpegwasm_decode.wasm"],
  ["codec-openjph", "openjphjs.wasm"],
]) {
  await cp(`${scope}/${codec}/dist/${file}`, `${outdir}/wasm/${file}`);
}
await writeFile(`${outdir}/licences.txt`, await licences(Object.keys(metafile.inputs)));

// The licence of every package that went into the bundle, as most of them ask.
async function licences(inputs) {
  const packages = new Set(
    inputs.map((path) => path.match(/^.*node_modules\/(@[^/]+\/[^/]+|[^/]+)/)?.[0]).filter(Boolean),
  );
  const texts = [];
  for (const folder of [...packages].sort()) {
    const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(`${folder}/${file}`, "utf8") : "";
    texts.push(`${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}
