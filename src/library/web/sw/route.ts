// What an address is to the service worker. Pure.

/** A place of a kept package. */
export interface InPackage {
  kind: "package";
  blob: string;
  /** `manifest.json`, `cover`, or `r/` and a path as written in the address. */
  rest: string;
}

export type Route =
  | InPackage
  /** The reader's page of a package. */
  | { kind: "reader"; blob: string }
  /** What is on this device. */
  | { kind: "kept" }
  /** A file of the box's own pages. */
  | { kind: "static" }
  /** Where somebody comes in: who reads may be another from now on. */
  | { kind: "sign-in" }
  /** Signing out. */
  | { kind: "sign-out" }
  /** Any other page. */
  | { kind: "page" }
  /** Not for us. */
  | null;

const BLOB = "([0-9a-f]{64})";
// A capability may follow the name: it is the box's affair, not ours.
const PACKAGE = new RegExp(`^/p/${BLOB}(?:~[\\w-]+)?/(manifest\\.json|cover|r/.+)$`);
const READER = new RegExp(`^/lire/${BLOB}$`);

/** Where forms and the ENT send those who come in. */
const ENTRANCES = ["/connexion/retour", "/connexion/passe", "/connexion/code"];

/** What a request is: `navigates` when a page is being opened. */
export function route(method: string, path: string, navigates: boolean): Route {
  if (navigates && ENTRANCES.includes(path)) return { kind: "sign-in" };
  if (method === "POST") return navigates && path === "/deconnexion" ? { kind: "sign-out" } : null;
  if (method !== "GET") return null;
  const inPackage = PACKAGE.exec(path);
  if (inPackage?.[1] !== undefined && inPackage[2] !== undefined) {
    return { kind: "package", blob: inPackage[1], rest: inPackage[2] };
  }
  if (path.startsWith("/static/")) return { kind: "static" };
  if (!navigates) return null;
  const reader = READER.exec(path);
  if (reader?.[1] !== undefined) return { kind: "reader", blob: reader[1] };
  if (path === "/emporter") return { kind: "kept" };
  return { kind: "page" };
}
