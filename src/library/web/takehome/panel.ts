// What a page shows of one manual: take it, go on, open it, replace it, remove it.

import { forget } from "./forget";
import { canBeTaken, hasEnded, percent, type Kept } from "./kept";
import { bytesOf } from "./place";
import * as records from "./records";
import { lack, room } from "./room";
import { take, type End, type Offered, type Taking } from "./taking";
import { button, element, link } from "./dom";
import { day, languageOf, size, type Say } from "./words";

/** What the panel works with. */
export interface Setting {
  say: Say;
  /** Address of the worker that transfers. */
  worker: string;
  /** Says what happened, where it is heard. */
  tell(text: string): void;
  /** After something was taken or removed. */
  changed(): void;
}

export class Panel {
  private readonly language = languageOf(document);
  private readonly state = element("div", "takehome-state");
  private taking: Taking | undefined;

  constructor(
    root: HTMLElement,
    /** What the box lends now, or what is here of it. */
    private readonly offered: Offered,
    private readonly setting: Setting,
  ) {
    root.append(this.state);
  }

  /** Shows how it stands. */
  async show(): Promise<void> {
    const { say } = this.setting;
    const lacking = lack();
    if (lacking !== null) return this.words(say(`lack-${lacking}`));
    let mine: Kept[];
    try {
      const { person, slug } = this.offered;
      mine = (await records.all()).filter((kept) => kept.person === person && kept.slug === slug);
    } catch {
      return this.words(say("lack-browser"));
    }
    const offered = this.offered;
    const same = mine.find((kept) => kept.blob === offered.blob);
    const other = mine.find((kept) => kept !== same && kept.whole);
    if (same !== undefined && !(await this.isThere(same))) return this.show();
    if (same?.whole === true) return this.here(same);
    if (other !== undefined) return this.outdated(other, offered, same);
    if (same !== undefined) return this.begun(same);
    if (!canBeTaken(offered.mediaType)) return this.words(say("not-this-format"));
    await this.free(offered);
  }

  /** A browser that is short of room may have thrown bytes away and left their record. */
  private async isThere(kept: Kept): Promise<boolean> {
    if (!kept.whole) return true;
    const bytes = await bytesOf(kept.blob);
    if (bytes !== null && bytes.size === kept.size) return true;
    await forget(kept, null);
    this.setting.tell(this.setting.say("evicted", { title: kept.title }));
    return false;
  }

  private async free(offered: Offered): Promise<void> {
    const { say } = this.setting;
    const weight = size(offered.size, this.language);
    const { free } = await room();
    const left = free === null ? "" : say("room", { size: size(free, this.language) });
    this.put(
      row(button(say("take", { size: weight }), () => this.start(offered))),
      element("p", "takehome-note", left),
    );
  }

  private begun(kept: Kept): void {
    const { say } = this.setting;
    const done = percent(kept.received, kept.size);
    this.put(
      element("p", "takehome-note", say("begun", { percent: done })),
      row(button(say("go-on"), () => this.start(this.offered)), this.remover(kept)),
    );
  }

  private here(kept: Kept): void {
    const { say } = this.setting;
    const until = kept.until === null ? "" : say("until", { date: day(kept.until, this.language) });
    const ended = hasEnded(kept, Date.now());
    const words = ended ? say("ended-here") : `${say("here")} ${until}`;
    const actions = row(link(say("open"), `/lire/${kept.blob}`, ended), this.remover(kept));
    let newer = "";
    if (kept.newer !== undefined) {
      newer = say("newer");
      const { person, title, slug } = kept;
      actions.prepend(this.replacer(kept, { person, title, slug, ...kept.newer }));
    }
    this.put(element("p", "takehome-note", `${words} ${newer}`.trim()), actions);
  }

  private outdated(kept: Kept, offered: Offered, begun: Kept | undefined): void {
    const { say } = this.setting;
    const done = begun === undefined ? "" : say("begun", { percent: percent(begun.received, begun.size) });
    this.put(
      element("p", "takehome-note", `${say("newer")} ${done}`.trim()),
      row(
        this.replacer(kept, offered),
        link(say("open-old"), `/lire/${kept.blob}`, false),
        this.remover(kept),
      ),
    );
  }

  private replacer(kept: Kept, newer: Offered): HTMLElement {
    const weight = size(newer.size, this.language);
    return button(this.setting.say("replace", { size: weight }), () => this.start(newer, kept));
  }

  private remover(kept: Kept): HTMLElement {
    const { say, changed } = this.setting;
    const remove = button(say("remove"), async () => {
      await forget(kept, null);
      this.setting.tell(say("removed", { title: kept.title }));
      await this.show();
      changed();
    });
    remove.classList.add("second");
    // Among several manuals the word alone would not say which.
    remove.setAttribute("aria-label", `${say("remove")} : ${kept.title}`);
    return remove;
  }

  private async start(offered: Offered, replaced?: Kept): Promise<void> {
    const { say, worker, changed } = this.setting;
    const bar = element("progress") as HTMLProgressElement;
    bar.max = offered.size;
    bar.setAttribute("aria-label", say("taking-label", { title: offered.title }));
    const note = element("p", "takehome-note", say("taking", { percent: 0 }));
    const show = (received: number) => {
      bar.value = received;
      note.textContent = say("taking", { percent: percent(received, offered.size) });
    };
    show(0);
    this.setting.tell("");
    this.taking = take(offered, worker, show);
    const stop = button(say("stop"), () => this.taking?.stop());
    stop.classList.add("second");
    this.put(bar, note, row(stop));
    const end = await this.taking.end;
    this.taking = undefined;
    if (end === "whole" && replaced !== undefined) await forget(replaced, null);
    navigator.serviceWorker.controller?.postMessage("changed");
    await this.show();
    this.setting.tell(this.sayEnd(end, offered));
    changed();
  }

  private sayEnd(end: End, offered: Offered): string {
    const { say } = this.setting;
    if (typeof end === "object") {
      return say("end-missing", { size: size(end.missing, this.language) });
    }
    return say(`end-${end}`, { title: offered.title });
  }

  private words(text: string): void {
    this.put(element("p", "takehome-note", text));
  }

  private put(...children: HTMLElement[]): void {
    this.state.replaceChildren(...children.filter((one) => one.childNodes.length > 0 || one.tagName === "PROGRESS"));
  }
}

function row(...children: HTMLElement[]): HTMLElement {
  const actions = element("p", "actions");
  actions.append(...children);
  return actions;
}
