// Takes a manual from this page: room asked for, record made, transfer run, reader kept with it.

import type { Outcome } from "./download";
import { forget } from "./forget";
import type { Kept, Version } from "./kept";
import { askToLast, room } from "./room";
import * as records from "./records";
import { keepReader } from "./shell";
import { languageOf } from "./words";
import type { Said } from "../takehome-worker";

/** What a page says of a manual that may be taken. */
export interface Offered extends Version {
  person: string;
  title: string;
  slug: string;
}

/** How it ended; `busy`: another page takes it; `unread`: the reader could not be kept. */
export type End = Outcome | "busy" | "unread" | { missing: number };

/** A transfer under way. */
export interface Taking {
  end: Promise<End>;
  stop(): void;
}

export function take(offered: Offered, worker: string, say: (received: number) => void): Taking {
  const stop = new AbortController();
  const run = async (lock: Lock | true | null): Promise<End> => {
    if (lock === null) return "busy";
    return taken(offered, worker, say, stop.signal);
  };
  return { end: alone(offered.blob, run), stop: () => stop.abort() };
}

/** Two pages must not write one file. A browser without locks refuses the second handle itself. */
async function alone(blob: string, run: (lock: Lock | true | null) => Promise<End>): Promise<End> {
  if (!("locks" in navigator)) return run(true);
  return navigator.locks.request(`preau-emporter-${blob}`, { ifAvailable: true }, run);
}

async function taken(
  offered: Offered,
  worker: string,
  say: (received: number) => void,
  stop: AbortSignal,
): Promise<End> {
  // Without its service worker nothing that is taken would ever open.
  await navigator.serviceWorker.register("/sw.js");
  await records.setPerson(offered.person);
  await records.setLanguage(languageOf(document));
  const before = await records.one(offered.person, offered.blob);
  const { free } = await room();
  const missing = offered.size - (before?.received ?? 0) - (free ?? Infinity);
  if (missing > 0) return { missing };
  // A page is the only place that may ask; what it answers is shown, not obeyed.
  void askToLast();
  const { person, title, slug, blob, mediaType, size, until } = offered;
  const received = before?.received ?? 0;
  const record = { person, title, slug, blob, mediaType, size, until, received };
  const kept: Kept = { ...record, whole: false, taken: Date.now() };
  await records.put(kept);
  const outcome = await transfer(kept, worker, say, stop);
  if (outcome === "wrong" || outcome === "refused") await forget(kept, null);
  if (outcome !== "whole") return outcome;
  try {
    await keepReader(kept);
  } catch {
    return "unread";
  }
  await records.change(person, blob, (one) => (one.whole = true));
  return "whole";
}

function transfer(
  kept: Kept,
  address: string,
  say: (received: number) => void,
  stop: AbortSignal,
): Promise<Outcome> {
  return new Promise((done) => {
    const worker = new Worker(address);
    const end = (outcome: Outcome) => {
      worker.terminate();
      done(outcome);
    };
    const note = (received: number) =>
      records.change(kept.person, kept.blob, (one) => (one.received = received));
    worker.onerror = () => end("cut");
    worker.onmessage = (event: MessageEvent<Said>) => {
      const { received } = event.data;
      say(received);
      const noted = note(received);
      if ("outcome" in event.data) {
        const { outcome } = event.data;
        noted.finally(() => end(outcome));
      }
    };
    stop.addEventListener("abort", () => worker.postMessage("stop"));
    worker.postMessage({ blob: kept.blob, size: kept.size });
  });
}
