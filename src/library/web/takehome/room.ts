// How much room this browser gives, and whether it promises to keep what it was given.

/** Bytes that stay free, so that the last ones do not push other things out. */
const RESERVE_BYTES = 20 * 1024 * 1024;

export interface Room {
  /** Bytes that may still be written; null when the browser does not say. */
  free: number | null;
  /** Has it promised not to make room by itself? */
  lasting: boolean;
}

export async function room(): Promise<Room> {
  let free: number | null = null;
  try {
    const { quota, usage } = await navigator.storage.estimate();
    if (quota !== undefined) free = Math.max(0, quota - (usage ?? 0) - RESERVE_BYTES);
  } catch {
    // It does not say.
  }
  const lasting = await navigator.storage.persisted().catch(() => false);
  return { free, lasting };
}

/** Asks the browser to keep what it is given. It may ask the reader, or decide by itself. */
export async function askToLast(): Promise<boolean> {
  return navigator.storage.persist().catch(() => false);
}

/** What this browser lacks for keeping manuals; null when it can. */
export type Lack = "insecure" | "browser";

export function lack(): Lack | null {
  if (!globalThis.isSecureContext) return "insecure";
  const can =
    "serviceWorker" in navigator &&
    "storage" in navigator &&
    "indexedDB" in globalThis &&
    "caches" in globalThis &&
    "Worker" in globalThis &&
    "DecompressionStream" in globalThis;
  return can ? null : "browser";
}
