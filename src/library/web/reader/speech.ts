// Reads aloud with the voices that the browser has.

/** Browsers stop in the middle of longer pieces. */
const MAX_PIECE_LETTERS = 220;
/** Time that a browser gets to find its voices. */
const VOICES_MS = 1500;

export class Speaker {
  private turn = 0;

  get speaking(): boolean {
    return this.turn > 0 && this.active;
  }
  private active = false;

  /** Voices of a language; none when the browser cannot read it aloud. */
  async voice(language: string): Promise<SpeechSynthesisVoice | null> {
    if (!("speechSynthesis" in window)) return null;
    const has = () => speechSynthesis.getVoices();
    if (has().length === 0) {
      await new Promise<void>((done) => {
        speechSynthesis.addEventListener("voiceschanged", () => done(), { once: true });
        setTimeout(done, VOICES_MS);
      });
    }
    const short = language.slice(0, 2).toLowerCase();
    const fit = has().filter((voice) => voice.lang.toLowerCase().startsWith(short));
    // A voice on the device still reads when the Internet is cut.
    return fit.find((voice) => voice.localService) ?? fit[0] ?? null;
  }

  /** Says a text to its end; false when it was stopped. */
  async say(text: string, voice: SpeechSynthesisVoice): Promise<boolean> {
    const turn = ++this.turn;
    this.active = true;
    for (const piece of pieces(text)) {
      if (turn !== this.turn) return false;
      await new Promise<void>((done) => {
        const spoken = new SpeechSynthesisUtterance(piece);
        spoken.voice = voice;
        spoken.lang = voice.lang;
        spoken.onend = spoken.onerror = () => done();
        speechSynthesis.speak(spoken);
      });
    }
    if (turn !== this.turn) return false;
    this.active = false;
    return true;
  }

  stop(): void {
    this.turn += 1;
    this.active = false;
    if ("speechSynthesis" in window) speechSynthesis.cancel();
  }
}

/** Sentences, and parts of long ones. */
export function pieces(text: string): string[] {
  const out: string[] = [];
  for (const sentence of text.match(/[^.!?…]+[.!?…]*\s*/g) ?? []) {
    let rest = sentence.trim();
    while (rest.length > MAX_PIECE_LETTERS) {
      const cut = Math.max(rest.lastIndexOf(",", MAX_PIECE_LETTERS), rest.lastIndexOf(" ", MAX_PIECE_LETTERS));
      const end = cut > 0 ? cut + 1 : MAX_PIECE_LETTERS;
      out.push(rest.slice(0, end));
      rest = rest.slice(end).trim();
    }
    if (rest) out.push(rest);
  }
  return out;
}
