// Bundles the pages' scripts into dist/: names carry a hash of the content, manifest.json says
// which file is which entry, and each file that compresses has its .gz and .br beside it.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

// Modules: NAME.ts becomes NAME-HASH.js; what several need becomes a chunk they share.
const MODULES = ["reader", "reader.css", "search", "shelf", "pass", "print"];
// Classic scripts, whole in one file: for frames and workers that load no module.
const CLASSIC = ["start", "takehome-book", "takehome-worker", "emporter"];
// Classic scripts whose address never changes (a service worker is known by its own).
const STABLE = ["sw", "scorm-frame"];
// Files taken as they are, under the name that the manifest gives them.
const COPIED = {
  "pdf-worker": "node_modules/pdfjs-dist/build/pdf.worker.min.mjs",
  // OpenDyslexic, SIL Open Font License 1.1.
  dyslexic: "node_modules/@fontsource/opendyslexic/files/opendyslexic-latin-400-normal.woff2",
  "dyslexic-bold": "node_modules/@fontsource/opendyslexic/files/opendyslexic-latin-700-normal.woff2",
  "dyslexic-italic": "node_modules/@fontsource/opendyslexic/files/opendyslexic-latin-400-italic.woff2",
};

// Browsers of school machines and of phones about five years old.
const TARGET = ["chrome92", "firefox92", "safari15.4"];
const COMPRESSED = new Set([".js", ".css", ".json", ".svg", ".txt", ".mjs"]);

const work = "dist.new";
const manifest = {};
const source = (name) => (extname(name) === ".css" ? name : `${name}.ts`);
// The navigator asks browsers to fetch everything over HTTPS; a box without a certificate speaks
// plain HTTP, and its pictures would not load. The reader's own policy is the stricter one.
const keepHttp = {
  name: "keep-http",
  setup(build) {
    build.onLoad({ filter: /@readium\/navigator\/dist\/index\.js$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const line = /^\s*"upgrade-insecure-requests",$/m;
      if (!line.test(text)) throw new Error("navigator: the policy of its frames has changed");
      return { contents: text.replace(line, ""), loader: "js" };
    });
  },
};

const common = {
  bundle: true,
  minify: true,
  target: TARGET,
  outdir: work,
  metafile: true,
  legalComments: "linked",
  charset: "utf8",
  logLevel: "warning",
  plugins: [keepHttp],
  define: { "process.env.NODE_ENV": '"production"' },
};

async function bundle(entries, options) {
  if (entries.length === 0) return;
  const built = await esbuild.build({ ...common, ...options, entryPoints: entries.map(source) });
  for (const [file, output] of Object.entries(built.metafile.outputs)) {
    const entry = output.entryPoint && entries.find((name) => source(name) === output.entryPoint);
    if (entry) manifest[entry] = basename(file);
  }
}

rmSync(work, { recursive: true, force: true });
mkdirSync(work);
const hashed = { entryNames: "[name]-[hash]", chunkNames: "chunk-[hash]", assetNames: "[name]-[hash]" };
await bundle(MODULES, { ...hashed, format: "esm", splitting: true, loader: { ".woff2": "file" }, publicPath: "/static/web" });
await bundle(CLASSIC, { ...hashed, format: "iife" });
await bundle(STABLE, { entryNames: "[name]", format: "iife" });
for (const [name, from] of Object.entries(COPIED)) {
  const hash = createHash("sha256").update(readFileSync(from)).digest("hex").slice(0, 8);
  const extension = extname(from).replace(".mjs", ".js");
  manifest[name] = `${name}-${hash}${extension}`;
  cpSync(from, join(work, manifest[name]));
}
for (const name of readdirSync(work)) {
  if (!COMPRESSED.has(extname(name))) continue;
  const bytes = readFileSync(join(work, name));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(join(work, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  writeFileSync(join(work, `${name}.br`), brotliCompressSync(bytes, { params }));
}
writeFileSync(join(work, "manifest.json"), `${JSON.stringify(manifest, null, 1)}\n`);
rmSync("dist", { recursive: true, force: true });
renameSync(work, "dist");
