// On every page: keeps what is on this device in line with what the box says, and the service
// worker with the box's own version. A device that took nothing home fetches none of it.

import { ask, sweep } from "./takehome/ask";
import { languageOf } from "./takehome/words";
import * as records from "./takehome/records";

/** Between two questions to the box; signing in asks at once. */
const ASK_EVERY_MS = 10 * 60 * 1000;

async function start(): Promise<void> {
  if ((await navigator.serviceWorker.getRegistration()) === undefined) return;
  await navigator.serviceWorker.register("/sw.js");
  await records.setLanguage(languageOf(document));
  await sweep();
  // The list of what is here asks by itself.
  const asked = await records.asked();
  const isDue = Date.now() - asked > ASK_EVERY_MS || asked > Date.now();
  if (document.getElementById("kept") === null && isDue) await ask();
}

if (globalThis.isSecureContext && "serviceWorker" in navigator) {
  // Without room for a record there is nothing to keep in line: the page itself needs none of it.
  addEventListener("load", () => void start().catch(() => undefined));
}
