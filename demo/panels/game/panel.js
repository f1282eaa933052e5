// The game: three keys play it, and another seed, maker or judge deals anew. What the pictures are the server says, a
// game at a time (panel.py); in this browser the judge looks at them, and what comes of that is written on the game's
// blank pages.

(() => {
  "use strict";

  const ROUNDS = 10;
  const [MADE, REAL] = ["m", "r"];

  // ---------------------------------------------------------------- the book of a game

  /** The pixels of a picture, its ink or its colours, as [channel, height, width] of numbers to 1. */
  async function pixelsOf(uri, grey) {
    const sheet = await lineage.decode(uri);
    const { width, height } = sheet;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(sheet, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const plane = width * height;
    const channels = grey ? [3] : [0, 1, 2];
    return Float32Array.from({ length: channels.length * plane }, (_, n) => {
      return data[4 * (n % plane) + channels[Math.floor(n / plane)]] / 255;
    });
  }

  const keyOf = (model, judge, seed) => JSON.stringify([model, judge, seed]);
  const isOf = (book, { model, judge, seed }) => book?.of === keyOf(model, judge, seed);

  async function opened(markup) {
    const book = document.createElement("template");
    book.innerHTML = markup;
    const game = book.content.firstElementChild;
    const { card, of, pictures, scale } = game.dataset;
    const { width, height, classList } = game.querySelector(".picture");
    const grey = classList.contains("ink");
    const uris = JSON.parse(pictures);
    const shapes = { grey, width, height, patches: patchesOf(width, height) };
    for (const name of ["of", "pictures", "scale"]) delete game.dataset[name];
    const pixels = await Promise.all(uris.map((uri) => pixelsOf(uri, grey)));
    return { game, of: keyOf(...JSON.parse(of)), judge: card, scale: JSON.parse(scale), uris, pixels, ...shapes };
  }

  lineage.kinds.book = (element, gradio) => {
    const root = element.closest("[id^='panel-']");
    let last = null;
    lineage.receive(element, gradio, ({ markup }) => {
      last = markup;
      // A browser that protects against fingerprints would tell other pixels.
      if (!markup || !lineage.legible()) return void lineage.gotAnswer(root);
      return opened(markup).then((book) => {
        if (last !== markup) return; // a later one was read sooner
        root.book = book;
        if (isOf(book, root.lineage.get())) lineage.gotAnswer(root);
      });
    });
  };

  // ---------------------------------------------------------------- what the judge looks at

  const [PLACES, WIDE] = [14, 3]; // of the patches that are erased, as demo/engine/occlusion.py lays them
  const SMALLEST = 2 ** -24;

  /** The pixels under each patch. */
  function patchesOf(width, height) {
    const spans = (size) => {
      const step = size / PLACES;
      const under = (place, pixel) => Math.abs(pixel + 0.5 - (place + 0.5) * step) < (WIDE * step) / 2;
      return Array.from({ length: PLACES }, (_, place) => [...Array(size).keys()].filter((k) => under(place, k)));
    };
    const [down, across] = [spans(height), spans(width)];
    return down.flatMap((rows) => across.map((columns) => rows.flatMap((y) => columns.map((x) => y * width + x))));
  }

  function erased(picture, patch, { grey, width, height }) {
    const left = picture.slice();
    for (let channel = 0; channel < picture.length; channel += width * height) {
      for (const pixel of patch) left[channel + pixel] = grey ? 0 : 0.5;
    }
    return left;
  }

  const truths = new WeakMap(); // by state: of each round

  lineage.dishes.game = (state, { cards, step, uniforms, STREAM }) => {
    const { answers, turn, seed } = state;
    const { book } = document.getElementById("panel-game");
    const good = /^[mr]{0,10}$/.test(answers) && Number.isInteger(turn) && turn >= 0 && turn <= answers.length;
    if (!good || !isOf(book, state)) return null; // another game is to be dealt
    const role = ["criticise", "discriminate"].find((name) => name in cards[book.judge].graphs);
    const coins = uniforms(seed, 1, ROUNDS, { stream: STREAM.CHOICE, step: 1 });
    truths.set(state, Array.from(coins, (coin) => (coin < 0.5 ? MADE : REAL)));
    const looks = [["whole", book.pixels]];
    if (turn < answers.length) {
      const damaged = book.patches.map((patch) => erased(book.pixels[turn], patch, book));
      looks.push(["upper", damaged.slice(0, damaged.length / 2)], ["lower", damaged.slice(damaged.length / 2)]);
    }
    const judged = ([name, numbers]) =>
      step(name, book.judge, role, (input) => ({ image: { numbers }, label: { fill: -1 } })[input]);
    return { looks: { recipe: 1, steps: looks.map(judged), numbers: looks.map(([name]) => `${name}.score`) } };
  };
  lineage.dishes.game.whole = true;

  /** How much the judge's mind is moved by each pixel: the mean over the patches that cover it. */
  function changeOf(book, critic, score, damaged) {
    const odds = (p) => Math.log(p) - Math.log1p(-p);
    const evidence = (s) => (critic ? s : odds(Math.min(Math.max(s, SMALLEST), 1 - SMALLEST)));
    const [total, count] = [0, 0].map(() => new Float64Array(book.width * book.height));
    book.patches.forEach((patch, k) => {
      const moved = evidence(score) - evidence(damaged[k]);
      for (const pixel of patch) {
        total[pixel] += moved;
        count[pixel] += 1;
      }
    });
    return total.map((sum, pixel) => sum / count[pixel]);
  }

  const TONES = { [MADE]: [217, 115, 13], [REAL]: [31, 111, 214] }; // of the map, as panel.py has them
  const STRONGEST = 0.85;

  /** A map as the address of a picture. */
  function heat(change, { width, height }) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const image = new ImageData(width, height);
    const most = change.reduce((most, one) => Math.max(most, Math.abs(one)), 1e-12);
    change.forEach((one, pixel) => {
      const opacity = Math.round(255 * STRONGEST * Math.abs(one / most));
      image.data.set([...TONES[one > 0 ? REAL : MADE], opacity], 4 * pixel);
    });
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas.toDataURL();
  }

  // ---------------------------------------------------------------- what is written on the pages

  const set = (button, changes) => (button.dataset.set = JSON.stringify(changes));

  /** The stage of a state, where the judge has looked at all pictures, and at damaged ones of what is revealed. */
  function stageOf(book, state, critic, scores, damaged) {
    const { answers, turn } = state;
    const truth = truths.get(state);
    const [middle, width] = book.scale;
    const { uris } = book;
    const stage = book.game.cloneNode(true);
    const find = (selector, within = stage) => within.querySelector(selector);
    const says = scores.map((score) => (score > middle ? REAL : MADE));
    const right = [...answers].map((letter, round) => letter === truth[round]);
    const its = says.map((letter, round) => letter === truth[round]);
    const [mine, theirs] = [right, its.slice(0, right.length)].map((all) => all.filter(Boolean).length);
    const verdict = (round) => [`game.${critic ? "critic" : "judge"}.${says[round]}`, { score: scores[round] }];
    const word = (whether) => [whether ? "game.right" : "game.wrong"];

    function track(within, round) {
      const place = Math.min(1, Math.max(0, 0.5 + (scores[round] - middle) / width));
      find(".track", within).style.setProperty("--place", place.toFixed(4));
    }

    function roundOf(page, round) {
      const told = { truth: [`game.${truth[round]}`], you: word(right[round]), it: word(its[round]) };
      find("img", page).src = uris[round];
      lineage.name(find("img", page), ["game.summary", { number: round + 1, ...told }], "alt");
      const marks = page.querySelectorAll(".marks i");
      [right, its].forEach((all, side) => (marks[side].textContent = all[round] ? "✓" : "✗"));
      set(find("button", page), { turn: round });
      page.classList.remove(MADE, REAL);
      page.classList.add(truth[round]);
      return page;
    }

    function slot(round, [open, answered]) {
      const known = round < answers.length;
      const page = (known ? answered : open).cloneNode(true);
      page.classList.toggle("now", round === turn);
      if (!known) find(".number", page).textContent = round + 1;
      return known ? roundOf(page, round) : page;
    }

    function exhibit(number, [blank]) {
      const page = roundOf(blank.cloneNode(true), number);
      const named = find(".truth", page);
      named.className = `truth ${truth[number]}`;
      lineage.name(named, [`game.${truth[number]}`]);
      track(page, number);
      return page;
    }

    function question(page) {
      find("img", page).src = uris[turn];
      lineage.name(find("img", page), ["game.picture", { number: turn + 1 }], "alt");
      for (const letter of [MADE, REAL]) set(find(`.answer.${letter}`, page), { answers: answers + letter, turn });
      return page;
    }

    function reveal(page) {
      const [plate, said, moved, judged] = page.children;
      const [was, you] = find(".call", said).children;
      const [verdicts, it] = find(".call", judged).children;
      find("img", plate).src = uris[turn];
      const told = { number: turn + 1, truth: [`game.${truth[turn]}`] };
      lineage.name(find("img", plate), ["game.picture.truth", told], "alt");
      was.className = truth[turn];
      lineage.name(was, [`game.was.${truth[turn]}`]);
      lineage.name(you, [right[turn] ? "game.you.right" : "game.you.wrong"]);
      const onward = find(".onward", said);
      lineage.name(onward, [turn + 1 < ROUNDS ? "game.next" : "game.end"]);
      set(onward, { turn: turn + 1 });
      find(".heat", moved).src = heat(changeOf(book, critic, scores[turn], damaged), book);
      find(".heat + img", moved).src = uris[turn];
      lineage.name(verdicts, verdict(turn));
      lineage.name(it, [its[turn] ? "game.it.right" : "game.it.wrong"]);
      track(judged, turn);
      lineage.name(find(".track", judged), verdict(turn), "aria-label");
      return page;
    }

    const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
    const fill = (list, page) => {
      const blank = [...list.children];
      list.replaceChildren(...rounds.map((round) => page(round, blank)));
    };
    const line = find(".score-line");
    lineage.name(line, ["game.standing", { you: mine, it: theirs, of: right.length }], "aria-label");
    [mine, theirs].forEach((score, side) => (line.querySelectorAll("b")[side].textContent = score));
    const title = find("h3");
    if (turn === ROUNDS) {
      lineage.name(title, [`game.${mine > theirs ? "won" : mine < theirs ? "lost" : "drawn"}`]);
      title.setAttribute("role", "status");
      stage.classList.add("over");
      for (const part of stage.querySelectorAll(".duels, .slots")) part.remove();
      fill(find(".exhibits"), exhibit);
      return stage;
    }
    lineage.name(title, ["game.round", { number: turn + 1, of: ROUNDS }]);
    for (const part of stage.querySelectorAll(".exhibits, .exhibits ~ .onward")) part.remove();
    const [asked, answered] = find(".duels").children;
    find(".duels").replaceWith(turn < answers.length ? reveal(answered) : question(asked));
    fill(find(".slots"), slot);
    return stage;
  }

  function lay(root, { detail: { state, recipe, numbers } }) {
    const { book } = root;
    if (!isOf(book, state)) return; // another one has come
    const [fault, content] = root.querySelector(".view.stage").children;
    const [scores, ...damaged] = ["whole", "upper", "lower"].map((name) => [...(numbers[`${name}.score`]?.data ?? [])]);
    lineage.show(fault, "");
    content.classList.remove("stale");
    const critic = recipe.steps[0].role === "criticise";
    lineage.show(content, stageOf(book, state, critic, scores, damaged.flat()).outerHTML);
    lineage.shown(content);
  }

  // ---------------------------------------------------------------- at the table

  lineage.game = (tool, panel, root) => {
    let played = false; // a button of the game has been pressed, by mouse, finger or key

    const anew = (changes) => panel.set({ ...changes, answers: "", turn: 0 });

    // Without a server there are a few games, and one after the other is played.
    function another(below) {
      const dealt = lineage.stages?.pinned(root, "seed");
      if (!dealt) return Math.floor(Math.random() * below);
      return dealt[(dealt.indexOf(panel.get().seed) + 1) % dealt.length];
    }

    // Before the desk takes a change over with the answers of another game.
    tool.addEventListener(
      "input",
      ({ target }) => {
        if (target.name === "model") anew({ model: target.value, judge: "" });
        if (target.name === "seed" && !Number.isNaN(target.valueAsNumber)) anew({ seed: target.valueAsNumber });
      },
      { capture: true },
    );
    root.addEventListener(
      "click",
      (event) => {
        played ||= Boolean(event.target.closest("[data-key]"));
        const surprise = event.target.closest("[data-surprise]");
        if (surprise) anew({ seed: another(Number(surprise.dataset.below)) });
        // The second click of a double one would fall on what came in its place.
        else if (event.detail < 2 || !event.target.closest("[data-key]")) return;
        event.stopPropagation();
      },
      { capture: true },
    );

    document.addEventListener("keydown", (event) => {
      if (root.hidden || event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
      if (event.target.closest("input, select, textarea, [role=tab]")) return;
      if (event.key === "Enter" && event.target.closest("button, a, summary")) return; // theirs
      const button = root.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
      if (!button) return;
      button.click();
      event.preventDefault();
    });

    root.addEventListener("lineage:made", (event) => lay(root, event));

    // No stage waits for the book, which comes when the hand rests: nobody would ask after one that is late.
    root.addEventListener("lineage:changed", () => {
      if (isOf(root.book, panel.get())) lineage.gotAnswer(root);
      else lineage.expectAnswer(root);
    });

    // Whoever plays with keys finds the next button under their fingers.
    root.addEventListener("lineage:shown", () => {
      const { activeElement } = document;
      const lost = activeElement === document.body; // on a button that is gone
      if (!played || root.hidden || !(lost || activeElement.closest(".game"))) return;
      root.querySelector(".onward")?.focus({ preventScroll: true });
    });
  };
})();
