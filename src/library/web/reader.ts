// The reader: a bar, a manual, and panels. What shows the manual is fetched when it is known.
import { drawing, el, tool } from "./reader/dom";
import { Marks, type Place } from "./reader/marks";
import { packageFrame } from "./reader/frame";
import * as panels from "./reader/panels";
import { Speaker } from "./reader/speech";
import { inside, say, told } from "./reader/told";
import { DEFAULTS, type Events, type Settings, type Viewer, type Where } from "./reader/viewer";

type Panel = "contents" | "search" | "notes" | "display" | "help" | "go";

const nightly = matchMedia("(prefers-color-scheme: dark)");

class Reader implements panels.Around {
  viewer!: Viewer;
  result = "";
  private readonly speaker = new Speaker();
  private readonly status = el("div", { role: "status", class: "away" });
  private readonly stage = el("main", { id: "stage", tabindex: -1, "aria-label": told.title });
  private readonly position = el("button", { type: "button", class: "position", onclick: () => this.panel("go") });
  private readonly shelf = el("dialog", { class: "panel", "aria-labelledby": "panel-title" });
  private readonly choice = el("div", { class: "choice", role: "toolbar", "aria-label": say("selection"), hidden: true });
  private readonly interactiveButton = el("button", { type: "button", class: "interactive", hidden: true, onclick: () => this.interactive() }, drawing("interactive"), say("interactive"));
  private readonly tools: Record<string, HTMLButtonElement> = {};
  private address = "";
  private selected = "";

  constructor(readonly marks: Marks, public settings: Settings) {}

  private get dark(): boolean {
    return this.settings.theme === "dark" || (this.settings.theme === "auto" && nightly.matches);
  }

  async start(): Promise<void> {
    this.lay();
    this.theme();
    const start = await this.first();
    this.viewer = await this.open(start);
    this.settle();
    this.viewer.show(this.marks.all);
    this.moved(this.viewer.where());
    document.documentElement.dataset.ready = told.kind;
  }

  /** A place that the address names, else the last one read here. */
  private async first(): Promise<Place | null> {
    if (told.place) return { href: inside(told.place) };
    if (new URLSearchParams(location.search).has("page")) return null;
    return (await this.marks.value<Place>("last")) ?? null;
  }

  private async open(start: Place | null): Promise<Viewer> {
    const events: Events = {
      moved: (where) => this.viewer && this.moved(where),
      selected: (text) => this.chosen(text),
      key: (event) => this.key(event),
      interactive: (address) => this.offer(address),
      external: (address) => void window.open(address, "_blank", "noopener,noreferrer"),
      opened: () => this.panel("notes"),
    };
    if (told.kind === "pdf") {
      const { Pdf } = await import("./reader/pdf");
      return Pdf.open(this.stage, events, this.settings, start);
    }
    if (told.kind === "web" || told.kind === "scorm") {
      const { Framed } = await import("./reader/frame");
      return Framed.open(this.stage, events, this.marks, start, (result) => {
        this.result = result;
        this.announce(say("result", { result }));
      });
    }
    const { Epub } = await import("./reader/epub");
    const viewer = await Epub.open(this.stage, events, this.settings, this.dark, start);
    if (!start && told.page > 1) await viewer.goTo((told.page - 0.5) / (viewer.where().pages ?? 100));
    return viewer;
  }

  private lay(): void {
    const button = (name: Panel, drawn: Parameters<typeof tool>[0]) => (this.tools[name] = tool(drawn, say(name), () => this.panel(name), `tool-${name}`));
    this.tools.bookmark = tool("bookmark", say("bookmark-add"), () => void this.bookmark(), "tool-bookmark");
    this.tools.listen = tool("listen", say("listen"), () => void this.listen(), "tool-listen");
    this.tools.previous = tool("previous", say("previous"), () => void this.turn(-1), "previous");
    this.tools.next = tool("next", say("next"), () => void this.turn(1), "next");
    const bar = el("header", { class: "bar" },
      el("a", { class: "tool", href: told.book, "aria-label": say("back"), title: say("back"), id: "back" }, drawing("back")),
      el("h1", {}, told.title),
      el("div", { class: "tools", role: "toolbar", "aria-label": say("tools") },
        button("contents", "contents"), button("search", "search"), this.tools.bookmark, button("notes", "notes"), this.tools.listen, button("display", "display"), button("help", "help")));
    this.choice.append(
      el("span", { class: "chosen" }),
      el("button", { type: "button", onclick: () => void this.highlight() }, say("highlight")),
      el("button", { type: "button", onclick: () => void this.highlight().then(() => this.panel("notes")) }, say("note")),
      tool("close", say("close"), () => this.chosen("")));
    const turn = el("footer", { class: "turn" }, this.tools.previous, this.position, this.interactiveButton, this.tools.next);
    const root = document.getElementById("reader");
    root?.replaceChildren(el("a", { class: "skip", href: "#stage" }, say("skip")), bar, this.stage, this.choice, turn, this.shelf, this.status);
    this.stage.append(el("p", { class: "waiting", role: "status" }, say("opening")));
    // The event comes late: another panel may be open by then.
    this.shelf.addEventListener("close", () => this.shelf.open || this.shelf.replaceChildren());
    this.shelf.addEventListener("click", (event) => event.target === this.shelf && this.close());
    document.addEventListener("keydown", (event) => this.key(event));
    nightly.addEventListener("change", () => this.changed({}));
    addEventListener("pagehide", () => this.speaker.stop());
  }

  /** Hides what this kind of manual cannot do. */
  private settle(): void {
    const { can } = this.viewer;
    for (const [name, has] of [["search", can.search], ["listen", can.listen], ["previous", can.turn], ["next", can.turn]] as const) {
      const button = this.tools[name];
      if (button) button.hidden = !has;
    }
    this.position.hidden = !can.turn;
    document.documentElement.classList.toggle("rtl", this.viewer.rightToLeft);
  }

  private theme(): void {
    document.documentElement.dataset.theme = this.settings.theme === "auto" ? (this.dark ? "dark" : "light") : this.settings.theme;
  }

  panel(name: Panel): void {
    if (!this.viewer) return;
    const made = { contents: panels.contents, search: panels.search, notes: (around: panels.Around) => panels.notes(around, () => this.panel("notes")), display: panels.display, help: panels.help, go: panels.goTo }[name](this);
    this.shelf.replaceChildren(
      el("div", { class: "panel-top" }, el("h2", { id: "panel-title" }, say(name)), tool("close", say("close"), () => this.close())), made);
    this.shelf.dataset.panel = name;
    if (!this.shelf.open) this.shelf.showModal();
    const first = made.querySelector<HTMLElement>("input:not([type=radio], [type=checkbox], [type=hidden], .away), [aria-current]");
    (first ?? this.shelf.querySelector<HTMLElement>("button"))?.focus();
  }

  close(): void {
    this.shelf.close();
  }

  go(place: Place): void {
    this.close();
    void this.viewer.go(place).then(() => this.viewer.focus());
  }

  goTo(progress: number): void {
    this.close();
    void this.viewer.goTo(progress).then(() => this.viewer.focus());
  }

  changed(settings: Partial<Settings>): void {
    Object.assign(this.settings, settings);
    try {
      localStorage.setItem("preau-reader", JSON.stringify(this.settings));
    } catch {
      // A private window keeps nothing: the choice lasts as long as the page.
    }
    this.theme();
    void this.viewer?.apply(this.settings, this.dark);
  }

  marked(): void {
    this.viewer.show(this.marks.all);
    this.bookmarked();
  }

  announce(text: string): void {
    this.status.textContent = text;
  }

  private moved(where: Where): void {
    const { page, last, pages, progress } = where;
    const share = Math.round(progress * 100);
    const text = pages && page ? (last && last !== page ? say("position-two", { page, last, pages }) : say("position", { page, pages })) : say("position-share", { share });
    this.position.textContent = text;
    this.position.setAttribute("aria-label", `${text}. ${say("go")}`);
    if (this.status.textContent !== text) this.announce(text);
    this.bookmarked();
    void this.marks.setValue("last", where.place);
    try {
      // What the shelf's "resume" shows.
      localStorage.setItem(`preau.position.${told.blob}`, JSON.stringify({ page: pages ? page : null }));
    } catch {
      // A private window: the shelf shows no place.
    }
  }

  private async turn(by: 1 | -1): Promise<void> {
    this.chosen("");
    await (by === 1 ? this.viewer.next() : this.viewer.previous());
  }

  /** The bookmark of the page shown, if there is one. */
  private here() {
    const { place, page, last } = this.viewer.where();
    const near = (at: Place) => (page ? (at.page ?? 0) >= page && (at.page ?? 0) <= (last ?? page) : at.href === place.href && Math.abs((at.progression ?? 0) - (place.progression ?? 0)) < 0.01);
    return this.marks.all.find((mark) => mark.kind === "bookmark" && near(mark.place));
  }

  private bookmarked(): void {
    const on = this.viewer && this.here() !== undefined;
    this.tools.bookmark?.setAttribute("aria-pressed", String(on));
  }

  private async bookmark(): Promise<void> {
    const known = this.here();
    const { place } = this.viewer.where();
    if (known) await this.marks.remove(known.id);
    else await this.marks.add("bookmark", place, this.label(place));
    this.announce(say(known ? "removed" : "bookmarked"));
    this.bookmarked();
  }

  private label(place: Place): string {
    const share = Math.round(this.viewer.where().progress * 100);
    return place.page && this.viewer.where().pages ? say("page", { page: place.page }) : say("position-share", { share });
  }

  private chosen(text: string): void {
    const words = text.trim();
    if (!this.viewer?.can.highlight) return;
    if (words && words !== this.selected) this.announce(say("selected"));
    this.selected = words;
    this.choice.hidden = !words;
    const shown = this.choice.querySelector(".chosen");
    if (shown) shown.textContent = words.slice(0, 80);
  }

  private async highlight(): Promise<void> {
    const place = this.viewer.selection();
    if (!place) return;
    await this.marks.add("highlight", place, this.label(place));
    this.marked();
    this.chosen("");
    this.announce(say("highlighted"));
  }

  private async listen(): Promise<void> {
    const button = this.tools.listen;
    const shown = (on: boolean) => {
      button?.replaceChildren(drawing(on ? "stop" : "listen"));
      button?.setAttribute("aria-label", say(on ? "listen-stop" : "listen"));
    };
    if (this.speaker.speaking) {
      this.speaker.stop();
      return shown(false);
    }
    const { text, language } = await this.viewer.text();
    const voice = await this.speaker.voice(language);
    if (!voice) return this.tell(say("no-voice"));
    if (!text.trim()) return this.tell(say("no-text"));
    shown(true);
    let rest = text;
    while (await this.speaker.say(rest, voice)) {
      const before = JSON.stringify(this.viewer.where().place);
      await this.viewer.next();
      const next = await this.viewer.text();
      if (JSON.stringify(this.viewer.where().place) === before || !next.text.trim()) break;
      rest = next.text;
    }
    shown(false);
  }

  /** Says something that must be seen, too. */
  private tell(text: string): void {
    this.shelf.replaceChildren(el("div", { class: "panel-top" }, el("h2", { id: "panel-title" }, say("listen")), tool("close", say("close"), () => this.close())), el("p", {}, text));
    this.shelf.dataset.panel = "told";
    this.shelf.showModal();
  }

  private offer(address: string): void {
    this.address = address;
    this.interactiveButton.hidden = !address;
  }

  /** The page with its scripts, in an origin of its own. */
  private interactive(): void {
    if (!this.address) return;
    this.shelf.replaceChildren(el("div", { class: "panel-top" }, el("h2", { id: "panel-title" }, say("interactive")), tool("close", say("close"), () => this.close())), packageFrame(this.address));
    this.shelf.dataset.panel = "interactive";
    this.shelf.showModal();
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement | null;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || this.shelf.open || !this.viewer) return;
    if (target?.closest?.("input, textarea, select, [contenteditable]")) return;
    const pressable = target?.closest?.("button, a[href], audio, video, summary");
    const forward = this.viewer.rightToLeft ? "ArrowLeft" : "ArrowRight";
    const { can } = this.viewer;
    const keys: Record<string, (() => void) | undefined> = {
      ArrowRight: can.turn ? () => void this.turn(forward === "ArrowRight" ? 1 : -1) : undefined,
      ArrowLeft: can.turn ? () => void this.turn(forward === "ArrowLeft" ? 1 : -1) : undefined,
      PageDown: can.turn ? () => void this.turn(1) : undefined,
      PageUp: can.turn ? () => void this.turn(-1) : undefined,
      Home: can.turn ? () => void this.viewer.goTo(0) : undefined,
      End: can.turn ? () => void this.viewer.goTo(1) : undefined,
      " ": can.turn && !pressable ? () => void this.turn(event.shiftKey ? -1 : 1) : undefined,
    };
    const letters: Record<string, (() => void) | undefined> = {
      "+": () => this.changed({ size: panels.bounded(this.settings.size + 0.1, can.font) }),
      "=": () => this.changed({ size: panels.bounded(this.settings.size + 0.1, can.font) }),
      "-": () => this.changed({ size: panels.bounded(this.settings.size - 0.1, can.font) }),
      "?": () => this.panel("help"),
      c: () => this.panel("contents"),
      f: can.search ? () => this.panel("search") : undefined,
      g: can.turn ? () => this.panel("go") : undefined,
      n: () => this.panel("notes"),
      d: () => this.panel("display"),
      b: () => void this.bookmark(),
      h: can.highlight ? () => void this.highlight() : undefined,
      l: can.listen ? () => void this.listen() : undefined,
      q: () => location.assign(told.book),
    };
    const does = keys[event.key] ?? (this.settings.letters ? letters[event.key.toLowerCase()] : undefined);
    if (!does) return;
    event.preventDefault();
    does();
  }
}

function settings(): Settings {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem("preau-reader") ?? "{}") as Partial<Settings>) };
  } catch {
    return { ...DEFAULTS };
  }
}

const reader = new Reader(await Marks.open(told.person, told.blob), settings());
try {
  await reader.start();
} catch (error) {
  console.error(error);
  const stage = document.getElementById("stage");
  stage?.replaceChildren(el("p", { class: "waiting", role: "alert" }, say("failed"), " ", el("a", { href: told.plain }, say("plain"))));
}
