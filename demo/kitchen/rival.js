// A second engine beside WebAssembly: the graphics card, by WebGPU. A graph that takes WebAssembly long is computed by
// both, once the hand rests; the card runs it from then on where it gives the same numbers in less time. Its engine,
// another 4 MB, is fetched for the first such graph and for no other; whatever fails, WebAssembly goes on.

const SLOW = 8; // milliseconds in WebAssembly, below which a graph is left there
const RUNS = 3; // of which the fastest counts: the first makes ready what the others use
const REST = 1500; // milliseconds without a wish

/** Whether there is a card, and not its imitation on the processor, and an engine that can wait for it. */
async function isHere() {
  if (!navigator.gpu || !("Suspending" in WebAssembly)) return false;
  const adapter = await navigator.gpu.requestAdapter();
  return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

/** Whether all outputs are those expected: as export/tolerance.py measures them, relative to the largest or to 1. */
export function agrees(found, expected, tolerance) {
  return Object.entries(expected).every(([name, { data: wanted, dims }]) => {
    const { data, dims: its } = found[name];
    if (String(its) !== String(dims)) return false;
    let [most, apart] = [1, 0];
    for (let n = 0; n < wanted.length; n++) {
      const value = Number(wanted[n]);
      most = Math.max(most, Math.abs(value));
      const away = Math.abs(Number(data[n]) - value);
      if (!(away <= apart)) apart = away; // not a number stays
    }
    return apart <= tolerance * most;
  });
}

/** Tensors that stay as they are: what a run takes and gives may be a view of an engine's memory. */
const copies = (tensors, Tensor) =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, one]) => {
      const its = Tensor ?? one.constructor;
      return [name, new its(one.type, one.data.slice(), one.dims)];
    }),
  );

/**
 * The ring where sessions are challenged. `load` gives the card's engine, an onnxruntime that knows "webgpu"; `resting`
 * is to be called at each wish, so that nothing is tried while a hand moves.
 */
export function ring(load, rest = REST) {
  let engine = null; // the promise of one, or of nothing
  let turn = Promise.resolve(); // the card's engine does one thing after the other
  let timer = null;
  const challengers = [];

  const begin = () => (engine ??= isHere().then((here) => (here ? load() : null)));
  const after = (work) => (turn = turn.then(work, work));

  async function timed(session, feeds) {
    const began = performance.now();
    const found = await session.run(feeds);
    return [found, performance.now() - began];
  }

  async function fastest(session, feeds) {
    let [found, best] = [null, Infinity];
    for (let run = 0; run < RUNS; run++) {
      const [made, ms] = await timed(session, feeds);
      [found, best] = [made, Math.min(best, ms)];
    }
    return [found, best];
  }

  async function challenge({ session, content, tolerance, feeds, won }) {
    const card = await begin();
    if (!card) return;
    const rival = await card.InferenceSession.create(content, { executionProviders: ["webgpu"] });
    const runs = { run: (given) => rival.run(copies(given, card.Tensor)) };
    const [made, ms] = await fastest(session, feeds);
    const expected = copies(made, card.Tensor);
    const [found, its] = await fastest(runs, feeds);
    if (agrees(found, expected, tolerance) && its < ms) won(runs);
    else await rival.release();
  }

  function resting() {
    clearTimeout(timer);
    if (challengers.length) timer = setTimeout(next, rest);
  }

  // Whatever goes wrong on the card is no matter: nobody waits for it.
  async function next() {
    const challenger = challengers.shift();
    if (challenger) await after(() => challenge(challenger)).catch(() => {});
    resting();
  }

  /** A session that runs by WebAssembly until the card has won: `engine` says who ran it last. */
  function enter(session, content, tolerance) {
    let champion = null;
    let tried = false;
    const entered = {
      engine: "WebAssembly",
      async run(feeds) {
        if (champion) {
          try {
            const found = await after(() => champion.run(feeds));
            entered.engine = "WebGPU";
            return found;
          } catch {
            champion = null; // a card that was taken away, say
          }
        }
        const [found, ms] = await timed(session, feeds);
        entered.engine = "WebAssembly";
        if (!tried && ms > SLOW) {
          tried = true;
          const won = (faster) => (champion = faster);
          challengers.push({ session, content, tolerance, feeds: copies(feeds), won });
          resting();
        }
        return found;
      },
    };
    return entered;
  }

  return { enter, resting };
}
