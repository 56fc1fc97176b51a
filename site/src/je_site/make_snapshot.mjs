// Runs in Node: lets Pyodide import a site's kernel, and writes what its memory then holds.
// Arguments: its pyodide.mjs, and a plan (JSON): `lock`, `packages`, `imports` (modules besides the
// kernel), `stackSwitching`, `sitePackages`, `known` (files that are found elsewhere), and where to
// write `memory`, `state` and the shared `libraries`.
import crypto from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Node itself would show the line of Pyodide that threw it, which is all of Pyodide.
process.on('uncaughtException', error => {
  console.error(String(error?.message ?? error).slice(-1000));
  process.exit(1);
});
const [, , entry, planPath] = process.argv;
const plan = JSON.parse(readFileSync(planPath, 'utf8'));
const known = new Set(plan.known);
const { loadPyodide } = await import(pathToFileURL(entry).href);
// The name of this program would be in Python's environment.
process.argv.splice(1);

// Pyodide chooses by these which function its memory names. Nothing is suspended here, so that it
// is enough for them to be there.
delete WebAssembly.Suspending;
delete WebAssembly.promising;
if (plan.stackSwitching) {
  WebAssembly.Suspending = function suspending(callee) {
    return callee;
  };
  WebAssembly.promising = callee => callee;
}

// The same packages give the same bytes: no clock, nothing that chance decides, and nothing that
// JavaScript's garbage collector does in its own time.
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
// Another one, so that nothing is held of what it takes to load packages. Its shared libraries are
// there before Python is, so that where they are in its memory depends on nothing but their order.
const libraries = Object.keys(first._module.LDSO.loadedLibsByName).slice(1).sort();
const { Instance } = WebAssembly;
const constructors = [];
// Engines have some functions more or less in their tables before: none has so many.
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
        // What one lacks another may bring: it is looked for once, at the end.
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
// Some of Matplotlib's use Python.
for (const construct of constructors) construct?.();
// Python would read these, and its memory keep pieces of the folder's name.
Object.assign(second._api.config, { packageBaseUrl: '/', packageCacheDir: '/' });
// Packages came in whatever order, which folders would keep.
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

/** Instantiate a library whose constructors are to be called later. */
function withoutConstructors(module, imports) {
  const { __wasm_call_ctors, ...exports } = new Instance(module, imports).exports;
  constructors.push(__wasm_call_ctors);
  return { exports };
}

/** List the files that packages brought, and what their import has made. */
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

/** Say where an object that Python holds is found again. */
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

/** Say what the dynamic linker knows, besides what it will have done by itself. */
function librariesOf({ LDSO, wasmTable, freeTableIndexes }) {
  const handles = Object.entries(LDSO.loadedLibsByHandle).map(([handle, library]) => [
    Number(handle),
    libraries.indexOf(library.name),
  ]);
  // Of what was put into the table since, nothing must be in use: nobody could say what it is.
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
