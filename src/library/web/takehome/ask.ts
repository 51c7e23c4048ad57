// Asks the box what this person may still open, and brings what is kept into line with it.

import { hasEnded, type Kept, type Version } from "./kept";
import { forget } from "./forget";
import * as records from "./records";
import { renew } from "./shell";

/** Packages asked about in one request. */
const ASKED_AT_ONCE = 20;
const PATIENCE_MS = 8_000;

/** What the box says of a package. */
interface Said {
  right: "granted" | "lost" | "unknown";
  until: number | null;
  newer: Version | null;
}

interface Answer {
  now: number;
  /** The build of the pages and the reader. */
  version: string;
  /** Opaque tag of the person signed in; null when nobody is. */
  person: string | null;
  packages: Record<string, Said>;
}

/** Removes what may no longer be opened: by the end that was said, and by the latest moment seen. */
export async function sweep(): Promise<void> {
  const moment = await records.moment();
  for (const kept of await records.all()) {
    if (hasEnded(kept, moment)) await forget(kept, "ended");
  }
}

/** Asks the box about what the person has kept. Says whether it answered. */
export async function ask(again = true): Promise<boolean> {
  const before = await records.person();
  const kept = (await records.all()).filter((one) => one.person === before);
  for (let at = 0; at === 0 || at < kept.length; at += ASKED_AT_ONCE) {
    const some = kept.slice(at, at + ASKED_AT_ONCE);
    const answer = await request(some);
    if (answer === null) return false;
    await records.setMoment(answer.now);
    if (answer.version !== (await records.shell())) await renew();
    // Nobody signed in is not a word about rights: what is kept is for when the box says nothing.
    await records.setAsked(Date.now());
    if (answer.person === null) return true;
    if (answer.person !== before) {
      await records.setPerson(answer.person);
      // These were another's: now about what this person has kept.
      return again ? ask(false) : true;
    }
    for (const one of some) await apply(one, answer.packages[one.blob]);
  }
  return true;
}

async function request(some: Kept[]): Promise<Answer | null> {
  const asked = some.map((kept) => `${kept.blob}~${kept.slug}`).join(",");
  try {
    const answer = await fetch(`/emporter/droits?p=${encodeURIComponent(asked)}`, {
      cache: "no-store",
      signal: AbortSignal.timeout?.(PATIENCE_MS) ?? null,
    });
    return answer.ok ? ((await answer.json()) as Answer) : null;
  } catch {
    return null;
  }
}

async function apply(kept: Kept, said: Said | undefined): Promise<void> {
  if (said === undefined || said.right === "unknown") return;
  if (said.right === "lost") return forget(kept, "lost");
  await records.change(kept.person, kept.blob, (one) => {
    one.until = said.until;
    if (said.newer === null) delete one.newer;
    else one.newer = said.newer;
  });
}
