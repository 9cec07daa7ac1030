// Runs random programs (see tests/it/fidelity/programs.rs), each in a context of its own, and prints what each
// of its cells gives, on one line.
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";

for (const program of readFileSync(process.argv[2], "utf8").split("\n//===\n")) {
  const context = createContext({});
  for (const cell of program.split("\n//---\n")) {
    console.log(runInContext(cell, context));
    // What a cell left in the queue of microtasks belongs to it.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
