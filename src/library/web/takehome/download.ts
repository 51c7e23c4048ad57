// A package from the box to this device: by ranges, from the byte that is here, hashed as it comes.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Sink } from "./sinks";

/** Tries in a row that brought no byte, before it is left to the reader. */
const MAX_TRIES = 5;
const FIRST_PAUSE_MS = 500;
/** Silence after which a connection counts as cut. */
const SILENCE_MS = 20_000;
/** Bytes between two words about how far it is. */
const SAY_EVERY_BYTES = 256 * 1024;
/** Bytes between two moments when what came is made durable. */
const FLUSH_EVERY_BYTES = 8 * 1024 * 1024;

/** How a transfer ended. */
export type Outcome =
  /** All is here, and its hash is its name. */
  | "whole"
  /** The box does not answer; what came is kept. */
  | "cut"
  /** What came is not what was named: thrown away. */
  | "wrong"
  /** There is no room left. */
  | "full"
  /** The box no longer lends it to this person. */
  | "refused"
  /** The box wants to know who asks. */
  | "sign-in"
  /** The reader stopped it. */
  | "stopped";

export interface Order {
  blob: string;
  size: number;
}

/** Takes a package whole, or says why not. `say` hears how many bytes are here. */
export async function download(
  order: Order,
  sink: Sink,
  say: (received: number) => void,
  stop: AbortSignal,
): Promise<Outcome> {
  const hash = sha256.create();
  if (sink.length > order.size) await sink.clear();
  await sink.replay((bytes) => hash.update(bytes));
  let tries = 0;
  while (sink.length < order.size) {
    const before = sink.length;
    say(before);
    const outcome = await ask(order, sink, (bytes) => hash.update(bytes), say, stop);
    await sink.flush();
    if (outcome === "wrong") await sink.clear();
    if (outcome !== "cut") return outcome;
    if (sink.length === order.size) break;
    tries = sink.length > before ? 1 : tries + 1;
    if (tries > MAX_TRIES) return "cut";
    await pause(FIRST_PAUSE_MS * 2 ** (tries - 1), stop);
    if (stop.aborted) return "stopped";
  }
  say(sink.length);
  if (bytesToHex(hash.digest()) === order.blob) return "whole";
  await sink.clear();
  return "wrong";
}

/** One request for the rest. `cut` also when all came: the caller looks at the length. */
async function ask(
  order: Order,
  sink: Sink,
  hash: (bytes: Uint8Array) => void,
  say: (received: number) => void,
  stop: AbortSignal,
): Promise<Outcome> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  const ended = () => silence.abort();
  stop.addEventListener("abort", ended);
  try {
    const from = sink.length;
    const answer = await fetch(`/p/${order.blob}/package`, {
      headers: { Range: `bytes=${from}-` },
      // The browser's own cache would hold the package a second time.
      cache: "no-store",
      redirect: "manual",
      signal: silence.signal,
    });
    const refusal = refused(answer, from, order.size);
    if (refusal !== null) return refusal;
    if (answer.body === null) return "cut";
    await pour(answer.body, order, sink, hash, say, heard);
    return "cut";
  } catch (error) {
    if (stop.aborted) return "stopped";
    return isFull(error) ? "full" : "cut";
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", ended);
  }
}

/** Why an answer is not the rest of the package; null when it is. */
function refused(answer: Response, from: number, size: number): Outcome | null {
  if (answer.type === "opaqueredirect" || answer.status === 401) return "sign-in";
  if (answer.status === 403 || answer.status === 404) return "refused";
  if (answer.status === 206) {
    return answer.headers.get("content-range") === `bytes ${from}-${size - 1}/${size}`
      ? null
      : "wrong";
  }
  // Without a range it begins again: what is here would be there twice.
  return answer.status === 200 && from === 0 ? null : "cut";
}

async function pour(
  body: ReadableStream<Uint8Array>,
  order: Order,
  sink: Sink,
  hash: (bytes: Uint8Array) => void,
  say: (received: number) => void,
  heard: () => void,
): Promise<void> {
  const reader = body.getReader();
  let said = sink.length;
  let flushed = sink.length;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      // Never more than was announced.
      const bytes = value.subarray(0, order.size - sink.length);
      await sink.append(bytes);
      hash(bytes);
      if (sink.length - flushed >= FLUSH_EVERY_BYTES) {
        await sink.flush();
        flushed = sink.length;
      }
      if (sink.length - said >= SAY_EVERY_BYTES) {
        say(sink.length);
        said = sink.length;
      }
      if (sink.length === order.size) return;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

export function isFull(error: unknown): boolean {
  return error instanceof DOMException && error.name === "QuotaExceededError";
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, ms);
    stop.addEventListener("abort", end);
  });
}
