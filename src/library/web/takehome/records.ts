// Records of what is kept, in IndexedDB: small, and read by pages and by the service worker.

import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import { latestOf, type Kept } from "./kept";

const NAME = "preau-emporter";
const VERSION = 1;
/** Words said once, about manuals that went. */
const MAX_NOTICES = 20;

/** Why a manual went from this device. */
export interface Notice {
  id?: number;
  person: string;
  title: string;
  why: "ended" | "lost" | "evicted";
}

interface Schema extends DBSchema {
  kept: { key: [string, string]; value: Kept };
  notices: { key: number; value: Notice };
  /** `person`, `language`, `latest`, `asked`, `shell`. */
  meta: { key: string; value: string | number };
}

let opened: Promise<IDBPDatabase<Schema>> | undefined;

function database(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>(NAME, VERSION, {
    upgrade(db) {
      db.createObjectStore("kept", { keyPath: ["person", "blob"] });
      db.createObjectStore("notices", { keyPath: "id", autoIncrement: true });
      db.createObjectStore("meta");
    },
    // Another page wants a newer form: step aside, or it waits for ever.
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
      opened = undefined;
    },
    terminated() {
      opened = undefined;
    },
  });
  // A failure (private mode, a full disk) may pass: try again at the next call.
  opened.catch(() => (opened = undefined));
  return opened;
}

/** Everything kept, whoever took it. */
export async function all(): Promise<Kept[]> {
  return (await database()).getAll("kept");
}

export async function one(person: string, blob: string): Promise<Kept | undefined> {
  return (await database()).get("kept", [person, blob]);
}

export async function put(kept: Kept): Promise<void> {
  await (await database()).put("kept", kept);
}

/** Changes a record that is still there; one that was removed meanwhile stays so. */
export async function change(person: string, blob: string, how: (kept: Kept) => void): Promise<void> {
  const write = (await database()).transaction("kept", "readwrite");
  const kept = await write.store.get([person, blob]);
  if (kept !== undefined) {
    how(kept);
    await write.store.put(kept);
  }
  await write.done;
}

/** Takes a record out; says whether another person's record still needs the bytes. */
export async function drop(person: string, blob: string): Promise<{ stillNeeded: boolean }> {
  const write = (await database()).transaction("kept", "readwrite");
  await write.store.delete([person, blob]);
  const left = await write.store.getAll();
  await write.done;
  return { stillNeeded: left.some((kept) => kept.blob === blob) };
}

export async function notices(person: string): Promise<Notice[]> {
  return (await (await database()).getAll("notices")).filter((notice) => notice.person === person);
}

export async function addNotice(notice: Notice): Promise<void> {
  const write = (await database()).transaction("notices", "readwrite");
  if ((await write.store.count()) < MAX_NOTICES) await write.store.add(notice);
  await write.done;
}

export async function forgetNotices(person: string): Promise<void> {
  const write = (await database()).transaction("notices", "readwrite");
  for (const notice of await write.store.getAll()) {
    if (notice.person === person && notice.id !== undefined) await write.store.delete(notice.id);
  }
  await write.done;
}

/** The person who signed in last on this device and did not sign out. */
export async function person(): Promise<string | null> {
  const tag = await (await database()).get("meta", "person");
  return typeof tag === "string" && tag !== "" ? tag : null;
}

export async function setPerson(tag: string): Promise<void> {
  await (await database()).put("meta", tag, "person");
}

export async function language(): Promise<"fr" | "en"> {
  return (await (await database()).get("meta", "language")) === "en" ? "en" : "fr";
}

export async function setLanguage(code: string): Promise<void> {
  await (await database()).put("meta", code, "language");
}

/** When the box was last asked what may be opened; 0 = it must be asked now. */
export async function asked(): Promise<number> {
  return Number((await (await database()).get("meta", "asked")) ?? 0);
}

export async function setAsked(moment: number): Promise<void> {
  await (await database()).put("meta", moment, "asked");
}

/** Which build of the reader is kept. */
export async function shell(): Promise<string> {
  return String((await (await database()).get("meta", "shell")) ?? "");
}

export async function setShell(version: string): Promise<void> {
  await (await database()).put("meta", version, "shell");
}

/** The moment it is at the latest, by the clock and by every moment seen before; remembers it. */
export async function moment(): Promise<number> {
  const write = (await database()).transaction("meta", "readwrite");
  const seen = await write.store.get("latest");
  const latest = latestOf(Date.now(), typeof seen === "number" ? seen : 0);
  await write.store.put(latest, "latest");
  await write.done;
  return latest;
}

/** The box says what time it is: it knows better than a clock that was once set ahead. */
export async function setMoment(ofBox: number): Promise<void> {
  await (await database()).put("meta", ofBox, "latest");
}
