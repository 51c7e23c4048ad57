// Where the reader was, bookmarks, highlights and notes: kept on this device, by person and manual.
import { openDB, type IDBPDatabase } from "idb";

/** A place in a manual. */
export interface Place {
  href: string;
  /** From 0 to 1, within the document. */
  progression?: number;
  /** Page, from 1, where there are pages. */
  page?: number;
  /** The words themselves, and those around them. */
  text?: { before?: string; highlight: string; after?: string };
  /** Rectangles on a page, in hundredths of its sides: left, top, width, height. */
  boxes?: [number, number, number, number][];
}

export interface Mark {
  id: string;
  owner: string;
  kind: "bookmark" | "highlight";
  place: Place;
  /** What lists call the place. */
  label: string;
  note: string;
  made: number;
}

const MAX_MARKS = 5000;
const MAX_TEXT = 4000;
const MAX_IMPORT_BYTES = 4 * 1024 * 1024;

export class Marks {
  private constructor(
    private readonly owner: string,
    private readonly db: IDBPDatabase | null,
    public all: Mark[],
  ) {}

  /** Opens what this device holds; without a database (private windows), memory until the end. */
  static async open(person: string, blob: string): Promise<Marks> {
    const owner = `${person}/${blob}`;
    try {
      const db = await openDB("preau-reader", 1, {
        upgrade(base) {
          base.createObjectStore("marks", { keyPath: "id" }).createIndex("owner", "owner");
          base.createObjectStore("values");
        },
      });
      return new Marks(owner, db, sorted((await db.getAllFromIndex("marks", "owner", owner)) as Mark[]));
    } catch {
      return new Marks(owner, null, []);
    }
  }

  /** Will they still be there next time? */
  get kept(): boolean {
    return this.db !== null;
  }

  async value<T>(name: string): Promise<T | undefined> {
    return (await this.db?.get("values", `${this.owner}/${name}`).catch(() => undefined)) as T | undefined;
  }

  async setValue(name: string, value: unknown): Promise<void> {
    await this.db?.put("values", value, `${this.owner}/${name}`).catch(() => undefined);
  }

  async add(kind: Mark["kind"], place: Place, label: string, note = ""): Promise<Mark> {
    const mark: Mark = { id: newId(), owner: this.owner, kind, place, label, note, made: Date.now() };
    await this.put(mark);
    return mark;
  }

  async put(mark: Mark): Promise<void> {
    this.all = sorted([...this.all.filter((one) => one.id !== mark.id), mark]);
    await this.db?.put("marks", mark).catch(() => undefined);
  }

  async remove(id: string): Promise<void> {
    this.all = this.all.filter((one) => one.id !== id);
    await this.db?.delete("marks", id).catch(() => undefined);
  }

  asJson(blob: string, title: string): string {
    const marks = this.all.map(({ owner: _, ...mark }) => mark);
    return JSON.stringify({ format: "preau-marks-1", manual: blob, title, marks }, null, 1);
  }

  asMarkdown(title: string): string {
    const line = (text: string) => text.replace(/\s+/g, " ").trim();
    const lines = this.all.map((mark) => {
      const words = mark.place.text ? `\n> ${line(mark.place.text.highlight)}` : "";
      const note = mark.note ? `\n\n${mark.note}` : "";
      return `## ${line(mark.label)}\n${words}${note}\n`;
    });
    return `# ${line(title)}\n\n${lines.join("\n")}`;
  }

  /** Adds the marks of a file that this reader wrote; says how many. */
  async take(file: File): Promise<number> {
    if (file.size > MAX_IMPORT_BYTES) throw new Error("too large");
    const read = JSON.parse(await file.text()) as { format?: unknown; marks?: unknown };
    if (read.format !== "preau-marks-1" || !Array.isArray(read.marks)) throw new Error("not ours");
    let taken = 0;
    for (const raw of read.marks.slice(0, MAX_MARKS)) {
      const mark = sound(raw, this.owner);
      if (!mark) continue;
      await this.put(mark);
      taken += 1;
    }
    return taken;
  }
}

function sorted(marks: Mark[]): Mark[] {
  return marks.sort((a, b) => (a.place.page ?? 0) - (b.place.page ?? 0) || a.made - b.made);
}

function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** A mark of a file, when every part of it is what it should be. */
function sound(raw: unknown, owner: string): Mark | null {
  const mark = raw as Partial<Mark> | null;
  const text = (value: unknown) => (typeof value === "string" ? value.slice(0, MAX_TEXT) : "");
  const number = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : undefined);
  const place = mark?.place;
  if (!place || typeof place.href !== "string" || typeof mark.id !== "string") return null;
  const boxes = Array.isArray(place.boxes)
    ? place.boxes.slice(0, 200).filter((box) => Array.isArray(box) && box.length === 4 && box.every((n) => number(n) !== undefined))
    : undefined;
  return {
    id: mark.id.slice(0, 64),
    owner,
    kind: mark.kind === "highlight" ? "highlight" : "bookmark",
    place: {
      href: place.href.slice(0, 2048),
      progression: number(place.progression),
      page: number(place.page),
      text: place.text && {
        before: text(place.text.before),
        highlight: text(place.text.highlight),
        after: text(place.text.after),
      },
      boxes,
    },
    label: text(mark.label),
    note: text(mark.note),
    made: number(mark.made) ?? 0,
  };
}
