// The entry module of a site's kernels. It takes the place of Pyodide's own, which lies beside it.
//
// Where the site has a memory snapshot (`?snapshot=` in this module's address), the kernel starts
// from the memory that Pyodide had after importing the kernel: see `make_snapshot.mjs`. If the
// snapshot cannot be used, the kernel starts without it.

import { readRecord } from './pages/indexed_db.js';
import { loadPyodide as load } from './pyodide.mjs';

export * from './pyodide.mjs';

// WebKitGTK (GNOME Web) sometimes misses that a WebAssembly module has been compiled: a worker that
// waits for nothing else then sleeps until the next message, possibly for ever. A timer wakes it.
// Other engines, such as Safari's, do not need it.
const { userAgent } = self.navigator;
if (userAgent.includes('Linux') && userAgent.includes('AppleWebKit') && !/Chrom/.test(userAgent)) {
  setInterval(() => {}, 100);
}

// `lab_page/early_kernel.js` starts a worker with this module before JupyterLab asks for one. Its first
// message has the options that JupyterLite will use, and the notebook. Its second, once JupyterLite
// wants a worker, has the script to run; messages of JupyterLite wait for that script.
// The state is global: in WebKit a worker's first module is another instance than a later import.

if (self.location.href === import.meta.url) {
  const waiting = [];
  const onMessage = async event => {
    event.stopImmediatePropagation();
    const { options, notebook, script } = event.data;
    if (options) {
      const streams = { stdout: console.log, stderr: console.error };
      const early = { options: JSON.stringify(options), streams };
      early.cells = notebook ? cellsOf(notebook).catch(() => []) : [];
      const withStreams = {
        ...options,
        stdout: text => early.streams.stdout(text),
        stderr: text => early.streams.stderr(text),
      };
      early.pyodide = start(withStreams, early.cells);
      self.jeKernelEarly = early;
    } else if (script) {
      // Python code derives the address of the site from it.
      Object.defineProperty(self, 'location', { value: new URL(script) });
      await import(script);
      self.removeEventListener('message', onMessage);
      for (const { data, ports } of waiting) {
        self.dispatchEvent(new MessageEvent('message', { data, ports }));
      }
      // Not earlier: on a busy machine it would delay showing the notebook.
      loadImports(self.jeKernelEarly).catch(error => console.info(`je-kernel: ${error}`));
    } else {
      waiting.push(event);
    }
  };
  self.addEventListener('message', onMessage);
}

/** Return the sources of the code cells of a notebook. */
async function cellsOf({ database, path, address }) {
  // A student's own copy takes precedence over the site's.
  const record = await readRecord(database, path).catch(() => {});
  const { cells } = record?.content ?? (await (await fetched(new URL(address))).json());
  const code = cells.filter(({ cell_type: kind }) => kind === 'code');
  return code.map(({ source }) => [source].flat().join(''));
}

/** Load the packages that a notebook imports, as JupyterLite does before it runs a cell. */
async function loadImports({ cells, pyodide }) {
  const { loadPackagesFromImports } = await pyodide;
  for (const cell of await cells) await loadPackagesFromImports(cell);
}

/** Start Pyodide, or return the one that was started early with the same options. */
function pyodideFor(options) {
  const { jeKernelEarly: early } = self;
  self.jeKernelIsEarly = early?.options === JSON.stringify(options);
  if (!self.jeKernelIsEarly) return start(options);
  early.streams = options;
  return early.pyodide;
}

export async function loadPyodide(options) {
  const pyodide = await pyodideFor(options);
  const { fatal_error: fail } = pyodide._api;
  pyodide._api.fatal_error = error => {
    try {
      return fail(error);
    } catch (thrown) {
      if (thrown.pyodide_fatal_error) failRequests(thrown);
      throw thrown;
    }
  };
  return pyodide;
}

async function start(options, cells = []) {
  const { searchParams } = new URL(import.meta.url);
  // `doctor()` shows it.
  self.jeKernelSnapshot = 'the site has none';
  const [packages, imports] = ['packages', 'imports'].map(name =>
    searchParams.get(name)?.split(','),
  );
  const [large, small] = ['large', 'snapshot'].map(
    kind => searchParams.has(kind) && new Snapshot(searchParams.get(kind), packages),
  );
  const isLarge = large && ((await large.isKept()) || importsFirst(await cells, imports));
  for (const snapshot of [isLarge && large, small].filter(Boolean)) {
    try {
      const pyodide = await snapshot.load(options);
      self.jeKernelSnapshot = snapshot === large ? 'used, with packages' : 'used';
      if (large && !large.kept) large.keepOnceUsed(pyodide);
      return pyodide;
    } catch (error) {
      self.jeKernelSnapshot = `not used: ${error.message}`;
      console.warn(`je-kernel: the memory snapshot is ${self.jeKernelSnapshot}`);
      await snapshot.forget();
    }
  }
  const pyodide = await load(options);
  run(pyodide, REMOVE_CURRENT_FOLDER);
  return pyodide;
}

/** Tell whether the first cell with imports imports all of some modules. */
function importsFirst(cells, modules) {
  const importsOf = cell => cell.split('\n').filter(line => /^\s*(import|from)\s/.test(line));
  const words = cells.map(importsOf).find(lines => lines.length)?.flatMap(line => line.split(/[\s,.;]/));
  return Boolean(words) && modules.every(name => words.includes(name));
}

// After a fatal error of Python (a library has called `abort`, or damaged its memory) JupyterLite never
// ends the cell, and shows nothing. From then on this module answers the page's requests, which
// are messages of Comlink.
const post = self.postMessage.bind(self);
let lastRequest;
let last; // the error to answer with

self.addEventListener('message', ({ data }) => {
  if (data?.type !== 'APPLY') return;
  lastRequest = data;
  if (last) answer();
});

function failRequests(error) {
  const ename = 'PythonEnded';
  const evalue =
    'Python has crashed in this notebook, and its variables are gone; what the notebook shows is' +
    ` not. Kernel > Restart Kernel… starts Python again. (${error.message})`;
  last = { ename, evalue, traceback: [`${ename}: ${evalue}`] };
  // Suppress Comlink's own answers.
  self.postMessage = (message, ...more) => message.id || post(message, ...more);
  answer();
}

function answer() {
  if (!lastRequest) return;
  const { id, path } = lastRequest;
  const isCell = path.at(-1) === 'execute';
  if (isCell) post({ _kernelMessage: { type: 'execute_error', bundle: last } });
  post({ id, type: 'RAW', value: { status: 'error', ...last } });
}

// Python looks for modules in the current folder first. In JupyterLite that is the drive, and to tell
// whether its top folder has changed, the page reads every file in its storage: at each import of a
// kernel's start, which takes minutes if files are large. je-kernel's IPython configuration, or
// IPython itself, puts the notebook's folder back when the kernel has started.
const REMOVE_CURRENT_FOLDER = 'import sys; sys.path[:] = [path for path in sys.path if path]';

/** Run Python in a namespace of its own. */
function run(pyodide, code, names = {}) {
  const globals = pyodide.toPy(names);
  try {
    pyodide.runPython(code, { globals });
  } finally {
    globals.destroy();
  }
}

// The large snapshot is fetched after a kernel with its packages has been idle for this long, in
// milliseconds.
const QUIET = 5_000;
const LATE = 500; // delay of a timer that still counts as idle
const KEPT = 'je-kernel-memory';
// Students' files take precedence: free space must be this many times its size.
const SPARE = 10;

/** A memory snapshot of the site. */
class Snapshot {
  constructor(name, packages) {
    this.packages = packages;
    this.url = new URL(`../snapshots/${name}/`, import.meta.url);
    this.memory = this.at('memory'); // its key in the cache
    this.kept = undefined;
  }

  at(name) {
    return new URL(name, this.url);
  }

  async description() {
    return (await fetched(this.at('snapshot.json'))).json();
  }

  /** Tell whether this browser has cached its memory. */
  async isKept() {
    try {
      this.kept = await (await caches.open(KEPT)).match(this.memory);
    } catch {
      // Insecure pages, and some private windows, have no cache.
    }
    return Boolean(this.kept);
  }

  /** Cache it once a kernel that started without it has loaded its packages. */
  keepOnceUsed({ loadedPackages }) {
    let before = performance.now();
    let wasThere = false;
    const timer = setInterval(() => {
      const now = performance.now();
      const wasQuiet = now - before < QUIET + LATE;
      before = now;
      const isThere = this.packages.every(name => name in loadedPackages);
      if (isThere && wasThere && wasQuiet) {
        clearInterval(timer);
        this.keep();
      }
      wasThere = isThere;
    }, QUIET);
  }

  /** Cache its memory in this browser, decompressed, and delete that of others. */
  async keep() {
    const alone = { ifAvailable: true };
    try {
      if (navigator.connection?.saveData) throw new Error('the browser is to save data.');
      await navigator.locks.request(KEPT, alone, async lock => {
        if (!lock || (await this.isKept())) return;
        const cache = await caches.open(KEPT);
        for (const other of await cache.keys()) await cache.delete(other);
        // The browser's HTTP cache has the rest.
        const description = await this.description();
        const length = sizeOf(description);
        // WebKit before Safari 17 has no estimate.
        const { quota = Infinity, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
        if (quota - usage < SPARE * length) throw new Error('there is little room.');
        for (const number of description.libraries.keys()) {
          await (await fetched(this.at(`${number}.wasm`))).arrayBuffer();
        }
        const parts = [];
        for await (const part of this.unpacked(description)) parts.push(new Blob([part]));
        const headers = { 'Content-Length': length }; // for who asks how much is kept
        await cache.put(this.memory, new Response(new Blob(parts), { headers }));
      });
    } catch (error) {
      self.jeKernelSnapshot += `; the one with packages is not kept: ${error.message}`;
      console.info(`je-kernel: the memory snapshot is ${self.jeKernelSnapshot}`);
    }
  }

  async forget() {
    if (this.kept) await (await caches.open(KEPT)).delete(this.memory);
    this.kept = undefined;
  }

  /** Fetch its memory, and yield it decompressed, part by part. */
  async *unpacked({ decoder, parts }) {
    const responses = parts.map((_, number) => fetched(this.at(`memory-${number}.bin`)));
    for (const each of responses) each.catch(() => {}); // they are awaited below
    const { ZSTDDecoder } = await import(this.at(decoder).href);
    const zstd = new ZSTDDecoder();
    await zstd.init();
    for (const [number, size] of parts.entries()) {
      const packed = await (await responses[number]).arrayBuffer();
      const part = zstd.decode(new Uint8Array(packed), size);
      if (part.length !== size) throw new Error('it is damaged.');
      yield part;
    }
  }

  /** Return its whole memory. */
  async whole(description) {
    const length = sizeOf(description);
    if (this.kept) {
      const kept = await this.kept.arrayBuffer();
      if (kept.byteLength !== length) throw new Error('it is not whole.');
      return new Uint8Array(kept);
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const part of this.unpacked(description)) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  /** Load Pyodide with its memory. */
  async load(options) {
    const description = await this.description();
    let memory = this.whole(description);
    const libraries = Promise.all(
      description.libraries.map((_, number) => compile(fetched(this.at(`${number}.wasm`)))),
    );
    for (const each of [memory, libraries]) each.catch(() => {}); // they are awaited below
    const { default: create } = await import('./pyodide.asm.mjs');
    /** @type {any} */
    let module;
    const pyodide = await load({
      ...options,
      packages: [],
      // Only the header: `putMemory` restores the memory itself.
      _loadSnapshot: bytesOf(description.header),
      _snapshotDeserializer: ({ root, key }) =>
        (root === 'api' ? module.API : module.API.public_api)[key],
      createPyodideModule: async settings => {
        // They are compiled in parallel with Pyodide.
        const loading = new Promise(begin => settings.preRun.push(begin)).then(async instance => {
          loadLibraries(instance, await libraries, description.libraries);
          instance.removeRunDependency(KEPT);
        });
        settings.preRun.push(instance => instance.addRunDependency(KEPT));
        [module] = await Promise.all([create(settings), loading]);
        const { API } = module;
        if (API.version !== description.version) throw new Error(`it is of Pyodide ${description.version}.`);
        const wheels = description.wheels.map(path => this.at(path));
        mountFiles(module, description.files, new FilesInWheels(module, wheels));
        putMemory(module, await memory, description);
        // Pyodide keeps this function and what it refers to: 50 MB in each kernel.
        memory = undefined;
        for (const [handle, number] of description.handles) {
          const library = module.LDSO.loadedLibsByName[description.libraries[number][0]];
          module.LDSO.loadedLibsByHandle[handle] = library;
        }
        // The last key is of the loaded packages, of which Python holds a proxy.
        const expected = API.getExpectedKeys;
        API.getExpectedKeys = () => [...expected().slice(0, -1), API.public_api.loadedPackages];
        return module;
      },
    });
    Object.assign(pyodide.loadedPackages, description.loadedPackages);
    module._tzset();
    const language = `${(self.navigator.language ?? 'C').replace('-', '_')}.UTF-8`;
    const environ = JSON.stringify({ LANG: language, ...options.env });
    run(pyodide, 'from je_kernel import snapshot_hooks; snapshot_hooks.resume(environ)', {
      environ,
    });
    const more = (options.packages ?? []).filter(each => !(each in pyodide.loadedPackages));
    if (more.length) await pyodide.loadPackage(more, { messageCallback() {} });
    return pyodide;
  }
}

/**
 * Load shared libraries as `make_snapshot.mjs` did, so that each is where it was. What they would
 * write into the memory is in the snapshot.
 */
function loadLibraries(module, compiled, libraries) {
  const { Instance } = WebAssembly;
  /** @type {any} */
  const withoutStart = function (module, imports) {
    const { exports } = new Instance(module, imports);
    const { __wasm_call_ctors, __wasm_apply_data_relocs, ...others } = exports;
    return { exports: others };
  };
  WebAssembly.Instance = withoutStart;
  try {
    placeLibraries(module, compiled, libraries);
  } finally {
    WebAssembly.Instance = Instance;
  }
}

function placeLibraries(module, compiled, libraries) {
  for (const [number, [path, refcount, tableBase]] of libraries.entries()) {
    const missing = tableBase - module.wasmTable.length;
    if (missing < 0) throw new Error('this engine has more functions.');
    if (missing > 0) module.wasmTable.grow(missing);
    const library = module.newDSO(path, undefined, 'loading');
    const flags = { loadAsync: false, allowUndefined: number < libraries.length - 1 };
    library.exports = module.loadWebAssemblyModule(compiled[number], flags, path, {});
    Object.assign(library, { refcount, global: false });
  }
}

// WebKit, which has no stack switching, sometimes hangs if it compiles many at once.
const compile =
  'Suspending' in WebAssembly
    ? WebAssembly.compileStreaming
    : async response => new WebAssembly.Module(await (await response).arrayBuffer());

// The content of an address never changes, so that the HTTP cache needs no revalidation.
async function fetched(url) {
  let response = await fetch(url, { cache: 'force-cache' });
  if (!response.ok) response = await fetch(url, { cache: 'reload' });
  if (!response.ok) throw new Error(`${url.pathname} cannot be had (${response.status}).`);
  return response;
}

const sizeOf = ({ pages }) => pages.reduce((sum, [, length]) => sum + length, 0);

const bytesOf = text => Uint8Array.from(atob(text), character => character.charCodeAt(0));

/** Replace the memory of a new module by that of a snapshot. */
function putMemory(module, bytes, { size, pages, stackSwitching }) {
  // The function by which Python calls others, at an address of this engine; iOS has none.
  const offset = module.HEAP32[module.__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET >>> 2];
  const trampoline = (module.__PyRuntime + offset) >>> 2;
  const own = module.HEAP32[trampoline];
  module.HEAPU8.fill(0);
  if (module.HEAPU8.length < size) module.growMemory(size);
  let from = 0;
  for (const [at, length] of pages) {
    module.HEAPU8.set(bytes.subarray(from, (from += length)), at);
  }
  // The memory depends on the engine only in whether stacks can be switched.
  const changes = module.jspiSupported ? stackSwitching : [];
  for (const [at, byte] of changes) module.HEAPU8[at] = byte;
  module.HEAP32[trampoline] = own;
}

/** Put files into the file system whose contents are read on demand. */
function mountFiles({ FS, MEMFS }, tree, source) {
  const fill = (folder, path, entries) => {
    for (const [name, entry] of Object.entries(entries)) {
      if (Array.isArray(entry)) {
        const node = MEMFS.createNode(folder, name, 0o100666, 0);
        node.usedBytes = entry[0];
        const keep = value => Object.defineProperty(node, 'contents', { value, writable: true });
        const read = () => keep(source.read(entry)).contents;
        Object.defineProperty(node, 'contents', { configurable: true, get: read, set: keep });
        // Not in `read`, which holds a view of Python's memory: decompressing may grow the memory,
        // and growing it detaches every view.
        node.stream_ops = { ...node.stream_ops, open: stream => void stream.node.contents };
      } else {
        const inner = `${path}/${name}`;
        FS.mkdirTree(inner);
        fill(FS.lookupPath(inner).node, inner, entry);
      }
    }
  };
  fill(FS.root, '', tree);
}

/** Reads files out of wheels, which are fetched on demand. */
class FilesInWheels {
  constructor(module, urls) {
    this.module = module;
    this.urls = urls;
    this.wheels = new Map();
  }

  /** Read a file, given its size and either its bytes as base64 or its wheel and position. */
  read([size, where, offset, packed]) {
    if (typeof where === 'string') return bytesOf(where);
    const bytes = this.wheel(where).subarray(offset, offset + packed);
    return packed === size ? bytes.slice() : this.inflated(bytes, size);
  }

  wheel(number) {
    let wheel = this.wheels.get(number);
    if (!wheel) {
      const request = new XMLHttpRequest();
      request.open('GET', this.urls[number], false);
      request.responseType = 'arraybuffer';
      try {
        request.send();
      } catch {
        // It has no status then.
      }
      if (request.status !== 200) throw new this.module.FS.ErrnoError(EIO);
      wheel = new Uint8Array(request.response);
      this.wheels.set(number, wheel);
    }
    return wheel;
  }

  /** Decompress an entry of a zip file, with Pyodide's zlib. */
  inflated(bytes, size) {
    const { module } = this;
    const stream = module._malloc(STREAM_SIZE + VERSION_SIZE + bytes.length + size);
    try {
      const version = stream + STREAM_SIZE;
      const input = version + VERSION_SIZE;
      const output = input + bytes.length;
      module.HEAPU8.fill(0, stream, input);
      module.HEAPU8[version] = '1'.charCodeAt(0);
      module.HEAPU8.set(bytes, input);
      const fields = module.HEAPU32.subarray(stream >>> 2);
      [fields[0], fields[1], fields[3], fields[4]] = [input, bytes.length, output, size];
      module._inflateInit2_(stream, RAW, version, STREAM_SIZE);
      const end = module._inflate(stream, FINISH);
      module._inflateEnd(stream);
      if (end !== STREAM_END) throw new module.FS.ErrnoError(EIO);
      return module.HEAPU8.slice(output, output + size);
    } finally {
      module._free(stream);
    }
  }
}

// Of Emscripten's errno.h and of zlib.h: `z_stream` has its input, how much there is of it, its
// output and the room there as words 0, 1, 3 and 4.
const EIO = 29;
const STREAM_SIZE = 56;
const VERSION_SIZE = 8;
const RAW = -15;
const FINISH = 4;
const STREAM_END = 1;
