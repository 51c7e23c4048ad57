// What is kept beside packages so that they open without the box: the reader's page and its
// files, manifests and covers, and the two pages that say what is here.

import type { Kept } from "./kept";
import * as records from "./records";

export const KEPT_PAGES = "preau-lecteur";
/** Files whose names hold a hash of what they say. */
const HASHED = "/static/web/";

/** A right to a package that ends with its session: it is not kept. */
const CAPABILITY = /\/p\/([0-9a-f]{64})~[\w.-]+\//g;

/** Pages kept, by what they are for; each in both languages, none of which says who reads. */
const PAGES = { kept: "/emporter", away: "/emporter/absente" };
const LANGUAGES = ["fr", "en"] as const;

interface Files {
  /** Changes with any of the files or pages. */
  version: string;
  /** Files of the pages kept without a manual. */
  pages: string[];
  /** All files of the reader besides. */
  reader: string[];
}

async function files(): Promise<Files> {
  const answer = await fetch("/emporter/fichiers", { cache: "no-store" });
  if (!answer.ok) throw new Error(`the list of files: ${answer.status}`);
  return (await answer.json()) as Files;
}

/**
 * Keeps the pages that open without the box, and the reader when there is something to read; lets
 * go of files of former builds. Pages are asked for as nobody, so that nobody is in them.
 */
export async function renew(reader?: "reader"): Promise<void> {
  const cache = await caches.open(KEPT_PAGES);
  const list = await files();
  const whole = (await records.all()).filter((kept) => kept.whole);
  const reads = reader !== undefined || whole.length > 0;
  const wanted = reads ? [...list.pages, ...list.reader] : list.pages;
  for (const file of wanted) {
    // A name with a hash says what is in it: once is enough.
    const hashed = file.startsWith(HASHED);
    if (hashed && (await cache.match(file, { ignoreVary: true })) !== undefined) continue;
    await add(cache, file, {});
  }
  for (const page of Object.values(PAGES)) {
    for (const language of LANGUAGES) {
      await add(cache, `${page}?lang=${language}`, { credentials: "omit", cache: "no-store" });
    }
  }
  const version = await records.shell();
  if (version !== list.version && !(await renewReaders(whole))) return;
  for (const { url } of await cache.keys()) {
    const { pathname } = new URL(url);
    if (pathname.startsWith("/static/") && !wanted.includes(pathname)) await cache.delete(url);
  }
  await records.setShell(list.version);
}

/**
 * Fetches the reader's pages anew, after a new build. When one cannot be (nobody is signed in, it
 * is another person's), the files of the former build stay too: its pages name them.
 */
async function renewReaders(whole: Kept[]): Promise<boolean> {
  const person = await records.person();
  let all = true;
  for (const kept of whole) {
    const fresh = kept.person === person && (await keepPage(kept).then(() => true, () => false));
    all = all && fresh;
  }
  return all;
}

/** The reader's page of a manual, as it is kept for one person. */
function readerAddress(person: string, blob: string, language: string): string {
  return `/lire/${blob}?lang=${language}&emporter=${encodeURIComponent(person)}`;
}

async function keepPage(kept: { person: string; blob: string }): Promise<void> {
  const cache = await caches.open(KEPT_PAGES);
  for (const language of LANGUAGES) {
    const address = readerAddress(kept.person, kept.blob, language);
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok || answer.redirected) throw new Error(`${address}: ${answer.status}`);
    await cache.put(address, await withText(answer, (page) => page.replace(CAPABILITY, "/p/$1/")));
  }
}

/** The same answer with another text. */
async function withText(answer: Response, how: (text: string) => string): Promise<Response> {
  const headers = new Headers(answer.headers);
  // Of the bytes as they came over the wire.
  for (const name of ["content-encoding", "content-length", "etag"]) headers.delete(name);
  return new Response(how(await answer.text()), { status: answer.status, headers });
}

/** Keeps all that opens a package, but its bytes. */
export async function keepReader(kept: { person: string; blob: string }): Promise<void> {
  const { blob } = kept;
  await renew("reader");
  await keepPage(kept);
  const cache = await caches.open(KEPT_PAGES);
  await add(cache, `/p/${blob}/manifest.json`, { cache: "no-store" });
  await add(cache, `/p/${blob}/cover`, { cache: "no-store" });
}

async function add(cache: Cache, address: string, how: RequestInit): Promise<void> {
  const answer = await fetch(address, how);
  if (!answer.ok || answer.redirected) throw new Error(`${address}: ${answer.status}`);
  await cache.put(address, answer);
}

/** Forgets a person's page of a manual. */
export async function forgetPage(kept: { person: string; blob: string }): Promise<void> {
  const cache = await caches.open(KEPT_PAGES);
  for (const language of LANGUAGES) {
    const address = readerAddress(kept.person, kept.blob, language);
    await cache.delete(address, { ignoreVary: true });
  }
}

/** Forgets what every person's page of a manual reads. */
export async function forgetReader(blob: string): Promise<void> {
  const cache = await caches.open(KEPT_PAGES);
  await cache.delete(`/p/${blob}/manifest.json`, { ignoreVary: true });
  await cache.delete(`/p/${blob}/cover`, { ignoreVary: true });
}

/** A kept page in the language read last. */
export async function pageOf(page: keyof typeof PAGES): Promise<Response | undefined> {
  const cache = await caches.open(KEPT_PAGES);
  const language = await records.language().catch(() => "fr");
  return cache.match(`${PAGES[page]}?lang=${language}`, { ignoreVary: true });
}

/** The reader's page of a manual, at the page of it that was asked for, in the language read last. */
export async function readerOf(
  person: string,
  blob: string,
  page: string | null,
): Promise<Response | undefined> {
  const cache = await caches.open(KEPT_PAGES);
  const language = await records.language().catch(() => "fr");
  const kept = await cache.match(readerAddress(person, blob, language), { ignoreVary: true });
  if (kept === undefined || page === null || !/^[1-9]\d{0,5}$/.test(page)) return kept;
  // The page that the address asks for, as the box would tell it.
  return withText(kept, (text) => text.replace(/"page":\d+/, `"page":${page}`));
}

/** A file of the pages: one with a hash in its name as it is kept, another from the box first. */
export async function staticOf(request: Request): Promise<Response> {
  const cache = await caches.open(KEPT_PAGES);
  const kept = () => cache.match(request, { ignoreVary: true, ignoreSearch: true });
  if (new URL(request.url).pathname.startsWith(HASHED)) {
    return (await kept()) ?? fetch(request);
  }
  return fetch(request).catch(async () => (await kept()) ?? Response.error());
}
