// The guided tour: a strip beside what is played (demo/tour.py). A station sets one panel's state and says one idea
// about it; what the visitor does there stays, in the panel and in the address, when the tour goes on or is left.
//
// `?tour=3` opens the third station. An address that names a tab as well says all of a state itself: it is that of a
// visitor who has played since, and nothing is set.

(() => {
  "use strict";

  lineage.kinds.tour = (element, { props }) => {
    const strip = element.querySelector(".tour");
    const { words, stations } = lineage.opened(props.value).data;
    for (const [language, known] of Object.entries(words)) Object.assign(lineageWords[language], known);
    lineage.translate(element);

    const part = (name) => strip.querySelector(`[data-tour="${name}"]`);
    const way = () => document.querySelector("[data-tour-open]");
    const panelOf = ({ panel }) => document.getElementById(`panel-${panel}`);
    let at = 0;

    function show(number) {
      at = Math.min(Math.max(number, 0), stations.length - 1);
      const { name, equation, colour } = stations[at];
      for (const one of ["title", "idea", "task"]) lineage.name(part(one), [`tour.${name}.${one}`]);
      lineage.name(part("place"), ["tour.place", { number: at + 1, of: stations.length }]);
      part("equation").innerHTML = equation; // sanitised when the page is built
      part("refused").hidden = true;
      strip.style.setProperty("--era", colour);
      for (const button of strip.querySelectorAll("[data-step]")) {
        const there = at + Number(button.dataset.step);
        button.setAttribute("aria-disabled", String(!(there in stations))); // it keeps the focus, and so the arrow keys
      }
      strip.hidden = false;
      lineage.remember({ tour: at + 1 });
    }

    // The state first: a panel that is opened takes what it needs of the others.
    function play() {
      panelOf(stations[at]).lineage.set(stations[at].state);
      lineage.go(stations[at].panel);
      // Docked, the strip stays where it is, and what it speaks of may be anywhere.
      if (getComputedStyle(strip).position === "fixed") panelOf(stations[at]).scrollIntoView();
    }

    function move(step) {
      if (!(at + step in stations)) return;
      show(at + step);
      play();
    }

    function enter() {
      if (strip.hidden) {
        show(at);
        play();
      }
      strip.focus({ preventScroll: true });
    }

    function leave() {
      strip.hidden = true;
      lineage.remember({ tour: null });
      way().focus({ preventScroll: true });
    }

    function fold(button) {
      const open = strip.classList.toggle("folded");
      button.setAttribute("aria-expanded", String(!open));
    }

    strip.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button?.dataset.step) move(Number(button.dataset.step));
      else if (button?.dataset.fold !== undefined) fold(button);
      else if (button) leave();
    });
    strip.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) move(step);
      else if (event.key === "Escape") leave();
      else return;
      event.preventDefault();
      event.stopPropagation(); // some panels are played with the same keys
    });
    document.addEventListener("click", (event) => {
      if (!event.target.closest("[data-tour-open]")) return;
      event.preventDefault();
      enter();
    });

    // What the address asks for; what is no station there is said, and the nearest is opened.
    const asked = new URLSearchParams(location.search);
    if (!asked.has("tour")) return;
    const text = asked.get("tour");
    const wish = text.trim() === "" ? NaN : Number(text);
    document.addEventListener(
      "lineage:ready",
      () => {
        show(Math.round(wish || 1) - 1);
        if (!asked.has("tab")) play();
        if (wish === at + 1) return;
        const refusal = { name: "tour", value: text.slice(0, 40), lowest: 1, highest: stations.length };
        lineage.name(part("refused"), ["page.refused.whole", refusal]);
        part("refused").hidden = false;
      },
      { once: true },
    );
  };
})();
