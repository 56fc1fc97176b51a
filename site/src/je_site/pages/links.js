// Redirects links of shared notebooks to the landing page, in JupyterLite's own pages.
//
// It also redirects the front page where the site has our landing page there, and makes JupyterLab
// show the files of its address. A classic script, because it must run before JupyterLite is loaded.
// It runs after `lab_page/jupyterlab.js`, which defines `whenJupyterLabStarts`.

(script => {
  const root = new URL('../../../', script.src);
  const query = new URLSearchParams(location.search);

  if (query.has('notebook') || 'front' in script.dataset) {
    window.stop(); // JupyterLite's own redirect would be faster
    const page = new URL('je/index.html', root);
    page.search = location.search;
    location.replace(page);
    return;
  }

  // JupyterLab opens the files of `?path=` while it restores the last layout. On a slow machine the
  // layout is restored last, and removes them: so they are opened again after it.
  const paths = query.getAll('path');
  if (paths.length === 0 || !location.href.startsWith(new URL('lab/', root).href)) return;
  whenJupyterLabStarts(app => {
    // Encoded twice, as JupyterLite expects.
    const open = path => app.commands.execute('docmanager:open', { path: decodeURIComponent(path) });
    app.restored.then(() => paths.reduce((before, path) => before.then(() => open(path)), Promise.resolve()));
  });
})(/** @type {HTMLScriptElement} */ (document.currentScript));
