// Where the bytes of packages are: files of the origin's private file system, or, where a browser
// has none, parts in Cache Storage. Read here; written by `sinks.ts`, in a worker.

export const FOLDER = "paquets";
export const PARTS = "preau-paquets";
/** Bytes of a part in Cache Storage. */
export const PART_BYTES = 4 * 1024 * 1024;

export function partAddress(blob: string, place: number): string {
  return `/emporter/paquet/${blob}/${place}`;
}

export async function folder(create: boolean): Promise<FileSystemDirectoryHandle | null> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(FOLDER, { create });
  } catch {
    // No such system (private mode of some browsers), or no such folder yet.
    return null;
  }
}

/** The bytes of a package that are here; null when there are none. */
export async function bytesOf(blob: string): Promise<Blob | null> {
  const files = await folder(false);
  if (files !== null) {
    try {
      return await (await files.getFileHandle(blob)).getFile();
    } catch {
      // Not as a file: perhaps in parts.
    }
  }
  const parts = await partsOf(blob);
  return parts.length > 0 ? new Blob(parts) : null;
}

/** Parts in Cache Storage, in order, up to the first that is missing. */
export async function partsOf(blob: string): Promise<Blob[]> {
  if (!("caches" in globalThis) || !(await caches.has(PARTS))) return [];
  const cache = await caches.open(PARTS);
  const parts: Blob[] = [];
  for (;;) {
    const part = await cache.match(partAddress(blob, parts.length));
    if (part === undefined) return parts;
    parts.push(await part.blob());
  }
}

/** Frees the room of a package. */
export async function removeBytes(blob: string): Promise<void> {
  const files = await folder(false);
  try {
    await files?.removeEntry(blob);
  } catch {
    // It is not there, or a transfer holds it, which ends when its record is gone.
  }
  if (!("caches" in globalThis) || !(await caches.has(PARTS))) return;
  const cache = await caches.open(PARTS);
  for (let place = 0; await cache.delete(partAddress(blob, place)); place += 1);
}
