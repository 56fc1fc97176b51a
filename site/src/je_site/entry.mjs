// What a site's kernels load in the place of Pyodide's own entry module, beside which it lies.
//
// Pyodide looks for modules in the current folder first of all. In JupyterLite that is the drive, and
// to tell whether its top folder has changed the page reads every file in its storage, whole: at each
// import of a kernel's start, which takes minutes where there are large files. The notebook's
// folder goes back to its place when the kernel has started: by je-kernel's IPython
// configuration, or else by IPython itself.

import { loadPyodide as load } from './pyodide.mjs';

export * from './pyodide.mjs';

// WebKitGTK (GNOME Web) now and then does not notice that a WebAssembly module has been compiled:
// a worker that waits for nothing else then sleeps until a message comes, which may be never. Whoever
// has a timer looks up in between. Other engines, Safari's among them, do not need it.
const { userAgent } = self.navigator;
if (userAgent.includes('Linux') && userAgent.includes('AppleWebKit') && !/Chrom/.test(userAgent)) {
  setInterval(() => {}, 100);
}

export async function loadPyodide(options) {
  const pyodide = await load(options);
  pyodide.runPython("import sys; sys.path[:] = [path for path in sys.path if path]", {
    globals: pyodide.toPy({}),
  });
  return pyodide;
}
