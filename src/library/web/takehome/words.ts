// The page's words: written by the box in a data block, so that they are translated in one place.

/** A message by its name, with `{name}` replaced by values. */
export type Say = (id: string, values?: Record<string, string | number>) => string;

export function wordsOf(page: Document): Say {
  let words: Record<string, string> = {};
  try {
    words = JSON.parse(page.getElementById("takehome-words")?.textContent ?? "{}");
  } catch {
    // A page without words shows their names: it is seen at once.
  }
  return (id, values = {}) =>
    (words[id] ?? id).replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

const UNITS = { fr: ["o", "ko", "Mo", "Go"], en: ["B", "kB", "MB", "GB"] } as const;

export function languageOf(page: Document): "fr" | "en" {
  return page.documentElement.lang === "en" ? "en" : "fr";
}

/** A number of bytes as the box's pages write it: `12,3 Mo`. */
export function size(bytes: number, language: "fr" | "en"): string {
  const units = UNITS[language];
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  const text = (Math.floor(value * 10 ** digits) / 10 ** digits).toLocaleString(language, {
    minimumFractionDigits: digits,
  });
  return `${text}\u00a0${units[unit]}`;
}

export function day(moment: number, language: "fr" | "en"): string {
  const form = language === "fr" ? "fr-FR" : "en-GB";
  const month = language === "fr" ? "2-digit" : "long";
  return new Date(moment).toLocaleDateString(form, { day: "numeric", month, year: "numeric" });
}
