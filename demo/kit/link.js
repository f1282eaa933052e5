// Links that hold a panel's whole state, for another day and another browser. Everything that the address shows is
// written out, what is usual too: another day it may not be. What is a visitor's own, a drawing, stands after "#",
// which no server is told.

(() => {
  "use strict";

  const MARK = "#state=";
  const LONGEST = 32_000; // characters: what is longer gets cut by those who pass links on

  const through = async (bytes, stream) =>
    new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());

  // base64url (RFC 4648, section 5) of raw deflate (RFC 1951).
  async function packed(own) {
    const bytes = await through(JSON.stringify(own), new CompressionStream("deflate-raw"));
    const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  async function unpacked(text) {
    const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(await through(bytes, new DecompressionStream("deflate-raw"))));
  }

  /** An address with a panel's state: `shown` in its query, `own` after it where there is anything. */
  async function write(shown, own) {
    const link = new URL(`?${new URLSearchParams(shown)}`, location.href);
    link.hash = Object.keys(own).length ? MARK + (await packed(own)) : "";
    if (link.href.length > LONGEST) throw ["link.long"];
    return link.href;
  }

  const holds = (hash) => hash.startsWith(MARK);

  /** What stands after "#" in such an address; rejects with words where it was cut off. */
  const read = (hash) =>
    unpacked(hash.slice(MARK.length)).catch(() => {
      throw ["link.cut"];
    });

  lineage.links = { write, read, holds };

  // ---------------------------------------------------------------- the control

  const SAID = 2000; // milliseconds for which "copied" is said

  async function copy(button) {
    const panel = button.closest("[role=tabpanel]");
    const link = panel.lineage.link();
    button.parentElement.querySelector("input")?.remove();
    try {
      // Before the address is there: a browser lets a page write while the click is fresh.
      const text = link.then((address) => new Blob([address], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
      lineage.name(button, ["link.copied"]);
      setTimeout(() => lineage.name(button, ["link.copy"]), SAID);
    } catch {
      await link.then(
        (address) => offer(button, address),
        (words) => panel.lineage.refuse([Array.isArray(words) ? words : ["link.old"]]),
      );
    }
  }

  // Where the clipboard is refused there is the address itself, ready to be copied.
  function offer(button, address) {
    const field = Object.assign(document.createElement("input"), { value: address, readOnly: true });
    lineage.name(field, ["link.field"], "aria-label");
    button.after(field);
    field.select();
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-link]");
    if (button) lineage.during(copy(button));
  });
})();
