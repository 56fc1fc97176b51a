// Starts the kernel of a page's notebook, console or REPL while JupyterLab is still loading.
//
// JupyterLab gets the kernel's worker when it asks for one. The worker runs `entry.mjs`. Until
// JupyterLab asks, the kernel needs no file of the drive.

import { whenJupyterLabStarts } from './jupyterlab.js';

const KERNEL = '@jupyterlite/pyodide-kernel-extension:kernel';
const SCRIPT = /\/@jupyterlite\/pyodide-kernel-extension\/static\/comlink\.worker\.[^/]+$/;
const ENTRY = /\/static\/je-kernel\/pyodide-[^/]+\/je-kernel-[^/]+$/;
const MAX_IDLE = 60_000; // milliseconds after JupyterLab's start in which it may ask for the worker
/** @type {Worker | undefined} */
let worker;

const { pathname, searchParams } = new URL(location.href);
const path = searchParams.getAll('path').find(each => each.endsWith('.ipynb'));

function start({ baseUrl, contentsStorageName, litePluginSettings }) {
  const { pyodideUrl, loadPyodideOptions } = litePluginSettings?.[KERNEL] ?? {};
  const base = new URL(baseUrl, location.href);
  const entry = new URL(pyodideUrl ?? '', base);
  if (entry.origin !== location.origin || !ENTRY.test(entry.pathname)) return;
  // The options that JupyterLite makes of its settings.
  const options = { indexURL: new URL('.', entry).href, ...loadPyodideOptions };
  for (const [name, value] of Object.entries(options)) {
    if (name.endsWith('URL')) options[name] = new URL(value, base).href;
  }
  const database = contentsStorageName || `JupyterLite Storage - ${baseUrl}`;
  const parts = path?.split('/').map(encodeURIComponent);
  const notebook = parts && { database, path, address: new URL(`files/${parts.join('/')}`, base).href };
  worker = new Worker(entry, { type: 'module' });
  worker.postMessage({ options, notebook });
  whenJupyterLabStarts(({ restored }) => restored.then(() => setTimeout(stop, MAX_IDLE)));
}

function stop() {
  worker?.terminate();
  worker = undefined;
}

// JupyterLite writes its whole configuration into the page, and then fetches JupyterLab.
const whenConfigured = new MutationObserver((_, observer) => {
  const link = /** @type {HTMLLinkElement | null} */ (document.getElementById('jupyter-lite-main'));
  if (!link?.href || ![...document.scripts].some(({ src }) => src === link.href)) return;
  observer.disconnect();
  start(JSON.parse(document.getElementById('jupyter-config-data').textContent));
});
if (path || /\/(consoles|repl)\//.test(pathname)) {
  whenConfigured.observe(document, { childList: true, subtree: true });
}

/**
 * Return the worker that was started early in place of one of JupyterLite's, once.
 *
 * @param {string | URL} url the script that JupyterLite wants to run
 */
export function takeEarlyWorker(url) {
  const script = new URL(url, location.href);
  if (!worker || !SCRIPT.test(script.pathname)) return undefined;
  const early = worker;
  worker = undefined;
  early.postMessage({ script: script.href });
  return early;
}
