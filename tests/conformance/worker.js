// A kernel for conformance cases: Pyodide, je-kernel installed, one case at a time.

import { loadPyodide } from './pyodide/pyodide.mjs';

// Keeps WebKitGTK's worker from oversleeping: see the site's entry.mjs.
setInterval(() => {}, 100);

let pyodide;

const verbs = {
  async start({ env, site }) {
    pyodide = await loadPyodide({ indexURL: new URL('./pyodide/', self.location).href, env });
    const archive = await (await fetch('./python.zip')).arrayBuffer();
    pyodide.unpackArchive(archive, 'zip', { extractDir: '/conformance' });
    pyodide.globals.set('site_json', site);
    await pyodide.runPythonAsync(`
      import sys
      sys.path.insert(0, "/conformance")
      from je_kernel import net
      net.install()
      from tests.conformance import registry
      registry.load()
      site = registry.Site.from_json(site_json)
    `);
    return pyodide.version;
  },

  async run({ name, packages }) {
    if (packages.length) {
      await pyodide.loadPackage(packages, { messageCallback() {} });
    }
    pyodide.globals.set('name', name);
    return await pyodide.runPythonAsync('await registry.run(name, site)');
  },

  async load(packages) {
    await pyodide.loadPackage(packages, { messageCallback() {} });
  },

  async python(source) {
    return await pyodide.runPythonAsync(source);
  },
};

self.onmessage = async ({ data: { id, verb, argument } }) => {
  try {
    self.postMessage({ id, result: await verbs[verb](argument) });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};
