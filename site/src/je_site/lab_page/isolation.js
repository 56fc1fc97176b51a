// Hides cross-origin isolation from JupyterLite, so that it does not use shared memory.
//
// In pages that are cross-origin isolated JupyterLite's Pyodide kernel (up to 0.8.6 at least)
// and its worker answer each other in shared memory, by coincident 1.x, in which two things go
// wrong:
//
// - An answer's first characters are also the mark that it is there. A worker that comes to
//   wait while the page is still writing reads half of it: "Bad control character in string
//   literal in JSON".
// - When the worker has answered before the page comes to wait, `Atomics.waitAsync` returns
//   no promise, and coincident takes it for one: "value.then is not a function".
//
// On a busy machine one or the other happened in two kernels of three, which then hung. If a page
// says that it is not isolated, JupyterLite uses messages, and the service worker for files, as in
// all other pages. The kernel's worker is still isolated.

if (globalThis.crossOriginIsolated) {
  Object.defineProperty(globalThis, 'crossOriginIsolated', { configurable: true, value: false });
}
