// Elements made in one line.

export function element(tag: string, name = "", text = ""): HTMLElement {
  const made = document.createElement(tag);
  if (name !== "") made.className = name;
  if (text !== "") made.textContent = text;
  return made;
}

/** A button that cannot be pressed again while it works. */
export function button(text: string, press: () => void | Promise<void>): HTMLButtonElement {
  const made = element("button", "", text) as HTMLButtonElement;
  made.type = "button";
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await press();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

export function link(text: string, href: string, off: boolean): HTMLElement {
  if (off) return element("span", "button off", text);
  const made = element("a", "button first", text) as HTMLAnchorElement;
  made.href = href;
  return made;
}
