// What a site's kernels load in the place of Pyodide's own entry module, beside which it lies.
//
// Where the site has a memory snapshot (`?snapshot=` in this module's address), the kernel starts
// from that: from what Pyodide's memory held once it had imported the kernel, see
// `make_snapshot.mjs`. Whatever is wrong with it, the kernel starts as without one.

import { readRecord } from './pages/indexed_db.js';
import { loadPyodide as load } from './pyodide.mjs';

export * from './pyodide.mjs';

// WebKitGTK (GNOME Web) now and then does not notice that a WebAssembly module has been compiled:
// a worker that waits for nothing else then sleeps until a message comes, which may be never. Whoever
// has a timer looks up in between. Other engines, Safari's among them, do not need it.
const { userAgent } = self.navigator;
if (userAgent.includes('Linux') && userAgent.includes('AppleWebKit') && !/Chrom/.test(userAgent)) {
  setInterval(() => {}, 100);
}

// `lab_page/early_kernel.js` makes a worker of this module itself before JupyterLab asks for one. It tells the options
// that JupyterLite will give, and of which notebook. Once JupyterLite wants a worker, it tells which
// script that is to run; what JupyterLite has sent meanwhile waits for the script.
// Kept globally: in WebKit what a worker starts with is not the module that it imports later.

if (self.location.href === import.meta.url) {
  const waiting = [];
  const hear = async event => {
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
      // Python code finds the site by it.
      Object.defineProperty(self, 'location', { value: new URL(script) });
      await import(script);
      self.removeEventListener('message', hear);
      for (const { data, ports } of waiting) {
        self.dispatchEvent(new MessageEvent('message', { data, ports }));
      }
      // Not before: JupyterLab is slower to show the notebook on a machine that is busy.
      loadImports(self.jeKernelEarly).catch(error => console.info(`je-kernel: ${error}`));
    } else {
      waiting.push(event);
    }
  };
  self.addEventListener('message', hear);
}

/** Return what the code cells of a notebook have. */
async function cellsOf({ database, path, address }) {
  // A student's own copy goes before the site's.
  const record = await readRecord(database, path).catch(() => {});
  const { cells } = record?.content ?? (await (await fetched(new URL(address))).json());
  const code = cells.filter(({ cell_type: kind }) => kind === 'code');
  return code.map(({ source }) => [source].flat().join(''));
}

/** Load the packages that a notebook imports, as JupyterLite does when each cell is run. */
async function loadImports({ cells, pyodide }) {
  const { loadPackagesFromImports } = await pyodide;
  for (const cell of await cells) await loadPackagesFromImports(cell);
}

/** Start Pyodide, or take the one that was started early with the same options. */
function begun(options) {
  const { jeKernelEarly: early } = self;
  self.jeKernelIsEarly = early?.options === JSON.stringify(options);
  if (!self.jeKernelIsEarly) return start(options);
  early.streams = options;
  return early.pyodide;
}

export async function loadPyodide(options) {
  const pyodide = await begun(options);
  const { fatal_error: fail } = pyodide._api;
  pyodide._api.fatal_error = error => {
    try {
      return fail(error);
    } catch (thrown) {
      if (thrown.pyodide_fatal_error) endRequests(thrown);
      throw thrown;
    }
  };
  return pyodide;
}

async function start(options, cells = []) {
  const { searchParams } = new URL(import.meta.url);
  // What `doctor()` says of it.
  self.jeKernelSnapshot = 'the site has none';
  const [packages, imports] = ['packages', 'imports'].map(name =>
    searchParams.get(name)?.split(','),
  );
  const [large, small] = ['large', 'snapshot'].map(
    kind => searchParams.has(kind) && new Snapshot(searchParams.get(kind), packages),
  );
  const isLarge = large && ((await large.isKept()) || beginsWith(await cells, imports));
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
  run(pyodide, LEAVE_FOLDER);
  return pyodide;
}

/** Tell whether the first cell that imports anything imports some modules. */
function beginsWith(cells, modules) {
  const importsOf = cell => cell.split('\n').filter(line => /^\s*(import|from)\s/.test(line));
  const words = cells.map(importsOf).find(lines => lines.length)?.flatMap(line => line.split(/[\s,.;]/));
  return Boolean(words) && modules.every(name => words.includes(name));
}

// Where Python ends for good (a library has called `abort`, or damaged its memory) JupyterLite does not
// expect it: the cell stays busy for ever, and nothing is said. So what its page asks for, in
// messages of Comlink's, is answered here from then on.
const post = self.postMessage.bind(self);
let lastRequest;
let last; // what is answered

self.addEventListener('message', ({ data }) => {
  if (data?.type !== 'APPLY') return;
  lastRequest = data;
  if (last) answer();
});

function endRequests(error) {
  const ename = 'PythonEnded';
  const evalue =
    'Python has crashed in this notebook, and its variables are gone; what the notebook shows is' +
    ` not. Kernel > Restart Kernel… starts Python again. (${error.message})`;
  last = { ename, evalue, traceback: [`${ename}: ${evalue}`] };
  // Without Comlink's own answers.
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

// Pyodide looks for modules in the current folder first of all. In JupyterLite that is the drive, and
// to tell whether its top folder has changed the page reads every file in its storage, whole: at each
// import of a kernel's start, which takes minutes where there are large files. The notebook's
// folder goes back to its place when the kernel has started: by je-kernel's IPython
// configuration, or else by IPython itself.
const LEAVE_FOLDER = 'import sys; sys.path[:] = [path for path in sys.path if path]';

/** Run Python in a namespace of its own. */
function run(pyodide, code, names = {}) {
  const globals = pyodide.toPy(names);
  try {
    pyodide.runPython(code, { globals });
  } finally {
    globals.destroy();
  }
}

// A large snapshot is fetched once a kernel that has its packages has had nothing to do for so long,
// in milliseconds.
const QUIET = 5_000;
const LATE = 500; // what a timer may be late where nothing else runs
const KEPT = 'je-kernel-memory';
// Students' files come first: so many times its size must be free.
const SPARE = 10;

/** A memory snapshot of the site. */
class Snapshot {
  constructor(name, packages) {
    this.packages = packages;
    this.url = new URL(`../snapshots/${name}/`, import.meta.url);
    this.memory = this.at('memory'); // as it is kept
    this.kept = undefined;
  }

  at(name) {
    return new URL(name, this.url);
  }

  async description() {
    return (await fetched(this.at('snapshot.json'))).json();
  }

  /** Tell whether this browser keeps its memory. */
  async isKept() {
    try {
      this.kept = await (await caches.open(KEPT)).match(this.memory);
    } catch {
      // Pages that are not secure, and some private windows, keep nothing.
    }
    return Boolean(this.kept);
  }

  /** Keep it once its packages have been loaded into a kernel that started without it. */
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

  /** Keep its memory in this browser, unpacked, and nothing of others. */
  async keep() {
    const alone = { ifAvailable: true };
    try {
      if (navigator.connection?.saveData) throw new Error('the browser is to save data.');
      await navigator.locks.request(KEPT, alone, async lock => {
        if (!lock || (await this.isKept())) return;
        const cache = await caches.open(KEPT);
        for (const other of await cache.keys()) await cache.delete(other);
        // The rest is kept by the browser itself.
        const told = await this.description();
        const length = lengthOf(told);
        // WebKit, before Safari 17, does not tell.
        const { quota = Infinity, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
        if (quota - usage < SPARE * length) throw new Error('there is little room.');
        for (const number of told.libraries.keys()) {
          await (await fetched(this.at(`${number}.wasm`))).arrayBuffer();
        }
        const parts = [];
        for await (const part of this.unpacked(told)) parts.push(new Blob([part]));
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

  /** Fetch its memory, and yield it part by part. */
  async *unpacked({ decoder, parts }) {
    const coming = parts.map((_, number) => fetched(this.at(`memory-${number}.bin`)));
    for (const each of coming) each.catch(() => {}); // they are awaited below
    const { ZSTDDecoder } = await import(this.at(decoder).href);
    const zstd = new ZSTDDecoder();
    await zstd.init();
    for (const [number, size] of parts.entries()) {
      const packed = await (await coming[number]).arrayBuffer();
      const part = zstd.decode(new Uint8Array(packed), size);
      if (part.length !== size) throw new Error('it is damaged.');
      yield part;
    }
  }

  /** Return its memory in one piece. */
  async whole(told) {
    const length = lengthOf(told);
    if (this.kept) {
      const kept = await this.kept.arrayBuffer();
      if (kept.byteLength !== length) throw new Error('it is not whole.');
      return new Uint8Array(kept);
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const part of this.unpacked(told)) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  /** Load Pyodide with its memory. */
  async load(options) {
    const told = await this.description();
    let memory = this.whole(told);
    const libraries = Promise.all(
      told.libraries.map((_, number) => compile(fetched(this.at(`${number}.wasm`)))),
    );
    for (const each of [memory, libraries]) each.catch(() => {}); // they are awaited below
    const { default: create } = await import('./pyodide.asm.mjs');
    /** @type {any} */
    let module;
    const pyodide = await load({
      ...options,
      packages: [],
      // No more than its header: what makes a memory of it is below.
      _loadSnapshot: bytesOf(told.header),
      _snapshotDeserializer: ({ root, key }) =>
        (root === 'api' ? module.API : module.API.public_api)[key],
      createPyodideModule: async settings => {
        // They are compiled while Pyodide is.
        const loading = new Promise(begin => settings.preRun.push(begin)).then(async born => {
          loadLibraries(born, await libraries, told.libraries);
          born.removeRunDependency(KEPT);
        });
        settings.preRun.push(born => born.addRunDependency(KEPT));
        [module] = await Promise.all([create(settings), loading]);
        const { API } = module;
        if (API.version !== told.version) throw new Error(`it is of Pyodide ${told.version}.`);
        const wheels = told.wheels.map(path => this.at(path));
        hangFiles(module, told.files, new FilesInWheels(module, wheels));
        putMemory(module, await memory, told);
        // Pyodide keeps this function, and with it what it holds: 50 MB in each kernel.
        memory = undefined;
        for (const [handle, number] of told.handles) {
          const library = module.LDSO.loadedLibsByName[told.libraries[number][0]];
          module.LDSO.loadedLibsByHandle[handle] = library;
        }
        // The last is the packages that are loaded, of which Python holds a proxy.
        const expected = API.getExpectedKeys;
        API.getExpectedKeys = () => [...expected().slice(0, -1), API.public_api.loadedPackages];
        return module;
      },
    });
    Object.assign(pyodide.loadedPackages, told.loadedPackages);
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

// WebKit, which does not switch stacks, was seen to wait for ever where it compiles many at once.
const compile =
  'Suspending' in WebAssembly
    ? WebAssembly.compileStreaming
    : async response => new WebAssembly.Module(await (await response).arrayBuffer());

// What lies at its address never changes, so that nobody asks again for what the browser has.
async function fetched(url) {
  let response = await fetch(url, { cache: 'force-cache' });
  if (!response.ok) response = await fetch(url, { cache: 'reload' });
  if (!response.ok) throw new Error(`${url.pathname} cannot be had (${response.status}).`);
  return response;
}

const lengthOf = ({ pages }) => pages.reduce((sum, [, length]) => sum + length, 0);

const bytesOf = text => Uint8Array.from(atob(text), character => character.charCodeAt(0));

/** Put a snapshot's memory in the place of that which a new module has. */
function putMemory(module, bytes, { size, pages, stackSwitching }) {
  // Where this engine has the function by which Python calls others; iOS has none.
  const offset = module.HEAP32[module.__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET >>> 2];
  const trampoline = (module.__PyRuntime + offset) >>> 2;
  const own = module.HEAP32[trampoline];
  module.HEAPU8.fill(0);
  if (module.HEAPU8.length < size) module.growMemory(size);
  let from = 0;
  for (const [at, length] of pages) {
    module.HEAPU8.set(bytes.subarray(from, (from += length)), at);
  }
  // The one thing in it that depends on the engine is whether stacks can be switched.
  const changes = module.jspiSupported ? stackSwitching : [];
  for (const [at, byte] of changes) module.HEAPU8[at] = byte;
  module.HEAP32[trampoline] = own;
}

/** Put files into the file system that have their contents once somebody reads them. */
function hangFiles({ FS, MEMFS }, tree, source) {
  const fill = (folder, path, entries) => {
    for (const [name, entry] of Object.entries(entries)) {
      if (Array.isArray(entry)) {
        const node = MEMFS.createNode(folder, name, 0o100666, 0);
        node.usedBytes = entry[0];
        const keep = value => Object.defineProperty(node, 'contents', { value, writable: true });
        Object.defineProperty(node, 'contents', {
          configurable: true,
          get: () => keep(source.read(entry)).contents,
          set: keep,
        });
      } else {
        const inner = `${path}/${name}`;
        FS.mkdirTree(inner);
        fill(FS.lookupPath(inner).node, inner, entry);
      }
    }
  };
  fill(FS.root, '', tree);
}

/** What lies in wheels, which are fetched when something in them is read. */
class FilesInWheels {
  constructor(module, urls) {
    this.module = module;
    this.urls = urls;
    this.wheels = new Map();
  }

  /** Return a file: of its size, and either its bytes as base64 or its wheel and place there. */
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

  /** Undo the compression of a zip file, with the zlib that Pyodide has. */
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
