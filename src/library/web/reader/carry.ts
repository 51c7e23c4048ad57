// A service worker does not answer for the frames of pages (documents of their own, made of text):
// on a device that keeps manuals, the page around carries pictures, styles and fonts to them.
import { parsed } from "./clean";

/** Addresses kept at once; the one carried longest ago goes first. */
const MOST_CARRIED = 400;
const URLS = /url\(\s*(["']?)([^"')]+)\1\s*\)/g;
const carried = new Map<string, Promise<string>>();

/** Does a service worker answer for this page? */
export function mustCarry(): boolean {
  return Boolean(navigator.serviceWorker?.controller);
}

/** A page with what it shows beside it; what cannot be had keeps its address. */
export async function carry(text: string, type: string, address: string): Promise<string> {
  const doc = parsed(text, type);
  const jobs: Promise<void>[] = [];
  const move = (element: Element, name: string) => {
    const value = element.getAttribute(name);
    if (value) jobs.push(here(value, address).then((url) => element.setAttribute(name, url)));
  };
  for (const element of doc.querySelectorAll("img[src], source[src], audio[src], video[src]")) move(element, "src");
  for (const element of doc.querySelectorAll("link[rel~='stylesheet'][href], image[href]")) move(element, "href");
  for (const element of doc.querySelectorAll("image")) move(element, "xlink:href");
  for (const element of doc.querySelectorAll("style")) {
    jobs.push(styled(element.textContent ?? "", address).then((css) => void (element.textContent = css)));
  }
  await Promise.all(jobs);
  return /xml/.test(type) ? new XMLSerializer().serializeToString(doc) : `<!DOCTYPE html>${doc.documentElement.outerHTML}`;
}

function here(value: string, base: string): Promise<string> {
  const url = new URL(value, base);
  if (url.origin !== location.origin) return Promise.resolve(value);
  url.hash = "";
  const known = carried.get(url.href);
  if (known) return known;
  const coming = brought(url.href).catch(() => url.href);
  carried.set(url.href, coming);
  const [oldest] = carried.keys();
  if (oldest && carried.size > MOST_CARRIED) {
    void carried.get(oldest)?.then((old) => URL.revokeObjectURL(old));
    carried.delete(oldest);
  }
  return coming;
}

async function brought(address: string): Promise<string> {
  const answer = await fetch(address);
  if (!answer.ok) return address;
  const type = answer.headers.get("content-type") ?? "";
  if (!/css/.test(type)) return URL.createObjectURL(await answer.blob());
  const css = await styled(await answer.text(), address);
  return URL.createObjectURL(new Blob([css], { type: "text/css" }));
}

async function styled(css: string, base: string): Promise<string> {
  const found = [...css.matchAll(URLS)].map((match) => match[2] ?? "").filter((value) => !value.startsWith("data:"));
  const urls = new Map(await Promise.all(found.map(async (value) => [value, await here(value, base)] as const)));
  return css.replace(URLS, (whole, _quote, value: string) => (urls.has(value) ? `url("${urls.get(value)}")` : whole));
}
