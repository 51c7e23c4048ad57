// The list of what is on this device: opened, replaced, removed here, with the box or without.

import { ask, sweep } from "./takehome/ask";
import { button, element } from "./takehome/dom";
import { forget } from "./takehome/forget";
import type { Kept } from "./takehome/kept";
import { Panel } from "./takehome/panel";
import * as records from "./takehome/records";
import { lack, room } from "./takehome/room";
import { languageOf, size, wordsOf } from "./takehome/words";

const say = wordsOf(document);
const language = languageOf(document);
const root = document.getElementById("kept");

/** Said outside the list, which is made anew when it changes. */
function tell(text: string): void {
  const said = document.getElementById("kept-said");
  if (said !== null) said.textContent = text;
}

async function start(list: HTMLElement): Promise<void> {
  const lacking = lack();
  if (lacking !== null) return list.replaceChildren(element("p", "notice", say(`lack-${lacking}`)));
  try {
    // This page opens without the box from now on.
    await navigator.serviceWorker.register("/sw.js").catch(() => undefined);
    await records.setLanguage(language);
    await sweep();
    await show(list);
    if (await ask()) await show(list);
  } catch {
    list.replaceChildren(element("p", "notice", say("lack-browser")));
  }
}

async function show(list: HTMLElement): Promise<void> {
  const person = await records.person();
  const all = await records.all();
  const mine = all.filter((kept) => kept.person === person);
  mine.sort((one, other) => one.title.localeCompare(other.title, language));
  const parts: HTMLElement[] = [];
  if (person !== null) {
    for (const { title, why } of await records.notices(person)) {
      parts.push(element("p", "notice", say(`notice-${why}`, { title })));
    }
    await records.forgetNotices(person);
  }
  if (mine.length === 0) parts.push(element("p", "", say(person === null ? "nobody" : "nothing")));
  const cards = element("ul", "cards kept");
  for (const kept of mine) cards.append(card(kept, list));
  if (mine.length > 0) parts.push(cards);
  const others = new Set(all.filter((kept) => kept.person !== person).map((kept) => kept.blob));
  if (others.size > 0) parts.push(element("p", "takehome-note", say("others", { count: others.size })));
  parts.push(await roomLeft(mine));
  if (mine.length > 1) parts.push(removeAll(mine, list));
  list.replaceChildren(...parts);
}

function card(kept: Kept, list: HTMLElement): HTMLElement {
  const item = element("li", "card");
  const cover = element("div", "cover");
  const picture = element("img") as HTMLImageElement;
  picture.alt = "";
  picture.src = `/p/${kept.blob}/cover`;
  cover.append(picture);
  const about = element("div", "about");
  about.append(element("h2", "", kept.title), element("p", "publisher", size(kept.size, language)));
  const worker = root?.dataset.worker ?? "";
  void new Panel(about, kept, { say, worker, tell, changed: () => void show(list) }).show();
  item.append(cover, about);
  return item;
}

async function roomLeft(mine: Kept[]): Promise<HTMLElement> {
  const used = mine.reduce((sum, kept) => sum + kept.received, 0);
  const { free, lasting } = await room();
  const words = [say("used", { size: size(used, language) })];
  if (free !== null) words.push(say("room", { size: size(free, language) }));
  if (mine.length > 0 && !lasting) words.push(say("not-lasting"));
  return element("p", "takehome-note", words.join(" "));
}

function removeAll(mine: Kept[], list: HTMLElement): HTMLElement {
  const all = button(say("remove-all"), async () => {
    if (!confirm(say("remove-all-sure", { count: mine.length }))) return;
    for (const kept of mine) await forget(kept, null);
    await show(list);
  });
  all.classList.add("second");
  return all;
}

if (root !== null) void start(root);
