// What every kind of manual can do, as the page around it sees it.
import type { Mark, Place } from "./marks";

export interface Entry {
  title: string;
  href: string;
  children: Entry[];
}

export interface Settings {
  theme: "auto" | "light" | "sepia" | "dark";
  font: "publisher" | "serif" | "sans" | "dyslexic";
  /** 1 is the size of the book. */
  size: number;
  /** 0 is that of the book. */
  lines: number;
  /** Pages side by side; 0 is as the window allows. */
  pages: 0 | 1 | 2;
  scroll: boolean;
  letters: boolean;
}

export const DEFAULTS: Settings = {
  theme: "auto",
  font: "publisher",
  size: 1,
  lines: 0,
  pages: 0,
  scroll: false,
  letters: true,
};

export interface Where {
  place: Place;
  /** First page shown, from 1, and how many there are; without pages, nothing. */
  page?: number;
  last?: number;
  pages?: number;
  /** From 0 to 1, in the whole manual. */
  progress: number;
}

export interface Found {
  place: Place;
  before: string;
  words: string;
  after: string;
}

/** What a viewer tells the page around it. */
export interface Events {
  moved(where: Where): void;
  selected(text: string): void;
  key(event: KeyboardEvent): void;
  interactive(address: string): void;
  external(address: string): void;
  opened(mark: string): void;
}

export interface Viewer {
  /** What it can do, beside turning pages. */
  readonly can: { turn: boolean; font: boolean; zoom: boolean; spread: boolean; search: boolean; listen: boolean; highlight: boolean };
  readonly contents: Entry[];
  readonly rightToLeft: boolean;
  where(): Where;
  next(): Promise<void>;
  previous(): Promise<void>;
  go(place: Place): Promise<void>;
  /** To a share of the whole, from 0 to 1. */
  goTo(progress: number): Promise<void>;
  apply(settings: Settings, dark: boolean): Promise<void>;
  search(words: string, signal: AbortSignal): AsyncIterable<Found>;
  /** The text shown now, in the language it is in. */
  text(): Promise<{ text: string; language: string }>;
  /** The place of what is selected. */
  selection(): Place | null;
  show(marks: Mark[]): void;
  focus(): void;
}

export const LARGEST = 4;
export const SMALLEST = 0.7;
export const MAX_FOUND = 200;

/** Letters without their accents, one for one, so that places stay the same. */
export function folded(text: string): string {
  let out = "";
  for (const unit of text) {
    const plain = unit.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
    out += plain.length === unit.length ? plain : unit.length === 1 ? (plain[0] ?? unit) : unit;
  }
  return out;
}

/** Where some words are in a text, with what stands around them. */
export function* matches(text: string, words: string): Generator<{ before: string; words: string; after: string; at: number }> {
  const around = 50;
  const [hay, needle] = [folded(text), folded(words)];
  if (!needle) return;
  for (let at = hay.indexOf(needle); at >= 0; at = hay.indexOf(needle, at + needle.length)) {
    const end = at + needle.length;
    yield { at, before: text.slice(Math.max(0, at - around), at), words: text.slice(at, end), after: text.slice(end, end + around) };
  }
}
