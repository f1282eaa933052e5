// What a classifier reads (demo/kit/verdict.py), put into its row from the scores that this browser has made: the class,
// how sure it is, a bar for each class, and the time.

lineage.verdict = (row, logits, ms) => {
  "use strict";

  const highest = Math.max(...logits);
  const odds = [...logits].map((logit) => Math.exp(logit - highest)); // softmax
  const all = odds.reduce((total, one) => total + one, 0);
  const parts = odds.map((one) => Math.fround(one / all));
  const chosen = parts.indexOf(Math.max(...parts));
  row.querySelector(".numeral").textContent = chosen;
  lineage.name(row.querySelector(".sure"), ["figure.probability", { value: parts[chosen] }]);
  [...row.querySelector(".bars").children].forEach((column, label) => {
    const part = parts[label];
    column.querySelector(".bar").style.setProperty("--part", part.toFixed(3));
    column.classList.toggle("chosen", label === chosen);
    lineage.name(column, ["verdict.part", { label, part }], "aria-label");
  });
  lineage.name(row.querySelector(".time"), ["figure.ms", { value: ms }]);
};
