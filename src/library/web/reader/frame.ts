// Web sites and SCORM packages: in a frame with an origin of its own, which can read nothing here.
import { el } from "./dom";
import type { Marks, Place } from "./marks";
import { manifest, type RawLink, say, told } from "./told";
import type { Entry, Events, Found, Settings, Viewer, Where } from "./viewer";

/** What a SCORM package may keep on this device. */
const MAX_RESULT_LETTERS = 300_000;
/** Frames within frames that a message may come from. */
const MAX_DEPTH = 8;
const SANDBOX = "allow-scripts allow-forms allow-popups";

/** A frame for a document of a package. */
export function packageFrame(address: string, name = ""): HTMLIFrameElement {
  return el("iframe", { src: address, class: "package", title: told.title, sandbox: SANDBOX, name, allow: "fullscreen" });
}

export class Framed implements Viewer {
  readonly can = { turn: false, font: false, zoom: false, spread: false, search: false, listen: false, highlight: false };
  readonly rightToLeft = false;
  contents: Entry[] = [];
  private here = "";

  private constructor(private readonly frame: HTMLIFrameElement, private readonly events: Events) {}

  static async open(holder: HTMLElement, events: Events, marks: Marks, start: Place | null, heard: (text: string) => void): Promise<Framed> {
    const address = start?.href || told.first;
    const results = told.kind === "scorm" ? await marks.value<Results>("scorm") : undefined;
    // The name of a window is the one thing its document can read at once.
    const name = told.kind === "scorm" ? JSON.stringify({ preau: "scorm", results: results ?? {} }) : "";
    const frame = packageFrame(told.frames + address, name);
    const made = new Framed(frame, events);
    made.here = address;
    const raw = await manifest();
    const entry = (link: RawLink): Entry => ({ title: link.title ?? link.href, href: link.href, children: (link.children ?? []).map(entry) });
    made.contents = (raw.toc ?? []).map(entry);
    if (told.kind === "scorm") keepResults(frame, marks, results ?? {}, heard);
    holder.replaceChildren(frame);
    events.moved(made.where());
    return made;
  }

  where(): Where {
    return { place: { href: this.here }, progress: 0 };
  }

  async go(place: Place): Promise<void> {
    // A bookmark names a document of this package, and nothing else.
    if (!place.href.startsWith("r/") || place.href.includes("..")) return;
    this.here = place.href;
    this.frame.src = told.frames + place.href;
    this.events.moved(this.where());
  }

  async next(): Promise<void> {}
  async previous(): Promise<void> {}
  async goTo(): Promise<void> {}
  async apply(_: Settings): Promise<void> {}
  async *search(): AsyncIterable<Found> {}
  async text(): Promise<{ text: string; language: string }> {
    return { text: "", language: told.language };
  }
  selection(): null {
    return null;
  }
  show(): void {}
  focus(): void {
    this.frame.focus();
  }
}

/** What the platform's script sends, by version of SCORM. */
type Results = Record<string, unknown>;

function keepResults(frame: HTMLIFrameElement, marks: Marks, results: Results, heard: (text: string) => void): void {
  addEventListener("message", (event: MessageEvent<unknown>) => {
    if (!within(event.source as Window | null, frame.contentWindow)) return;
    const told = event.data as { preau?: unknown; version?: unknown; cmi?: unknown; status?: unknown; score?: unknown } | null;
    if (told?.preau !== "scorm" || (told.version !== "1.2" && told.version !== "2004")) return;
    if (typeof told.cmi !== "object" || JSON.stringify(told.cmi).length > MAX_RESULT_LETTERS) return;
    results[told.version] = told.cmi;
    void marks.setValue("scorm", results);
    const text = (value: unknown) => (typeof value === "string" ? value.slice(0, 40) : "");
    const status = say(`scorm-${text(told.status).replace(/\s/g, "-")}`);
    const shown = status.startsWith("scorm-") ? text(told.status) : status;
    heard([shown, text(told.score)].filter(Boolean).join(", "));
  });
}

/** Is that window the frame's, or one of a frame inside it? */
function within(source: Window | null, frame: Window | null): boolean {
  for (let window = source, depth = 0; window && frame && depth < MAX_DEPTH; window = window.parent, depth += 1) {
    if (window === frame) return true;
    if (window === window.parent) return false;
  }
  return false;
}
