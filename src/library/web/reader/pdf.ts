// PDF: pages drawn by pdf.js, with their text above the drawing so that it can be chosen and read.
import * as pdfjs from "pdfjs-dist";
import type { PDFDocumentProxy } from "pdfjs-dist";
import { el } from "./dom";
import type { Mark, Place } from "./marks";
import { told } from "./told";
import { type Entry, type Events, type Found, matches, type Settings, type Viewer, type Where } from "./viewer";

/** Pixels a page may be drawn with: more would end small devices. */
const MAX_PIXELS = 8_000_000;
/** A window from which two pages stand side by side. */
const TWO_PAGES_PIXELS = 1100;
const CHUNK_BYTES = 256 * 1024;
const MAX_OUTLINE_LINES = 2000;

interface Outline {
  title: string;
  dest: string | unknown[] | null;
  items: Outline[];
}

export class Pdf implements Viewer {
  readonly can = { turn: true, font: false, zoom: true, spread: true, search: true, listen: true, highlight: true };
  readonly rightToLeft = false;
  contents: Entry[] = [];
  private page = 1;
  private settings!: Settings;
  private marks: Mark[] = [];
  private readonly dests = new Map<string, Outline["dest"]>();
  private drawing = 0;
  private touch: { x: number; y: number } | null = null;

  private constructor(
    private readonly holder: HTMLElement,
    private readonly doc: PDFDocumentProxy,
    private readonly events: Events,
  ) {}

  static async open(holder: HTMLElement, events: Events, settings: Settings, start: Place | null): Promise<Pdf> {
    pdfjs.GlobalWorkerOptions.workerSrc = told.files["pdf-worker"] ?? "";
    const url = `${told.base}${told.first}`;
    const doc = await pdfjs.getDocument({ url, rangeChunkSize: CHUNK_BYTES, isEvalSupported: false, disableAutoFetch: true }).promise;
    const made = new Pdf(holder, doc, events);
    made.settings = settings;
    let lines = 0;
    const entries = (items: Outline[]): Entry[] =>
      items.flatMap((item) => {
        if ((lines += 1) > MAX_OUTLINE_LINES) return [];
        const href = `dest:${lines}`;
        made.dests.set(href, item.dest);
        return [{ title: item.title, href, children: entries(item.items) }];
      });
    made.contents = entries(((await doc.getOutline().catch(() => null)) ?? []) as Outline[]);
    holder.addEventListener("mouseup", () => made.chosen());
    holder.addEventListener("keyup", (event) => event.shiftKey && made.chosen());
    holder.addEventListener("touchstart", (event) => {
      const one = event.touches.length === 1 ? event.touches[0] : null;
      made.touch = one ? { x: one.clientX, y: one.clientY } : null;
    }, { passive: true });
    holder.addEventListener("touchend", (event) => made.swiped(event), { passive: true });
    let width = holder.clientWidth;
    new ResizeObserver(() => {
      if (Math.abs(holder.clientWidth - width) < 2) return;
      width = holder.clientWidth;
      void made.draw();
    }).observe(holder);
    await made.go(start ?? { href: "", page: told.page });
    return made;
  }

  private get side(): 1 | 2 {
    const asked = this.settings.pages;
    return asked || (this.holder.clientWidth >= TWO_PAGES_PIXELS && this.doc.numPages > 2 ? 2 : 1);
  }

  /** Pages shown: a cover stands alone, as in a printed book. */
  private shown(): number[] {
    if (this.side === 1 || this.page === 1) return [this.page];
    const left = this.page % 2 === 0 ? this.page : this.page - 1;
    return left + 1 <= this.doc.numPages ? [left, left + 1] : [left];
  }

  private async draw(): Promise<void> {
    const turn = ++this.drawing;
    const shown = this.shown();
    const sheets: HTMLElement[] = [];
    for (const number of shown) {
      const page = await this.doc.getPage(number);
      const plain = page.getViewport({ scale: 1 });
      const room = { width: this.holder.clientWidth / shown.length - 24, height: this.holder.clientHeight - 24 };
      const narrow = this.holder.clientWidth < 700;
      const fit = narrow ? room.width / plain.width : Math.min(room.width / plain.width, room.height / plain.height);
      const viewport = page.getViewport({ scale: Math.max(fit, 0.1) * this.settings.size });
      const dense = Math.min(window.devicePixelRatio || 1, Math.sqrt(MAX_PIXELS / (viewport.width * viewport.height)));
      const canvas = el("canvas", { width: Math.floor(viewport.width * dense), height: Math.floor(viewport.height * dense), "aria-hidden": "true" });
      const text = el("div", { class: "textLayer" });
      const sheet = el("div", { class: "pdf-page", role: "group", "aria-label": String(number), "data-page": number }, canvas, text);
      sheet.style.width = `${viewport.width}px`;
      sheet.style.height = `${viewport.height}px`;
      sheet.style.setProperty("--scale-factor", String(viewport.scale));
      const context = canvas.getContext("2d", { alpha: false });
      if (!context || turn !== this.drawing) return;
      await page.render({ canvasContext: context, viewport, transform: [dense, 0, 0, dense, 0, 0] }).promise;
      await new pdfjs.TextLayer({ textContentSource: page.streamTextContent(), container: text, viewport }).render();
      if (turn !== this.drawing) return;
      sheets.push(sheet);
    }
    this.holder.replaceChildren(el("div", { class: "pdf-pages" }, ...sheets));
    this.outline();
    this.events.moved(this.where());
  }

  where(): Where {
    const shown = this.shown();
    const page = shown[0] ?? 1;
    return { place: { href: "", page }, page, last: shown[shown.length - 1], pages: this.doc.numPages, progress: page / this.doc.numPages };
  }

  private async to(page: number): Promise<void> {
    this.page = Math.min(Math.max(1, Math.round(page)), this.doc.numPages);
    this.holder.scrollTo(0, 0);
    await this.draw();
  }

  async next(): Promise<void> {
    const last = this.shown().pop() ?? this.page;
    if (last < this.doc.numPages) await this.to(last + 1);
  }

  async previous(): Promise<void> {
    const first = this.shown()[0] ?? 1;
    if (first > 1) await this.to(this.side === 2 ? Math.max(1, first - 2) : first - 1);
  }

  async go(place: Place): Promise<void> {
    if (!place.href.startsWith("dest:")) return this.to(place.page ?? 1);
    const dest = this.dests.get(place.href) ?? null;
    const target = typeof dest === "string" ? await this.doc.getDestination(dest) : dest;
    const reference = target?.[0];
    const index = typeof reference === "number" ? reference : await this.doc.getPageIndex(reference as never).catch(() => 0);
    await this.to(index + 1);
  }

  goTo(progress: number): Promise<void> {
    return this.to(progress * this.doc.numPages);
  }

  async apply(settings: Settings): Promise<void> {
    this.settings = settings;
    await this.draw();
  }

  private async textOf(number: number): Promise<string> {
    const { items } = await (await this.doc.getPage(number)).getTextContent();
    return items.map((item) => ("str" in item ? item.str + (item.hasEOL ? " " : "") : "")).join("").replace(/\s+/g, " ");
  }

  async *search(words: string, signal: AbortSignal): AsyncIterable<Found> {
    for (let page = 1; page <= this.doc.numPages && !signal.aborted; page += 1) {
      for (const { before, words: found, after } of matches(await this.textOf(page), words)) {
        yield { place: { href: "", page }, before, words: found, after };
      }
    }
  }

  async text(): Promise<{ text: string; language: string }> {
    const texts = await Promise.all(this.shown().map((page) => this.textOf(page)));
    return { text: texts.join(" "), language: told.language };
  }

  private chosen(): void {
    const text = getSelection()?.toString() ?? "";
    if (text.trim()) this.events.selected(text);
  }

  private swiped(event: TouchEvent): void {
    const [start, end] = [this.touch, event.changedTouches[0]];
    this.touch = null;
    if (!start || !end || this.settings.size > 1 || getSelection()?.toString()) return;
    const [x, y] = [end.clientX - start.x, end.clientY - start.y];
    if (Math.abs(x) < 60 || Math.abs(x) < 2 * Math.abs(y)) return;
    void (x < 0 ? this.next() : this.previous());
  }

  selection(): Place | null {
    const chosen = getSelection();
    if (!chosen || chosen.isCollapsed || !chosen.rangeCount) return null;
    const range = chosen.getRangeAt(0);
    const from = range.startContainer.parentElement?.closest<HTMLElement>(".pdf-page");
    if (!from) return null;
    const sheet = from.getBoundingClientRect();
    const share = (part: number, whole: number) => Math.round((part / whole) * 10000) / 100;
    const boxes = [...range.getClientRects()]
      .filter((box) => box.width > 1 && box.left >= sheet.left - 1 && box.right <= sheet.right + 1)
      .map((box): [number, number, number, number] => [
        share(box.left - sheet.left, sheet.width), share(box.top - sheet.top, sheet.height),
        share(box.width, sheet.width), share(box.height, sheet.height),
      ]);
    return { href: "", page: Number(from.dataset.page), text: { highlight: chosen.toString() }, boxes };
  }

  show(marks: Mark[]): void {
    this.marks = marks.filter((mark) => mark.kind === "highlight");
    this.outline();
  }

  private outline(): void {
    for (const sheet of this.holder.querySelectorAll<HTMLElement>(".pdf-page")) {
      for (const old of sheet.querySelectorAll(".pdf-mark")) old.remove();
      for (const mark of this.marks.filter((one) => one.place.page === Number(sheet.dataset.page))) {
        for (const [left, top, width, height] of mark.place.boxes ?? []) {
          const box = el("div", { class: "pdf-mark" });
          Object.assign(box.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
          sheet.append(box);
        }
      }
    }
  }

  focus(): void {
    this.holder.focus();
  }
}
