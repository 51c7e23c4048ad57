// Answers for the places of a kept package, from its bytes: what the box would answer.

import { BlobReader, ZipReader, configure, type FileEntry } from "@zip.js/zip.js/lib/zip-core.js";
import { bytesOf } from "../takehome/place";
import { KEPT_PAGES } from "../takehome/shell";
import type { InPackage } from "./route";
import { range } from "./range";

// A service worker has no workers of its own.
configure({ useWebWorkers: false });

/** Packages whose tables stay in memory. */
const MAX_OPEN = 4;
/** Entries of a package; the box takes no more. */
const MAX_ENTRIES = 200_000;
/** Largest entry of which a part is cut out of its inflated whole. */
const MAX_CUT_BYTES = 64 * 1024 * 1024;

// The very fields of the box's own answers (`library/hot.rs`): a test compares them. Documents of
// a package run in an origin of their own, here as there.
const OF_RESOURCES = {
  "content-security-policy":
    "sandbox allow-scripts allow-popups allow-forms; form-action 'self'; " +
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; object-src 'none'; " +
    "frame-ancestors 'self'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "access-control-allow-origin": "*",
};
const OF_PDF = { "x-content-type-options": "nosniff" };

interface Open {
  bytes: Blob;
  /** Media types, by path as the manifest's addresses have them. */
  types: Map<string, string>;
  /** Entries by path in NFC; null for a PDF, whose file is its one resource. */
  entries: Map<string, FileEntry> | null;
}

const open = new Map<string, Promise<Open | null>>();

/** Forgets open packages: what is kept has changed. */
export function closeAll(): void {
  open.clear();
}

/** The answer for a place of a package that may be opened; null when it is not kept. */
export async function answer(place: InPackage, request: Request): Promise<Response | null> {
  const { blob, rest } = place;
  if (!rest.startsWith("r/")) {
    const reader = await caches.open(KEPT_PAGES);
    return (await reader.match(`/p/${blob}/${rest}`, { ignoreVary: true })) ?? null;
  }
  const found = await opened(blob);
  if (found === null) return null;
  const path = decoded(rest.slice(2));
  const type = path === null ? undefined : found.types.get(path);
  if (path === null) return missing();
  if (found.entries === null) {
    if (type === undefined) return missing();
    return part(found.bytes, type, OF_PDF, request);
  }
  const entry = found.entries.get(path);
  if (entry === undefined) return missing();
  return resource(entry, type ?? "application/octet-stream", request);
}

function decoded(path: string): string | null {
  try {
    return decodeURIComponent(path).normalize("NFC");
  } catch {
    return null;
  }
}

function opened(blob: string): Promise<Open | null> {
  const known = open.get(blob);
  if (known !== undefined) return known;
  const opening = read(blob).catch((error: unknown) => {
    console.warn("package not opened", error);
    return null;
  });
  open.set(blob, opening);
  // What cannot be opened now may be after the next take.
  void opening.then((found) => found === null && open.delete(blob));
  const oldest = open.keys().next().value;
  if (open.size > MAX_OPEN && oldest !== undefined) open.delete(oldest);
  return opening;
}

interface Link {
  href: string;
  type?: string;
}

async function read(blob: string): Promise<Open | null> {
  const bytes = await bytesOf(blob);
  const reader = await caches.open(KEPT_PAGES);
  const kept = await reader.match(`/p/${blob}/manifest.json`, { ignoreVary: true });
  if (bytes === null || kept === undefined) return null;
  const manifest = (await kept.json()) as { readingOrder?: Link[]; resources?: Link[] };
  const types = new Map<string, string>();
  for (const link of [...(manifest.readingOrder ?? []), ...(manifest.resources ?? [])]) {
    const path = /^\/p\/[^/]+\/r\/([^?#]*)/.exec(link.href)?.[1];
    const name = path === undefined ? null : decoded(path);
    if (name !== null && link.type !== undefined) types.set(name, link.type);
  }
  const head = new Uint8Array(await bytes.slice(0, 2).arrayBuffer());
  const isZip = head[0] === 0x50 && head[1] === 0x4b;
  if (!isZip) return { bytes, types, entries: null };
  const zip = new ZipReader(new BlobReader(bytes), { checkSignature: true });
  const entries = new Map<string, FileEntry>();
  for await (const entry of zip.getEntriesGenerator()) {
    if (entries.size >= MAX_ENTRIES) throw new Error("too many entries");
    if (!entry.directory) entries.set(entry.filename.normalize("NFC"), entry);
  }
  return { bytes, types, entries };
}

async function resource(entry: FileEntry, type: string, request: Request): Promise<Response> {
  const wanted = range(request.headers.get("range"), entry.uncompressedSize);
  if (wanted === "whole" || entry.uncompressedSize > MAX_CUT_BYTES) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    // A damaged entry breaks the stream, as a connection cut by the box would.
    entry.getData(writable).catch((error: unknown) => writable.abort(error).catch(() => undefined));
    const length = String(entry.uncompressedSize);
    const headers = { ...OF_RESOURCES, "content-type": type, "content-length": length };
    return new Response(readable, { headers });
  }
  const buffer: BlobPart[] = [];
  const gather = new WritableStream<Uint8Array<ArrayBuffer>>({
    write: (bytes) => void buffer.push(bytes.slice()),
  });
  await entry.getData(gather);
  return part(new Blob(buffer), type, OF_RESOURCES, request);
}

/** A whole or the part of it that is asked for. */
function part(
  whole: Blob,
  type: string,
  fields: Record<string, string>,
  request: Request,
): Response {
  const headers = new Headers({ ...fields, "content-type": type, "accept-ranges": "bytes" });
  const wanted = range(request.headers.get("range"), whole.size);
  if (wanted === "none") {
    headers.set("content-range", `bytes */${whole.size}`);
    return new Response(null, { status: 416, headers });
  }
  const [start, end] = wanted === "whole" ? [0, whole.size] : wanted;
  headers.set("content-length", String(end - start));
  // Slices of a blob take the type they are given: without it the header above is what counts.
  const body = whole.slice(start, end, type);
  if (wanted === "whole") return new Response(body, { headers });
  headers.set("content-range", `bytes ${start}-${end - 1}/${whole.size}`);
  return new Response(body, { status: 206, headers });
}

function missing(): Response {
  const headers = { ...OF_RESOURCES, "content-type": "text/plain; charset=utf-8" };
  return new Response("Introuvable. Not found.\n", { status: 404, headers });
}
