// A worker of its own for one transfer: writing and hashing never hold up the page.

/// <reference lib="webworker" />
import { download, isFull, type Order, type Outcome } from "./takehome/download";
import { openSink } from "./takehome/sinks";

declare const self: DedicatedWorkerGlobalScope;

/** What the worker says. */
export type Said = { received: number } | { outcome: Outcome; received: number };

const stop = new AbortController();

self.onmessage = (event: MessageEvent<Order | "stop">) => {
  if (event.data === "stop") stop.abort();
  else void take(event.data);
};

async function take(order: Order): Promise<void> {
  let received = 0;
  let outcome: Outcome;
  try {
    const sink = await openSink(order.blob);
    try {
      const say = (bytes: number) => {
        received = bytes;
        self.postMessage({ received } satisfies Said);
      };
      outcome = await download(order, sink, say, stop.signal);
      received = sink.length;
    } finally {
      await sink.close();
    }
  } catch (error) {
    outcome = isFull(error) ? "full" : "cut";
  }
  self.postMessage({ outcome, received } satisfies Said);
}
