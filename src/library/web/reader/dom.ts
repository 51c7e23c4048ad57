// Elements in a line, and the drawings on buttons.

type Child = Node | string | null | undefined | false;
type Given = Record<string, string | number | boolean | ((event: Event) => void) | undefined>;

/** Makes an element; `onclick` and the like are listeners, the rest are attributes. */
export function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  given: Given = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined) made.setAttribute(key, String(value));
  }
  made.append(...children.filter((child): child is Node | string => !!child));
  return made;
}

const DRAWINGS = {
  back: "M15 5l-7 7 7 7",
  contents: "M4 6h.01M4 12h.01M4 18h.01M9 6h11M9 12h11M9 18h11",
  search: "M11 4a7 7 0 100 14 7 7 0 000-14zM20 20l-4-4",
  bookmark: "M7 4h10v16l-5-4-5 4z",
  notes: "M5 4h14v11l-5 5H5zM14 20v-5h5M8 9h8M8 13h4",
  listen: "M4 10v4h4l5 4V6l-5 4zM16 9a4 4 0 010 6M18.5 6.5a8 8 0 010 11",
  stop: "M7 7h10v10H7z",
  display: "M4 18L9 6l5 12M6 14h6M15 18l2.5-6 2.5 6M16 16h3",
  help: "M9 9a3 3 0 116 0c0 2-3 2.5-3 4.5M12 18h.01",
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  close: "M6 6l12 12M18 6L6 18",
  smaller: "M5 12h14",
  larger: "M5 12h14M12 5v14",
  interactive: "M8 5l11 7-11 7z",
} as const;
export type Drawing = keyof typeof DRAWINGS;

export function drawing(name: Drawing): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", DRAWINGS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows a drawing and says a word. */
export function tool(name: Drawing, label: string, onclick: (event: Event) => void, id?: string): HTMLButtonElement {
  return el("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick, id }, drawing(name));
}

/** Gives a file to the person, made here. */
export function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
