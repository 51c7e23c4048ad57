// EPUB: pages shown by Readium's navigator, each cleaned before it gets there.
import { EpubNavigator, EpubPreferences, TextAlignment } from "@readium/navigator";
import { HttpFetcher, Locator, LocatorLocations, LocatorText, Manifest, Publication } from "@readium/shared";
import { carry, mustCarry } from "./carry";
import { clean, parsed } from "./clean";
import { el } from "./dom";
import type { Mark, Place } from "./marks";
import { inside, manifest as fetchManifest, type RawLink, type RawManifest, told } from "./told";
import { type Entry, type Events, type Found, matches, type Settings, type Viewer, type Where } from "./viewer";

/** A page larger than that is not searched. */
const MAX_SEARCHED_LETTERS = 2_000_000;
const AROUND_SELECTION = 60;
/** Frames of a turned page are shown within that. */
const TURN_SETTLES_MS = 600;

const FONTS = {
  publisher: null,
  serif: 'Georgia, "Noto Serif", "Liberation Serif", serif',
  sans: 'system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  dyslexic: "OpenDyslexic, sans-serif",
} as const;
const COLOURS = {
  light: { ground: "#ffffff", ink: "#16232b", link: "#14506b" },
  sepia: { ground: "#f6ecd8", ink: "#3b2a14", link: "#6b3a00" },
  dark: { ground: "#12191d", ink: "#e8eef0", link: "#8fd0e8" },
} as const;

export class Epub implements Viewer {
  readonly contents: Entry[];
  readonly rightToLeft: boolean;
  readonly can;
  private navigator!: EpubNavigator;
  private readonly order: RawLink[];
  private readonly weights: number[];
  private readonly heard = new WeakSet<Document>();
  private marks: Mark[] = [];
  private settling = 0;
  private drawn = new WeakMap<Document, string>();

  private constructor(
    private readonly holder: HTMLElement,
    private readonly fixed: boolean,
    private readonly raw: RawManifest,
    private readonly publication: Publication,
    private readonly events: Events,
  ) {
    this.order = raw.readingOrder;
    const sizes = this.order.map((link) => link.size ?? 1);
    const whole = sizes.reduce((sum, size) => sum + size, 0);
    this.weights = fixed ? sizes.map(() => 1 / sizes.length) : sizes.map((size) => size / whole);
    this.contents = (raw.toc ?? []).map(entry);
    this.rightToLeft = publication.metadata.effectiveReadingProgression === "rtl";
    this.can = { turn: true, font: !fixed, zoom: true, spread: fixed, search: true, listen: true, highlight: true };
  }

  static async open(holder: HTMLElement, events: Events, settings: Settings, dark: boolean, start: Place | null): Promise<Epub> {
    const address = new URL(`${told.base}manifest.json`, location.href).href;
    const raw = await fetchManifest();
    const manifest = Manifest.deserialize(raw);
    if (!manifest) throw new Error("manifest");
    manifest.setSelfLink(address);
    const fetcher = new HttpFetcher(async (input, init) => {
      const answer = await fetch(input, init);
      const type = (answer.headers.get("content-type") ?? "").split(";")[0] ?? "";
      if (!answer.ok || !/html/.test(type)) return answer;
      const cleaned = clean(await answer.text(), type);
      const page = new URL(String(input), location.href);
      if (cleaned.scripted) scripted.add(inside(page.pathname));
      const text = mustCarry() ? await carry(cleaned.text, type, page.href) : cleaned.text;
      return new Response(text, { headers: { "content-type": type } });
    }, address);
    const publication = new Publication({ manifest, fetcher });
    const made = new Epub(holder, told.kind === "fixed", raw, publication, events);
    await made.start(settings, dark, start);
    return made;
  }

  private async start(settings: Settings, dark: boolean, start: Place | null): Promise<void> {
    const container = el("div", { class: "epub-pages" });
    this.holder.classList.toggle("flow", !this.fixed);
    this.holder.replaceChildren(el("div", { class: "epub-zoom" }, container));
    this.zoom(settings);
    // Pages to come have their frames already: each must say what it is.
    const named = () => {
      for (const frame of container.querySelectorAll("iframe:not([title])")) frame.setAttribute("title", told.title);
    };
    new MutationObserver(named).observe(container, { childList: true, subtree: true });
    const positions = this.order.map((_, index) => this.locator({ href: this.order[index]!.href, progression: 0 }));
    const first = start && this.locator(start);
    this.navigator = new EpubNavigator(
      container,
      this.publication,
      {
        frameLoaded: () => this.listen(),
        positionChanged: () => this.tell(),
        tap: () => false,
        click: (event) => this.fixed && event.interactiveElement === undefined,
        zoom: () => {},
        miscPointer: () => {},
        scroll: () => {},
        customEvent: () => {},
        handleLocator: (locator) => {
          if (/^(https?|mailto|tel):/.test(locator.href)) this.events.external(locator.href);
          return true;
        },
        textSelected: (selection) => this.events.selected(selection.text),
        contentProtection: () => {},
        contextMenu: () => {},
        peripheral: () => {},
      },
      positions,
      first ?? undefined,
      {
        preferences: this.preferences(settings, dark),
        defaults: {},
        injectables: {
          rules: [{ resources: [/./], prepend: [{ as: "link", rel: "stylesheet", target: "head", blob: fontFaces() }] }],
          allowedDomains: [new URL("/static/web/", location.href).href],
        },
      },
    );
    await this.navigator.load();
    if (start && (start.text || (start.progression ?? 0) > 0 || start.href.includes("#"))) await this.go(start);
  }

  private locator(place: Place): Locator {
    const [href = "", fragment] = place.href.split("#");
    const index = Math.max(0, this.order.findIndex((link) => link.href === href));
    return new Locator({
      href,
      type: this.order[index]?.type ?? "application/xhtml+xml",
      locations: new LocatorLocations({
        position: index + 1,
        progression: place.progression ?? 0,
        fragments: fragment ? [fragment] : [],
      }),
      text: place.text && !this.fixed ? new LocatorText(place.text) : undefined,
    });
  }

  private preferences(settings: Settings, dark: boolean): EpubPreferences {
    if (this.fixed) return new EpubPreferences({ columnCount: settings.pages || null });
    const name = settings.theme === "auto" ? (dark ? "dark" : "light") : settings.theme;
    const colours = COLOURS[name];
    return new EpubPreferences({
      fontFamily: FONTS[settings.font],
      fontSize: settings.size,
      lineHeight: settings.lines || null,
      scroll: settings.scroll,
      textAlign: settings.font === "dyslexic" ? TextAlignment.left : null,
      letterSpacing: settings.font === "dyslexic" ? 0.0625 : null,
      backgroundColor: colours.ground,
      textColor: colours.ink,
      linkColor: colours.link,
      visitedColor: colours.link,
    });
  }

  /** Fixed pages shown now, from 1. The viewport's own `readingOrder` counts spreads where one page is shown. */
  private numbers(): number[] {
    const here = this.order.findIndex((link) => link.href === this.navigator.currentLocator.href);
    return this.navigator.viewport.positions ?? [Math.max(0, here) + 1];
  }

  /** Documents shown now, with the pages they are of. */
  private documents(): { doc: Document; href: string }[] {
    const shown = this.fixed
      ? this.numbers().map((page) => this.order[page - 1]?.href ?? "")
      : [this.navigator.currentLocator.href];
    const frames = this.navigator._cframes;
    return frames.flatMap((frame, index) => {
      const doc = frame?.iframe.contentDocument;
      return doc?.body ? [{ doc, href: shown[index] ?? shown[0] ?? "" }] : [];
    });
  }

  private listen(): void {
    const shown = this.documents();
    for (const { doc } of shown) {
      if (this.heard.has(doc)) continue;
      this.heard.add(doc);
      doc.addEventListener("keydown", (event) => this.events.key(event));
    }
    const active = shown.find(({ href }) => scripted.has(href));
    this.events.interactive(active ? told.frames + active.href : "");
  }

  where(): Where {
    const here = this.navigator.currentLocator;
    const index = Math.max(0, this.order.findIndex((link) => link.href === here.href));
    const before = this.weights.slice(0, index).reduce((sum, weight) => sum + weight, 0);
    const progression = here.locations.progression ?? 0;
    if (this.fixed) {
      const pages = this.numbers();
      const [page, last] = [Math.min(...pages), Math.max(...pages)];
      const place = { href: this.order[page - 1]?.href ?? here.href, page };
      return { place, page, last, pages: this.order.length, progress: page / this.order.length };
    }
    const progress = Math.min(1, before + progression * (this.weights[index] ?? 0));
    return { place: { href: here.href, progression, page: index + 1 }, progress };
  }

  private tell(): void {
    this.listen();
    this.draw();
    this.events.moved(this.where());
  }

  /** Goes somewhere, then says where that is: of a page that was loaded before it was listened to, the navigator says nothing. */
  private async moving(goes: (done: () => void) => void): Promise<void> {
    await new Promise<void>(goes);
    this.tell();
    clearTimeout(this.settling);
    this.settling = window.setTimeout(() => this.tell(), TURN_SETTLES_MS);
  }

  next(): Promise<void> {
    return this.moving((done) => this.navigator.goForward(false, done));
  }

  previous(): Promise<void> {
    return this.moving((done) => this.navigator.goBackward(false, done));
  }

  go(place: Place): Promise<void> {
    return this.moving((done) => this.navigator.go(this.locator(place), false, done));
  }

  goTo(progress: number): Promise<void> {
    let rest = Math.min(Math.max(progress, 0), 1);
    for (const [index, weight] of this.weights.entries()) {
      const link = this.order[index];
      if (link && (rest < weight || index === this.weights.length - 1)) {
        const progression = this.fixed ? 0 : Math.min(rest / weight, 0.999);
        return this.go({ href: link.href, progression });
      }
      rest -= weight;
    }
    return Promise.resolve();
  }

  async apply(settings: Settings, dark: boolean): Promise<void> {
    this.zoom(settings);
    await this.navigator.submitPreferences(this.preferences(settings, dark));
  }

  private zoom(settings: Settings): void {
    const sheet = this.holder.firstElementChild as HTMLElement;
    const size = this.fixed ? `${Math.max(1, settings.size) * 100}%` : "100%";
    sheet.style.width = size;
    sheet.style.height = size;
  }

  async *search(words: string, signal: AbortSignal): AsyncIterable<Found> {
    for (const [index, link] of this.order.entries()) {
      if (signal.aborted) return;
      const text = await this.textOf(link, signal);
      if (text === null) continue;
      for (const found of matches(text, words)) {
        const place: Place = {
          href: link.href,
          page: index + 1,
          progression: text.length ? found.at / text.length : 0,
          text: { before: found.before, highlight: found.words, after: found.after },
        };
        yield { place, before: found.before, words: found.words, after: found.after };
      }
    }
  }

  private async textOf(link: RawLink, signal?: AbortSignal): Promise<string | null> {
    const answer = await fetch(told.base + link.href, { signal: signal ?? null }).catch(() => null);
    if (!answer?.ok || (link.size ?? 0) > MAX_SEARCHED_LETTERS) return null;
    const doc = parsed(await answer.text(), link.type ?? "");
    for (const quiet of doc.querySelectorAll("script, style, head, title")) quiet.remove();
    return (doc.body?.textContent ?? "").replace(/\s+/g, " ").trim();
  }

  async text(): Promise<{ text: string; language: string }> {
    const said = this.raw.metadata.language;
    const language = (Array.isArray(said) ? said[0] : said) ?? told.language;
    const texts: string[] = [];
    for (const { href } of this.documents()) {
      const link = this.order.find((one) => one.href === href);
      const text = link && (await this.textOf(link));
      if (text) texts.push(text);
    }
    const text = texts.join(" ");
    // Where the page starts, about, at the start of a sentence.
    const from = this.fixed ? 0 : Math.floor(text.length * (this.navigator.currentLocator.locations.progression ?? 0));
    const start = from === 0 ? 0 : text.lastIndexOf(". ", from) + 1;
    return { text: text.slice(start), language };
  }

  selection(): Place | null {
    for (const { doc, href } of this.documents()) {
      const chosen = doc.getSelection();
      if (!chosen || chosen.isCollapsed || !chosen.rangeCount) continue;
      const range = chosen.getRangeAt(0);
      const near = (toEnd: boolean) => {
        const beside = doc.createRange();
        beside.selectNodeContents(doc.body);
        if (toEnd) beside.setStart(range.endContainer, range.endOffset);
        else beside.setEnd(range.startContainer, range.startOffset);
        const text = beside.toString();
        return toEnd ? text.slice(0, AROUND_SELECTION) : text.slice(-AROUND_SELECTION);
      };
      const page = this.order.findIndex((link) => link.href === href) + 1;
      const progression = this.fixed ? 0 : this.navigator.currentLocator.locations.progression;
      return { href, page, progression, text: { before: near(false), highlight: range.toString(), after: near(true) } };
    }
    return null;
  }

  show(marks: Mark[]): void {
    this.marks = marks.filter((mark) => mark.kind === "highlight" && mark.place.text);
    this.drawn = new WeakMap();
    this.draw();
  }

  /** Draws the highlights of the documents shown, where they are not yet. */
  private draw(): void {
    const frames = this.navigator._cframes;
    for (const [index, { doc, href }] of this.documents().entries()) {
      const here = this.marks.filter((mark) => mark.place.href === href);
      const key = here.map((mark) => mark.id).join();
      if (this.drawn.get(doc) === key) continue;
      this.drawn.set(doc, key);
      const send = frames[index]?.msg?.send.bind(frames[index]?.msg);
      send?.("decorate" as never, { group: "marks", action: "clear" });
      for (const mark of here) {
        const text = new LocatorText(mark.place.text ?? {});
        const locator = new Locator({ href, type: "application/xhtml+xml", text }).serialize() as unknown;
        const style = { tint: "#ffd75e", layout: "boxes", width: "wrap" };
        send?.("decorate" as never, { group: "marks", action: "add", decoration: { id: mark.id, locator, style } });
      }
    }
  }

  focus(): void {
    const frame = this.documents()[0]?.doc.defaultView;
    frame?.focus();
  }
}

/** Pages that had scripts of their own. */
const scripted = new Set<string>();

function entry(link: RawLink): Entry {
  return { title: link.title ?? link.href, href: link.href, children: (link.children ?? []).map(entry) };
}

/** The font for dyslexic readers; the browser fetches it when a page uses it. */
function fontFaces(): Blob {
  const face = (file: string, weight: number, style: string) =>
    `@font-face{font-family:OpenDyslexic;font-weight:${weight};font-style:${style};src:url("${new URL(told.files[file] ?? "", location.href).href}") format("woff2")}`;
  const faces = [face("dyslexic", 400, "normal"), face("dyslexic-bold", 700, "normal"), face("dyslexic-italic", 400, "italic")];
  return new Blob([faces.join("\n")], { type: "text/css" });
}


