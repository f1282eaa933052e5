// Take it away: the zip of what a panel shows (demo/takeaway.py), which the server makes of the state as it is now.

(() => {
  "use strict";

  async function ask(panel) {
    const asked = { panel: panel.dataset.tab, state: panel.lineage.get(), language: document.documentElement.lang };
    const headers = { "content-type": "application/json" };
    const answer = await fetch("./take.zip", { method: "POST", headers, body: JSON.stringify(asked) });
    if (!answer.ok) throw (await answer.json()).problem;
    return answer;
  }

  function hand(name, file) {
    const href = URL.createObjectURL(file);
    Object.assign(document.createElement("a"), { download: name, href }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000); // by when it has been begun
  }

  async function take(button) {
    const panel = button.closest("[role=tabpanel]");
    panel.lineage.refuse([]);
    lineage.name(button, ["take.making"]);
    try {
      const answer = await ask(panel);
      lineage.name(button, ["take.coming", { size: Number(answer.headers.get("content-length")) / 1e6 }]);
      hand(`latent-lineage-${panel.dataset.tab}.zip`, await answer.blob());
    } catch (words) {
      panel.lineage.refuse([Array.isArray(words) ? words : ["take.failed"]]);
    }
    lineage.name(button, ["take.away"]);
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-take]");
    if (button) lineage.during(take(button));
  });
})();
