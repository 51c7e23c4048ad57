// What the box tells the page: which manual, where its bytes are, and the words to say.

export interface Told {
  kind: "fixed" | "reflowable" | "pdf" | "web" | "scorm";
  blob: string;
  title: string;
  language: string;
  book: string;
  plain: string;
  base: string;
  frames: string;
  first: string;
  page: number;
  place: string | null;
  person: string;
  /** Of a session that may make class moments; else nothing. */
  csrf: string | null;
  files: Record<string, string>;
  words: Record<string, string>;
}

export const told: Told = JSON.parse(document.getElementById("told")?.textContent ?? "{}");

/** A message of the interface, its `{names}` filled in. */
export function say(id: string, values: Record<string, string | number> = {}): string {
  const text = told.words[id] ?? id;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export interface RawLink {
  href: string;
  type?: string;
  title?: string;
  size?: number;
  children?: RawLink[];
}
export interface RawManifest {
  metadata: { language?: string | string[] };
  readingOrder: RawLink[];
  toc?: RawLink[];
}

/** The manual's manifest, its addresses below the package's own: they outlive this page's. */
export async function manifest(): Promise<RawManifest> {
  const answer = await fetch(`${told.base}manifest.json`);
  if (!answer.ok) throw new Error(`manifest: ${answer.status}`);
  const raw = (await answer.json()) as RawManifest & { resources?: RawLink[] };
  const below = (links: RawLink[] | undefined): void => {
    for (const link of links ?? []) {
      link.href = inside(link.href);
      below(link.children);
    }
  };
  for (const links of [raw.readingOrder, raw.resources, raw.toc]) below(links);
  return raw;
}

/** An address below the package's. */
export function inside(address: string): string {
  return address.startsWith(told.base) ? address.slice(told.base.length) : address;
}
