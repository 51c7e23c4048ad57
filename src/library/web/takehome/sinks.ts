// Where a transfer writes. Only in a dedicated worker: elsewhere the private file system has no
// handle that writes in place, and one that copies the file at each start would copy for ever.

import { PART_BYTES, PARTS, folder, partAddress, partsOf } from "./place";

/** Bytes read at once when what is here is hashed again. */
const READ_BYTES = 1024 * 1024;

/** A package being written, from its first byte to its last. */
export interface Sink {
  /** Bytes that are here. */
  readonly length: number;
  append(bytes: Uint8Array): Promise<void>;
  /** Gives all bytes that are here, in order. */
  replay(each: (bytes: Uint8Array) => void): Promise<void>;
  /** Makes what was written durable. */
  flush(): Promise<void>;
  /** Forgets all bytes. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export async function openSink(blob: string): Promise<Sink> {
  const files = await folder(true);
  if (files !== null) {
    const handle = await files.getFileHandle(blob, { create: true });
    if ("createSyncAccessHandle" in handle) {
      return new FileSink(await handle.createSyncAccessHandle());
    }
    await files.removeEntry(blob);
  }
  return PartsSink.open(blob);
}

class FileSink implements Sink {
  constructor(private readonly handle: FileSystemSyncAccessHandle) {}

  get length(): number {
    return this.handle.getSize();
  }

  async append(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const wrote = this.handle.write(bytes.subarray(done), { at: this.length });
      if (wrote === 0) throw new DOMException("no byte was written", "QuotaExceededError");
      done += wrote;
    }
  }

  async replay(each: (bytes: Uint8Array) => void): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    for (let at = 0; at < this.length; ) {
      const read = this.handle.read(buffer, { at });
      if (read === 0) throw new Error("the file ends early");
      each(buffer.subarray(0, read));
      at += read;
    }
  }

  async flush(): Promise<void> {
    this.handle.flush();
  }

  async clear(): Promise<void> {
    this.handle.truncate(0);
  }

  async close(): Promise<void> {
    this.handle.close();
  }
}

class PartsSink implements Sink {
  /** Bytes of the part being filled. */
  private readonly part = new Uint8Array(PART_BYTES);
  private filled = 0;

  private constructor(
    private readonly cache: Cache,
    private readonly blob: string,
    private full: number,
  ) {}

  static async open(blob: string): Promise<PartsSink> {
    const cache = await caches.open(PARTS);
    const parts = await partsOf(blob);
    const last = parts.at(-1);
    const open = last !== undefined && last.size < PART_BYTES ? last : undefined;
    const sink = new PartsSink(cache, blob, parts.length - (open === undefined ? 0 : 1));
    if (open !== undefined) {
      sink.part.set(new Uint8Array(await open.arrayBuffer()));
      sink.filled = open.size;
    }
    return sink;
  }

  get length(): number {
    return this.full * PART_BYTES + this.filled;
  }

  async append(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      const fits = rest.subarray(0, PART_BYTES - this.filled);
      this.part.set(fits, this.filled);
      this.filled += fits.length;
      rest = rest.subarray(fits.length);
      if (this.filled === PART_BYTES) {
        await this.flush();
        this.full += 1;
        this.filled = 0;
      }
    }
  }

  async replay(each: (bytes: Uint8Array) => void): Promise<void> {
    for (const part of await partsOf(this.blob)) each(new Uint8Array(await part.arrayBuffer()));
  }

  async flush(): Promise<void> {
    if (this.filled === 0) return;
    const bytes = this.part.slice(0, this.filled);
    await this.cache.put(partAddress(this.blob, this.full), new Response(bytes));
  }

  async clear(): Promise<void> {
    for (let place = this.full; place >= 0; place -= 1) {
      await this.cache.delete(partAddress(this.blob, place));
    }
    this.full = 0;
    this.filled = 0;
  }

  async close(): Promise<void> {
    await this.flush();
  }
}
