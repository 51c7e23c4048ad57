// "Resume page 12": the place is the one that the reader keeps on this device, and nowhere else.

interface Position {
  locator?: string;
  page?: number | string | null;
}

function position(blob: string): Position | undefined {
  try {
    const kept = localStorage.getItem(`preau.position.${blob}`);
    return kept ? (JSON.parse(kept) as Position) : undefined;
  } catch {
    // No storage (private mode), or something else's words: there is nothing to resume.
    return undefined;
  }
}

export function showResume(root: ParentNode): void {
  const words = document.querySelector<HTMLElement>("[data-resume]")?.dataset;
  if (!words) return;
  for (const card of root.querySelectorAll<HTMLElement>("[data-blob]:not(#takehome)")) {
    const blob = card.dataset.blob ?? "";
    const kept = /^[0-9a-f]{64}$/.test(blob) ? position(blob) : undefined;
    if (!kept || card.querySelector("[data-resumed]")) continue;
    const page = kept.page === undefined || kept.page === null ? "" : String(kept.page).slice(0, 12);
    const link = document.createElement("a");
    link.href = `/lire/${blob}`;
    link.className = card.classList.contains("card") ? "resume" : "button";
    link.dataset.resumed = "";
    link.textContent = page ? (words.resume ?? "").replace("#", page) : (words.resumePlain ?? "");
    (card.querySelector(".about") ?? card).append(link);
  }
}
