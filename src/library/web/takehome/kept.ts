// What is kept on this device, and whether it may be opened. Pure: no storage, no network.

/** A manual on this device, for one person. */
export interface Kept {
  /** Opaque tag of the person who took it. */
  person: string;
  /** SHA-256 of the package: its name. */
  blob: string;
  title: string;
  /** Last part of its page's address on the box. */
  slug: string;
  mediaType: string;
  /** Bytes of the whole package. */
  size: number;
  /** First moment (ms) at which it may no longer be opened; null = no end is known. */
  until: number | null;
  /** Bytes that are here. */
  received: number;
  /** All bytes are here, their hash was right, and the reader is kept with them. */
  whole: boolean;
  /** When it was taken (ms). */
  taken: number;
  /** A newer version that the box lends in its stead. */
  newer?: Version;
}

/** A package that the box lends. */
export interface Version {
  blob: string;
  size: number;
  mediaType: string;
  until: number | null;
}

/** Formats that are read without the box; a web site needs an origin of its own for each manual. */
const TAKEN = ["application/epub+zip", "application/pdf"];

export function canBeTaken(mediaType: string): boolean {
  return TAKEN.includes(mediaType);
}

/** The latest moment known: a clock that was set back does not bring an ended licence to life. */
export function latestOf(clock: number, seen: number): number {
  return Math.max(clock, seen);
}

export function hasEnded(kept: Kept, moment: number): boolean {
  return kept.until !== null && moment >= kept.until;
}

/** May it be opened by this person, at this moment? */
export function mayOpen(kept: Kept, person: string | null, moment: number): boolean {
  return kept.whole && kept.person === person && !hasEnded(kept, moment);
}

/** Whole and part of a package, for people: 0 to 100, and 100 only when all is here. */
export function percent(received: number, size: number): number {
  return size > 0 ? Math.min(100, Math.floor((received * 100) / size)) : 0;
}
