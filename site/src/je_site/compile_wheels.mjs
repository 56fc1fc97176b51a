// Runs in Node: compiles wheels with Pyodide. Arguments: its pyodide.mjs, and a plan (JSON).
// Writes "compiled NAME" after each wheel.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";

const [, , entry, planPath] = process.argv;
const plan = JSON.parse(readFileSync(planPath, "utf8"));
const { loadPyodide } = await import(pathToFileURL(entry).href);
const pyodide = await loadPyodide({ indexURL: dirname(entry) });

pyodide.runPython(readFileSync(plan.recipe, "utf8"));
const compileWheel = pyodide.globals.get("compile_wheel");
for (const [name, source, target] of plan.wheels) {
  pyodide.FS.writeFile("/in.whl", readFileSync(source));
  compileWheel("/in.whl", "/out.whl");
  writeFileSync(target, pyodide.FS.readFile("/out.whl"));
  console.log(`compiled ${name}`);
}
process.exit(0);
