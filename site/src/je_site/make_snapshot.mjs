// Runs in Node: imports a site's kernel in Pyodide, and writes a snapshot of its memory.
// Arguments: Pyodide's `pyodide.mjs`, and a plan (JSON): `lock`, `packages`, `imports` (modules besides
// the kernel), `stackSwitching`, `sitePackages`, `known` (files that are in wheels), and the paths
// of the output: `memory`, `state` and the shared `libraries`.
import crypto from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Node would print the line of Pyodide that raised the error, which is all of Pyodide.
process.on('uncaughtException', error => {
  console.error(String(error?.message ?? error).slice(-1000));
  process.exit(1);
});
const [, , entry, planPath] = process.argv;
const plan = JSON.parse(readFileSync(planPath, 'utf8'));
const known = new Set(plan.known);
const { loadPyodide } = await import(pathToFileURL(entry).href);
// The name of this program would become part of Python's environment.
process.argv.splice(1);

// Pyodide's memory names a function that depends on these. Nothing is suspended here, so that they
// only need to exist.
delete WebAssembly.Suspending;
delete WebAssembly.promising;
if (plan.stackSwitching) {
  WebAssembly.Suspending = function suspending(callee) {
    return callee;
  };
  WebAssembly.promising = callee => callee;
}

// The same packages must result in the same bytes: without a clock, random numbers, and effects of
// JavaScript's garbage collection.
Object.assign(globalThis, {
  FinalizationRegistry: class {
    register() {}
    unregister() {}
  },
});
const NOW = Date.UTC(2026, 0, 1);
Date.now = () => NOW;
Math.random = () => 0.5;
performance.now = () => 0;
Object.assign(crypto, { randomFillSync: array => array.fill(7) });

const { default: create } = await import(
  new URL('pyodide.asm.mjs', pathToFileURL(entry)).href
);
const options = { indexURL: dirname(entry), lockFileURL: plan.lock };
const first = await loadPyodide({ ...options, packages: plan.packages });
// A second instance, without objects that loading packages leaves behind. Its shared libraries are
// loaded before Python, so that their positions in its memory depend only on their order.
const libraries = Object.keys(first._module.LDSO.loadedLibsByName).slice(1).sort();
const { Instance } = WebAssembly;
const constructors = [];
// Engines differ in the number of functions in the table before; none has this many.
const TABLE = 1 << 14;
const tableBases = [];
let dynamicFrom = 0;
const second = await loadPyodide({
  ...options,
  _makeSnapshot: true,
  createPyodideModule(settings) {
    settings.preRun.push(module => {
      if (libraries.length) module.wasmTable.grow(TABLE - module.wasmTable.length);
      for (const [number, path] of libraries.entries()) {
        tableBases.push(module.wasmTable.length);
        const library = module.newDSO(path, undefined, 'loading');
        const compiled = new WebAssembly.Module(first.FS.readFile(path));
        WebAssembly.Instance = /** @type {any} */ (withoutConstructors);
        // A library may need symbols of a later one: they are resolved once, at the end.
        const flags = { loadAsync: false, allowUndefined: number < libraries.length - 1 };
        library.exports = module.loadWebAssemblyModule(compiled, flags, path, {});
        WebAssembly.Instance = Instance;
        Object.assign(library, { refcount: 1, global: false });
      }
      dynamicFrom = module.wasmTable.length;
    });
    return create(settings);
  },
  env: { HOME: '/home/pyodide', PYTHONHASHSEED: '0' },
});
// Some of Matplotlib's constructors use Python, so they run after its start.
for (const construct of constructors) construct?.();
// Python would read these, and keep parts of the folder's name in its memory.
Object.assign(second._api.config, { packageBaseUrl: '/', packageCacheDir: '/' });
// In a fixed order, which folders keep; packages are loaded in any order.
const byPath = ([one], [other]) => (one < other ? -1 : 1);
for (const [path, bytes] of [...filesOf(first.FS)].sort(byPath)) {
  second.FS.mkdirTree(dirname(path));
  second.FS.writeFile(path, bytes);
}
const globals = second.toPy({});
second.runPython(
  `import importlib; importlib.invalidate_caches()
from je_kernel import snapshot_hooks; snapshot_hooks.prepare(${JSON.stringify(plan.imports)})`,
  { globals },
);
globals.destroy();
zeroFree(second._module);
const snapshot = second.makeMemorySnapshot({ serializer: placeOf });
const [, memoryAt] = new Uint32Array(snapshot.buffer);
writeFileSync(plan.memory, snapshot.subarray(memoryAt));
const files = {};
for (const [path, bytes] of filesOf(second.FS)) {
  files[path] = known.has(path) ? null : Buffer.from(bytes).toString('base64');
}
const header = Buffer.from(snapshot.subarray(0, memoryAt)).toString('base64');
const { version, loadedPackages } = first;
const state = { version, header, loadedPackages, files, ...librariesOf(second._module) };
writeFileSync(plan.state, JSON.stringify(state));
for (const [number, path] of libraries.entries()) {
  writeFileSync(join(plan.libraries, `${number}.wasm`), first.FS.readFile(path));
}
process.exit(0);

/** Instantiate a library without calling its constructors yet. */
function withoutConstructors(module, imports) {
  const { __wasm_call_ctors, ...exports } = new Instance(module, imports).exports;
  constructors.push(__wasm_call_ctors);
  return { exports };
}

/** Yield the files of packages, and those that their import has made. */
function* filesOf(FS) {
  for (const folder of [plan.sitePackages, '/etc', '/share', '/home']) {
    if (FS.analyzePath(folder).exists) yield* filesIn(FS, folder);
  }
}

function* filesIn(FS, folder) {
  for (const name of FS.readdir(folder)) {
    if (name === '.' || name === '..') continue;
    const path = `${folder}/${name}`;
    if (FS.isDir(FS.stat(path).mode)) yield* filesIn(FS, path);
    else yield [path, FS.readFile(path)];
  }
}

/** Return the path by which an object that Python holds is found again. */
function placeOf(object) {
  const places = { pyodide: second, api: second._api };
  for (const [root, place] of Object.entries(places)) {
    for (let owner = place; owner; owner = Object.getPrototypeOf(owner)) {
      for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
        if (value === object || place[key] === object) return { root, key };
      }
    }
  }
  throw new Error(`Python holds what cannot be found again: ${String(object).slice(0, 200)}`);
}

/** Return the state of the dynamic linker that a kernel must restore. */
function librariesOf({ LDSO, wasmTable, freeTableIndexes }) {
  const handles = Object.entries(LDSO.loadedLibsByHandle).map(([handle, library]) => [
    Number(handle),
    libraries.indexOf(library.name),
  ]);
  // Functions that were added to the table since cannot be restored: none may be in use.
  const free = new Set(freeTableIndexes);
  for (let index = dynamicFrom; index < wasmTable.length; index += 1) {
    if (!free.has(index)) throw new Error('A package has made functions of its own.');
  }
  return {
    libraries: libraries.map((path, number) => [
      path,
      LDSO.loadedLibsByName[path].refcount,
      tableBases[number],
    ]),
    handles: handles.filter(([, number]) => number >= 0),
  };
}

/** Write zeros where memory is free, so that it compresses to nothing. */
function zeroFree(module) {
  const { HEAPU8, HEAPU32, memory } = module;
  const end = module._emscripten_get_sbrk_ptr() >>> 2;
  const used = HEAPU32[end];
  const taken = [];
  memory.grow = () => {
    throw new RangeError('The memory is to stay as large as it is.');
  };
  HEAPU32[end] = HEAPU8.length;
  for (let size = 1 << 25; size >= 64; size >>= 1) {
    for (let at = module._malloc(size); at; at = module._malloc(size)) {
      HEAPU8.fill(0, at, at + size);
      taken.push(at);
    }
  }
  HEAPU32[end] = used;
  delete memory.grow;
  for (const at of taken) module._free(at);
  HEAPU8.fill(0, used);
}
