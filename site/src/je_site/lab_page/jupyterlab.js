// Calls functions with JupyterLab's application object just before JupyterLab starts, for this
// script and those that run after it.

const waiting = [];
let application;
Object.defineProperty(globalThis, 'jupyterapp', {
  configurable: true,
  enumerable: true,
  get: () => application,
  set(value) {
    application = value;
    if (value?.serviceManager) waiting.forEach(begin => begin(value));
  },
});

/**
 * Call a function with JupyterLab's application, just before JupyterLab starts.
 *
 * @param {(app: any) => void} callback
 */
export function whenJupyterLabStarts(callback) {
  waiting.push(callback);
}

globalThis.whenJupyterLabStarts = whenJupyterLabStarts; // for `pages/links.js` and `offline/lessons.js`
