// Answers each line of standard input, a formula, by a line: its MathML, or why it cannot be read.
"use strict";
const temml = require(process.argv[2]);
const lines = require("readline").createInterface({ input: process.stdin });

lines.on("line", (line) => {
  const { latex, block } = JSON.parse(line);
  let answer;
  try {
    answer = { mathml: temml.renderToString(latex, { displayMode: block, throwOnError: true, strict: true }) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
