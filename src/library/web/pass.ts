// This device's pass is bound to a key that never leaves the browser: made after a sign-in, and
// asked to sign a challenge each time the pass is used. A browser that cannot keeps a plain pass.

const DATABASE = "preau-device";
const STORE = "keys";
const KEY = "pass";
const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const SIGNING = { name: "ECDSA", hash: "SHA-256" };
const CHECKED = "preau.pass.checked";

function database(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error ?? new Error("indexedDB"));
    opening.onblocked = () => reject(new Error("indexedDB"));
  });
}

function request<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error ?? new Error("indexedDB"));
  });
}

async function load(): Promise<CryptoKeyPair | undefined> {
  const db = await database();
  try {
    const kept: unknown = await request(db.transaction(STORE).objectStore(STORE).get(KEY));
    return kept as CryptoKeyPair | undefined;
  } finally {
    db.close();
  }
}

async function keep(pair: CryptoKeyPair): Promise<void> {
  const db = await database();
  try {
    await request(db.transaction(STORE, "readwrite").objectStore(STORE).put(pair, KEY));
  } finally {
    db.close();
  }
}

function base64url(bytes: ArrayBuffer): string {
  let text = "";
  for (const byte of new Uint8Array(bytes)) text += String.fromCharCode(byte);
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

async function sign(pair: CryptoKeyPair, challenge: string): Promise<string> {
  const bytes = new TextEncoder().encode(challenge);
  return base64url(await crypto.subtle.sign(SIGNING, pair.privateKey, bytes));
}

/** After a sign-in: makes the key and binds the pass to it, once a visit. */
async function bind(): Promise<void> {
  if (sessionStorage.getItem(CHECKED)) return;
  const state = await (await fetch("/connexion/appareil", { credentials: "same-origin" })).json();
  if (!state.bind) {
    sessionStorage.setItem(CHECKED, "1");
    return;
  }
  // The key that is there, if any: the page left just now may still be telling it.
  const known = await load();
  const pair = known ?? (await crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]));
  // Kept before it is told: a pass bound to a key that was lost would open nothing.
  if (!known) await keep(pair);
  const answer = await fetch("/connexion/appareil", {
    method: "POST",
    credentials: "same-origin",
    keepalive: true,
    headers: { "content-type": "application/json", "x-csrf": state.csrf },
    body: JSON.stringify({
      key: base64url(await crypto.subtle.exportKey("raw", pair.publicKey)),
      challenge: state.challenge,
      signature: await sign(pair, state.challenge),
    }),
  });
  if (answer.ok) sessionStorage.setItem(CHECKED, "1");
}

/** On the sign-in page: the button signs the page's challenge and sends it. */
async function prove(form: HTMLFormElement): Promise<void> {
  const button = form.querySelector<HTMLButtonElement>("button");
  const signature = form.querySelector<HTMLInputElement>("input[name=signature]");
  const gone = form.querySelector<HTMLElement>("[data-no-key]");
  const pair = await load().catch(() => undefined);
  if (!pair || !button || !signature) {
    if (gone) gone.hidden = false;
    return;
  }
  button.disabled = false;
  form.addEventListener("submit", (event) => {
    if (signature.value) return;
    event.preventDefault();
    button.disabled = true;
    sign(pair, form.dataset.challenge ?? "").then(
      (signed) => {
        signature.value = signed;
        form.submit();
      },
      () => {
        if (gone) gone.hidden = false;
      },
    );
  });
}

const form = document.querySelector<HTMLFormElement>("form[data-challenge]");
if (form) {
  sessionStorage.removeItem(CHECKED);
  void prove(form);
} else if (typeof indexedDB !== "undefined" && crypto.subtle) {
  // A browser that refuses (private mode, no storage) keeps its plain pass.
  bind().catch((error: unknown) => console.debug("pass", error));
}
