// The service worker: opens what was taken home when the box does not answer, and nothing else.
//
// Pages come from the box as long as it answers: only the reader's empty page, the list of what is
// on this device and a word for all other pages are kept, none of which says who reads.

/// <reference lib="webworker" />
import { mayOpen } from "./takehome/kept";
import * as records from "./takehome/records";
import { sweep } from "./takehome/ask";
import { pageOf, readerOf, renew, staticOf } from "./takehome/shell";
import { answer, closeAll } from "./sw/package";
import { route } from "./sw/route";

declare const self: ServiceWorkerGlobalScope;

/** How long the box may take to begin a page that could be opened without it. */
const PATIENCE_MS = 4_000;
/** Answers of a relay whose box is away: as good as none. */
const AWAY = [502, 503, 504];

self.addEventListener("install", (event) => {
  event.waitUntil(renew().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(Promise.all([self.clients.claim(), sweep()]));
});

self.addEventListener("message", (event) => {
  if (event.data === "changed") closeAll();
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (address.origin !== self.location.origin) return;
  const asked = route(request.method, address.pathname, request.mode === "navigate");
  if (asked === null) return;
  const language = address.searchParams.get("lang");
  if (request.mode === "navigate" && (language === "fr" || language === "en")) {
    event.waitUntil(records.setLanguage(language).catch(() => undefined));
  }
  const page = address.searchParams.get("page");
  switch (asked.kind) {
    case "package":
      return event.respondWith(
        (async () => {
          const kept = (await opener(asked.blob)) !== null ? await answer(asked, request) : null;
          return kept ?? fetch(request);
        })(),
      );
    case "static":
      return event.respondWith(staticOf(request));
    case "sign-in":
      event.waitUntil(records.setAsked(0).catch(() => undefined));
      return event.respondWith(fromBox(request, () => pageOf("away"), null));
    case "sign-out":
      return event.respondWith(signOut(request));
    case "reader":
      return event.respondWith(
        fromBox(request, async () => {
          const person = await opener(asked.blob);
          return person === null ? undefined : readerOf(person, asked.blob, page);
        }),
      );
    case "kept":
      return event.respondWith(fromBox(request, () => pageOf("kept")));
    case "page":
      return event.respondWith(fromBox(request, () => pageOf("away"), null));
  }
});

/** The person who signed in last, when they may open it here, now. */
async function opener(blob: string): Promise<string | null> {
  try {
    const person = await records.person();
    const kept = person === null ? undefined : await records.one(person, blob);
    const opens = kept !== undefined && mayOpen(kept, person, await records.moment());
    return opens ? person : null;
  } catch {
    return null;
  }
}

/** The box's page; else what is kept in its stead, else the word that the box is away. */
async function fromBox(
  request: Request,
  kept: () => Promise<Response | undefined>,
  patience: number | null = PATIENCE_MS,
): Promise<Response> {
  const coming = fetch(request).then((page) => (AWAY.includes(page.status) ? undefined : page));
  const absent = coming.catch(() => undefined);
  const late = new Promise<undefined>((done) => {
    if (patience !== null) setTimeout(() => done(undefined), patience);
  });
  const page = await Promise.race([absent, late]);
  return page ?? (await kept()) ?? (await absent) ?? (await pageOf("away")) ?? Response.error();
}

/** After signing out what was taken is closed, whether the next person signs in or not. */
async function signOut(request: Request): Promise<Response> {
  const page = await fetch(request);
  await records.setPerson("").catch(() => undefined);
  return page;
}
