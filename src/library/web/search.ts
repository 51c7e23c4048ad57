// Search as one types: the list of the page is replaced by what the box finds. Without this
// script the form does the same with its button.
import { showResume } from "./shelf/resume";

const PAUSE_MS = 180;
const FEWEST_LETTERS = 2;

const form = document.querySelector<HTMLFormElement>("form[role=search]");
const field = form?.querySelector<HTMLInputElement>("input[name=q]");
const place = document.querySelector<HTMLElement>("[data-found]");

if (form && field && place) {
  const before = [...place.childNodes];
  const isSearch = location.pathname === "/recherche";
  let timer = 0;
  let asking: AbortController | undefined;

  const restore = () => place.replaceChildren(...before);

  const find = async () => {
    const query = field.value.trim();
    asking?.abort();
    if (query.length < FEWEST_LETTERS) {
      if (!isSearch) restore();
      return;
    }
    asking = new AbortController();
    try {
      const answer = await fetch(`/recherche/liste?q=${encodeURIComponent(query)}`, {
        signal: asking.signal,
        credentials: "same-origin",
      });
      if (!answer.ok) return;
      const found = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A region that says itself must be there before its words: it is kept and filled.
      const said = found.querySelector("[role=status]")?.textContent ?? "";
      place.replaceChildren(...found.body.childNodes);
      const status = place.querySelector("[role=status]");
      if (status) status.removeAttribute("role");
      announce(said);
      showResume(place);
      if (isSearch) history.replaceState(null, "", `/recherche?q=${encodeURIComponent(query)}`);
    } catch (error) {
      // Another letter was typed, or the box is out of reach: the button still asks for the page.
      if (!(error instanceof DOMException)) console.debug("search", error);
    }
  };

  const voice = document.createElement("p");
  voice.className = "unseen";
  voice.setAttribute("role", "status");
  form.append(voice);
  const announce = (text: string) => {
    voice.textContent = text;
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void find(), PAUSE_MS);
  });
}
