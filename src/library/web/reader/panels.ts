// The panels at the side: contents, search, notes, display, help, go to a page and bring the class there.
import { el, save, tool } from "./dom";
import type { Mark, Marks, Place } from "./marks";
import { say, told } from "./told";
import { type Entry, LARGEST, MAX_FOUND, type Settings, SMALLEST, type Viewer } from "./viewer";

export interface Around {
  viewer: Viewer;
  marks: Marks;
  settings: Settings;
  result: string;
  close(): void;
  go(place: Place): void;
  goTo(progress: number): void;
  changed(settings: Partial<Settings>): void;
  marked(): void;
  announce(text: string): void;
}

export function contents(around: Around): HTMLElement {
  if (around.viewer.contents.length === 0) return el("p", {}, say("no-contents"));
  const here = around.viewer.where().place.href;
  const list = (entries: Entry[]): HTMLElement =>
    el("ol", { class: "lines" }, ...entries.map((entry) => {
      const current = entry.href.split("#")[0] === here ? "location" : undefined;
      const go = () => around.go({ href: entry.href });
      const button = el("button", { type: "button", class: "line", onclick: go, "aria-current": current }, entry.title);
      return el("li", {}, button, entry.children.length > 0 && list(entry.children));
    }));
  return list(around.viewer.contents);
}

export function search(around: Around): HTMLElement {
  const status = el("p", { role: "status" });
  const results = el("ol", { class: "lines" });
  const field = el("input", { type: "search", id: "words", autocomplete: "off", maxlength: 200, required: true });
  const stop = el("button", { type: "button", hidden: true, onclick: () => running?.abort() }, say("stop"));
  let running: AbortController | null = null;
  const run = async (event: Event) => {
    event.preventDefault();
    running?.abort();
    const mine = (running = new AbortController());
    const words = field.value.trim();
    results.replaceChildren();
    if (!words) return;
    status.textContent = say("searching");
    stop.hidden = false;
    let count = 0;
    for await (const found of around.viewer.search(words, mine.signal)) {
      if (mine.signal.aborted || count >= MAX_FOUND) break;
      count += 1;
      const page = found.place.page ? el("span", { class: "where" }, place(found.place, around.viewer)) : null;
      const go = () => around.go(found.place);
      results.append(el("li", {}, el("button", { type: "button", class: "line", onclick: go }, page, "…", found.before, el("mark", {}, found.words), found.after, "…")));
    }
    if (running !== mine) return;
    stop.hidden = true;
    status.textContent = count >= MAX_FOUND ? say("found-many", { count }) : count ? say("found", { count }) : say("found-none", { words });
  };
  const form = el("form", { role: "search", onsubmit: (event) => void run(event) }, el("label", { for: "words" }, say("search-words")), el("div", { class: "row" }, field, el("button", { type: "submit", class: "first" }, say("search")), stop));
  return el("div", {}, form, status, results);
}

/** What lists call a place. */
export function place(at: Place, viewer: Viewer): string {
  return viewer.where().pages ? say("page", { page: at.page ?? 1 }) : say("part", { page: at.page ?? 1 });
}

export function notes(around: Around, redraw: () => void): HTMLElement {
  const { marks } = around;
  const item = (mark: Mark) => {
    const remove = () => void marks.remove(mark.id).then(() => { around.marked(); around.announce(say("removed")); redraw(); });
    const note = el("textarea", { rows: 2, maxlength: 4000, "aria-label": say("note-of", { label: mark.label }), onchange: () => void marks.put({ ...mark, note: note.value }).then(around.marked) });
    note.value = mark.note;
    return el("li", { class: "mark" },
      el("button", { type: "button", class: "line", onclick: () => around.go(mark.place) }, el("span", { class: "where" }, mark.label), mark.place.text ? el("q", {}, mark.place.text.highlight.slice(0, 300)) : say("bookmark")),
      note,
      el("button", { type: "button", class: "quiet", onclick: remove, "aria-label": say("remove-of", { label: mark.label }) }, say("remove")));
  };
  const file = el("input", { type: "file", accept: ".json,application/json", id: "take", class: "away", tabindex: -1, "aria-label": say("import"), onchange: () => {
    const chosen = file.files?.[0];
    if (!chosen) return;
    marks.take(chosen).then((count) => { around.marked(); redraw(); around.announce(say("taken", { count })); }, () => around.announce(say("not-taken")));
  } });
  const name = told.title.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60);
  return el("div", {},
    around.result && el("p", { class: "notice" }, say("result", { result: around.result })),
    el("p", { class: "soft" }, say(marks.kept ? "kept-here" : "not-kept")),
    marks.all.length ? el("ol", { class: "marks" }, ...marks.all.map(item)) : el("p", {}, say(around.viewer.can.highlight ? "no-notes" : "no-bookmarks")),
    el("div", { class: "row" },
      el("button", { type: "button", onclick: () => save(`${name}.md`, "text/markdown", marks.asMarkdown(told.title)) }, say("export-text")),
      el("button", { type: "button", onclick: () => save(`${name}.json`, "application/json", marks.asJson(told.blob, told.title)) }, say("export-file")),
      el("button", { type: "button", onclick: () => file.click() }, say("import")), file));
}

export function display(around: Around): HTMLElement {
  const { viewer, settings, changed } = around;
  const choice = (name: string, legend: string, values: [string, string][], chosen: string, then: (value: string) => void) =>
    el("fieldset", {}, el("legend", {}, legend), el("div", { class: "choices" }, ...values.map(([value, label]) => {
      const input = el("input", { type: "radio", name, value, checked: value === chosen, onchange: () => then(value) });
      return el("label", {}, input, el("span", {}, label));
    })));
  const size = el("output", { "aria-live": "polite" }, `${Math.round(settings.size * 100)} %`);
  const resize = (by: number) => {
    changed({ size: bounded(settings.size + by, viewer.can.font) });
    size.textContent = `${Math.round(settings.size * 100)} %`;
  };
  const lines = el("select", { id: "lines", onchange: () => changed({ lines: Number(lines.value) }) },
    ...[[0, say("as-book")], [1.2, "1,2"], [1.5, "1,5"], [1.8, "1,8"], [2, "2"]].map(([value, label]) => el("option", { value: value as number, selected: settings.lines === value }, String(label))));
  return el("div", {},
    choice("theme", say("theme"), [["auto", say("theme-auto")], ["light", say("theme-light")], ["sepia", say("theme-sepia")], ["dark", say("theme-dark")]], settings.theme, (theme) => changed({ theme: theme as Settings["theme"] })),
    viewer.can.zoom && el("fieldset", {}, el("legend", {}, say(viewer.can.font ? "text-size" : "zoom")), el("div", { class: "row" }, tool("smaller", say("smaller"), () => resize(-0.1)), size, tool("larger", say("larger"), () => resize(0.1)))),
    viewer.can.font && choice("font", say("font"), [["publisher", say("font-book")], ["serif", say("font-serif")], ["sans", say("font-sans")], ["dyslexic", "OpenDyslexic"]], settings.font, (font) => changed({ font: font as Settings["font"] })),
    viewer.can.font && el("p", { class: "field" }, el("label", { for: "lines" }, say("line-spacing")), lines),
    viewer.can.font && el("p", {}, el("label", { class: "check" }, el("input", { type: "checkbox", checked: settings.scroll, onchange: (event) => changed({ scroll: (event.target as HTMLInputElement).checked }) }), say("scroll"))),
    viewer.can.spread && choice("pages", say("pages-shown"), [["0", say("pages-auto")], ["1", say("pages-one")], ["2", say("pages-two")]], String(settings.pages), (pages) => changed({ pages: Number(pages) as Settings["pages"] })));
}

/** A size that pages can have. */
export function bounded(size: number, text: boolean): number {
  return Math.min(LARGEST, Math.max(text ? SMALLEST : 1, Math.round(size * 10) / 10));
}

export function help(around: Around): HTMLElement {
  const { turn, zoom, search, highlight, listen } = around.viewer.can;
  const all: [string, string, boolean][] = [
    ["→ / Page ↓", say("next"), turn], ["← / Page ↑", say("previous"), turn], [say("key-home"), say("first"), turn], [say("key-end"), say("last"), turn],
    ["+ / -", say("zoom"), zoom], ["C", say("contents"), true], ["F", say("search"), search], ["G", say("go"), turn], ["B", say("bookmark-add"), true], ["H", say("highlight"), highlight],
    ["N", say("notes"), true], ["L", say("listen"), listen], ["D", say("display"), true], ["Q", say("back"), true], ["?", say("help"), true], [say("key-escape"), say("close"), true],
  ];
  // What this kind of manual cannot do has no key.
  const keys = all.filter(([, , can]) => can);
  return el("div", {},
    el("p", {}, say("help-text")),
    el("dl", { class: "keys" }, ...keys.map(([key, does]) => el("div", {}, el("dt", {}, key), el("dd", {}, does)))),
    el("p", {}, el("label", { class: "check" }, el("input", { type: "checkbox", checked: around.settings.letters, onchange: (event) => around.changed({ letters: (event.target as HTMLInputElement).checked }) }), say("letters"))),
    el("p", {}, el("a", { href: told.plain }, say("plain"))),
    around.viewer.can.font && el("p", { class: "soft" }, say("font-licence")));
}

export function goTo(around: Around): HTMLElement {
  const { pages, page, progress } = around.viewer.where();
  const most = pages ?? 100;
  const field = el("input", { type: "number", id: "number", min: pages ? 1 : 0, max: most, step: 1, required: true, value: page ?? Math.round(progress * 100) });
  const submit = (event: Event) => {
    event.preventDefault();
    around.goTo(pages ? (Number(field.value) - 0.5) / most : Number(field.value) / 100);
  };
  // What is typed takes the place of the number that stands there.
  field.addEventListener("focus", () => field.select());
  return el("div", {},
    el("form", { onsubmit: submit }, el("label", { for: "number" }, pages ? say("go-page", { pages }) : say("go-share")), el("div", { class: "row" }, field, el("button", { type: "submit", class: "first" }, say("go")))),
    told.csrf && moment(around, told.csrf));
}

/** A teacher's: an address that brings the class to where the manual is open. */
function moment({ viewer }: Around, csrf: string): HTMLElement {
  const { place, page, pages } = viewer.where();
  const hidden = (name: string, value: string | number) => el("input", { type: "hidden", name, value });
  return el("form", { class: "moment", method: "post", action: "/m", target: "_blank" },
    el("h3", {}, say("moment")), el("p", {}, say("moment-text")),
    hidden("csrf", csrf), hidden("blob", told.blob), hidden("page", page ?? 1),
    // As the package names it, where pages have no numbers.
    !pages && hidden("place", decodeURI(place.href).replace(/^r\//, "")),
    el("button", { type: "submit" }, say("moment-make")));
}
