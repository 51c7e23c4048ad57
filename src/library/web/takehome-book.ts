// A book's page: take this manual home.

import { Panel } from "./takehome/panel";
import { wordsOf } from "./takehome/words";

const root = document.getElementById("takehome");
if (root !== null) {
  const { blob = "", slug = "", title = "", type = "", person = "", worker = "" } = root.dataset;
  const until = root.dataset.until === undefined ? null : Number(root.dataset.until);
  const version = { blob, mediaType: type, size: Number(root.dataset.size), until };
  const said = document.getElementById("takehome-said");
  const tell = (text: string) => {
    if (said !== null) said.textContent = text;
  };
  const setting = { say: wordsOf(document), worker, tell, changed: () => undefined };
  void new Panel(root, { ...version, slug, title, person }, setting).show();
  root.parentElement?.removeAttribute("hidden");
}
