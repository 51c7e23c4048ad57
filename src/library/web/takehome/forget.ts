// Takes a manual off this device.

import type { Kept } from "./kept";
import { removeBytes } from "./place";
import * as records from "./records";
import { forgetPage, forgetReader } from "./shell";

/** Removes a manual, and tells its reader why when it was not their own wish. */
export async function forget(kept: Kept, why: records.Notice["why"] | null): Promise<void> {
  const { stillNeeded } = await records.drop(kept.person, kept.blob);
  if (why !== null) await records.addNotice({ person: kept.person, title: kept.title, why });
  await forgetPage(kept);
  if (stillNeeded) return;
  await removeBytes(kept.blob);
  await forgetReader(kept.blob);
}
