// Takes out of a page of an EPUB what could run, lead away or frame something. The page's policy
// forbids it all the same: these are two locks on one door.

const GONE = "script, base, iframe, frame, frameset, embed, applet, portal, meta[http-equiv], link:not([rel~='stylesheet'])";
const ADDRESSES = ["href", "xlink:href", "src", "action", "formaction", "data", "poster", "background", "ping", "from", "to", "values", "by"];
const ACTIVE = /^[\s\u0000-\u0020]*(javascript|vbscript|data:text\/html|data:image\/svg|data:application\/x(ht)?ml)/i;

/** Parses a page as its type asks, or as the forgiving HTML when it is not well formed. */
export function parsed(text: string, type: string): Document {
  const strict = /xml/.test(type) ? "application/xhtml+xml" : "text/html";
  const doc = new DOMParser().parseFromString(text, strict);
  return doc.querySelector("parsererror") ? new DOMParser().parseFromString(text, "text/html") : doc;
}

/** The page without its scripts, and whether it had any. */
export function clean(text: string, type: string): { text: string; scripted: boolean } {
  const doc = parsed(text, type);
  const scripted = doc.querySelector("script") !== null || /\son\w+\s*=/i.test(text);
  for (const picture of doc.querySelectorAll("object[data]")) asPicture(doc, picture);
  for (const object of doc.querySelectorAll("object")) object.replaceWith(...object.childNodes);
  for (const element of doc.querySelectorAll(GONE)) element.remove();
  for (const element of doc.querySelectorAll("noscript")) element.replaceWith(...element.childNodes);
  for (const element of doc.querySelectorAll("*")) {
    const animates = ["set", "animate", "animateTransform"].includes(element.localName);
    if (animates && /href|^on/i.test(element.getAttribute("attributeName") ?? "")) {
      element.remove();
      continue;
    }
    for (const { name, value } of [...element.attributes]) {
      const plain = name.toLowerCase();
      const bad = plain.startsWith("on") || plain === "srcdoc" || plain === "target" || (ADDRESSES.includes(plain) && ACTIVE.test(value));
      if (bad) element.removeAttribute(name);
    }
    if (element.localName === "form") element.removeAttribute("action");
  }
  // A picture that shows itself needs a head to be given its style.
  if (!doc.head && doc.documentElement) doc.documentElement.prepend(doc.createElement("head"));
  if (doc.head && !doc.head.firstChild) doc.head.append(doc.createElement("title"));
  const written = /xml/.test(type) ? new XMLSerializer().serializeToString(doc) : `<!DOCTYPE html>${doc.documentElement.outerHTML}`;
  return { text: written, scripted };
}

/** An object that is a picture, as a picture. */
function asPicture(doc: Document, object: Element): void {
  const type = object.getAttribute("type") ?? "";
  const address = object.getAttribute("data") ?? "";
  if (!type.startsWith("image/") || ACTIVE.test(address)) return;
  const picture = doc.createElementNS("http://www.w3.org/1999/xhtml", "img");
  picture.setAttribute("src", address);
  picture.setAttribute("alt", (object.getAttribute("aria-label") ?? object.textContent ?? "").trim());
  for (const name of ["class", "id", "style", "width", "height"]) {
    const value = object.getAttribute(name);
    if (value !== null) picture.setAttribute(name, value);
  }
  object.replaceWith(picture);
}
